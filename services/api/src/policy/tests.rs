//! The language and the defaults.

use proptest::prelude::*;
use zonelog_model::ProjectId;

use super::defaults::{BASE_RULES, RULES};
use super::language::{Expression, Lacking};
use super::set::{Given, Policy, Remark};
use super::target::{Credentials, Target};

struct Caller {
    project: ProjectId,
    roles: Vec<String>,
}

impl Caller {
    fn new(project: &str, roles: &[&str]) -> Self {
        Self {
            project: ProjectId::new(project).unwrap(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        }
    }

    fn credentials(&self) -> Credentials<'_> {
        Credentials {
            user: "someone",
            project: &self.project,
            roles: &self.roles,
            all_projects: false,
        }
    }
}

fn says(text: &str, caller: &Caller, target: &Target<'_>) -> bool {
    Expression::parse(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .decide(&caller.credentials(), target, Lacking::Absent, &|_| Some(false))
        .unwrap()
}

fn given(rules: &[(&str, &str)]) -> Vec<Given> {
    let rules = rules.iter().zip(1..);
    rules
        .map(|((name, text), line)| Given {
            name: (*name).to_owned(),
            expression: Expression::parse(text).unwrap(),
            line,
        })
        .collect()
}

fn refusal(rules: &[(&str, &str)]) -> Remark {
    Policy::with(given(rules)).unwrap_err()
}

#[test]
fn the_language_is_that_of_oslo_policy() {
    let alice = Caller::new("alice", &["member", "Zone_Keeper"]);
    let zone = Target {
        zone_type: Some("PRIMARY"),
        zone_shared: Some(true),
        target_project_id: Some(None),
        all_tenants: Some(true),
        ..Target::of_project("alice")
    };
    for (text, expected) in [
        ("", true),
        ("   ", true),
        ("@", true),
        ("!", false),
        ("role:member", true),
        ("role:MEMBER", true),
        ("role:zone_keeper", true),
        ("role:admin", false),
        ("project_id:%(project_id)s", true),
        ("project_id:%(tenant_id)s", true),
        ("tenant:%(project_id)s", true),
        ("project_id:alice", true),
        ("project_id:bob", false),
        ("user_id:someone", true),
        ("user_id:%(user_id)s", false),
        ("roles:member", true),
        ("'PRIMARY':%(zone_type)s", true),
        ("\"PRIMARY\":%(zone_type)s", true),
        ("'SECONDARY':%(zone_type)s", false),
        ("'a:b':a:b", true),
        ("True:%(all_tenants)s", true),
        ("False:%(all_tenants)s", false),
        ("'True':%(zone_shared)s", true),
        ("None:%(target_project_id)s", true),
        ("None:%(target_tenant_id)s", true),
        ("None:%(zone_id)s", false),
        ("'x%':x%%", true),
        ("'x-alice-y':x-%(project_id)s-y", true),
        ("is_admin:True", false),
        ("nobody:knows", false),
        ("not role:admin", true),
        ("NOT role:admin AND @", true),
        ("not not @", true),
        ("not (@ and !)", true),
        ("! and @ or @", true),
        ("@ or @ and !", true),
        ("(@ or @) and !", false),
        ("not ! and !", false),
        ("((role:member) and (project_id:%(project_id)s))", true),
        ("( role:member or ! ) and not ( ! )", true),
    ] {
        assert_eq!(says(text, &alice, &zone), expected, "{text}");
    }
    let nothing = Target::default();
    for text in [
        "project_id:%(project_id)s",
        "None:%(target_project_id)s",
        "'True':%(zone_shared)s",
    ] {
        assert!(
            !says(text, &alice, &nothing),
            "{text}: what the target lacks matches nothing"
        );
    }
}

#[test]
fn what_is_no_rule_is_named() {
    for (text, part) in [
        ("role", "`role` is no check"),
        ("role:", "names no role"),
        ("rule:", "names no rule"),
        (":x", "nothing before its colon"),
        ("role:a role:b", "`and` or `or` is missing"),
        ("role:a (role:b)", "`and` or `or` is missing"),
        ("role:a not role:b", "`and` or `or` is missing"),
        ("and role:a", "nothing before `and`"),
        ("role:a or", "missing at the end"),
        ("not", "missing at the end"),
        ("(role:a", "`(` is not closed"),
        ("role:a)", "`)` closes nothing"),
        ("()", "nothing before `)`"),
        ("project_id:%(project_id)", "`%` does not begin a place"),
        ("project_id:%project_id", "`%` does not begin a place"),
        ("project_id:%()s", "`%` does not begin a place"),
        ("'PRIMARY:%(zone_type)s", "lacks its closing quote"),
        ("http://localhost/%(project_id)s", "which Zonelog does not do"),
        ("'a string'", "is no check"),
    ] {
        let complaint = Expression::parse(text).unwrap_err();
        assert!(complaint.contains(part), "{text}: {complaint}");
    }
}

#[test]
fn lists_are_alternatives_of_conditions() {
    let alice = Caller::new("alice", &["member"]);
    let says = |lists: &[&[&str]]| {
        let lists: Vec<Vec<String>> = lists
            .iter()
            .map(|list| list.iter().map(|check| (*check).to_owned()).collect())
            .collect();
        let (who, zone) = (alice.credentials(), Target::of_project("alice"));
        let rule = Expression::any_of_all(&lists).unwrap();
        rule.decide(&who, &zone, Lacking::Absent, &|_| Some(false))
            .unwrap()
    };
    assert!(says(&[]));
    assert!(!says(&[&[]]));
    assert!(says(&[
        &["role:admin"],
        &["role:member", "project_id:%(project_id)s"]
    ]));
    assert!(!says(&[&["role:admin"], &["role:member", "!"]]));
    assert!(says(&[&[], &["role:member"]]));
}

#[test]
fn depth_costs_no_stack() {
    let alice = Caller::new("alice", &["member"]);
    let deep = 40_000;
    let text = format!("{}role:member{}", "(".repeat(deep), ")".repeat(deep));
    assert!(says(&text, &alice, &Target::default()));
    let text = format!("{}role:member", "not ".repeat(deep));
    assert!(says(&text, &alice, &Target::default()));
    assert!(Expression::parse(&"(".repeat(2_000_000)).is_err());
    assert!(Expression::parse(&"@ and ".repeat(2_000_000)).is_err());

    // A chain of references, each used twice: deciding each anew would take 2^n steps.
    let names: Vec<String> = (0..3_000).map(|index| format!("r{index}")).collect();
    let mut rules = vec![("create_zone".to_owned(), "rule:r0 and rule:r0".to_owned())];
    for pair in names.windows(2) {
        rules.push((pair[0].clone(), format!("rule:{0} and rule:{0}", pair[1])));
    }
    rules.push((names[2_999].clone(), "role:member".to_owned()));
    let rules: Vec<(&str, &str)> = rules
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let policy = Policy::with(given(&rules)).unwrap();
    assert_eq!(
        policy.allows("create_zone", &alice.credentials(), &Target::default()),
        Some(true)
    );
}

#[test]
fn references_end_somewhere() {
    let policy = Policy::with(given(&[
        ("create_zone", "rule:admin_or_owner and not rule:banned"),
        ("banned", "user_id:mallory"),
    ]))
    .unwrap();
    let owner = Caller::new("alice", &["member"]);
    let own = Target::of_project("alice");
    assert_eq!(
        policy.allows("create_zone", &owner.credentials(), &own),
        Some(true)
    );
    let mallory = Credentials {
        user: "mallory",
        ..owner.credentials()
    };
    assert_eq!(policy.allows("create_zone", &mallory, &own), Some(false));

    let error = refusal(&[("get_zone", "@"), ("create_zone", "rule:nobody or @")]);
    assert_eq!((error.line, error.rule.as_str()), (Some(2), "create_zone"));
    assert!(
        error.what.contains("`rule:nobody` names no rule"),
        "{}",
        error.what
    );
    for circle in [
        &[("create_zone", "rule:create_zone")][..],
        &[("create_zone", "rule:a"), ("a", "rule:b"), ("b", "@ or rule:a")],
        &[("admin", "rule:owner"), ("owner", "rule:admin_or_owner")],
    ] {
        assert!(refusal(circle).what.contains("circle"), "{circle:?}");
    }
    let error = refusal(&[("get_zone", "@"), ("creat_zone", "@")]);
    assert_eq!((error.line, error.rule.as_str()), (Some(2), "creat_zone"));
    assert!(error.what.contains("no rule of this name"));
}

#[test]
fn doubtful_names_are_told() {
    let policy = Policy::with(given(&[
        (
            "create_zone",
            "projct_id:%(project_id)s or role:x and 'y':%(colour)s",
        ),
        ("get_zone", "project_id:%(project_id)s"),
    ]))
    .unwrap();
    let doubts: Vec<String> = policy.doubts().into_iter().map(|doubt| doubt.what).collect();
    assert_eq!(doubts.len(), 2, "{doubts:?}");
    assert!(doubts[0].contains("`projct_id`") && doubts[1].contains("`colour`"));
}

/// Appendix: what each kind of caller may do by default.
#[test]
fn the_defaults_are_designates() {
    let policy = Policy::defaults().unwrap();
    assert_eq!(RULES.len(), 87);
    let mut names: Vec<&str> = RULES.iter().chain(&BASE_RULES).map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 91, "a rule is there twice");

    let admin = Caller::new("ops", &["admin"]);
    let member = Caller::new("alice", &["member", "reader"]);
    let only_member = Caller::new("alice", &["member"]);
    let reader = Caller::new("alice", &["reader"]);
    let stranger = Caller::new("bob", &["member", "reader"]);
    let bobs_reader = Caller::new("bob", &["reader"]);
    let own = Target {
        zone_type: Some("PRIMARY"),
        zone_shared: Some(false),
        ..Target::of_project("alice")
    };
    let asks = |rule: &str, who: &Caller, target: &Target<'_>| {
        policy.allows(rule, &who.credentials(), target).unwrap()
    };
    for (rule, text) in RULES {
        assert!(asks(rule, &admin, &own), "{rule}");
        let for_members = text.contains("role:member") || text == "@";
        let for_readers = text.contains("role:reader") || text == "@";
        assert_eq!(asks(rule, &member, &own), for_members || for_readers, "{rule}");
        // What a role implies is Keystone's to say: a token lists all roles that count.
        assert_eq!(asks(rule, &only_member, &own), for_members, "{rule}");
        assert_eq!(asks(rule, &reader, &own), for_readers, "{rule}");
        assert_eq!(asks(rule, &stranger, &own), text == "@", "{rule}");
    }

    let shared = Target {
        zone_shared: Some(true),
        ..own.clone()
    };
    assert!(asks("get_zone", &bobs_reader, &shared));
    assert!(asks("get_recordset", &bobs_reader, &shared));
    assert!(asks("create_recordset", &stranger, &shared));
    assert!(
        !asks("create_recordset", &bobs_reader, &shared),
        "a reader writes nothing"
    );
    assert!(!asks("update_zone", &stranger, &shared));
    let bobs_recordset = Target {
        recordset_project_id: Some("bob"),
        ..shared.clone()
    };
    assert!(asks("update_recordset", &stranger, &bobs_recordset));
    assert!(!asks("update_recordset", &bobs_reader, &bobs_recordset));
    let secondary = Target {
        zone_type: Some("SECONDARY"),
        ..own.clone()
    };
    assert!(asks("create_recordset", &admin, &secondary));
    assert!(!asks("create_recordset", &member, &secondary));

    for target_project_id in [Some(None), Some(Some("bob"))] {
        let offered = Target {
            target_project_id,
            ..own.clone()
        };
        assert!(asks("get_zone_transfer_request", &bobs_reader, &offered));
        assert!(asks("create_zone_transfer_accept", &stranger, &offered));
        assert!(
            !asks("create_zone_transfer_accept", &bobs_reader, &offered),
            "a reader accepts nothing"
        );
    }
    let offered_to_carol = Target {
        target_project_id: Some(Some("carol")),
        ..own.clone()
    };
    assert!(!asks("create_zone_transfer_accept", &stranger, &offered_to_carol));
    let everybodys = Target {
        all_tenants: Some(true),
        ..own
    };
    assert!(asks("get_quotas", &bobs_reader, &everybodys));
    assert_eq!(
        policy.allows("no_such_rule", &admin.credentials(), &Target::default()),
        None
    );
}

