//! Operators' commands on pools, TLDs and services, against a database without any role running.
#![allow(clippy::unwrap_used, reason = "what a test cannot do fails it")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;
use tokio_postgres::Client;
use zonelog_dns::ZoneName;
use zonelog_test_parts::TestDatabase;

const POOLS: &str = "\
- name: default
  ns_records:
    - hostname: ns1.example.net.
      priority: 1
  nameservers:
    - host: 127.0.0.1
      port: 5301
  targets:
    - type: bind9
      options:
        rndc_port: 9953
        rndc_secret: aHVudGVyMg==
";

/// A database with schema, and a folder with a configuration and a key.
struct Installation {
    database: TestDatabase,
    folder: TempDir,
}

impl Installation {
    /// Inserts a secondary zone, and returns the connection.
    async fn insert_zone(&self, name: &str) -> Client {
        let client = self.database.client().await;
        let statement = "insert into zone (id, name, name_key, project, pool, email, ttl, attributes, mname, refresh, retry, \
                         expire, minimum, serial, soa_recordset, revision, stream_version, created_at, created_position, \
                         content_position, pool_position, masters) \
                         values ('00000000-0000-0000-0000-000000000001', $1, $2, 'p', \
                         '00000000-0000-0000-0000-000000000002', 'h@example.com', 3600, '{}', 'ns1.example.com.', 3600, 600, \
                         86400, 300, 1, '00000000-0000-0000-0000-000000000003', 1, 1, now(), 1, 1, 1, \
                         '[{\"host\": \"192.0.2.1\", \"port\": 53}]')";
        let key = ZoneName::parse(name).unwrap().to_key();
        client.execute(statement, &[&name, &key]).await.unwrap();
        client
    }

    async fn new() -> Self {
        let (database, folder) = (TestDatabase::new().await, tempfile::tempdir().unwrap());
        let installation = Self { database, folder };
        let key = installation.write("key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n");
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        installation.configure(&format!("[secrets]\nkey_file = \"{}\"\n", key.display()));
        installation
    }

