//! Real parts for tests: PostgreSQL, BIND, Knot and NSD on free ports, stopped when the test ends.

pub mod bind;

pub use bind::{Bind, BindOptions};
