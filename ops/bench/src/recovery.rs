//! `recovery`: 500 changes and 100 new zones are made while a name server is down; from its start until it serves all of
//! them, and until the API says so. Beside it: how long a BIND alone takes from its start to answer for what it has.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_tests::{Zonelog, ZonelogOptions};

use crate::Result;
use crate::asker::{A, Asker, SOA};
use crate::http::Http;
use crate::report::{Bar, Figure, Report, median};

const ZONES: usize = 100;
const NEW: usize = 100;
const CHANGES: usize = 500;
const ROUNDS: usize = 3;
/// How long the server stays down after the last change: a zone that fails for a minute is in ERROR.
const DOWN: Duration = Duration::from_secs(65);
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run() -> Result<bool> {
    let mut report = Report::new("recovery");
    let (mut alone, mut served, mut active, mut erring) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for round in 0..ROUNDS {
        // Once long enough for every zone that is behind to be in ERROR; else as long as the changes take.
        let outcome = recover(if round == 0 { DOWN } else { Duration::ZERO }).await?;
        alone.push(outcome.alone);
        served.push(outcome.served);
        active.push(outcome.active);
        erring = erring.max(outcome.erring);
    }
    let yardstick = median(alone);
    report.add(
        Figure::new(
            "from the start until all is served; BIND's own start",
            median(served),
            "s",
        )
        .beside(yardstick)
        .bar(Bar::AtMost(5.0)),
    );
    report.add(
        Figure::new(
            "from the start until the API says ACTIVE",
            median(active.clone()),
            "s",
        )
        .bar(Bar::AtMost(5.0)),
    );
    let slowest = active.into_iter().fold(0.0, f64::max);
    report.add(Figure::new("  the slowest round", slowest, "s").bar(Bar::AtMost(5.0)));
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    report.add(Figure::new("zones in ERROR afterwards", erring as f64, "").bar(Bar::AtMost(0.0)));
    Ok(report.finish())
}

/// One round, in seconds.
struct Outcome {
    alone: f64,
    served: f64,
    active: f64,
    erring: usize,
}

async fn recover(down: Duration) -> Result<Outcome> {
    let mut bind = Bind::start(BindOptions::default()).await?;
    let zonelog = Zonelog::up(&[&bind], &ZonelogOptions::default()).await;
    let token = std::fs::read_to_string(zonelog.data().join("admin-token"))?;
    let mut http = Http::connect(zonelog.api(), token.trim()).await?;
    let mut zones = Vec::new();
    for number in 0..ZONES {
        zones.push(create(&mut http, &format!("old{number}.bench.")).await?);
    }
    until_active(&mut http).await?;

    bind.stop().await?;
    for number in 0..CHANGES {
        let old = number % ZONES;
        let body = format!(r#"{{"name":"r{number}.old{old}.bench.","type":"A","records":["192.0.2.1"]}}"#);
        let path = format!("/v2/zones/{}/recordsets", zones[old]);
        http.expect("POST", &path, &body, &[202]).await?;
    }
    for number in 0..NEW {
        create(&mut http, &format!("new{number}.bench.")).await?;
    }
    tokio::time::sleep(down).await;
    // The API has closed a connection on which nobody asked anything for so long.
    let mut http = Http::connect(zonelog.api(), token.trim()).await?;

    let start = Instant::now();
    bind.start_again().await?;
    let alone = start.elapsed().as_secs_f64();
    all_served(bind.dns_address()).await?;
    let served = start.elapsed().as_secs_f64();
    until_active(&mut http).await?;
    let active = start.elapsed().as_secs_f64();
    let erring = count(&mut http, "ERROR").await?;
    Ok(Outcome {
        alone,
        served,
        active,
        erring,
    })
}

async fn create(http: &mut Http, name: &str) -> Result<String> {
    let body = format!(r#"{{"name":"{name}","email":"hostmaster@example.org"}}"#);
    Http::id(&http.expect("POST", "/v2/zones", &body, &[202]).await?)
}

/// Waits until the last change of every zone is answered.
async fn all_served(server: SocketAddr) -> Result<()> {
    let mut asker = Asker::new(server).await?;
    for number in CHANGES - ZONES..CHANGES {
        let name = format!("r{number}.old{}.bench.", number % ZONES);
        asker.until_answered(&name, A).await?;
    }
    for number in 0..NEW {
        asker.until_answered(&format!("new{number}.bench."), SOA).await?;
    }
    Ok(())
}

async fn until_active(http: &mut Http) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while count(http, "PENDING").await? + count(http, "ERROR").await? > 0 {
        if Instant::now() > deadline {
            return Err("the zones do not become ACTIVE".into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// How many zones have a status.
async fn count(http: &mut Http, status: &str) -> Result<usize> {
    let answer = http
        .expect("GET", &format!("/v2/zones?limit=1&status={status}"), "", &[200])
        .await?;
    let answer: Value = serde_json::from_slice(&answer)?;
    let total = answer["metadata"]["total_count"]
        .as_u64()
        .ok_or("a list has a total")?;
    Ok(usize::try_from(total)?)
}
