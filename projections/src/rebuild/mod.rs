//! The inline projections made anew from the log, beside the live tables, and compared with them.

mod compare;
mod replay;

pub use compare::{Difference, Side, compare, without_purged};
pub use replay::{Progress, RebuildError, Rebuilt, drop_shadow, rebuild};
