//! The octets that fuzzing (`ops/fuzz`) began with, and those that it found worth keeping.
#![allow(clippy::unwrap_used, reason = "a broken part fails the test")]

#[path = "../../../../tests/fuzz/checks.rs"]
mod checks;

fn every(target: &str, check: fn(&[u8])) {
    let folder = format!(
        "{}/../../../tests/fuzz/corpus/{target}",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let octets = std::fs::read(entry.unwrap().path()).unwrap();
        check(&octets);
        // And what a line that drops the end makes of it.
        for end in 0..octets.len() {
            check(&octets[..end]);
        }
        count += 1;
    }
    assert!(count >= 8, "{count} files: the corpus is not there");
}

#[test]
fn requests() {
    every("request", checks::request);
}

#[test]
fn signatures() {
    every("tsig", checks::tsig);
}

#[test]
fn transfers() {
    every("transfer", checks::transfer);
}
