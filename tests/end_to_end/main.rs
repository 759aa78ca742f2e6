//! The whole, as its users meet it: REST in front, a real BIND behind, the binary between them, and what may go wrong.

#![allow(
    clippy::expect_used,
    reason = "a part that does not work fails the test that wanted it"
)]

mod bind_outages;
mod database_outages;
mod killed_at_any_point;
mod operators;
mod reconcilers;
mod whole_path;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use zonelog_test_parts::wait::eventually;
use zonelog_tests::{Rest, zone_content};

/// How long the slowest machine may take until its name servers are in step.
const IN_STEP: Duration = Duration::from_secs(60);

/// Waits until `server` transfers the zone with exactly the content that MiniDNS transfers, and gives that content.
async fn until_equal(minidns: SocketAddr, server: SocketAddr, zone: &str) -> BTreeSet<String> {
    let mut last = (None, None);
    eventually(
        format!("{zone} is at {server} what it is at MiniDNS"),
        IN_STEP,
        async || {
            last = (
                zone_content(minidns, zone).await,
                zone_content(server, zone).await,
            );
            last.0.is_some() && last.0 == last.1
        },
    )
    .await;
    last.0.expect("MiniDNS transfers the zone")
}

/// Waits until the thing at `path` has `status` (`404`: is gone).
async fn until_status(rest: &Rest, path: &str, status: &str) {
    eventually(format!("{path} is {status}"), IN_STEP, async || {
        rest.status(path).await == status
    })
    .await;
}
