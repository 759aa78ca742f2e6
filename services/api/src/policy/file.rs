//! `policy.yaml`: rules by their names, each as text or, as older files have it, as lists.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::language::Expression;
use super::set::{Given, Policy, Remark};
use super::{PolicyError, defaults};

/// A policy file is at most this long, in bytes.
const MAX_LENGTH: usize = 1 << 20;

/// Reads the text of a policy file and lays it over the defaults.
pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<Policy, PolicyError> {
    let wrong = |line, what: String| PolicyError::Wrong {
        path: Some(path.to_owned()),
        line,
        what,
    };
    if bytes.len() > MAX_LENGTH {
        return Err(wrong(None, format!("the file is longer than {MAX_LENGTH} bytes")));
    }
    let text =
        std::str::from_utf8(bytes).map_err(|_| wrong(None, "the file is not UTF-8 text".to_owned()))?;
    let file: File = serde_saphyr::from_str(text).map_err(|error| {
        let line = error.location().map(|location| location.line());
        wrong(line.filter(|line| *line > 0), error.without_snippet().to_string())
    })?;
    let mut given: Vec<Given> = Vec::with_capacity(file.0.len());
    for (name, text) in file.0 {
        let remark = |what| Remark {
            line: Some(name.referenced.line()),
            rule: name.value.clone(),
            what,
        };
        let expression = match &text {
            RuleText::Text(text) => Expression::parse(text),
            RuleText::Lists(lists) => Expression::any_of_all(lists),
            RuleText::Nothing => {
                Err("it has no value; write \"\" to allow everybody, or \"!\" to allow nobody".to_owned())
            }
        };
        let expression = expression.map_err(|what| PolicyError::of(Some(path.to_owned()), remark(what)))?;
        given.push(Given {
            line: name.referenced.line(),
            name: name.value,
            expression,
        });
    }
    let policy = Policy::with(given).map_err(|remark| PolicyError::of(Some(path.to_owned()), remark))?;
    for doubt in policy.doubts() {
        tracing::warn!(file = %path.display(), line = doubt.line, rule = doubt.rule, "{}", doubt.what);
    }
    tracing::info!(file = %path.display(), rules = defaults::RULES.len(), "the policy file is in force");
    Ok(policy)
}

struct File(Vec<(Spanned<String>, RuleText)>);

enum RuleText {
    Text(String),
    Lists(Vec<Vec<String>>),
    Nothing,
}

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rules;

        impl<'de> Visitor<'de> for Rules {
            type Value = File;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rules by their names")
            }

            // A file of comments alone.
            fn visit_unit<E: Error>(self) -> Result<File, E> {
                Ok(File(Vec::new()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<File, A::Error> {
                let mut rules = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    rules.push(entry);
                }
                Ok(File(rules))
            }
        }

        deserializer.deserialize_any(Rules)
    }
}

impl<'de> Deserialize<'de> for RuleText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rule;

        impl<'de> Visitor<'de> for Rule {
            type Value = RuleText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rule as text, or a list of lists of checks")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<RuleText, E> {
                Ok(RuleText::Text(text.to_owned()))
            }

            fn visit_unit<E: Error>(self) -> Result<RuleText, E> {
                Ok(RuleText::Nothing)
            }

            fn visit_none<E: Error>(self) -> Result<RuleText, E> {
                Ok(RuleText::Nothing)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RuleText, A::Error> {
                let mut lists = Vec::new();
                while let Some(Alternative(checks)) = seq.next_element()? {
                    lists.push(checks);
                }
                Ok(RuleText::Lists(lists))
            }
        }

        deserializer.deserialize_any(Rule)
    }
}

/// One of a list's elements: one check, or several that must all hold.
struct Alternative(Vec<String>);

impl<'de> Deserialize<'de> for Alternative {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Checks;

        impl<'de> Visitor<'de> for Checks {
            type Value = Alternative;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a check as text, or a list of checks")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Alternative, E> {
                Ok(Alternative(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Alternative, A::Error> {
                let mut checks = Vec::new();
                while let Some(check) = seq.next_element::<String>()? {
                    checks.push(check);
                }
                Ok(Alternative(checks))
            }
        }

        deserializer.deserialize_any(Checks)
    }
}

#[cfg(test)]
mod tests {
    use zonelog_model::ProjectId;

    use super::super::target::{Credentials, Target};
    use super::*;

