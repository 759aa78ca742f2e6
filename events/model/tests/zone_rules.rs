//! Every rule of zones, kept and broken.

use std::sync::Arc;

use zonelog_dns::{LongSerial, Rrtype};
use zonelog_model::scenario::{Scenario, fixtures::*};
use zonelog_model::zone::{
    Command, CreateZone, DeleteZone, Event, Facts, Limits, Patch, Registry, UpdateZone,
};
use zonelog_model::{ProjectId, ZoneId};

fn existing() -> [Command; 1] {
    [create_zone("example.com.").into()]
}

fn deleted() -> [Command; 2] {
    [create_zone("example.com.").into(), delete_zone().into()]
}

fn facts_of(registry: Registry) -> Facts {
    Facts {
        registry: Arc::new(registry),
        ..facts()
    }
}

fn with_limits(change: impl FnOnce(&mut Limits)) -> Facts {
    let mut facts = facts();
    change(&mut facts.limits);
    facts
}

#[test]
fn a_zone_is_made_with_its_apex_ns_at_one_serial() {
    Scenario::nothing().when(create_zone("Example.COM.")).then([
        Event::ZoneCreated {
            zone: zone("Example.COM."),
        },
        Event::RecordsetCreated {
            recordset: apex_ns("Example.COM."),
            serial: Some(serial(0)),
        },
    ]);
}

#[test]
fn a_new_zone_has_seen_one_change_set_of_two_events() {
    let state = Scenario::nothing().when(create_zone("example.com.")).state();
    let zone = state.zone.unwrap();
    assert_eq!(
        (zone.revision, zone.stream_version, zone.updated_at),
        (1, 2, None)
    );
    assert_eq!(
        zone.soa().unwrap().to_string(),
        format!(
            "ns1.example.net. hostmaster.example.com. {} 3547 600 86400 3600",
            serial(0)
        )
    );
}

#[test]
fn the_name_servers_of_the_pool_are_merged_when_equal() {
    let names = ["ns1.example.net.", "ns2.example.net.", "ns1.example.net."];
    let events = Scenario::nothing()
        .facts(facts_of(Registry::of_one_pool(POOL, names.map(name))))
        .when(create_zone("example.com."))
        .events();
    let Event::RecordsetCreated { recordset, .. } = &events[1] else {
        panic!("{events:?}")
    };
    assert_eq!(recordset.records, apex_ns("example.com.").records);
}

#[test]
fn a_zone_needs_a_pool_with_name_servers() {
    let rejection = Scenario::nothing()
        .facts(facts_of(Registry::of_one_pool(POOL, [])))
        .when(create_zone("example.com."))
        .then_rejected("no_servers_configured");
    assert!(rejection.to_string().contains(&POOL.to_string()), "{rejection}");
}

#[test]
fn a_zone_name_has_a_greatest_length() {
    // "example.com." has 12 octets.
    let with_max = |max| with_limits(|limits| limits.max_zone_name_length = max);
    Scenario::nothing()
        .facts(with_max(12))
        .when(create_zone("example.com."))
        .state();
    let rejection = Scenario::nothing()
        .facts(with_max(11))
        .when(create_zone("example.com."))
        .then_rejected("invalid_zone_name");
    assert_eq!(
        rejection.to_string(),
        "Zone name too long: 12 octets, the most is 11"
    );
}

#[test]
fn a_new_zones_ttl_is_not_below_the_minimum_without_the_right() {
    let limits = || with_limits(|limits| limits.min_ttl = ttl(300));
    let command = |seconds| CreateZone {
        ttl: Some(ttl(seconds)),
        ..create_zone("example.com.")
    };
    Scenario::nothing().facts(limits()).when(command(300)).state();
    Scenario::nothing()
        .facts(limits())
        .when(command(299))
        .then_rejected("invalid_ttl");
    Scenario::nothing()
        .facts(limits())
        .when(CreateZone {
            may_use_low_ttl: true,
            ..command(0)
        })
        .state();
}

#[test]
fn a_zone_without_a_ttl_gets_the_default() {
    let facts = with_limits(|limits| limits.default_ttl = ttl(77));
    let state = Scenario::nothing()
        .facts(facts)
        .when(create_zone("example.com."))
        .state();
    assert_eq!(state.zone.unwrap().ttl, ttl(77));
}

#[test]
fn the_email_must_fit_a_soa() {
    let command = |email: &str| CreateZone {
        email: email.into(),
        ..create_zone("example.com.")
    };
    let state = Scenario::nothing().when(command("a.b@example.com")).state();
    assert_eq!(
        state.zone.unwrap().soa().unwrap().rname.to_string(),
        r"a\.b.example.com."
    );
    for email in [
        "",
        "nobody",
        "@example.com",
        "a@",
        "a b@example.com",
        "a@-x.com",
        "a\0@example.com",
    ] {
        Scenario::nothing()
            .when(command(email))
            .then_rejected("invalid_object");
    }
}

