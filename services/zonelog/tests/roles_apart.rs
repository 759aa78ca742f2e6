//! The roles as processes of their own, against one database.
#![allow(clippy::unwrap_used, reason = "what a test cannot do fails it")]

use std::net::UdpSocket;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tokio::process::{Child, Command};
use zonelog_test_parts::{TestDatabase, eventually, free_port};

const PATIENCE: Duration = Duration::from_secs(60);

fn command(config: &Path, role: &str, metrics: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zonelog"));
    command.args([role, "--config"]).arg(config);
    command.env("ZONELOG_METRICS__LISTEN", format!("127.0.0.1:{metrics}"));
    command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn start(config: &Path, role: &str) -> Child {
    let metrics = free_port();
    let mut child = command(config, role, metrics).spawn().unwrap();
    let url = format!("http://127.0.0.1:{metrics}/healthz");
    eventually(format!("{role} runs"), PATIENCE, async || {
        assert!(child.try_wait().unwrap().is_none(), "{role} ended");
        reqwest::get(&url).await.is_ok()
    })
    .await;
    child
}

async fn stop(mut child: Child) {
    let pid = child.id().unwrap().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .unwrap()
            .success()
    );
    let status = tokio::time::timeout(PATIENCE, child.wait())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(status.code(), Some(0));
}

/// The response code and the number of answers to a SOA query.
fn soa(port: u16, zone: &str) -> Option<(u8, u8)> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    let mut query = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend_from_slice(zonelog_dns::Name::parse(zone).unwrap().wire());
    query.extend_from_slice(&[0, 6, 0, 1]);
    socket.send(&query).ok()?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).ok()?;
    (length >= 12).then(|| (answer[3] & 0x0f, answer[7]))
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_in_processes_of_their_own_share_the_log() {
    let database = TestDatabase::new().await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("zonelog.toml");
    let (api_port, dns_port) = (free_port(), free_port());
    let text = format!(
        "[database]\nurl = \"{}\"\n[api]\nlisten = \"127.0.0.1:{api_port}\"\n[minidns]\nlisten = [\"127.0.0.1:{dns_port}\"]\n\
         [pools]\nfile = \"pools.yaml\"\n",
        database.url(),
    );
    std::fs::write(&config, text).unwrap();
    let pools = "- name: default\n  ns_records: [{hostname: ns1.example.net., priority: 1}]\n";
    std::fs::write(folder.path().join("pools.yaml"), pools).unwrap();

    let api = start(&config, "api").await;
    let mdns = start(&config, "mdns").await;
    let reconciler = start(&config, "reconciler").await;

    let output = command(&config, "token", 0)
        .args(["create", "--project", "p", "--name", "n"])
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let token = String::from_utf8(output.stdout).unwrap();
    let body = json!({"name": "apart.example.", "email": "hostmaster@example.org"});
    let request = reqwest::Client::new()
        .post(format!("http://127.0.0.1:{api_port}/v2/zones"))
        .header("X-Auth-Token", token.trim())
        .json(&body);
    assert_eq!(request.send().await.unwrap().status().as_u16(), 202);
    eventually("MiniDNS answers for the zone", PATIENCE, async || {
        soa(dns_port, "apart.example.") == Some((0, 1))
    })
    .await;
    assert_eq!(
        soa(dns_port, "other.example.").map(|(rcode, _)| rcode),
        Some(5),
        "REFUSED"
    );

    // Each says that it runs, under the names that Designate's clients look for, and that it stops.
    let client = database.client().await;
    let services = async |status: &str| {
        let sql = "select service_name from service_status where status = $1 order by service_name";
        let rows = client.query(sql, &[&status]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
    };
    let all = ["api", "central", "mdns", "producer", "worker"];
    eventually("every service beats", PATIENCE, async || {
        services("UP").await == all
    })
    .await;
    stop(reconciler).await;
    stop(mdns).await;
    stop(api).await;
    assert_eq!(services("STOPPED").await, all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_refuses_a_database_without_schema_until_it_is_migrated() {
    let database = TestDatabase::without_schema().await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("zonelog.toml");
    let text = format!(
        "[database]\nurl = \"{}\"\nowner_url = \"{}\"\n",
        database.url(),
        database.owner_url()
    );
    std::fs::write(&config, text).unwrap();

    let output = command(&config, "mdns", 0).output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("zonelog migrate"), "{err}");

    let output = command(&config, "migrate", 0).output().await.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let again = command(&config, "migrate", 0).output().await.unwrap();
    assert!(String::from_utf8(again.stdout).unwrap().contains("already"));
    let output = command(&config, "token", 0).arg("list").output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
}
