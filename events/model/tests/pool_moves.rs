//! Zones that move to another pool, and zones whose pool gets other name servers.
#![allow(clippy::unwrap_used, reason = "a test: what is not as expected panics")]

use uuid::Uuid;
use zonelog_model::PoolId;
use zonelog_model::resource::{CatalogZone, Pool, PoolNameserver};
use zonelog_model::scenario::{Scenario, fixtures, fixtures::*, resources::*};
use zonelog_model::zone::{AdvanceMove, ChangeOfOwnership, Event, MoveStep, Recordset, SchedulerFilter};

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
            coo: None,
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

/// A pool with a catalog zone, and a name server.
fn with_catalog(name: &str, catalog: &str, server: (&str, u16)) -> Pool {
    Pool {
        nameservers: vec![PoolNameserver {
            host: server.0.to_owned(),
            port: server.1,
            tsigkey: None,
        }],
        catalog_zone: Some(CatalogZone {
            name: fixtures::name(catalog),
            refresh: 60,
            tsig_key: None,
            tsig_algorithm: None,
        }),
        ..pool(name, ["ns1.example.net."])
    }
}

/// What a move between two pools says of their catalogs.
fn coo(left: Pool, to: Pool) -> Option<ChangeOfOwnership> {
    let pools = [pool_resource(POOL, left), pool_resource(OTHER, to)];
    let outcome = Scenario::after([create_zone("example.com.").into()])
        .with(|facts| facts.registry = registry(pools, |_| {}))
        .when(move_zone(Some(OTHER)));
    match outcome.events().first() {
        Some(Event::ZoneMovedToPool { coo, .. }) => coo.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_move_between_pools_with_catalogs_says_where_the_zone_is_going() {
    let of = |catalog, server| with_catalog("p", catalog, server);
    let without = || pool("p", ["ns1.example.net."]);
    let here = ("ns.example.net", 53);
    for (server, waits) in [
        (("ns.example.net", 5300), false),
        (("ns9.example.net", 53), false),
        // One server in both.
        (("NS.example.net.", 53), true),
    ] {
        let expected = ChangeOfOwnership {
            catalog: fixtures::name("b.cat."),
            waits,
        };
        assert_eq!(
            coo(of("a.cat.", here), of("b.cat.", server)),
            Some(expected),
            "{server:?}"
        );
    }
    assert_eq!(coo(of("a.cat.", here), of("A.cat.", here)), None);
    assert_eq!(coo(without(), of("b.cat.", here)), None);
    assert_eq!(coo(of("a.cat.", here), without()), None);
}

#[test]
fn what_was_seen_of_a_move_counts_only_while_the_zone_is_there() {
    let advance = |before, after| AdvanceMove {
        zone: ZONE,
        before,
        after,
        since: 7,
        step: MoveStep::Over,
    };
    let zone = || Scenario::after([create_zone("example.com.").into()]);
    zone().when(advance(OTHER, POOL)).then([Event::ZoneMoveAdvanced {
        before: OTHER,
        after: POOL,
        since: 7,
        step: MoveStep::Over,
    }]);
    zone().when(advance(POOL, OTHER)).then([]);
    zone().when(advance(POOL, POOL)).then([]);
}
