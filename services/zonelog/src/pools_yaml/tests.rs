use proptest::prelude::*;
use uuid::Uuid;
use zonelog_central::seal::Sealer;
use zonelog_model::PoolId;
use zonelog_model::resource::OptionValue;

use super::*;

/// As the manual of Designate shows it.
const SAMPLE: &str = r#"
- name: default
  # The name is immutable.
  description: Default Pool
  attributes: {ssd: true, tier: gold}
  ns_records:
    - hostname: ns1-1.example.org.
      priority: 1
    - hostname: ns1-2.example.org.
      priority: 10
  nameservers:
    - host: 127.0.0.1
      port: 53
    - host: ns2.example.org
  targets:
    - type: bind9
      description: BIND9 Server 1
      masters:
        - host: 192.168.27.100
          port: 5354
        - host: 2001:db8::1
      options:
        host: 192.168.27.100
        port: 53
        rndc_host: 192.168.27.100
        rndc_port: 953
        rndc_key_file: /etc/designate/rndc.key
    - type: pdns4
      options:
        api_endpoint: http://127.0.0.1:8081
        api_token: changeme
  also_notifies:
    - host: 192.168.27.110
"#;

fn default_pool() -> PoolId {
    PoolId::new(Uuid::from_u128(0x794c_cc2c))
}

fn wanted(text: &str, present: &[Present], sealer: &Sealer) -> Vec<Wanted> {
    sealed(read(text).unwrap(), present, sealer).unwrap()
}

fn planned(present: &[Present], wanted: &[Wanted], delete: bool) -> Result<Vec<Step>, PlanError> {
    let mut next = 100;
    plan(present, wanted, delete, default_pool(), || {
        next += 1;
        PoolId::new(Uuid::from_u128(next))
    })
}

fn done(steps: Vec<Step>, present: &[Present]) -> Vec<Present> {
    let mut after = present.to_vec();
    for step in steps {
        match step {
            Step::Create { id, pool } => after.push(Present { id, pool: *pool }),
            Step::Change { id, after: pool, .. } => {
                let found = after.iter_mut().find(|present| present.id == id).unwrap();
                found.pool = *pool;
            }
            Step::Delete { id, .. } => after.retain(|present| present.id != id),
        }
    }
    after
}

#[test]
fn designates_own_sample_is_read() {
    let pools = read(SAMPLE).unwrap();
    let pool = &pools[0].pool;
    assert_eq!(
        (pools.len(), pool.name.as_str(), pools[0].id),
        (1, "default", None)
    );
    assert_eq!(pool.attributes["ssd"], "true");
    assert_eq!(
        (pool.nameservers[1].host.as_str(), pool.nameservers[1].port),
        ("ns2.example.org", 53)
    );
    assert_eq!(
        (
            pool.targets[0].masters[1].host.as_str(),
            pool.targets[0].masters[1].port
        ),
        ("2001:db8::1", 5354)
    );
    assert_eq!(
        pool.targets[0].options["rndc_port"],
        OptionValue::Plain("953".to_owned())
    );
    assert_eq!(pool.also_notifies[0].port, 53);
}

