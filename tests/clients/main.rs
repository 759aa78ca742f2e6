//! OpenStack's own clients against Zonelog: the `openstack` command line, each of its DNS commands at least once, and
//! openstacksdk. What they print must be what Designate made them print.

#![allow(
    clippy::expect_used,
    reason = "a part that does not work fails the test that wanted it"
)]

mod cloud;
mod files;
mod openapi;
mod people;
mod quotas;
mod registries;
mod reverse;
mod sdk;
mod secondary;
mod sharing;
mod tasks;
mod zones;

use cloud::Cloud;