    fn configure(&self, more: &str) {
        let data = self.folder.path().display();
        let text = format!(
            "[database]\nurl = \"{}\"\ndata_dir = \"{data}\"\n[api]\nlisten = \"127.0.0.1:0\"\n\
             [metrics]\nlisten = \"127.0.0.1:0\"\n{more}",
            self.database.url()
        );
        self.write("zonelog.toml", &text);
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs a command: whether it succeeded, and what it said on both outputs.
    async fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_zonelog"))
            .args(arguments)
            .arg("--config")
            .arg(self.folder.path().join("zonelog.toml"))
            .output()
            .await
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    async fn done(&self, arguments: &[&str]) -> String {
        let (succeeded, said) = self.run(arguments).await;
        assert!(succeeded, "{arguments:?}: {said}");
        said
    }

    async fn refused(&self, arguments: &[&str]) -> String {
        let (succeeded, said) = self.run(arguments).await;
        assert!(!succeeded, "{arguments:?}: {said}");
        said
    }

    async fn count(&self, sql: &str) -> i64 {
        let client = self.database.client().await;
        client.query_one(sql, &[]).await.unwrap().get(0)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pools_become_what_the_file_says() {
    let here = Installation::new().await;
    let file = here.write("pools.yaml", POOLS);
    let update = ["pool", "update", "--file", text(&file)];
    let said = here.done(&[&update[..], &["--dry-run"]].concat()).await;
    assert!(
        said.contains("create") && said.contains("nameservers: + 127.0.0.1 port 5301"),
        "{said}"
    );
    assert!(
        said.contains("dry run") && !said.contains("aHVudGVyMg=="),
        "{said}"
    );
    assert_eq!(here.count("select count(*) from event").await, 0);

    let said = here.done(&update).await;
    assert!(said.contains("one change was made"), "{said}");
    assert!(here.done(&update).await.contains("already"));
    let shown = here.done(&["pool", "show"]).await;
    assert!(
        shown.contains("id: 794ccc2c-d751-44fe-b57f-8894c9f5c842"),
        "{shown}"
    );
    assert!(shown.contains("rndc_secret: \"<hidden>\""), "{shown}");
    // In the log and its tables there is the secret's ciphertext alone.
    let leaks = "select count(*) from event e, resource r where e.payload::text like '%aHVudGVyMg%' \
                 or r.body::text like '%aHVudGVyMg%'";
    assert_eq!(here.count(leaks).await, 0);

    // What it writes is the same again, the secret left as it is.
    let generated = here.folder.path().join("generated.yaml");
    here.done(&["pool", "generate_file", "--file", text(&generated)])
        .await;
    let again = here
        .done(&["pool", "update", "--delete", "--file", text(&generated)])
        .await;
    assert!(again.contains("already"), "{again}");

    let two = POOLS.replace("ns1.", "ns9.")
        + "- name: second\n  ns_records: [{hostname: ns2.example.net., priority: 1}]\n";
    here.write("pools.yaml", &two);
    let said = here.done(&update).await;
    assert!(
        said.contains("ns_records: - ns1.example.net.") && said.contains("second"),
        "{said}"
    );
    assert!(
        here.done(&["pool", "show", "--all"])
            .await
            .contains("name: second")
    );
    here.write("pools.yaml", &two[..two.find("- name: second").unwrap()]);
    assert!(here.done(&update).await.contains("already"));
    let delete = [&update[..], &["--delete"]].concat();
    // While a server of it still has to lose a zone, as a reconciler found it, the pool stays.
    let client = here.database.client().await;
    let behind = "with pool as (select id from resource where id <> '794ccc2c-d751-44fe-b57f-8894c9f5c842'), \
         there as (insert into server_checkpoint select 'pool/ns2', id, 0, now() from pool) \
         insert into server_zone (server, zone_key, name, zone, position, attempts, since, next_try) \
         select 'pool/ns2', '\\x00', 'moved.test.', id, 1, 1, now(), now() from pool";
    assert_eq!(client.execute(behind, &[]).await.unwrap(), 1);
    let said = here.refused(&delete).await;
    assert!(
        said.contains("pool second cannot be deleted yet") && said.contains("pool/ns2"),
        "{said}"
    );
    assert!(here.done(&["pool", "show", "--all"]).await.contains("second"));
    client.batch_execute("delete from server_zone").await.unwrap();
    let said = here.done(&delete).await;
    assert!(said.contains("delete"), "{said}");
    assert!(!here.done(&["pool", "show", "--all"]).await.contains("second"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_file_is_told_with_its_line_and_changes_nothing() {
    let here = Installation::new().await;
    let file = here.write("pools.yaml", &POOLS.replace("nameservers:", "name_servers:"));
    let said = here.refused(&["pool", "update", "--file", text(&file)]).await;
    assert!(
        said.contains("pools.yaml, line 5, ") && said.contains("name_servers"),
        "{said}"
    );
    let said = here
        .refused(&["pool", "update", "--file", "/nonexistent/pools.yaml"])
        .await;
    assert!(said.contains("cannot read /nonexistent/pools.yaml"), "{said}");
    let said = here.refused(&["pool", "update"]).await;
    assert!(said.contains("--file") && said.contains("pools.file"), "{said}");
    let said = here.refused(&["pool", "show"]).await;
    assert!(said.contains("there is no pool"), "{said}");
    assert_eq!(here.count("select count(*) from event").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_no_secret_is_kept_and_none_is_passed_over() {
    let here = Installation::new().await;
    let file = here.write("pools.yaml", POOLS);
    here.done(&["pool", "update", "--file", text(&file)]).await;
    here.configure("");
    for command in [&["pool", "show"][..], &["api"], &["reconciler"]] {
        let said = here.refused(command).await;
        assert!(said.contains("secrets.key_file"), "{command:?}: {said}");
    }
    let fresh = Installation::new().await;
    fresh.configure("");
    let file = fresh.write("pools.yaml", POOLS);
    let said = fresh.refused(&["pool", "update", "--file", text(&file)]).await;
    assert!(
        said.contains("rndc_secret") && said.contains("[secrets] key_file"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tlds_are_imported_once() {
    let here = Installation::new().await;
    let file = here.write("tlds", "# all of them\ncom\norg;For everybody\n");
    let import = ["tlds", "import", "--input_file", text(&file), "--delimiter", ";"];
    let said = here.done(&import).await;
    assert!(said.contains("made 2 TLDs; 0 were there already"), "{said}");
    assert!(here.done(&import).await.contains("made 0 TLDs; 2 were"));
    here.write("tlds", "net\nnot a tld\n");
    let said = here.refused(&import).await;
    assert!(
        said.contains("made 1 TLDs") && said.contains("line 2: not a tld"),
        "{said}"
    );
    assert_eq!(
        here.count("select count(*) from resource where kind = 'tld'")
            .await,
        3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn services_that_are_no_more_are_forgotten() {
    let here = Installation::new().await;
    let row = "insert into service_status values ($1::text::uuid, $2, 'old', 'UP', '{}', '{}', now() - $3::text::interval, \
               now(), now())";
    let client = here.database.client().await;
    for (id, name, silent) in [(1, "api", "1 hour"), (2, "mdns", "1 second")] {
        let id = format!("00000000-0000-0000-0000-00000000000{id}");
        client.execute(row, &[&id, &name, &silent]).await.unwrap();
    }
    assert!(
        here.done(&["service", "clean"])
            .await
            .contains("removed one service")
    );
    assert_eq!(
        here.count("select count(*) from service_status where service_name = 'mdns'")
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_looks_at_pools_targets_key_and_services() {
    let here = Installation::new().await;
    let (_, said) = here.run(&["doctor"]).await;
    assert!(said.contains("warn  pools: there is none"), "{said}");
    assert!(said.contains("ok    secrets.key_file: "), "{said}");
    assert!(said.contains("ok    services: none runs"), "{said}");
    let strange = POOLS.replace(
        "rndc_secret: aHVudGVyMg==",
        "host: 127.0.0.1\n        rndc_key_file: /nonexistent.key",
    ) + "    - type: pdns4\n      options:\n        host: 192.0.2.9\n";
    let file = here.write("pools.yaml", &strange);
    let said = here.done(&["pool", "update", "--file", text(&file)]).await;
    assert!(said.contains("pdns4"), "{said}");
    let said = here.refused(&["doctor"]).await;
    assert!(
        said.contains(
            "FAIL  server 127.0.0.1:5301 of pool default: target bind9: cannot read /nonexistent.key"
        ),
        "{said}"
    );
    assert!(said.contains("warn  pool default: target pdns4: "), "{said}");
    assert!(
        said.contains("FAIL  server 192.0.2.9:53 of pool default: target pdns4: "),
        "{said}"
    );
}

#[tokio::test]
async fn doctor_finds_a_zone_that_has_the_name_of_a_catalog() {
    let here = Installation::new().await;
    let first = here.write("pools.yaml", POOLS);
    here.done(&["pool", "update", "--file", text(&first)]).await;
    here.insert_zone("c.test.").await;
    let (_, said) = here.run(&["doctor"]).await;
    assert!(!said.contains("c.test."), "{said}");
    let with_catalog = format!("{POOLS}  catalog_zone: {{ catalog_zone_fqdn: C.test. }}\n");
    let file = here.write("pools.yaml", &with_catalog);
    here.done(&["pool", "update", "--file", text(&file)]).await;
    let said = here.refused(&["doctor"]).await;
    let expected = "FAIL  pool default: its catalog zone C.test. has the name of a zone";
    assert!(said.contains(expected), "{said}");
}

#[tokio::test]
async fn secondary_zones_are_shown_with_how_they_stand() {
    let installation = Installation::new().await;
    let said = installation.done(&["secondary", "list"]).await;
    assert!(said.contains("there are no secondary zones"), "{said}");
    let said = installation.done(&["events", "exists"]).await;
    assert!(said.contains("nothing is recorded of that time"), "{said}");

    let client = installation.insert_zone("in.test.").await;
    let said = installation.done(&["secondary", "list"]).await;
    assert!(said.contains("in.test.") && said.contains("NEW"), "{said}");
    client
        .batch_execute(
            "insert into secondary_status values ('00000000-0000-0000-0000-000000000001', now() - interval '2 days',
                 now() - interval '1 day', '192.0.2.1', 7, '192.0.2.1: no answer within 3s', 4)",
        )
        .await
        .unwrap();
    let said = installation.done(&["secondary", "list", "--json"]).await;
    let line: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!(line["state"], "EXPIRED");
    assert_eq!(
        (&line["master_serial"], &line["failures"]),
        (&7.into(), &4.into())
    );
    assert_eq!(line["error"], "192.0.2.1: no answer within 3s");

    client
        .batch_execute("insert into zones_existed values (now(), now() - interval '1 hour', 5, 42)")
        .await
        .unwrap();
    let said = installation.done(&["events", "exists", "--json"]).await;
    let line: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&line["event_type"], &line["zones"]),
        (&"dns.zone.exists".into(), &42.into())
    );
}
