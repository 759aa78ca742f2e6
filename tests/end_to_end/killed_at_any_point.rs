//! `kill -9` in the middle of a load of writes: nothing that was acknowledged is lost, nothing is invented, and BIND
//! ends equal to the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::{Method, StatusCode};
use serde_json::json;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::eventually;
use zonelog_tests::{Rest, Zonelog, ZonelogOptions};

use crate::{IN_STEP, until_equal};

const ZONES: usize = 3;
const WRITERS: usize = 6;
const KILLS: u32 = 3;

/// What the writers know: of each name they asked for, whether Zonelog said that it is accepted.
#[derive(Default)]
struct Asked {
    acknowledged: Mutex<BTreeMap<String, String>>,
    tried: Mutex<BTreeSet<String>>,
    number: AtomicU32,
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_accepted_is_lost_and_nothing_is_invented() {
    let bind = Bind::start(BindOptions::default()).await.expect("BIND starts");
    let mut zonelog = Zonelog::up(&[&bind], &ZonelogOptions::default()).await;
    let mut zones = Vec::new();
    for number in 0..ZONES {
        let name = format!("kill{number}.example.");
        zones.push((zonelog.rest().create_zone(&name).await, name));
    }
    let zones = Arc::new(zones);
    let asked = Arc::new(Asked::default());

    for kill in 1..=KILLS {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                tokio::spawn(write_until_cut(
                    zonelog.rest(),
                    zones.clone(),
                    asked.clone(),
                    writer,
                ))
            })
            .collect();
        // The kill falls into the load: at least so many writes of this round were acknowledged before it.
        let before = asked.acknowledged.lock().expect("not poisoned").len();
        let enough = || asked.acknowledged.lock().expect("not poisoned").len() >= before + 60 * kill as usize;
        eventually("writes are acknowledged", IN_STEP, async || enough()).await;
        zonelog.kill().await;
        for writer in writers {
            writer.await.expect("a writer ends at the cut");
        }
        zonelog.start_again().await;
    }

    let rest = zonelog.rest();
    let acknowledged = asked.acknowledged.lock().expect("not poisoned").clone();
    let tried = asked.tried.lock().expect("not poisoned").clone();
    for (name, id) in &acknowledged {
        let zone = zones
            .iter()
            .find(|(_, zone)| name.ends_with(zone.as_str()))
            .expect("a zone of the test");
        let answer = rest.get(&format!("/v2/zones/{}/recordsets/{id}", zone.0)).await;
        assert_eq!(
            (answer.status, &answer.body["name"]),
            (StatusCode::OK, &json!(name)),
            "acknowledged, then lost"
        );
    }
    for (_, zone) in zones.iter() {
        let content = until_equal(zonelog.minidns(), bind.dns_address(), zone).await;
        let served: BTreeSet<String> = content
            .iter()
            .filter(|line| line.contains(" IN A "))
            .filter_map(|line| line.split(' ').next().map(str::to_owned))
            .collect();
        assert!(served.is_subset(&tried), "served, but nobody asked for it");
        let expected: BTreeSet<String> = acknowledged
            .keys()
            .filter(|name| name.ends_with(zone))
            .cloned()
            .collect();
        assert!(expected.is_subset(&served), "acknowledged, but not served");
    }

    // The projections are what the log says, also after kills.
    let output = zonelog.command(&["projection", "rebuild", "--compare"]).await;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

/// Creates recordsets, one after the other, until the connection breaks.
async fn write_until_cut(rest: Rest, zones: Arc<Vec<(String, String)>>, asked: Arc<Asked>, writer: usize) {
    loop {
        let number = asked.number.fetch_add(1, Ordering::Relaxed);
        let (zone, zone_name) = &zones[(number as usize + writer) % zones.len()];
        let name = format!("w{writer}-{number}.{zone_name}");
        asked.tried.lock().expect("not poisoned").insert(name.clone());
        let body = json!({ "name": name, "type": "A", "records": ["192.0.2.1"] });
        match rest
            .send(Method::POST, &format!("/v2/zones/{zone}/recordsets"), &body)
            .await
        {
            Ok(answer) if answer.status == StatusCode::ACCEPTED => {
                let id = answer.body["id"]
                    .as_str()
                    .expect("an accepted recordset has an id")
                    .to_owned();
                asked.acknowledged.lock().expect("not poisoned").insert(name, id);
            }
            // While it goes down it may say that it cannot; anything else is a defect.
            Ok(answer) => assert!(
                answer.status.is_server_error(),
                "{}: {}",
                answer.status,
                answer.body
            ),
            Err(_) => return,
        }
    }
}
