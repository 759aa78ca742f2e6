//! Reconcilers as processes, stopped past their lease and continued, or killed at any point, while zones come, change and
//! go: in the end every server has every zone as the log has it, record by record, and none that was deleted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::task::JoinHandle;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::{TestDatabase, eventually, free_port};
use zonelog_tests::{Dig, Rest, Role, ZonelogOptions, binary, pools_yaml, zone_content};

use crate::IN_STEP;

/// The names that come and go.
const NAMES: usize = 8;

/// An API, a MiniDNS and name servers; reconcilers come and go.
struct Installation {
    database: TestDatabase,
    folder: TempDir,
    rest: Rest,
    minidns: std::net::SocketAddr,
    servers: Vec<Bind>,
    _roles: [Role; 2],
}

impl Installation {
    async fn new(servers: usize) -> Self {
        let (database, folder) = (TestDatabase::new().await, tempfile::tempdir().expect("a folder"));
        let mut binds = Vec::new();
        for _ in 0..servers {
            binds.push(Bind::start(BindOptions::default()).await.expect("BIND starts"));
        }
        let [api, minidns] = [free_port(), free_port()].map(|port| ([127, 0, 0, 1], port).into());
        let pools = pools_yaml(
            folder.path(),
            minidns,
            &binds.iter().collect::<Vec<_>>(),
            &ZonelogOptions::default(),
        );
        std::fs::write(folder.path().join("pools.yaml"), pools).expect("the pools are written");
        let config = folder.path().join("zonelog.toml");
        let text = format!(
            "[database]\nurl = \"{}\"\n[api]\nlisten = \"{api}\"\n[minidns]\nlisten = [\"{minidns}\"]\n\
             [pools]\nfile = \"pools.yaml\"\n[quotas]\nzones = -1\nzone_recordsets = -1\nzone_records = -1\n",
            database.url(),
        );
        std::fs::write(&config, text).expect("the configuration is written");
        let roles = [
            Role::start(&config, "api", "api").healthy().await,
            Role::start(&config, "mdns", "mdns").healthy().await,
        ];
        let output = Command::new(binary())
            .args([
                "token",
                "create",
                "--project",
                "p",
                "--name",
                "test",
                "--role",
                "admin",
                "--config",
            ])
            .arg(&config)
            .output()
            .await
            .expect("zonelog runs");
        let token = String::from_utf8(output.stdout).expect("a token is text");
        Self {
            database,
            folder,
            rest: Rest::new(api, token.trim()),
            minidns,
            servers: binds,
            _roles: roles,
        }
    }

    fn reconciler(&self, name: &str) -> Role {
        Role::start(&self.config(), "reconciler", name)
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("zonelog.toml")
    }

    /// The process that holds the first server's lease, and under which token.
    async fn holder(&self) -> Option<(u32, i64)> {
        let client = self.database.client().await;
        let statement = "select holder, token from server_lease order by server limit 1";
        let row = client.query_opt(statement, &[]).await.expect("a row")?;
        let holder: String = row.get(0);
        let (_, pid) = holder.rsplit_once(':').expect("host and process");
        Some((pid.parse().expect("a number"), row.get(1)))
    }

    /// Up to where in the log all servers are.
    async fn checkpoint(&self) -> i64 {
        let client = self.database.client().await;
        let statement = "select coalesce(min(position), 0) from server_checkpoint";
        client.query_one(statement, &[]).await.expect("a row").get(0)
    }

    /// Waits until nothing is left to do, then compares every server with what MiniDNS has from the log: whole zones.
    async fn until_equal(&self, churn: &Churned) {
        let client = self.database.client().await;
        eventually("every server is at the log's head", IN_STEP * 2, async || {
            let statement = "select (select count(*) from server_zone) \
                 + (select count(*) from server_control where replay_from is not null), \
                 (select max(h.position - c.position) from server_checkpoint c, feed_head h where h.feed = 0), \
                 (select count(*) from server_checkpoint)";
            let row = client.query_one(statement, &[]).await.expect("a row");
            let (behind, lag, servers): (i64, Option<i64>, i64) = (row.get(0), row.get(1), row.get(2));
            (behind, lag, servers) == (0, Some(0), i64::try_from(self.servers.len()).expect("a few"))
        })
        .await;
        for (name, zone) in &churn.zones {
            let ours = zone_content(self.minidns, name).await;
            assert_eq!(ours.is_some(), zone.is_some(), "{name} at MiniDNS");
            for server in &self.servers {
                let theirs = zone_content(server.dns_address(), name).await;
                assert_eq!(theirs, ours, "{name} at {}", server.dns_address());
                if zone.is_none() {
                    let answer = Dig::ask(server.dns_address(), &["+norecurse", name, "SOA"]).await;
                    assert!(answer.text.contains("status: REFUSED"), "{name}: {}", answer.text);
                }
            }
        }
    }
}

