//! The house's plan, held by a test: which room may know which, and what the pure rooms never reach.

#![allow(
    clippy::expect_used,
    reason = "a part that does not work fails the test that wanted it"
)]

mod compatibility;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ lies in the workspace")
        .to_owned()
}

fn metadata() -> cargo_metadata::Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(vec!["--offline".into()])
        .exec()
        .expect("cargo metadata reads the workspace")
}

/// What each crate may use of ours outside its tests. A crate that is missing here fails the test: place it first.
fn allowed() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let below = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
    let dns = ["zonelog-dns"];
    let model = [&dns[..], &["zonelog-model"]].concat();
    let store = [&model[..], &["zonelog-schema", "zonelog-store"]].concat();
    let projections = [&store[..], &["zonelog-projections"]].concat();
    let central = [&projections[..], &["zonelog-central"]].concat();
    let services = [
        &central[..],
        &[
            "zonelog-cluster",
            "zonelog-api",
            "zonelog-messages",
            "zonelog-mdns",
            "zonelog-reconciler",
        ],
    ]
    .concat();
    let everything = [&services[..], &["zonelog", "zonelog-test-parts", "zonelog-tests"]].concat();
    BTreeMap::from([
        ("zonelog-dns", below(&[])),
        ("zonelog-model", below(&dns)),
        ("zonelog-schema", below(&[])),
        ("zonelog-cluster", below(&[])),
        (
            "zonelog-store",
            below(&[&model[..], &["zonelog-schema"]].concat()),
        ),
        ("zonelog-projections", below(&store)),
        ("zonelog-central", below(&projections)),
        ("zonelog-api", below(&central)),
        ("zonelog-messages", below(&dns)),
        (
            "zonelog-mdns",
            below(&[&central[..], &["zonelog-messages"]].concat()),
        ),
        ("zonelog-reconciler", below(&central)),
        ("zonelog", below(&services)),
        (
            "zonelog-test-parts",
            below(&["zonelog-dns", "zonelog-schema", "zonelog-cluster"]),
        ),
        ("zonelog-tests", below(&everything)),
        ("zonelog-bench", below(&everything)),
    ])
}

#[test]
fn dependencies_run_one_way() {
    let metadata = metadata();
    let ours: BTreeSet<String> = metadata
        .workspace_packages()
        .iter()
        .map(|p| p.name.to_string())
        .collect();
    let allowed = allowed();
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let Some(may) = allowed.get(package.name.as_str()) else {
            wrong.push(format!("{} has no place in the plan", package.name));
            continue;
        };
        for dependency in &package.dependencies {
            let counts = dependency.kind == DependencyKind::Normal && ours.contains(&dependency.name);
            if counts && !may.contains(dependency.name.as_str()) {
                wrong.push(format!("{} must not use {}", package.name, dependency.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `dns`, `model` and `messages` are functions of their arguments: no runtime, no SQL, no randomness in their whole graph.
/// (The clock is held by `.clippy.toml`, and below by the features of `chrono` and `uuid`.)
#[test]
fn rules_do_no_io() {
    let forbidden = [
        "tokio",
        "tokio-postgres",
        "postgres-types",
        "hyper",
        "axum",
        "mio",
        "socket2",
        "rand",
        "rand_core",
        "getrandom",
        "fastrand",
        "iana-time-zone",
        "tracing",
        "metrics",
    ];
    for package in ["zonelog-dns", "zonelog-model", "zonelog-messages"] {
        let output = std::process::Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--edges",
                "normal",
                "--prefix",
                "none",
                "--format",
                "{p} {f}",
                "-p",
                package,
            ])
            .current_dir(root())
            .output()
            .expect("cargo tree runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let tree = String::from_utf8(output.stdout).expect("cargo tree prints UTF-8");
        assert!(tree.contains(package), "cargo tree shows {package} itself");
        for line in tree.lines() {
            let name = line.split(' ').next().unwrap_or_default();
            assert!(!forbidden.contains(&name), "{package} reaches {name}");
            let features: Vec<&str> = line.rsplit(' ').next().unwrap_or_default().split(',').collect();
            match name {
                "chrono" => assert!(!features.contains(&"clock"), "{package} reaches chrono's clock"),
                "uuid" => assert!(
                    !features.contains(&"v4") && !features.contains(&"v7"),
                    "{package} makes UUIDs"
                ),
                _ => {}
            }
        }
    }
}

fn source_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository can be read") {
        let path = entry.expect("a folder's entry can be read").path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .to_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            source_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn names_say_what_things_are() {
    let mut files = Vec::new();
    source_files(&root(), &mut files);
    assert!(files.len() > 50, "the walk found the sources");
    for file in files {
        for part in file.strip_prefix(root()).expect("below the root").iter() {
            let part = part.to_string_lossy();
            let stem = part.strip_suffix(".rs").unwrap_or(&part);
            for empty in ["util", "utils", "helper", "helpers", "manager", "common", "misc"] {
                assert!(
                    !stem.split('_').any(|word| word == empty),
                    "{} says nothing",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn every_dependency_has_a_reason() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml can be read");
    let (_, dependencies) = manifest
        .split_once("[workspace.dependencies]")
        .expect("the table is there");
    let dependencies = dependencies.split("\n[").next().unwrap_or_default();
    let mut reason = false;
    for line in dependencies.lines().map(str::trim) {
        if line.is_empty() {
            reason = false;
        } else if line.starts_with('#') {
            reason = true;
        } else {
            assert!(reason, "no comment says why this dependency is there: {line}");
        }
    }
}

#[test]
fn files_stay_readable() {
    let mut files = Vec::new();
    source_files(&root(), &mut files);
    let long: Vec<String> = files
        .iter()
        .map(|file| {
            (
                file,
                std::fs::read_to_string(file)
                    .expect("a source is UTF-8")
                    .lines()
                    .count(),
            )
        })
        .filter(|(_, lines)| *lines > 620)
        .map(|(file, lines)| format!("{} has {lines} lines: split it by concern", file.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
