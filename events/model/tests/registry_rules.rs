//! TLDs, blacklists and the choice of a pool: what a new zone meets.
#![allow(clippy::unwrap_used, reason = "a test: what is not as expected panics")]

use uuid::Uuid;
use zonelog_model::PoolId;
use zonelog_model::resource::{CatalogZone, Pool, Resource, TsigScope};
use zonelog_model::scenario::{Scenario, fixtures::*, resources::*};
use zonelog_model::zone::{CreateZone, Event, RegistryOptions, SchedulerFilter, ZonePattern};

const GOLD: PoolId = PoolId::new(Uuid::from_u128(0xb1));
const SILVER: PoolId = PoolId::new(Uuid::from_u128(0xb2));

fn with(resources: impl IntoIterator<Item = Resource>) -> Scenario {
    with_options(resources, |_| {})
}

fn with_options(
    resources: impl IntoIterator<Item = Resource>,
    change: impl FnOnce(&mut RegistryOptions),
) -> Scenario {
    Scenario::nothing().with(|facts| facts.registry = registry(resources, change))
}

fn allowed(scenario: &Scenario, name: &str) -> bool {
    match scenario.clone().when(create_zone(name)).label() {
        None => true,
        Some("invalid_zone_name") => false,
        Some(other) => panic!("{name}: {other}"),
    }
}

#[test]
fn without_tlds_every_name_is_allowed() {
    assert!(allowed(&with([]), "example.nonsense."));
}

#[test]
fn with_tlds_zones_lie_below_one() {
    let scenario = with([resource(tld("Com")), resource(tld("co.uk"))]);
    for name in ["example.com.", "a.b.EXAMPLE.COM.", "example.co.uk."] {
        assert!(allowed(&scenario, name), "{name}");
    }
    for name in ["example.uk.", "co.uk.", "example.org.", "example.notcom."] {
        assert!(!allowed(&scenario, name), "{name}");
    }
    let rejection = scenario
        .when(create_zone("example.org."))
        .then_rejected("invalid_zone_name");
    assert_eq!(rejection.to_string(), "Invalid TLD");
    let rejection = with([resource(tld("co.uk"))])
        .when(create_zone("Co.UK."))
        .then_rejected("invalid_zone_name");
    assert_eq!(rejection.to_string(), "Zone name cannot be the same as a TLD");
}

#[test]
fn a_tld_below_another_is_no_zone() {
    let scenario = with([resource(tld("com")), resource(tld("uk.com"))]);
    assert!(!allowed(&scenario, "uk.com."));
    assert!(allowed(&scenario, "example.uk.com.") && allowed(&scenario, "example.com."));
}

#[test]
fn blacklisted_names_are_for_those_who_may() {
    let scenario = with([
        resource(blacklist(r"^(.*\.)?bad\.com\.$")),
        resource(blacklist("secret")),
    ]);
    for name in ["bad.com.", "x.bad.com.", "BAD.com.", "top-secret.org."] {
        assert!(!allowed(&scenario, name), "{name}");
    }
    for name in ["notbad.com.", "bad.com.org."] {
        assert!(allowed(&scenario, name), "{name}");
    }
    let rejection = scenario
        .clone()
        .when(create_zone("bad.com."))
        .then_rejected("invalid_zone_name");
    assert_eq!(rejection.to_string(), "Blacklisted zone name");
    scenario
        .when(CreateZone {
            may_use_blacklisted: true,
            ..create_zone("bad.com.")
        })
        .state();
}

#[test]
fn patterns_are_those_of_python() {
    let matches =
        |pattern: &str, name: &str| ZonePattern::compile(pattern).unwrap().matches(&zone_name(name));
    assert!(matches(r"(?P<word>[a-z]+)\.(?P=word)\.", "foo.foo."));
    assert!(!matches(r"(?P<word>[a-z]+)\.(?P=word)\.", "foo.bar.org."));
    assert!(matches(
        r"^(?!allowed\.)\w+\.example\.com\.\Z",
        "other.example.com."
    ));
    assert!(!matches(
        r"^(?!allowed\.)\w+\.example\.com\.\Z",
        "allowed.example.com."
    ));
    assert!(matches(r"(?<=a)b", "ab.org."));
    assert!(matches(r"(?i)EXAMPLE", "example.org."));
    for broken in ["(", "[a", "*", r"(?P<x", r"\"] {
        assert!(ZonePattern::compile(broken).is_err(), "{broken}");
    }
}