    fn policy(text: &str) -> Result<Policy, String> {
        read(Path::new("/etc/zonelog/policy.yaml"), text.as_bytes()).map_err(|error| error.to_string())
    }

    fn allows(policy: &Policy, rule: &str, roles: &[&str]) -> bool {
        let project = ProjectId::new("alice").unwrap();
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        let credentials = Credentials {
            user: "al",
            project: &project,
            roles: &roles,
            all_projects: false,
        };
        policy
            .allows(rule, &credentials, &Target::of_project("alice"))
            .unwrap()
    }

    #[test]
    fn a_file_goes_over_the_defaults() {
        let policy = policy(
            "# A cloud's own rules\n\
             \"keeper\": \"role:keeper and\n  project_id:%(project_id)s\"\n\
             create_tld: rule:keeper or role:admin\n\
             find_tlds: \"@\"\n\
             delete_tld: \"!\"\n\
             get_tld: \"\"\n\
             update_tld: [[\"role:admin\"], [\"role:keeper\", \"project_id:alice\"], \"role:other\"]\n",
        )
        .unwrap();
        assert!(allows(&policy, "create_tld", &["keeper"]));
        assert!(allows(&policy, "create_tld", &["admin"]));
        assert!(!allows(&policy, "create_tld", &["member"]));
        assert!(allows(&policy, "find_tlds", &[]));
        assert!(!allows(&policy, "delete_tld", &["admin"]));
        assert!(allows(&policy, "get_tld", &[]));
        assert!(allows(&policy, "update_tld", &["keeper"]));
        assert!(allows(&policy, "update_tld", &["other"]));
        assert!(!allows(&policy, "update_tld", &["member"]));
        assert!(
            !allows(&policy, "create_blacklist", &["member"]),
            "the others keep their defaults"
        );
    }

    #[test]
    fn an_empty_file_changes_nothing() {
        for text in ["", "# nothing\n", "{}", "---\n"] {
            let policy = policy(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
            assert!(allows(&policy, "create_zone", &["member"]), "{text:?}");
        }
    }

    #[test]
    fn a_policy_of_the_old_kind_is_understood() {
        // As Designate's packages brought it before 2021, in JSON.
        let policy = policy(
            r#"{
              "admin": "role:admin or is_admin:True",
              "primary_zone": "target.zone_type:SECONDARY",
              "owner": "tenant:%(tenant_id)s",
              "admin_or_owner": "rule:admin or rule:owner",
              "default": "rule:admin_or_owner",
              "target": "tenant:%(target_tenant_id)s",
              "owner_or_target": "rule:target or rule:owner",
              "admin_or_owner_or_target": "rule:owner_or_target or rule:admin",
              "zone_primary_or_admin": "('PRIMARY':%(zone_type)s and rule:admin_or_owner) OR ('SECONDARY':%(zone_type)s AND is_admin:True)",
              "create_zone": "rule:admin_or_owner",
              "get_zone_transfer_request": "rule:admin_or_owner_or_target OR None:%(target_tenant_id)s"
            }"#,
        )
        .unwrap();
        assert!(allows(&policy, "create_zone", &[]));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, parts) in [
            (
                "get_zone: \"@\"\ncreat_zone: \"@\"\n",
                &[
                    "/etc/zonelog/policy.yaml:2",
                    "\"creat_zone\"",
                    "no rule of this name",
                ][..],
            ),
            (
                "get_zone: \"@\"\n\ncreate_zone: role:a role:b\n",
                &[":3", "\"create_zone\"", "`and` or `or` is missing"],
            ),
            (
                "create_zone: rule:nobody\n",
                &[":1", "\"create_zone\"", "`rule:nobody` names no rule"],
            ),
            ("create_zone: rule:create_zone\n", &[":1", "circle"]),
            (
                "get_zone: \"@\"\ncreate_zone:\n",
                &[":2", "\"create_zone\"", "no value"],
            ),
            ("get_zone: \"@\"\nget_zone: \"!\"\n", &[":2", "get_zone"]),
            ("get_zone: \"@\"\ncreate_zone: [1, 2]\n", &["policy.yaml:2"]),
            ("get_zone: \"@\"\n  bad: indentation: here\n", &["policy.yaml:2"]),
            ("- a\n- b\n", &["policy.yaml: ", "rules by their names"]),
            ("create_zone: true\n", &["policy.yaml:1"]),
        ] {
            let error = policy(text).unwrap_err();
            for part in parts {
                assert!(error.contains(part), "{text}: {error} lacks {part}");
            }
        }
    }
}
