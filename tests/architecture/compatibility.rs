//! What `ops/compatibility.md` says is shown by a test has that test.

use std::path::Path;

/// Where the tests of a crate's short name lie; `{}` is the module.
const PLACES: [(&str, &[&str]); 9] = [
    ("api", &["services/api/tests/api/{}.rs"]),
    (
        "model",
        &[
            "events/model/tests/{}.rs",
            "events/model/tests/resource_rules/{}.rs",
        ],
    ),
    ("central", &["services/central/tests/central/{}.rs"]),
    (
        "reconciler",
        &[
            "services/reconciler/tests/servers/{}.rs",
            "services/reconciler/tests/servers/targets/{}.rs",
        ],
    ),
    (
        "mdns",
        &["services/mdns/tests/{}.rs", "services/mdns/tests/inbound/{}.rs"],
    ),
    ("zonelog", &["services/zonelog/tests/{}.rs"]),
    ("policy", &["services/api/src/policy/tests.rs"]),
    ("clients", &["tests/clients/{}.rs"]),
    (
        "projections",
        &["projections/src/{}.rs", "projections/tests/{}.rs"],
    ),
];

#[test]
fn compatibility_names_tests_that_are_there() {
    let root = crate::root();
    let page = std::fs::read_to_string(root.join("ops/compatibility.md")).expect("the page is there");
    let mut missing = Vec::new();
    let mut tests = 0;
    for line in page.lines().filter(|line| line.starts_with('|')) {
        // Code stands between backticks; a list goes on with the crate and the module of its first name.
        let mut before: Option<(String, &str)> = None;
        for (index, text) in line.split('`').enumerate() {
            if index % 2 == 0 {
                if text != ", " {
                    before = None;
                }
                continue;
            }
            if let Some((source, _)) = &before
                && is_name(text)
            {
                tests += 1;
                if !has_test(source, text) {
                    missing.push(text.to_owned());
                }
                continue;
            }
            let Some((found, test)) = source_of(&root, text) else {
                continue;
            };
            match found {
                None => missing.push(text.to_owned()),
                Some(source) => {
                    tests += 1;
                    if !test.is_empty() && !has_test(&source, test) {
                        missing.push(text.to_owned());
                    }
                    before = Some((source, test));
                }
            }
        }
    }
    assert!(missing.is_empty(), "named, and not there: {}", missing.join(", "));
    assert!(tests > 100, "the page names {tests} tests only");
}

/// The source that a text like `api::zones::a_test` names, if there is one, and the test; `None` when it names none.
fn source_of<'a>(root: &Path, text: &'a str) -> Option<(Option<String>, &'a str)> {
    let (short, rest) = text.split_once("::")?;
    let (_, places) = PLACES.iter().find(|(name, _)| *name == short)?;
    let (module, test) = match (short, rest.split_once("::")) {
        // All in one file.
        ("policy", _) => ("", rest),
        (_, Some((module, test))) => (module, test),
        (_, None) => (rest, ""),
    };
    if !is_name(module) && !module.is_empty() {
        return None;
    }
    let sources: Vec<String> = places
        .iter()
        .filter_map(|place| std::fs::read_to_string(root.join(place.replace("{}", module))).ok())
        .collect();
    Some(((!sources.is_empty()).then(|| sources.concat()), test))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|octet| octet.is_ascii_lowercase() || octet.is_ascii_digit() || octet == b'_')
}

fn has_test(source: &str, test: &str) -> bool {
    // One for several kinds of servers is generic.
    ["(", "<"]
        .iter()
        .any(|end| source.contains(&format!("fn {test}{end}")))
}
