//! The database restarted under load, killed, and its disk full: the API says 503 and when to come back, nothing is
//! half-written, and what was acknowledged is there afterwards.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::{TestDatabase, TestServer, eventually};
use zonelog_tests::{Answer, Rest, Zonelog, ZonelogOptions};

use crate::{IN_STEP, until_equal};

const WRITERS: usize = 4;

/// What a writer was told: the acknowledged recordsets, and how often it was sent away.
#[derive(Default)]
struct Told {
    acknowledged: Mutex<BTreeMap<String, String>>,
    sent_away: Mutex<Vec<Answer>>,
    enough: AtomicBool,
}

impl Told {
    fn acknowledged(&self) -> usize {
        self.acknowledged.lock().expect("not poisoned").len()
    }

    fn sent_away(&self) -> usize {
        self.sent_away.lock().expect("not poisoned").len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_when_the_database_goes_away_under_load() {
    let mut database = TestServer::start().await;
    let bind = Bind::start(BindOptions::default()).await.expect("BIND starts");
    let options = ZonelogOptions {
        database: Some((database.url().to_owned(), database.owner_url().to_owned())),
        ..ZonelogOptions::default()
    };
    let zonelog = Zonelog::up(&[&bind], &options).await;
    let rest = zonelog.rest();
    let zone = rest.create_zone("outage.example.").await;
    let told = Arc::new(Told::default());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            tokio::spawn(write_until_enough(
                rest.clone(),
                zone.clone(),
                told.clone(),
                writer,
            ))
        })
        .collect();

    for kill in [false, true] {
        until_more_are_acknowledged(&told, &database).await;
        let sent_away = told.sent_away();
        if kill {
            database.kill().await;
        } else {
            database.stop().await;
        }
        eventually("writers are sent away", IN_STEP, async || {
            told.sent_away() >= sent_away + WRITERS
        })
        .await;
        database.start_again().await;
    }
    until_more_are_acknowledged(&told, &database).await;
    told.enough.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.expect("a writer ends");
    }

    for answer in told.sent_away.lock().expect("not poisoned").iter() {
        // 504: it was under way when the database went, and could not be read back in time. All others were not written.
        let not_known = answer.status == StatusCode::GATEWAY_TIMEOUT && answer.body["type"] == "timeout";
        let not_written =
            answer.status == StatusCode::SERVICE_UNAVAILABLE && answer.headers.contains_key("retry-after");
        assert!(
            not_known || not_written,
            "{} {:?} {}",
            answer.status,
            answer.headers,
            answer.body
        );
    }
    all_acknowledged_are_there(&rest, &zone, &told).await;
    let content = until_equal(zonelog.minidns(), bind.dns_address(), "outage.example.").await;
    let served = content.iter().filter(|line| line.contains(" IN A ")).count();
    assert!(
        served >= told.acknowledged(),
        "{served} served, {} acknowledged",
        told.acknowledged()
    );
    projections_are_what_the_log_says(&zonelog).await;
}