/// A formula, its text, and what it is.
fn formula() -> impl Strategy<Value = (String, bool)> {
    let leaf = prop_oneof![
        Just(("@".to_owned(), true)),
        Just(("!".to_owned(), false)),
        Just(("role:member".to_owned(), true)),
        Just(("role:admin".to_owned(), false)),
        Just(("project_id:%(project_id)s".to_owned(), true)),
        Just(("'SECONDARY':%(zone_type)s".to_owned(), false)),
    ];
    leaf.prop_recursive(6, 64, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| (format!("({}) and ({})", a.0, b.0), a.1 && b.1)),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| (format!("( {} ) or ({})", a.0, b.0), a.1 || b.1)),
            inner.prop_map(|a| (format!("not ({})", a.0), !a.1)),
        ]
    })
}

proptest! {
    #[test]
    fn a_formula_means_what_logic_says((text, value) in formula()) {
        let alice = Caller::new("alice", &["member"]);
        let zone = Target { zone_type: Some("PRIMARY"), ..Target::of_project("alice") };
        prop_assert_eq!(says(&text, &alice, &zone), value, "{}", text);
        // The same without parentheses, by precedence: `and` of three before `or`.
        let long = format!("! and @ or {} and @ or ! and !", if value { "@" } else { "!" });
        prop_assert_eq!(says(&long, &alice, &zone), value);
    }

    #[test]
    fn no_text_breaks_the_parser(text in "[()!@%:'\"a-z and or not_\\n]{0,60}") {
        let alice = Caller::new("alice", &["member"]);
        if let Ok(expression) = Expression::parse(&text) {
            let (who, nothing) = (alice.credentials(), Target::default());
            expression.decide(&who, &nothing, Lacking::Absent, &|_| Some(false)).unwrap();
        }
    }

    /// What is said before the target is read is so for every target.
    #[test]
    fn what_is_foreseen_holds_whatever_is_read(
        (text, _) in formula(),
        zone_type in prop_oneof![Just(None), Just(Some("PRIMARY")), Just(Some("SECONDARY"))],
        project_id in prop_oneof![Just(None), Just(Some("alice")), Just(Some("bob"))],
    ) {
        let alice = Caller::new("alice", &["member"]);
        let policy = Policy::with(given(&[("create_zone", &format!("rule:owner or {text}")), ("owner", &text)])).unwrap();
        let allows = |target: &Target<'_>| policy.allows("create_zone", &alice.credentials(), target).unwrap();
        let foreseen = |target: &Target<'_>| policy.foresees("create_zone", &alice.credentials(), target);
        let read = Target { zone_type, project_id, ..Target::default() };
        for known in [Target::default(), Target { zone_type, ..Target::default() }, read.clone()] {
            let foreseen = foreseen(&known);
            prop_assert!(foreseen.is_none_or(|value| value == allows(&read)), "{text} {known:?} {read:?}");
        }
        let all = zone_type.is_some() && project_id.is_some();
        prop_assert!(!all || foreseen(&read) == Some(allows(&read)), "{text} {read:?}");
    }
}