#[test]
fn a_search_without_end_counts_as_a_match() {
    let long = format!("{}.{}.org.", "a".repeat(60), "a".repeat(60));
    let pattern = ZonePattern::compile(r"((?=a)a|(?=a)aa)+z").unwrap();
    assert!(pattern.matches(&zone_name(&long)));
}

#[test]
fn a_pattern_that_does_not_compile_any_more_matches_all() {
    assert!(ZonePattern::accepted("(").matches(&zone_name("example.com.")));
}

fn gold() -> Resource {
    let attributes = [
        ("tier".to_owned(), "gold".to_owned()),
        ("ssd".to_owned(), "True".to_owned()),
    ];
    let pool = Pool {
        attributes: attributes.into(),
        ..pool("gold", ["ns9.example.net."])
    };
    pool_resource(GOLD, pool)
}

fn silver() -> Resource {
    let pool = Pool {
        attributes: [("tier".to_owned(), "silver".to_owned())].into(),
        ..pool("silver", ["ns8.example.net."])
    };
    pool_resource(SILVER, pool)
}

/// The pool that a zone with these attributes gets, or why it gets none.
fn chosen<const N: usize>(
    filters: &[SchedulerFilter],
    attributes: [(&str, &str); N],
    random: u32,
) -> Result<PoolId, &'static str> {
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    let command = CreateZone {
        attributes: attributes.map(owned).into(),
        may_force_pool: true,
        ..create_zone("example.com.")
    };
    let outcome = with_options([gold(), silver()], |options| {
        options.scheduler_filters = filters.to_vec();
    })
    .with(|facts| facts.random = random)
    .when(command);
    match outcome.label() {
        Some(label) => Err(label),
        None => Ok(outcome.state().zone.unwrap().pool),
    }
}

#[test]
fn the_schedulers_filters_choose_a_pool() {
    use SchedulerFilter::*;
    let gold_id = GOLD.to_string();
    assert_eq!(chosen(&[DefaultPool], [("tier", "gold")], 0), Ok(POOL));
    assert_eq!(chosen(&[PoolIdAttribute], [("pool_id", &gold_id)], 0), Ok(GOLD));
    assert_eq!(
        chosen(&[PoolIdAttribute], [("pool_id", "nonsense")], 0),
        Err("no_valid_pool_found")
    );
    assert_eq!(chosen(&[PoolIdAttribute], [], 0), Err("multiple_pools_found"));
    // The default pool has no attributes, and so passes whatever is asked.
    assert_eq!(
        chosen(&[Attribute], [("tier", "gold")], 0),
        Err("multiple_pools_found")
    );
    assert_eq!(
        chosen(&[Attribute, InDoubtDefaultPool], [("tier", "gold")], 0),
        Ok(POOL)
    );
    assert_eq!(
        chosen(
            &[PoolIdAttribute, Attribute],
            [("pool_id", &gold_id), ("tier", "gold"), ("ssd", "yes")],
            0
        ),
        Ok(GOLD)
    );
    assert_eq!(
        chosen(
            &[PoolIdAttribute, Attribute],
            [("pool_id", &gold_id), ("ssd", "off")],
            0
        ),
        Err("no_valid_pool_found")
    );
    assert_eq!(
        chosen(
            &[PoolIdAttribute, Attribute, Fallback],
            [("pool_id", &gold_id), ("ssd", "off")],
            0
        ),
        Ok(POOL)
    );
    assert_eq!(
        [0, 1, 2, 3].map(|random| chosen(&[Random], [], random)),
        [Ok(POOL), Ok(GOLD), Ok(SILVER), Ok(POOL)]
    );
    assert_eq!(chosen(&[], [], 0), Err("no_filters_configured"));
}

