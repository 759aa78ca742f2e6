//! `api`: recordset and zone creates over HTTP by 1, 8 and 32 clients, gets and lists on 1,000 zones and 10,000
//! recordsets. Beside it: pgbench, single-row INSERTs by as many clients on a PostgreSQL of the same kind.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use zonelog_tests::{Zonelog, ZonelogOptions};

use crate::Result;
use crate::http::Http;
use crate::load::{Load, closed_loop};
use crate::pgbench::PgBench;
use crate::report::{Bar, Figure, Report, median};

const WRITING: Duration = Duration::from_secs(3);
const READING: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;
const CLIENTS: [usize; 3] = [1, 8, 32];

pub(crate) async fn run() -> Result<bool> {
    let mut report = Report::new("api");
    writes(&mut report).await?;
    reads(&mut report).await?;
    Ok(report.finish())
}

async fn writes(report: &mut Report) -> Result<()> {
    let zonelog = Zonelog::up(&[], &ZonelogOptions::default()).await;
    let target = Target::of(&zonelog)?;
    let pgbench = PgBench::start().await?;
    let one = vec![target.create_zone("one.bench.").await?];
    let mut fifty = Vec::new();
    for number in 0..50 {
        fifty.push(target.create_zone(&format!("fifty{number}.bench.")).await?);
    }
    for clients in CLIENTS {
        let mut inserts = Vec::new();
        let mut into_one = Vec::new();
        let mut into_fifty = Vec::new();
        for round in 0..ROUNDS {
            inserts.push(pgbench.single_row_inserts(clients, WRITING).await?);
            into_one.push(
                target
                    .create_recordsets(&one, clients, &format!("a{clients}-{round}"))
                    .await?,
            );
            into_fifty.push(
                target
                    .create_recordsets(&fifty, clients, &format!("b{clients}-{round}"))
                    .await?,
            );
        }
        let yardstick = median(inserts);
        for (what, loads) in [("one zone", into_one), ("50 zones", into_fifty)] {
            let mut figure = Figure::new(
                format!("recordset creates, {what}, {clients} clients"),
                rate(&loads),
                "/s",
            );
            figure = figure.beside(yardstick);
            if clients == 32 {
                figure = figure.bar(Bar::TimesAtLeast(0.15));
            }
            report.add(figure);
            report.add(Figure::new(
                format!("  p99, {what}, {clients} clients"),
                p99(&loads),
                "ms",
            ));
        }
    }
    for clients in CLIENTS {
        let mut loads = Vec::new();
        for round in 0..ROUNDS {
            loads.push(
                target
                    .create_zones(clients, &format!("z{clients}-{round}"))
                    .await?,
            );
        }
        report.add(Figure::new(
            format!("zone creates, {clients} clients"),
            rate(&loads),
            "/s",
        ));
    }

    Ok(())
}

async fn reads(report: &mut Report) -> Result<()> {
    let zonelog = Zonelog::up(&[], &ZonelogOptions::default()).await;
    let target = Target::of(&zonelog)?;
    let (zone, recordset) = target.fill(1000, 10_000).await?;
    for (what, path) in [
        ("get of a zone", format!("/v2/zones/{zone}")),
        (
            "get of a recordset",
            format!("/v2/zones/{zone}/recordsets/{recordset}"),
        ),
        ("page of 20 zones of 1,000", "/v2/zones?limit=20".to_owned()),
        (
            "page of 20 recordsets of 10,000",
            format!("/v2/zones/{zone}/recordsets?limit=20"),
        ),
    ] {
        for clients in CLIENTS {
            let mut loads = Vec::new();
            for _ in 0..ROUNDS {
                loads.push(target.gets(&path, clients).await?);
            }
            let mut figure = Figure::new(format!("{what}, {clients} clients"), rate(&loads), "/s");
            if clients == 32 {
                figure = figure.bar(Bar::AtLeast(2000.0));
            }
            report.add(figure);
        }
    }
    Ok(())
}

fn rate(loads: &[Load]) -> f64 {
    median(loads.iter().map(|load| load.per_second).collect())
}

fn p99(loads: &[Load]) -> f64 {
    median(loads.iter().map(|load| load.times.percentile(99.0)).collect())
}

/// The API under load.
struct Target {
    address: SocketAddr,
    token: String,
}

impl Target {
    fn of(zonelog: &Zonelog) -> Result<Self> {
        let token = std::fs::read_to_string(zonelog.data().join("admin-token"))?;
        Ok(Self {
            address: zonelog.api(),
            token: token.trim().to_owned(),
        })
    }

