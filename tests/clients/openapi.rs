//! The API holds what its own description says: schemathesis makes requests from `/openapi.json`, well-formed and not, and
//! finds no 5xx and no status that the description does not name.

use serde_json::json;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::python::Environment;
use zonelog_tests::{Zonelog, ZonelogOptions};

/// What an answer must not be. The shapes of bodies are held against the description by a test of the API itself.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance";

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_server_error_and_no_undocumented_status() {
    let bind = Bind::start(BindOptions::default()).await.expect("BIND starts");
    let zonelog = Zonelog::up(&[&bind], &ZonelogOptions::default()).await;
    let rest = zonelog.rest();
    let zone = rest.create_zone("described.example.").await;
    let name = "www.described.example.";
    let recordset = rest.create_recordset(&zone, name, "A", &["192.0.2.1"]).await;

    let environment = Environment::install("schemathesis").await;
    let folder = tempfile::tempdir().expect("a folder");
    let token = std::fs::read_to_string(zonelog.data().join("admin-token")).expect("a token");
    // Once with ids that are made up, and once with those of a zone and a recordset that are there.
    let there = json!({ "path.zone_id": zone, "path.recordset_id": recordset });
    for (number, parameters) in [json!({}), there].into_iter().enumerate() {
        let config = folder.path().join(format!("schemathesis-{number}.toml"));
        let mut text = String::from("[parameters]\n");
        for (name, value) in parameters.as_object().expect("an object") {
            text.push_str(&format!("\"{name}\" = {value}\n"));
        }
        std::fs::write(&config, text).expect("its configuration");
        // One worker: two threads at a time are more than CPython's ast bears, which hypothesis uses.
        let options = format!(
            "--checks {CHECKS} --phases examples,coverage,fuzzing --max-examples 8 --seed 1 --generation-database none \
             --workers 1 --no-color --no-shrink --request-timeout 20"
        );
        let output = environment
            .program("schemathesis")
            .arg("--config-file")
            .arg(&config)
            .arg("run")
            .arg(format!("http://{}/openapi.json", zonelog.api()))
            .args(["--header", &format!("X-Auth-Token: {}", token.trim())])
            .args(options.split(' '))
            .args(
                (number == 1)
                    .then_some(["--include-path-regex", "zone_id"])
                    .into_iter()
                    .flatten(),
            )
            .current_dir(folder.path())
            .output()
            .await
            .expect("schemathesis runs");
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{parameters}\n{said}\n{complained}");
        let cases = said.split("Test cases:").nth(1).expect("its summary");
        let generated = cases
            .split_whitespace()
            .next()
            .and_then(|count| count.parse::<u32>().ok());
        assert!(generated.is_some_and(|count| count > 200), "{said}");
    }
}