#[test]
fn filters_have_the_names_of_designates() {
    for filter in SchedulerFilter::ALL {
        assert_eq!(SchedulerFilter::from_label(filter.label()), Some(filter));
    }
    assert_eq!(SchedulerFilter::from_label("best"), None);
}

#[test]
fn a_pool_is_forced_only_by_those_who_may() {
    let command = CreateZone {
        attributes: [("pool_id".to_owned(), GOLD.to_string())].into(),
        ..create_zone("example.com.")
    };
    let forcing = with_options([gold()], |options| {
        options.scheduler_filters = vec![SchedulerFilter::PoolIdAttribute];
    });
    forcing.when(command.clone()).then_rejected("forbidden");
    // Where no filter reads the attribute, it forces nothing.
    let outcome = with([gold()]).when(command);
    assert_eq!(outcome.state().zone.unwrap().pool, POOL);
}

#[test]
fn the_name_servers_of_the_chosen_pool_stand_in_the_zone() {
    let command = CreateZone {
        attributes: [("pool_id".to_owned(), GOLD.to_string())].into(),
        may_force_pool: true,
        ..create_zone("example.com.")
    };
    let events = with_options([gold()], |options| {
        options.scheduler_filters = vec![SchedulerFilter::PoolIdAttribute];
    })
    .when(command)
    .events();
    let [
        Event::ZoneCreated { zone },
        Event::RecordsetCreated { recordset, .. },
    ] = events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!(zone.primary_nameserver.to_string(), "ns9.example.net.");
    assert_eq!(recordset.records[0].text(), "ns9.example.net.");
}

#[test]
fn where_it_is_asked_for_other_pools_need_a_key() {
    let command = || CreateZone {
        attributes: [("pool_id".to_owned(), GOLD.to_string())].into(),
        may_force_pool: true,
        ..create_zone("example.com.")
    };
    let keyed = |required: bool, keys: Vec<Resource>| {
        with_options(std::iter::once(gold()).chain(keys), |options| {
            options.scheduler_filters = vec![
                SchedulerFilter::PoolIdAttribute,
                SchedulerFilter::InDoubtDefaultPool,
            ];
            options.pool_key_required = required;
        })
    };
    keyed(false, vec![]).when(command()).state();
    keyed(true, vec![]).when(create_zone("example.com.")).state();
    keyed(true, vec![]).when(command()).then_rejected("bad_request");
    let zone_key = resource(tsig_key("k", TsigScope::Zone, GOLD.uuid()));
    keyed(true, vec![zone_key])
        .when(command())
        .then_rejected("bad_request");
    let pool_key = resource(tsig_key("k", TsigScope::Pool, GOLD.uuid()));
    keyed(true, vec![pool_key]).when(command()).state();
}

/// RFC 9432 §4: a catalog zone is a zone, whose name is nobody else's.
#[test]
fn a_catalogs_name_is_no_zones() {
    let pool = Pool {
        catalog_zone: Some(CatalogZone {
            name: name("Catalog.example."),
            refresh: 60,
            tsig_key: None,
            tsig_algorithm: None,
        }),
        ..pool("gold", ["ns9.example.net."])
    };
    let scenario = with([pool_resource(GOLD, pool)]);
    scenario
        .clone()
        .when(create_zone("catalog.EXAMPLE."))
        .then_rejected("duplicate_zone");
    assert!(allowed(&scenario, "a.catalog.example."));
}

/// The group in its catalog is for a zone's servers: it chooses no pool.
#[test]
fn a_zones_group_in_its_catalog_is_no_wish_for_a_pool() {
    use SchedulerFilter::{Attribute, PoolIdAttribute};
    let gold = GOLD.to_string();
    let wishes = [("pool_id", gold.as_str()), ("catalog_group", "nodnssec")];
    assert_eq!(chosen(&[PoolIdAttribute, Attribute], wishes, 0), Ok(GOLD));
}
