//! Zonelog as its users run it: the binary as a child process with a private PostgreSQL, a REST client, and `dig` at
//! real name servers. The tests beside this folder say what must hold.

#![allow(
    clippy::expect_used,
    reason = "a part that does not work fails the test that wanted it"
)]

mod dig;
mod process;
mod rest;
mod role;

pub use dig::{Dig, zone_content};
pub use process::{Zonelog, ZonelogOptions, binary, pools_yaml};
pub use rest::{Answer, Rest};
pub use role::Role;