    async fn clients(&self, count: usize) -> Result<Vec<(Http, usize)>> {
        let mut clients = Vec::new();
        for number in 0..count {
            clients.push((Http::connect(self.address, &self.token).await?, number));
        }
        Ok(clients)
    }

    async fn create_zone(&self, name: &str) -> Result<String> {
        let mut http = Http::connect(self.address, &self.token).await?;
        Http::id(&http.expect("POST", "/v2/zones", &zone_body(name), &[202]).await?)
    }

    async fn create_recordsets(&self, zones: &[String], clients: usize, mark: &str) -> Result<Load> {
        let zones: Arc<Vec<String>> = Arc::new(zones.to_vec());
        let mut names = Vec::new();
        let mut http = Http::connect(self.address, &self.token).await?;
        for zone in zones.iter() {
            let body = http
                .expect("GET", &format!("/v2/zones/{zone}"), "", &[200])
                .await?;
            let zone: Value = serde_json::from_slice(&body)?;
            names.push(zone["name"].as_str().ok_or("a zone has a name")?.to_owned());
        }
        let (names, mark): (Arc<Vec<String>>, Arc<str>) = (Arc::new(names), mark.into());
        closed_loop(
            self.clients(clients).await?,
            WRITING,
            move |(mut http, client), count| {
                let (zones, names, mark) = (zones.clone(), names.clone(), mark.clone());
                async move {
                    let place = (client + usize::try_from(count)?) % zones.len();
                    let body = format!(
                        r#"{{"name":"{mark}-{client}-{count}.{}","type":"A","records":["192.0.2.1"]}}"#,
                        names[place]
                    );
                    http.expect(
                        "POST",
                        &format!("/v2/zones/{}/recordsets", zones[place]),
                        &body,
                        &[202],
                    )
                    .await?;
                    Ok((http, client))
                }
            },
        )
        .await
    }

    async fn create_zones(&self, clients: usize, mark: &str) -> Result<Load> {
        let mark: Arc<str> = mark.into();
        closed_loop(
            self.clients(clients).await?,
            WRITING,
            move |(mut http, client), count| {
                let mark = mark.clone();
                async move {
                    let name = format!("{mark}-{client}-{count}.bench.");
                    http.expect("POST", "/v2/zones", &zone_body(&name), &[202])
                        .await?;
                    Ok((http, client))
                }
            },
        )
        .await
    }

    /// Makes `zones` zones and, in the last of them, `recordsets` recordsets; the ids of that zone and of one of them.
    async fn fill(&self, zones: usize, recordsets: usize) -> Result<(String, String)> {
        let mut tasks = tokio::task::JoinSet::new();
        for (mut http, client) in self.clients(16).await? {
            tasks.spawn(async move {
                for number in (client..zones).step_by(16) {
                    let body = zone_body(&format!("fill{number}.bench."));
                    http.expect("POST", "/v2/zones", &body, &[202]).await?;
                }
                Result::<()>::Ok(())
            });
        }
        while let Some(outcome) = tasks.join_next().await {
            outcome??;
        }
        let zone = self.create_zone("filled.bench.").await?;
        let mut tasks = tokio::task::JoinSet::new();
        for (mut http, client) in self.clients(16).await? {
            let path = format!("/v2/zones/{zone}/recordsets");
            tasks.spawn(async move {
                let mut last = String::new();
                for number in (client..recordsets).step_by(16) {
                    let body =
                        format!(r#"{{"name":"r{number}.filled.bench.","type":"A","records":["192.0.2.1"]}}"#);
                    last = Http::id(&http.expect("POST", &path, &body, &[202]).await?)?;
                }
                Result::<String>::Ok(last)
            });
        }
        let mut recordset = String::new();
        while let Some(outcome) = tasks.join_next().await {
            recordset = outcome??;
        }
        Ok((zone, recordset))
    }

    async fn gets(&self, path: &str, clients: usize) -> Result<Load> {
        let path: Arc<str> = path.into();
        closed_loop(
            self.clients(clients).await?,
            READING,
            move |(mut http, client), _| {
                let path = path.clone();
                async move {
                    http.expect("GET", &path, "", &[200]).await?;
                    Ok((http, client))
                }
            },
        )
        .await
    }
}

fn zone_body(name: &str) -> String {
    format!(r#"{{"name":"{name}","email":"hostmaster@example.org"}}"#)
}