#[test]
fn texts_of_a_zone_have_greatest_lengths_and_no_nul() {
    let described = |text: String| CreateZone {
        description: Some(text),
        ..create_zone("example.com.")
    };
    Scenario::nothing().when(described("é".repeat(160))).state();
    Scenario::nothing()
        .when(described("é".repeat(161)))
        .then_rejected("invalid_object");
    Scenario::nothing()
        .when(described("a\0b".into()))
        .then_rejected("invalid_object");
    let attributed = |key: String, value: String| CreateZone {
        attributes: [(key, value)].into(),
        ..create_zone("example.com.")
    };
    Scenario::nothing()
        .when(attributed("k".repeat(50), "v".repeat(50)))
        .state();
    Scenario::nothing()
        .when(attributed("k".repeat(51), "v".into()))
        .then_rejected("invalid_object");
    Scenario::nothing()
        .when(attributed("k".into(), "v".repeat(51)))
        .then_rejected("invalid_object");
    Scenario::nothing()
        .when(attributed("k\0".into(), "v".into()))
        .then_rejected("invalid_object");
}

#[test]
fn a_name_belongs_to_one_zone() {
    for (owner, message) in [
        ("alpha", "Duplicate Zone"),
        ("beta", "Zone already exists, owned by a different tenant"),
    ] {
        let facts = Facts {
            same_name: Some(zone_ref("example.com.", owner)),
            ..facts()
        };
        let rejection = Scenario::nothing()
            .facts(facts)
            .when(create_zone("example.com."))
            .then_rejected("duplicate_zone");
        assert_eq!(rejection.to_string(), message);
    }
    Scenario::after(existing())
        .when(create_zone("example.org."))
        .then_rejected("duplicate_zone");
}

#[test]
fn a_zone_is_not_made_below_anothers() {
    let below = |owner: &str| {
        let parents = vec![zone_ref("example.com.", owner)];
        Scenario::nothing()
            .facts(Facts { parents, ..facts() })
            .when(create_zone("www.example.com."))
    };
    below("alpha").state();
    below("beta").then_rejected("illegal_child");
}

#[test]
fn the_nearest_zone_above_decides() {
    let above = |near: &str, far: &str| {
        let parents = vec![zone_ref("b.example.com.", near), zone_ref("example.com.", far)];
        Scenario::nothing()
            .facts(Facts { parents, ..facts() })
            .when(create_zone("a.b.example.com."))
    };
    above("alpha", "beta").state();
    above("beta", "alpha").then_rejected("illegal_child");
}

#[test]
fn a_zone_is_not_made_above_anothers() {
    let above = |owner: &str| {
        let child = Some(zone_ref("www.example.com.", owner));
        Scenario::nothing()
            .facts(Facts { child, ..facts() })
            .when(create_zone("example.com."))
    };
    above("alpha").state();
    above("beta").then_rejected("illegal_parent");
}

#[test]
fn a_zone_made_again_goes_on_from_the_last_serial() {
    let first_serial = |last: i64| {
        let facts = Facts {
            last_serial: Some(LongSerial::from_i64(last)),
            ..facts()
        };
        Scenario::nothing()
            .facts(facts)
            .when(create_zone("example.com."))
            .state()
            .zone
            .unwrap()
            .serial
    };
    assert_eq!(first_serial(1), serial(0));
    assert_eq!(first_serial(serial(0).get()), serial(1));
    assert_eq!(first_serial(serial(5000).get()), serial(5001));
}

#[test]
fn each_field_that_changes_is_an_event_of_one_serial() {
    let command = UpdateZone {
        email: Patch::Set("dns@example.com".into()),
        ttl: Patch::Set(ttl(60)),
        description: Patch::Set(Some("ours".into())),
        ..update_zone()
    };
    let outcome = Scenario::after(existing())
        .at("2026-01-01T00:00:10Z")
        .when(command);
    let after = outcome.state().zone.unwrap();
    assert_eq!(
        (after.revision, after.stream_version, after.serial),
        (2, 5, serial(10))
    );
    assert_eq!(after.updated_at, Some(time("2026-01-01T00:00:10Z")));
    outcome.then([
        Event::ZoneTtlChanged {
            before: ttl(3600),
            after: ttl(60),
            serial: serial(10),
        },
        Event::ZoneEmailChanged {
            before: "hostmaster@example.com".into(),
            after: "dns@example.com".into(),
            serial: serial(10),
        },
        Event::ZoneDescriptionChanged {
            before: None,
            after: Some("ours".into()),
        },
    ]);
}

