//! Zones that move to another pool, and zones whose pool gets other name servers.
#![allow(clippy::unwrap_used, reason = "a test: what is not as expected panics")]

use uuid::Uuid;
use zonelog_model::PoolId;
use zonelog_model::scenario::{Scenario, fixtures::*, resources::*};
use zonelog_model::zone::{Event, Recordset, SchedulerFilter};

const OTHER: PoolId = PoolId::new(Uuid::from_u128(0xb1));

fn zone_with_pools(nameservers: &[&str]) -> Scenario {
    let other = pool_resource(OTHER, pool("other", nameservers.iter().copied()));
    Scenario::after([create_zone("example.com.").into()])
        .with(|facts| facts.registry = registry([other], |_| {}))
        .at("2026-01-01T00:00:05Z")
}

#[test]
fn a_move_is_one_step_of_pool_soa_and_ns() {
    let outcome = zone_with_pools(&["ns9.example.net."]).when(move_zone(Some(OTHER)));
    let before = apex_ns("example.com.");
    let after = Recordset {
        records: records(zonelog_dns::Rrtype::NS, ["ns9.example.net."]),
        revision: 2,
        updated_at: Some(time("2026-01-01T00:00:05Z")),
        ..before.clone()
    };
    let state = outcome.state();
    outcome.then([
        Event::ZoneMovedToPool {
            before: POOL,
            after: OTHER,
            serial: Some(serial(5)),
        },
        Event::ZonePrimaryNameserverChanged {
            before: zonelog_dns::Name::parse("ns1.example.net.").unwrap(),
            after: zonelog_dns::Name::parse("ns9.example.net.").unwrap(),
            serial: serial(5),
        },
        Event::RecordsetChanged {
            before,
            after,
            serial: Some(serial(5)),
        },
    ]);
    let zone = state.zone.unwrap();
    assert_eq!((zone.pool, zone.revision, zone.serial), (OTHER, 2, serial(5)));
    assert!(zone.soa().unwrap().to_string().starts_with("ns9.example.net. "));
}

#[test]
fn a_move_between_pools_of_the_same_name_servers_is_a_step_all_the_same() {
    zone_with_pools(&["ns1.example.net.", "ns2.example.net."])
        .when(move_zone(Some(OTHER)))
        .then_types(["zone_moved_to_pool"]);
    zone_with_pools(&["ns1.example.net."])
        .when(move_zone(Some(OTHER)))
        .then_types(["zone_moved_to_pool", "recordset_changed"]);
    zone_with_pools(&["ns2.example.net.", "ns1.example.net."])
        .when(move_zone(Some(OTHER)))
        .then_types(["zone_moved_to_pool", "zone_primary_nameserver_changed"]);
}

#[test]
fn a_zone_moves_to_another_pool_that_is_there() {
    let zone = || zone_with_pools(&["ns9.example.net."]);
    zone().when(move_zone(Some(POOL))).then_rejected("bad_request");
    zone()
        .when(move_zone(Some(PoolId::new(Uuid::from_u128(1)))))
        .then_rejected("pool_not_found");
    zone_with_pools(&[])
        .when(move_zone(Some(OTHER)))
        .then_rejected("no_servers_configured");
}

#[test]
fn without_a_pool_the_scheduler_chooses() {
    let zone = || zone_with_pools(&["ns9.example.net."]);
    zone().when(move_zone(None)).then_rejected("bad_request");
    let other = pool_resource(OTHER, pool("other", ["ns9.example.net."]));
    let outcome = zone()
        .with(|facts| {
            facts.registry = registry([other], |options| {
                options.scheduler_filters = vec![SchedulerFilter::Random];
            });
            facts.random = 1;
        })
        .when(move_zone(None));
    assert_eq!(outcome.state().zone.unwrap().pool, OTHER);
}

#[test]
fn a_zone_follows_the_name_servers_of_its_pool() {
    let with_nameservers = |nameservers: &[&str]| {
        let changed = pool_resource(POOL, pool("default", nameservers.iter().copied()));
        Scenario::after([create_zone("example.com.").into()])
            .with(|facts| facts.registry = registry([changed], |_| {}))
            .when(rewrite_nameservers())
    };
    with_nameservers(&["ns1.example.net.", "ns2.example.net."]).then_nothing();
    with_nameservers(&["ns1.example.net.", "ns3.example.net."]).then_types(["recordset_changed"]);
    with_nameservers(&["ns2.example.net.", "ns1.example.net."])
        .then_types(["zone_primary_nameserver_changed"]);
    let both = with_nameservers(&["ns3.example.net."])
        .then_types(["zone_primary_nameserver_changed", "recordset_changed"]);
    assert_eq!(both.state().zone.unwrap().revision, 2);
    with_nameservers(&[]).then_rejected("no_servers_configured");
}

#[test]
fn a_deleted_zone_does_not_move() {
    Scenario::after([create_zone("example.com.").into(), delete_zone().into()])
        .when(move_zone(Some(OTHER)))
        .then_rejected("bad_request");
}
