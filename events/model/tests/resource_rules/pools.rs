//! The rules of pools.

use zonelog_dns::Name;
use zonelog_model::resource::{
    Body, CatalogZone, Change, Facts, HostPort, Kind, NsRecord, OptionValue, Pool, PoolNameserver, PoolTarget,
};
use zonelog_model::scenario::resources::pool;

use super::{change_with, changed, create, delete, facts, invalid, made};

fn body(pool: Pool) -> Body {
    Body::Pool(Box::new(pool))
}

fn gold() -> Pool {
    pool("gold", ["ns1.example.net.", "ns2.example.net."])
}

/// The pool `gold`, changed.
fn gold_but(change: impl FnOnce(&mut Pool)) -> Body {
    let mut pool = gold();
    change(&mut pool);
    body(pool)
}

fn target() -> PoolTarget {
    PoolTarget {
        kind: "bind9".into(),
        description: None,
        tsigkey: None,
        masters: vec![place("192.0.2.1", 5354)],
        options: [("host".to_owned(), OptionValue::Plain("192.0.2.2".into()))].into(),
    }
}

fn place(host: &str, port: u16) -> HostPort {
    HostPort {
        host: host.into(),
        port,
    }
}

#[test]
fn a_pool_holds_to_designates_limits() {
    create(gold_but(|pool| {
        pool.name = "p".repeat(50);
        pool.description = Some("d".repeat(160));
        pool.attributes = [("k".repeat(50), "v".repeat(50))].into();
        pool.targets = vec![target()];
        pool.also_notifies = vec![place("2001:db8::1", 53)];
    }))
    .unwrap();
    let broken: Vec<(&str, Body)> = vec![
        ("name", gold_but(|pool| pool.name = String::new())),
        ("name", gold_but(|pool| pool.name = "p".repeat(51))),
        (
            "description",
            gold_but(|pool| pool.description = Some("d".repeat(161))),
        ),
        (
            "attributes",
            gold_but(|pool| pool.attributes = [("k".repeat(51), String::new())].into()),
        ),
        (
            "attributes",
            gold_but(|pool| pool.attributes = [("k".to_owned(), "v".repeat(51))].into()),
        ),
        ("ns_records", gold_but(|pool| pool.ns_records.clear())),
        ("ns_records", gold_but(|pool| pool.ns_records[0].priority = 0)),
        (
            "ns_records",
            gold_but(|pool| pool.ns_records[0].priority = 10_001),
        ),
        (
            "ns_records",
            gold_but(|pool| pool.ns_records[0].hostname = Name::root()),
        ),
        (
            "ns_records",
            gold_but(|pool| pool.ns_records[1].hostname = Name::parse("NS1.example.net.").unwrap()),
        ),
        (
            "nameservers",
            gold_but(|pool| {
                pool.nameservers = vec![PoolNameserver {
                    host: "192.0.2.1".into(),
                    port: 0,
                    tsigkey: None,
                }];
            }),
        ),
        (
            "also_notifies",
            gold_but(|pool| pool.also_notifies = vec![place("", 53)]),
        ),
        (
            "also_notifies",
            gold_but(|pool| pool.also_notifies = vec![place("a b", 53)]),
        ),
        (
            "targets",
            gold_but(|pool| {
                pool.targets = vec![PoolTarget {
                    kind: String::new(),
                    ..target()
                }];
            }),
        ),
        (
            "masters",
            gold_but(|pool| {
                pool.targets = vec![PoolTarget {
                    masters: vec![place("192.0.2.1", 0)],
                    ..target()
                }];
            }),
        ),
        (
            "options",
            gold_but(|pool| {
                pool.targets = vec![PoolTarget {
                    options: [("host".to_owned(), OptionValue::Plain("h".repeat(256)))].into(),
                    ..target()
                }];
            }),
        ),
        (
            "catalog_zone",
            gold_but(|pool| {
                pool.catalog_zone = Some(CatalogZone {
                    name: Name::parse("catalog.example.").unwrap(),
                    refresh: u32::MAX,
                    tsig_key: None,
                    tsig_algorithm: None,
                });
            }),
        ),
    ];
    for (field, body) in broken {
        let text = invalid(create(body));
        assert!(text.starts_with(&format!("{field}: ")), "{field}: {text}");
    }
}

#[test]
fn a_pool_changes_its_name_too() {
    let present = made(body(gold()));
    let change = |pool: Pool| Change::Pool(Box::new(pool));
    let wider = Pool {
        description: Some("wider".into()),
        ..pool("gold", ["ns3.example.net."])
    };
    assert_eq!(changed(&present, change(wider.clone())).body, body(wider));
    let renamed = pool("silver", ["ns1.example.net."]);
    assert_eq!(changed(&present, change(renamed.clone())).body, body(renamed));
}

#[test]
fn a_pool_keeps_its_last_ns_record() {
    let present = made(body(gold()));
    let rejection = change_with(&present, Change::Pool(Box::new(pool("gold", []))), &facts()).unwrap_err();
    assert_eq!(rejection.label(), "last_server_delete_not_allowed");
}

#[test]
fn a_pool_with_zones_is_not_deleted() {
    let present = made(body(gold()));
    let in_use = Facts {
        pool_has_zones: true,
        ..facts()
    };
    let rejection = delete(Some(&present), Kind::Pool, &in_use).unwrap_err();
    assert_eq!(rejection.label(), "invalid_operation");
    delete(Some(&present), Kind::Pool, &facts()).unwrap();
}

#[test]
fn name_servers_stand_in_the_order_of_their_priority() {
    let ns = |name: &str, priority| NsRecord {
        hostname: Name::parse(name).unwrap(),
        priority,
    };
    let pool = Pool {
        ns_records: vec![ns("c.example.", 5), ns("a.example.", 1), ns("b.example.", 5)],
        ..gold()
    };
    let names: Vec<String> = pool.nameserver_names().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a.example.", "c.example.", "b.example."]);
}
