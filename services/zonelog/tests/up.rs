//! `zonelog up` from nothing: PostgreSQL, token, roles, their end, and the operators' commands beside it.
#![allow(clippy::unwrap_used, reason = "what a test cannot do fails it")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use zonelog_test_parts::eventually;

const PATIENCE: Duration = Duration::from_secs(60);

/// A pool without servers.
const POOLS: &str = "- name: default\n  ns_records: [{hostname: ns1.example.net., priority: 1}]\n";

/// A folder with a configuration whose ports are all free ones.
fn installation() -> TempDir {
    let folder = tempfile::Builder::new().prefix("zonelog-up-").tempdir().unwrap();
    // As root PostgreSQL runs as another user, who must be able to enter.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = "[api]\nlisten = \"127.0.0.1:0\"\n[minidns]\nlisten = [\"127.0.0.1:0\"]\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
                  [pools]\nfile = \"pools.yaml\"\n";
    std::fs::write(folder.path().join("zonelog.toml"), config).unwrap();
    std::fs::write(folder.path().join("pools.yaml"), POOLS).unwrap();
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zonelog"));
    command
        .args(arguments)
        .arg("--config")
        .arg(folder.join("zonelog.toml"))
        .arg("--data")
        .arg(folder.join("data"));
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = command(folder, arguments).output().await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A running `zonelog up`.
struct Up {
    child: Child,
    running: Value,
}

impl Up {
    async fn start(folder: &Path) -> Self {
        let file = |name| std::fs::File::create(folder.join(name)).unwrap();
        let child = command(folder, &["up"])
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .unwrap();
        let mut up = Self {
            child,
            running: Value::Null,
        };
        eventually("zonelog is healthy", PATIENCE, async || {
            let ended = up.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}\n{}", read(folder, "err"));
            let Ok(text) = std::fs::read(folder.join("data/running.json")) else {
                return false;
            };
            up.running = serde_json::from_slice(&text).unwrap();
            // What a killed one left behind names another process.
            up.running["pid"] == up.child.id().unwrap_or_default()
                && up.get("metrics", "/healthz").await.as_deref() == Some("zonelog ok\n")
        })
        .await;
        up
    }

    async fn get(&self, port: &str, path: &str) -> Option<String> {
        let url = format!("http://{}{path}", self.running[port].as_str()?);
        reqwest::get(url).await.ok()?.text().await.ok()
    }

    async fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().await.unwrap();
        assert!(sent.success());
    }

    /// SIGTERM; how long it took, and the status.
    async fn stop(mut self) -> (Duration, Option<i32>) {
        let begin = Instant::now();
        self.signal("-TERM").await;
        let status = tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .unwrap()
            .unwrap();
        (begin.elapsed(), status.code())
    }

    async fn create_zone(&self, token: &str, name: &str) -> u16 {
        let url = format!("http://{}/v2/zones", self.running["api"].as_str().unwrap());
        let body = json!({"name": name, "email": "hostmaster@example.org"});
        let request = reqwest::Client::new()
            .post(url)
            .header("X-Auth-Token", token)
            .json(&body);
        request.send().await.unwrap().status().as_u16()
    }
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_to_a_zone_and_back_to_rest() {
    let folder = installation();
    let folder = folder.path();
    let up = Up::start(folder).await;

    let token = read(folder, "data/admin-token");
    for secret in ["data/admin-token", "data/running.json"] {
        let mode = std::fs::metadata(folder.join(secret))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{secret}");
    }
    assert!(read(folder, "out").contains("the administrator's token is in "));
    for output in ["out", "err"] {
        let text = read(folder, output);
        assert!(
            !text.contains(token.trim()),
            "the token stays out of files and journals: {text}"
        );
    }
    assert_eq!(up.create_zone(token.trim(), "example.org.").await, 202);
    assert_eq!(up.create_zone("zl_wrong", "example.com.").await, 401);

    let (status, out, err) = run(folder, &["doctor"]).await;
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(
        out.contains("ok    database: ") && out.contains("ok    rights: ") && out.contains("ok    clock: "),
        "{out}"
    );
    assert!(
        out.contains("answered by Zonelog") && out.contains("answered by MiniDNS"),
        "{out}"
    );

    let (status, out, err) = run(folder, &["events", "tail", "--zone", "Example.ORG"]).await;
    assert_eq!(status, Some(0), "{err}");
    assert!(
        out.contains("first administrator@admin by api  zone example.org. created (serial "),
        "{out}"
    );
    let (_, out, _) = run(folder, &["events", "tail", "--json", "--from", "1"]).await;
    let events: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let positions: Vec<_> = events
        .iter()
        .map(|event| event["position"].as_i64().unwrap())
        .collect();
    assert_eq!(
        positions,
        (1..=i64::try_from(events.len()).unwrap()).collect::<Vec<_>>()
    );
    assert_eq!(events[0]["type"], "pool_created");
    assert_eq!(events[1]["type"], "zone_created");
    assert_eq!(events[1]["payload"]["zone"]["name"], "example.org.");
    let key = std::fs::metadata(folder.join("data/sealing-key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    let (status, _, err) = run(folder, &["events", "tail", "--zone", "nothing.example"]).await;
    assert_eq!(status, Some(1));
    assert!(err.contains("there is no zone nothing.example."), "{err}");

    let (status, out, err) = run(folder, &["projection", "rebuild", "--compare"]).await;
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(
        out.contains("the live tables are equal to them at position"),
        "{out}"
    );

    zones_are_metered(folder).await;

    let metrics = up.get("metrics", "/metrics").await.unwrap();
    for name in [
        "zonelog_info{",
        "process_start_time_seconds",
        "zonelog_append_seconds",
        "zonelog_http_requests_total",
    ] {
        assert!(metrics.contains(name), "no {name} in:\n{metrics}");
    }

    let (status, _, err) = run(folder, &["up"]).await;
    assert_eq!(status, Some(1));
    assert!(err.contains("is in use by another process"), "{err}");

    let (took, status) = up.stop().await;
    assert_eq!(status, Some(0), "{}", read(folder, "err"));
    assert!(took < Duration::from_secs(5), "stopping took {took:?}");
    assert!(!folder.join("data/running.json").exists());
    assert!(
        !folder.join("data/postgresql/data/postmaster.pid").exists(),
        "PostgreSQL was stopped in order"
    );

    let up = Up::start(folder).await;
    assert_eq!(read(folder, "out"), "", "the token is not spoken of again");
    assert_eq!(read(folder, "data/admin-token"), token);
    assert_eq!(
        up.create_zone(token.trim(), "example.org.").await,
        409,
        "the zone is still there"
    );
    assert_eq!(up.stop().await.1, Some(0));
}

/// What meters ask: a record a zone and period.
async fn zones_are_metered(folder: &Path) {
    let url = read(folder, "data/running.json");
    let url: Value = serde_json::from_str(&url).unwrap();
    let database = zonelog_test_parts::postgres::connect(url["url"].as_str().unwrap()).await;
    let ends = "update deadline set due_at = now() where kind = 'zones_exist'";
    database.batch_execute(ends).await.unwrap();
    let exists = async |more: &[&str]| {
        let arguments = [&["events", "exists", "--json"], more].concat();
        let (status, out, err) = run(folder, &arguments).await;
        assert_eq!(status, Some(0), "{err}");
        let lines = out.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect::<Vec<Value>>()
    };
    eventually("the period with the zone is recorded", PATIENCE, async || {
        exists(&[]).await.last().is_some_and(|total| total["zones"] == 1)
    })
    .await;
    let total = exists(&[]).await.pop().unwrap();
    let zones = exists(&["--zones"]).await;
    assert_eq!(zones.len(), 1, "{zones:?}");
    for (key, value) in [
        ("event_type", "dns.zone.exists"),
        ("name", "example.org."),
        ("tenant_id", "admin"),
        ("type", "PRIMARY"),
        ("status", "ACTIVE"),
    ] {
        assert_eq!(zones[0][key], value, "{zones:?}");
    }
    for key in ["audit_period_beginning", "audit_period_ending"] {
        assert_eq!(zones[0][key], total[key]);
    }
    assert_eq!(exists(&["--zones", "--project", "admin"]).await, zones);
    assert_eq!(
        exists(&["--zones", "--project", "nobody"]).await,
        [] as [Value; 0]
    );
    let end = total["audit_period_ending"].as_str().unwrap();
    assert_eq!(exists(&["--zones", "--from", end]).await, [] as [Value; 0]);
    let (status, out, _) = run(folder, &["events", "exists", "--zones"]).await;
    assert!(
        status == Some(0) && out.ends_with("ACTIVE   admin  example.org.\n"),
        "{out}"
    );
    for wrong in [&["--project", "admin"][..], &["--zones", "--from", "yesterday"]] {
        let arguments = [&["events", "exists"], wrong].concat();
        let (status, _, err) = run(folder, &arguments).await;
        assert!(
            status == Some(2) && err.contains("--zones") | err.contains("--from"),
            "{err}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_come_are_listed_and_go() {
    let folder = installation();
    let folder = folder.path();
    let up = Up::start(folder).await;

    let create = [
        "token",
        "create",
        "--project",
        "p1",
        "--name",
        "deploy",
        "--role",
        "member",
        "--expires",
        "1h",
    ];
    let (status, token, err) = run(folder, &create).await;
    assert_eq!(status, Some(0), "{err}");
    assert_eq!(up.create_zone(token.trim(), "tokens.example.").await, 202);

    let (_, listed, _) = run(folder, &["token", "list", "--project", "p1", "--json"]).await;
    assert!(!listed.contains(token.trim()));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["name"], "deploy");
    assert_eq!(listed[0]["state"], "valid");
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!(run(folder, &["token", "revoke", id]).await.0, Some(0));
    let (status, _, err) = run(folder, &["token", "revoke", id]).await;
    assert_eq!(status, Some(1), "it is revoked already");
    assert!(err.contains("there is no valid token"), "{err}");

    eventually("a revoked token opens no door", PATIENCE, async || {
        up.create_zone(token.trim(), "revoked.example.").await == 401
    })
    .await;
    let (_, table, _) = run(folder, &["token", "list"]).await;
    assert!(
        table.starts_with("ID") && table.contains("revoked") && table.contains("first administrator"),
        "{table}"
    );
    assert_eq!(up.stop().await.1, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_is_found_and_put_right() {
    let folder = installation();
    let folder = folder.path();
    let up = Up::start(folder).await;
    let token = read(folder, "data/admin-token");
    assert_eq!(up.create_zone(token.trim(), "tampered.example.").await, 202);

    let url = up.running["owner_url"].as_str().unwrap();
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let changed = client
        .execute("update zone set email = 'nobody@example.org'", &[])
        .await
        .unwrap();
    assert_eq!(changed, 1);

    let (status, out, _) = run(folder, &["projection", "rebuild", "--compare"]).await;
    assert_eq!(status, Some(1), "{out}");
    assert!(
        out.contains("nobody@example.org") && out.contains("hostmaster@example.org"),
        "{out}"
    );
    let (status, out, err) = run(folder, &["projection", "rebuild", "--replace"]).await;
    assert_eq!(status, Some(0), "{out}{err}");
    let (status, out, _) = run(folder, &["projection", "rebuild", "--compare"]).await;
    assert_eq!(status, Some(0), "{out}");
    assert_eq!(
        up.create_zone(token.trim(), "after.example.").await,
        202,
        "writes go on"
    );

    drop(client);
    connection.await.unwrap().unwrap();
    assert_eq!(up.stop().await.1, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_leaves_no_postgresql_behind() {
    let folder = installation();
    let folder = folder.path();
    let mut up = Up::start(folder).await;
    let token = read(folder, "data/admin-token");
    assert_eq!(up.create_zone(token.trim(), "kept.example.").await, 202);

    let pid = read(folder, "data/postgresql/data/postmaster.pid");
    let postgresql = format!("/proc/{}", pid.lines().next().unwrap());
    assert!(Path::new(&postgresql).exists());
    up.child.kill().await.unwrap();
    eventually("PostgreSQL ends with its owner", PATIENCE, async || {
        !Path::new(&postgresql).exists()
    })
    .await;

    let (status, out, _) = run(folder, &["doctor"]).await;
    assert_eq!(status, Some(1));
    assert!(out.contains("`zonelog up` has ended without a word"), "{out}");

    let up = Up::start(folder).await;
    assert_eq!(
        up.create_zone(token.trim(), "kept.example.").await,
        409,
        "what was accepted is there"
    );
    assert_eq!(up.stop().await.1, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_and_a_dead_database_end_it_with_a_word() {
    let folder = installation();
    let folder = folder.path();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = command(folder, &["up"])
        .env("ZONELOG_METRICS__LISTEN", &address)
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(
        err.contains(&format!(
            "zonelog: cannot listen on {address} for metrics (metrics.listen)"
        )),
        "{err}"
    );

    let mut up = Up::start(folder).await;
    let pid = read(folder, "data/postgresql/data/postmaster.pid");
    let killed = Command::new("kill")
        .args(["-KILL", pid.lines().next().unwrap()])
        .status()
        .await
        .unwrap();
    assert!(killed.success());
    let status = tokio::time::timeout(PATIENCE, up.child.wait())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(
        read(folder, "err").contains("PostgreSQL ended by itself"),
        "{}",
        read(folder, "err")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_shown_the_token_once() {
    let folder = installation();
    let folder = folder.path();
    for shown in [true, false] {
        let up = command(folder, &["up"]);
        let line = std::iter::once(up.as_std().get_program()).chain(up.as_std().get_args());
        let line: Vec<_> = line.map(|word| word.to_str().unwrap()).collect();
        // script(1) runs a command on a terminal and keeps what that shows.
        let mut script = Command::new("script")
            .args(["--quiet", "--return", "--flush", "--command", &line.join(" ")])
            .arg(folder.join("terminal"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        eventually("it comes up, or ends", PATIENCE, async || {
            let shown = std::fs::read_to_string(folder.join("terminal"));
            shown.is_ok_and(|text| text.contains("Zonelog runs")) || script.try_wait().unwrap().is_some()
        })
        .await;
        assert!(script.try_wait().unwrap().is_none(), "it does not come up");
        let token = read(folder, "data/admin-token");
        assert_eq!(read(folder, "terminal").contains(token.trim()), shown);
        let running: Value = serde_json::from_str(&read(folder, "data/running.json")).unwrap();
        let pid = running["pid"].to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .await
                .unwrap()
                .success()
        );
        let status = tokio::time::timeout(PATIENCE, script.wait())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(status.code(), Some(0));
        std::fs::remove_file(folder.join("terminal")).unwrap();
    }
}