#[test]
fn some_rules_need_no_look_at_the_target() {
    let foreseen = |rules: &[(&str, &str)], rule: &str, roles: &[&str], target: &Target<'_>| {
        let alice = Caller::new("alice", roles);
        Policy::with(given(rules))
            .unwrap()
            .foresees(rule, &alice.credentials(), target)
    };
    let primary = Target {
        zone_type: Some("PRIMARY"),
        ..Target::default()
    };
    let own = Target {
        zone_shared: Some(false),
        project_id: Some("alice"),
        ..primary.clone()
    };
    let shared = Target {
        zone_shared: Some(true),
        ..primary.clone()
    };
    let nothing: &[(&str, &str)] = &[];
    assert_eq!(
        foreseen(nothing, "update_zone", &["admin"], &Target::default()),
        Some(true)
    );
    assert_eq!(
        foreseen(nothing, "update_zone", &["member"], &Target::default()),
        None
    );
    assert_eq!(foreseen(nothing, "create_recordset", &["member"], &primary), None);
    assert_eq!(
        foreseen(nothing, "create_recordset", &["member"], &own),
        Some(true)
    );
    assert_eq!(
        foreseen(nothing, "create_recordset", &["member"], &shared),
        Some(true)
    );
    assert_eq!(foreseen(nothing, "update_recordset", &["member"], &shared), None);
    assert_eq!(
        foreseen(nothing, "create_recordset", &["reader"], &own),
        Some(false)
    );
    assert_eq!(foreseen(nothing, "no_such_rule", &["admin"], &own), None);
    for (text, expected) in [
        ("role:member and 'x.org.':%(zone_name)s", None),
        ("role:member and not 'x.org.':%(zone_name)s", None),
        ("role:member or 'x.org.':%(zone_name)s", Some(true)),
        ("role:member and ('x.org.':%(zone_name)s or @)", Some(true)),
        ("rule:named or rule:owner", Some(true)),
        ("rule:named and rule:owner", None),
        ("not rule:named", None),
    ] {
        let rules = [("create_recordset", text), ("named", "'x.org.':%(zone_name)s")];
        let rules = if text.contains("named") {
            &rules[..]
        } else {
            &rules[..1]
        };
        assert_eq!(
            foreseen(rules, "create_recordset", &["member"], &own),
            expected,
            "{text}"
        );
    }
}