/// The names, and the zone that lives under each.
#[derive(Debug, Default)]
struct Churned {
    zones: BTreeMap<String, Option<String>>,
    changes: usize,
}

/// Changes zones without a pause until it is told that it is enough.
struct Churn {
    enough: Arc<AtomicBool>,
    task: JoinHandle<Churned>,
}

impl Churn {
    fn start(rest: &Rest, mut churned: Churned, seed: u64) -> Self {
        let (enough, rest) = (Arc::new(AtomicBool::new(false)), rest.clone());
        let told = Arc::clone(&enough);
        let task = tokio::spawn(async move {
            let mut random = Random(seed);
            while !told.load(Ordering::Relaxed) {
                churned.change(&rest, &mut random).await;
            }
            churned
        });
        Self { enough, task }
    }

    async fn stop(self) -> Churned {
        self.enough.store(true, Ordering::Relaxed);
        self.task.await.expect("the changes are accepted")
    }
}

impl Churned {
    /// Makes a zone, changes it, or deletes it: what is deleted is soon made again under the same name.
    async fn change(&mut self, rest: &Rest, random: &mut Random) {
        self.changes += 1;
        let name = format!("churn{}.example.", random.below(NAMES as u64));
        let present = self.zones.entry(name.clone()).or_default();
        let (method, path, body) = match present {
            None => {
                let body = json!({ "name": name, "email": "hostmaster@example.org" });
                (Method::POST, "/v2/zones".to_owned(), body)
            }
            Some(zone) if random.below(4) == 0 => (Method::DELETE, format!("/v2/zones/{zone}"), Value::Null),
            Some(zone) => {
                let body = json!({ "name": format!("r{}.{name}", self.changes), "type": "A", "records": ["192.0.2.1"] });
                (Method::POST, format!("/v2/zones/{zone}/recordsets"), body)
            }
        };
        let answer = rest
            .send(method.clone(), &path, &body)
            .await
            .expect("the API answers");
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{path}: {}", answer.body);
        if method == Method::DELETE {
            *present = None;
        } else if present.is_none() {
            *present = Some(answer.body["id"].as_str().expect("an id").to_owned());
        }
    }
}

/// A sequence that looks random and is the same for the same seed (an LCG; Knuth's constants).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reconciler_that_was_stopped_past_its_lease_harms_nothing() {
    let here = Installation::new(1).await;
    let reconcilers = [
        here.reconciler("first").healthy().await,
        here.reconciler("second").healthy().await,
    ];
    let mut churned = Churned::default();
    let mut random = Random(7);
    for round in 0..2 {
        eventually("one of them works", IN_STEP, async || {
            here.holder().await.is_some()
        })
        .await;
        let churn = Churn::start(&here.rest, churned, round);
        tokio::time::sleep(Duration::from_millis(500 + random.below(500))).await;
        let (pid, token) = here.holder().await.expect("a holder");
        let frozen = reconcilers.iter().find(|reconciler| reconciler.pid() == pid);
        let frozen = frozen.expect("one of ours");
        let lost = "another reconciler took the lease";
        let lost_before = frozen.log().matches(lost).count();
        frozen.freeze().await;
        eventually("the other takes over", IN_STEP, async || {
            here.holder()
                .await
                .is_some_and(|(now, new)| now != pid && new > token)
        })
        .await;
        // Its successor has done some of the work before it wakes up.
        let before = here.checkpoint().await;
        eventually("its successor works", IN_STEP, async || {
            here.checkpoint().await >= before + 20
        })
        .await;
        frozen.thaw().await;
        eventually("it finds that it lost its lease", IN_STEP, async || {
            frozen.log().matches(lost).count() > lost_before
        })
        .await;
        churned = churn.stop().await;
        let (now, _) = here.holder().await.expect("a holder");
        assert_ne!(now, pid, "it took nothing back");
        here.until_equal(&churned).await;
    }
    assert!(churned.changes > 100, "{} changes", churned.changes);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_end_equal_to_the_log_though_the_reconciler_is_killed_at_twenty_points() {
    let here = Installation::new(2).await;
    let mut random = Random(20);
    let churn = Churn::start(&here.rest, Churned::default(), 20);
    let mut worked = 0;
    for _ in 0..20 {
        let before = here.holder().await.map_or(0, |(_, token)| token);
        let reconciler = here.reconciler("reconciler");
        tokio::time::sleep(Duration::from_millis(100 + random.below(700))).await;
        reconciler.kill().await;
        worked += usize::from(here.holder().await.is_some_and(|(_, token)| token > before));
    }
    let churned = churn.stop().await;
    // Those that had not yet begun to work when they were killed show little.
    assert!(worked >= 10, "{worked} of 20 held the lease");
    let _last = here.reconciler("reconciler");
    here.until_equal(&churned).await;
    assert!(churned.changes > 100, "{} changes", churned.changes);
}