#[test]
fn our_own_sample_is_read() {
    let pools = read(include_str!("../../../../ops/config/pools.yaml")).unwrap();
    let pool = &pools[0].pool;
    assert_eq!(
        (pool.ns_records.len(), pool.nameservers.len(), pool.targets.len()),
        (2, 2, 2)
    );
    for target in &pool.targets {
        assert_eq!(zonelog_reconciler::targets::remarks(target), Vec::<String>::new());
    }
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, line, words) in [
        ("name: default\n", 1, "a list of pools"),
        ("- name: a\n  nameserver: []\n", 2, "unknown field `nameserver`"),
        (
            "- name: a\n  ns_records:\n  - hostname: ns1.example.org\n    priority: 1\n",
            3,
            "final dot",
        ),
        (
            "- name: a\n  ns_records:\n  - hostname: ns1.example.org.\n    priority: 0\n",
            4,
            "1 to 10000",
        ),
        ("- name: a\n  ns_records:\n  - hostname: ns1.\n", 3, "priority"),
        ("- name: a\n", 1, "ns_records"),
        (
            "- id: x\n  name: a\n  ns_records: [{hostname: a., priority: 1}]\n",
            1,
            "no UUID",
        ),
        (
            "- name: a\n  ns_records: [{hostname: a., priority: 1}]\n- name: a\n  ns_records: [{hostname: a., priority: 1}]\n",
            3,
            "two pools",
        ),
        (
            "- name: a\n  ns_records: [{hostname: a., priority: 1}]\n  nameservers:\n  - host: 192.0.2.1:53\n",
            4,
            "neither an address",
        ),
        (
            "- name: a\n  ns_records: [{hostname: a., priority: 1}]\n  nameservers:\n  - host: a\n  - host: a\n    port: 53\n",
            5,
            "already",
        ),
        (
            "- name: a\n  ns_records: [{hostname: a., priority: 1}]\n  nameservers:\n  - host: a\n    port: 70000\n",
            5,
            "u16",
        ),
        (
            "- name: a\n  ns_records: [{hostname: a., priority: 1}]\n  catalog_zone: {catalog_zone_fqdn: c.}\n- name: b\n  ns_records: [{hostname: a., priority: 1}]\n  catalog_zone: {catalog_zone_fqdn: C.}\n",
            4,
            "catalog zone",
        ),
        ("- name: [\n", 1, "expected"),
    ] {
        let error = read(text).err().unwrap();
        assert!(error.what.contains(words), "{text}: {error}");
        assert_eq!(error.line, line, "{text}: {error}");
    }
}

#[test]
fn secrets_are_sealed_and_never_shown() {
    let sealer = Sealer::ephemeral();
    let wanted = wanted(SAMPLE, &[], &sealer);
    let present = done(planned(&[], &wanted, false).unwrap(), &[]);
    let all = format!(
        "{wanted:?}{}{:?}",
        print(&present),
        differences(&wanted[0].pool, &present[0].pool)
    );
    assert!(!all.contains("changeme") && all.contains("api_token"));
    assert!(print(&present).contains("api_token: \"<hidden>\""));
}

#[test]
fn the_same_file_again_changes_nothing() {
    let sealer = Sealer::ephemeral();
    let first = wanted(SAMPLE, &[], &sealer);
    let present = done(planned(&[], &first, false).unwrap(), &[]);
    assert_eq!(present[0].id, default_pool());
    assert_eq!(
        planned(&present, &wanted(SAMPLE, &present, &sealer), true).unwrap(),
        []
    );
    // Nor does what is printed of it.
    assert_eq!(
        planned(&present, &wanted(&print(&present), &present, &sealer), true).unwrap(),
        []
    );
    // Another secret does.
    let other = SAMPLE.replace("changeme", "changed");
    let steps = planned(&present, &wanted(&other, &present, &sealer), true).unwrap();
    let [Step::Change { before, after, .. }] = steps.as_slice() else {
        panic!("{steps:?}")
    };
    assert_eq!(differences(before, after).len(), 1);
}

#[test]
fn a_hidden_secret_must_be_known() {
    let text = SAMPLE.replace("changeme", HIDDEN);
    let error = sealed(read(&text).unwrap(), &[], &Sealer::ephemeral()).unwrap_err();
    assert!(error.to_string().contains("api_token"), "{error}");
}

fn pool(text: &str) -> String {
    format!("- {text}\n  ns_records: [{{hostname: a., priority: 1}}]\n")
}

#[test]
fn pools_are_found_by_id_and_by_name() {
    let sealer = Sealer::ephemeral();
    let id = "00000000-0000-0000-0000-000000000005";
    let text = pool("name: one") + &pool(&format!("name: two\n  id: {id}"));
    let present = done(planned(&[], &wanted(&text, &[], &sealer), false).unwrap(), &[]);
    assert_eq!(present[0].id, PoolId::new(Uuid::from_u128(101)));
    assert_eq!(present[1].id, PoolId::new(Uuid::from_u128(5)));
    let renamed = wanted(&pool(&format!("name: three\n  id: {id}")), &present, &sealer);
    assert!(matches!(
        planned(&present, &renamed, false),
        Err(PlanError::Renamed { .. })
    ));
    let taken = wanted(
        &pool("name: one\n  id: 00000000-0000-0000-0000-000000000009"),
        &present,
        &sealer,
    );
    assert!(matches!(
        planned(&present, &taken, false),
        Err(PlanError::Taken { .. })
    ));
}

