//! The services: who says that it runs.

use std::collections::BTreeMap;

use deadpool_postgres::Client;
use zonelog_central::clock;
use zonelog_projections::listing::PageRequest;
use zonelog_projections::service_status::{self, ServiceFilter, ServiceSort, ServiceState};

use super::Check;
use crate::heartbeat;
use crate::output;

/// How many are looked at.
const MOST: i64 = 1000;

/// Checks that each service runs somewhere.
pub(super) async fn check(client: &Client, checks: &mut Vec<Check>) {
    let page = PageRequest {
        limit: MOST,
        marker: None,
        descending: false,
    };
    let filter = ServiceFilter::default();
    let listed = service_status::list(client, &filter, ServiceSort::default(), &page, clock::now()).await;
    let services = match listed {
        Ok(services) => services,
        Err(error) => {
            return checks.push(Check::fail(
                "services",
                output::chain(&error),
                "look into PostgreSQL's log",
            ));
        }
    };
    let mut up: BTreeMap<&str, usize> = BTreeMap::new();
    for service in &services {
        let name = service.service_name.as_str();
        match service.status {
            ServiceState::Up => *up.entry(name).or_default() += 1,
            ServiceState::Stopped => {}
            ServiceState::Down => checks.push(Check::warn(
                format!("service {name} on {}", service.hostname),
                format!(
                    "has not been heard of since {}",
                    service.heartbeated_at.format("%Y-%m-%d %H:%M:%S")
                ),
                "start it again; `zonelog service clean` forgets those that are no more",
            )),
        }
    }
    let all = [&heartbeat::API[..], &heartbeat::MINIDNS, &heartbeat::RECONCILER].concat();
    let missing: Vec<&str> = all.into_iter().filter(|name| !up.contains_key(name)).collect();
    checks.push(if up.is_empty() {
        Check::ok("services", "none runs at the moment")
    } else if missing.is_empty() {
        Check::ok("services", "every one runs")
    } else {
        Check::warn(
            "services",
            format!("{} run nowhere, others do", missing.join(", ")),
            "start `zonelog api` (api, central), `zonelog mdns` and `zonelog reconciler` (worker, producer)",
        )
    });
}