/// Waits until writes are acknowledged. When they are not, says where each stands: refused, under way, or waiting in the
/// database.
async fn until_more_are_acknowledged(told: &Told, database: &TestServer) {
    let before = told.acknowledged();
    let more = async {
        while told.acknowledged() <= before + 50 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(IN_STEP, more).await.is_ok() {
        return;
    }
    let sessions = zonelog_test_parts::postgres::connect(&database.superuser_url())
        .await
        .query(
            "select concat_ws(' ', pid, application_name, state, wait_event_type, wait_event, now() - state_change, query)
             from pg_stat_activity where backend_type = 'client backend'",
            &[],
        )
        .await
        .expect("the sessions");
    let sessions: Vec<String> = sessions.iter().map(|row| row.get(0)).collect();
    panic!(
        "after {IN_STEP:?} {} acknowledged, {before} of them before; {} sent away, last with {:?}; sessions:\n{}",
        told.acknowledged(),
        told.sent_away(),
        told.sent_away.lock().expect("not poisoned").last(),
        sessions.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_get_on_is_said_and_nothing_is_half_written() {
    let database = TestDatabase::new().await;
    let options = ZonelogOptions {
        database: Some((database.url().to_owned(), database.owner_url().to_owned())),
        ..ZonelogOptions::default()
    };
    let zonelog = Zonelog::up(&[], &options).await;
    let rest = zonelog.rest();
    let zone = rest.create_zone("slow.example.").await;
    let path = format!("/v2/zones/{zone}/recordsets");

    // Somebody holds the head of the log and does not go on, as a writer does whose machine stands still.
    let stuck = database.owner().await;
    stuck
        .batch_execute("begin; select from feed_head where feed = 0 for update")
        .await
        .expect("the lock is free");
    let writes = (0..4).map(|number| {
        let (rest, path) = (rest.clone(), path.clone());
        let body =
            json!({ "name": format!("n{number}.slow.example."), "type": "A", "records": ["192.0.2.1"] });
        tokio::spawn(async move {
            rest.send(Method::POST, &path, &body)
                .await
                .expect("the API stays")
        })
    });
    for write in writes.collect::<Vec<_>>() {
        let answer = write.await.expect("a write is answered");
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
        assert!(answer.headers.contains_key("retry-after"), "{:?}", answer.headers);
    }
    // Reading goes on meanwhile.
    assert_eq!(
        rest.get(&format!("/v2/zones/{zone}")).await.status,
        StatusCode::OK
    );
    stuck
        .batch_execute("rollback")
        .await
        .expect("it still holds the lock");

    rest.create_recordset(&zone, "after.slow.example.", "A", &["192.0.2.1"])
        .await;
    let list = rest.get(&format!("{path}?type=A")).await;
    assert_eq!(
        list.body["metadata"]["total_count"], 1,
        "what was refused is not there: {}",
        list.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_survived() {
    let disk = SmallDisk::mount();
    let options = ZonelogOptions {
        folder: Some(disk.folder().to_owned()),
        ..ZonelogOptions::default()
    };
    let mut zonelog = Zonelog::up(&[], &options).await;
    let rest = zonelog.rest();
    let zone = rest.create_zone("disk.example.").await;
    let told = Arc::new(Told::default());

    disk.fill();
    // Each write takes space that is not there: sooner or later one is refused, or PostgreSQL gives up as a whole.
    let mut number = 0;
    loop {
        number += 1;
        let name = format!("n{number}.disk.example.");
        let text = format!("\"{}\"", "x".repeat(250));
        let body = json!({ "name": name, "type": "TXT", "records": [text, format!("\"{number}\"")] });
        match rest
            .send(Method::POST, &format!("/v2/zones/{zone}/recordsets"), &body)
            .await
        {
            Ok(answer) if answer.status == StatusCode::ACCEPTED => {
                let id = answer.body["id"].as_str().expect("an id").to_owned();
                told.acknowledged.lock().expect("not poisoned").insert(name, id);
            }
            Ok(answer) => {
                assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.body);
                assert!(answer.headers.contains_key("retry-after"), "{:?}", answer.headers);
                break;
            }
            Err(_) => break,
        }
        assert!(number < 200_000, "the disk does not become full");
    }

    disk.free();
    // PostgreSQL may have ended itself, and Zonelog then does, saying where to look; whoever supervises it starts it anew.
    eventually("Zonelog heals or ends", IN_STEP, async || {
        zonelog.has_ended().await || is_healthy(&zonelog).await
    })
    .await;
    if zonelog.has_ended().await {
        assert!(
            zonelog.log().contains("PostgreSQL ended by itself"),
            "{}",
            zonelog.log()
        );
        zonelog.kill_if_running().await;
        zonelog.start_again().await;
    }
    let rest = zonelog.rest();
    eventually("writes are accepted again", IN_STEP, async || {
        let body = json!({ "name": "after.disk.example.", "type": "A", "records": ["192.0.2.1"] });
        let answer = rest
            .send(Method::POST, &format!("/v2/zones/{zone}/recordsets"), &body)
            .await;
        answer.is_ok_and(|answer| [StatusCode::ACCEPTED, StatusCode::CONFLICT].contains(&answer.status))
    })
    .await;
    all_acknowledged_are_there(&rest, &zone, &told).await;
    projections_are_what_the_log_says(&zonelog).await;
}

/// Whether the API reaches its database.
async fn is_healthy(zonelog: &Zonelog) -> bool {
    let url = format!("http://{}/healthcheck", zonelog.api());
    let answer = reqwest::get(url).await;
    answer.is_ok_and(|answer| answer.status().is_success())
}

async fn all_acknowledged_are_there(rest: &Rest, zone: &str, told: &Told) {
    let acknowledged = told.acknowledged.lock().expect("not poisoned").clone();
    for (name, id) in &acknowledged {
        let answer = rest.get(&format!("/v2/zones/{zone}/recordsets/{id}")).await;
        assert_eq!(
            (answer.status, &answer.body["name"]),
            (StatusCode::OK, &json!(name)),
            "acknowledged, then lost"
        );
    }
}

async fn projections_are_what_the_log_says(zonelog: &Zonelog) {
    let output = zonelog.command(&["projection", "rebuild", "--compare"]).await;
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

async fn write_until_enough(rest: Rest, zone: String, told: Arc<Told>, writer: usize) {
    let mut number = 0;
    while !told.enough.load(Ordering::Relaxed) {
        number += 1;
        let name = format!("w{writer}-{number}.outage.example.");
        let body = json!({ "name": name, "type": "A", "records": ["192.0.2.1"] });
        let answer = rest
            .send(Method::POST, &format!("/v2/zones/{zone}/recordsets"), &body)
            .await;
        let answer = answer.expect("the API stays");
        if answer.status == StatusCode::ACCEPTED {
            let id = answer.body["id"].as_str().expect("an id").to_owned();
            told.acknowledged.lock().expect("not poisoned").insert(name, id);
        } else {
            told.sent_away.lock().expect("not poisoned").push(answer);
            // As a good client does: not again before there is hope.
            while !rest.get("/healthcheck").await.status.is_success() {}
        }
    }
}

/// A file system in memory of so few MiB that it can be filled; unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    const MIB: u32 = 400;

    fn mount() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("zonelog-disk-")
            .tempdir()
            .expect("a folder");
        let size = format!("size={}m,mode=0755", Self::MIB);
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &size, "zonelog-test"])
            .arg(folder.path());
        let status = mount.status().expect("mount runs");
        assert!(status.success(), "mounting a file system wants root");
        Self(folder)
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn filler(&self) -> std::path::PathBuf {
        self.0.path().join("filler")
    }

    /// Takes all space that is left.
    fn fill(&self) {
        use std::io::Write;
        let mut file = std::fs::File::create(self.filler()).expect("a file");
        let zeros = vec![0; 1 << 16];
        while file.write_all(&zeros).is_ok() {}
    }

    /// Gives it back.
    fn free(&self) {
        std::fs::remove_file(self.filler()).expect("the file goes");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process of the test may be on its way out still.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}