#[test]
fn pools_that_the_file_does_not_have_stay_unless_they_are_to_go() {
    let sealer = Sealer::ephemeral();
    let both = pool("name: default") + &pool("name: other");
    let present = done(planned(&[], &wanted(&both, &[], &sealer), false).unwrap(), &[]);
    let one = wanted(&pool("name: default"), &present, &sealer);
    assert_eq!(planned(&present, &one, false).unwrap(), []);
    let steps = planned(&present, &one, true).unwrap();
    assert!(matches!(steps.as_slice(), [Step::Delete { name, .. }] if name == "other"));
    let without_default = wanted(&pool("name: other"), &present, &sealer);
    let refused = planned(&present, &without_default, true);
    assert_eq!(refused, Err(PlanError::DefaultDeleted(default_pool())));
}

#[test]
fn a_catalog_zone_is_of_one_pool_also_of_those_that_the_file_does_not_have() {
    let sealer = Sealer::ephemeral();
    let first = pool("name: default") + "  catalog_zone: {catalog_zone_fqdn: c.example.}\n";
    let present = done(planned(&[], &wanted(&first, &[], &sealer), false).unwrap(), &[]);
    let second = pool("name: other") + "  catalog_zone: {catalog_zone_fqdn: C.Example.}\n";
    let refused = planned(&present, &wanted(&second, &present, &sealer), false);
    let (pool, other) = ("other".to_owned(), "default".to_owned());
    assert_eq!(refused, Err(PlanError::SameCatalog { pool, other }));
}

#[test]
fn other_ns_records_are_written_into_the_zones() {
    let sealer = Sealer::ephemeral();
    let present = done(planned(&[], &wanted(SAMPLE, &[], &sealer), false).unwrap(), &[]);
    let change = |from: &str, to: &str| {
        let steps = planned(
            &present,
            &wanted(&SAMPLE.replace(from, to), &present, &sealer),
            false,
        )
        .unwrap();
        assert_eq!(steps.len(), 1);
        steps[0].rewrites_nameservers_of()
    };
    assert_eq!(change("ns1-1", "ns9"), Some(default_pool()));
    assert_eq!(change("rndc_port: 953", "rndc_port: 954"), None);
}

#[test]
fn differences_are_told_line_by_line() {
    let before = &read(SAMPLE).unwrap()[0].pool;
    let text = SAMPLE
        .replace("rndc_port: 953", "rndc_port: 954")
        .replace("priority: 10\n", "priority: 2\n")
        .replace("gold", "lead");
    let lines = differences(before, &read(&text).unwrap()[0].pool);
    assert_eq!(lines.len(), 6, "{lines:#?}");
    assert!(lines.contains(&"attributes: - tier=gold".to_owned()));
    assert!(lines.contains(&"ns_records: + ns1-2.example.org. (priority 2)".to_owned()));
    assert!(differences(before, before).is_empty());
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(text in "[ -~\n]{0,300}") {
        let _ = read(&text);
    }

    #[test]
    fn what_is_printed_is_read_again(
        name in "[ -~é]{1,50}", description in proptest::option::of("[ -~\t]{0,160}"),
        attributes in proptest::collection::btree_map("[ -~]{1,8}", "[ -~\n]{0,8}", 0..3),
        option in "[a-z_]{1,8}", value in "[ -~]{1,12}", port in 1..=u16::MAX,
    ) {
        let mut pool = read(SAMPLE).unwrap().remove(0).pool;
        pool.name = name;
        pool.description = description;
        pool.attributes = attributes;
        pool.nameservers[0].port = port;
        pool.targets[0].options.insert(option, OptionValue::Plain(value));
        let present = Present { id: default_pool(), pool };
        let again = read(&print(std::slice::from_ref(&present))).unwrap().remove(0);
        prop_assert_eq!(again.id, Some(present.id));
        prop_assert_eq!(again.pool, present.pool);
    }
}
