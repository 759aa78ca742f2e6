//! The table `resource`: everything beside zones that the API can change, a row each while it exists. Written in the
//! transaction that appends the events, by the same two steps with which it is made anew from the log:
//! [`ResourceDelta::of`] folds events into rows (pure), [`ResourceWriter::write`] writes those.
//!
//! The table `registry_head` tells when one of [`zonelog_model::zone::Registry::KINDS`] changed last: whoever decides by all
//! of them keeps them in memory, and reads them anew when it has moved.

mod delta;
mod list;
mod read;
mod write;

pub use delta::ResourceDelta;
pub use list::{ResourceList, ResourceSight, ResourceSort, list};
pub use read::{RESOURCE_COLUMNS, ResourceError, find, pools, quotas, resource_from_row, tsig_keys};
pub use write::ResourceWriter;