#[test]
fn a_description_alone_makes_no_serial() {
    let command = UpdateZone {
        description: Patch::Set(Some("ours".into())),
        ..update_zone()
    };
    let outcome = Scenario::after(existing())
        .when(command)
        .then_types(["zone_description_changed"]);
    let after = outcome.state().zone.unwrap();
    assert_eq!((after.revision, after.serial), (2, serial(0)));
}

#[test]
fn an_update_to_what_is_changes_nothing() {
    Scenario::after(existing()).when(update_zone()).then_nothing();
    let same = UpdateZone {
        email: Patch::Set("hostmaster@example.com".into()),
        ttl: Patch::Set(ttl(3600)),
        description: Patch::Set(None),
        ..update_zone()
    };
    // What is there already is not held to a limit that came later.
    let facts = with_limits(|limits| limits.min_ttl = ttl(7200));
    Scenario::after(existing()).facts(facts).when(same).then_nothing();
}

#[test]
fn an_update_keeps_the_rules_of_a_new_zone() {
    let limits = || with_limits(|limits| limits.min_ttl = ttl(300));
    let low = UpdateZone {
        ttl: Patch::Set(ttl(299)),
        ..update_zone()
    };
    Scenario::after(existing())
        .facts(limits())
        .when(low.clone())
        .then_rejected("invalid_ttl");
    Scenario::after(existing())
        .facts(limits())
        .when(UpdateZone {
            may_use_low_ttl: true,
            ..low
        })
        .state();
    let email = UpdateZone {
        email: Patch::Set("nobody".into()),
        ..update_zone()
    };
    Scenario::after(existing())
        .when(email)
        .then_rejected("invalid_object");
    let long = UpdateZone {
        description: Patch::Set(Some("x".repeat(161))),
        ..update_zone()
    };
    Scenario::after(existing())
        .when(long)
        .then_rejected("invalid_object");
}

#[test]
fn a_zone_is_deleted_with_all_it_holds() {
    let scenario = Scenario::after(existing());
    let before = scenario.slice().zone.clone().unwrap();
    let outcome = scenario.when(delete_zone());
    let after = outcome.state();
    assert!(after.zone.unwrap().deleted);
    assert_eq!(after.recordsets, []);
    outcome.then([Event::ZoneDeleted {
        zone: before.clone(),
        hard: false,
    }]);
    let hard = DeleteZone {
        hard: true,
        ..delete_zone()
    };
    let outcome = Scenario::after(existing()).when(hard);
    outcome.then([Event::ZoneDeleted {
        zone: before,
        hard: true,
    }]);
}

#[test]
fn a_zone_with_zones_below_is_not_deleted() {
    let facts = Facts {
        child: Some(zone_ref("sub.example.com.", "alpha")),
        ..facts()
    };
    Scenario::after(existing())
        .facts(facts)
        .when(delete_zone())
        .then_rejected("zone_has_sub_zone");
}

#[test]
fn deleting_again_does_nothing() {
    Scenario::after(deleted()).when(delete_zone()).then_nothing();
}

#[test]
fn a_deleted_zone_is_not_changed() {
    let refused: [Command; 4] = [
        update_zone().into(),
        create_recordset("www", Rrtype::A, ["192.0.2.1"]).into(),
        update_recordset(APEX_NS).into(),
        delete_recordset(APEX_NS).into(),
    ];
    for command in refused {
        let rejection = Scenario::after(deleted())
            .when(command)
            .then_rejected("bad_request");
        assert_eq!(rejection.to_string(), "Can not update a deleting zone");
    }
}

#[test]
fn a_zone_that_does_not_exist_is_not_found() {
    let refused: [Command; 5] = [
        update_zone().into(),
        delete_zone().into(),
        create_recordset("www", Rrtype::A, ["192.0.2.1"]).into(),
        update_recordset(APEX_NS).into(),
        delete_recordset(APEX_NS).into(),
    ];
    for command in refused {
        Scenario::nothing().when(command).then_rejected("zone_not_found");
    }
    let another = ZoneId::new(OTHER_ZONE.uuid());
    Scenario::after(existing())
        .when(DeleteZone {
            zone: another,
            ..delete_zone()
        })
        .then_rejected("zone_not_found");
}

#[test]
fn project_ids_have_1_to_36_characters_and_no_control_character() {
    assert_eq!(ProjectId::new("é".repeat(36)).unwrap().as_str(), "é".repeat(36));
    for bad in [String::new(), "x".repeat(37), "a\nb".into()] {
        assert_eq!(ProjectId::new(bad), None);
    }
}
