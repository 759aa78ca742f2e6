//! `lists`: pages of 20 filtered by name with a wildcard in front and behind, out of 100,000 zones and of a zone of
//! 1,000,000 recordsets; gets with and without authentication. Every request has another pattern, so that no count was
//! taken before. Beside it: PostgreSQL alone, reading all names of the list; and what an index of trigrams would cost the
//! writes.

mod authentication;
mod fixture;
mod plans;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_postgres::Client;
use zonelog_tests::{Zonelog, ZonelogOptions};

use crate::Result;
use crate::http::Http;
use crate::load::{Load, closed_loop};
use crate::report::{Bar, Figure, Report, median, say};

const ZONES: i64 = 100_000;
const RECORDSETS: i64 = 1_000_000;
const READING: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;

pub(crate) async fn run() -> Result<bool> {
    let mut report = Report::new("lists");
    let zonelog = Zonelog::up(&[], &ZonelogOptions::default()).await;
    let api = Api::of(&zonelog)?;
    let owner = crate::transfer::owner(&zonelog).await?;
    let zone = api.create_zone("large.bench.").await?;
    let template = api.create_zone("lists.bench.").await?;
    fixture::recordsets(&owner, &zone, RECORDSETS).await?;
    fixture::zones(&owner, &template, ZONES).await?;

    let recordsets = format!("/v2/zones/{zone}/recordsets");
    let lists = [
        List {
            what: "20 recordsets of 1,000,000",
            path: &recordsets,
            names: "host-",
            digits: 6,
        },
        List {
            what: "20 zones of 100,000",
            path: "/v2/zones",
            names: "zone-",
            digits: 5,
        },
    ];
    for list in &lists {
        let yardstick = list.by_postgresql_alone(&owner, &zone).await?;
        let first = Instant::now();
        api.get(&list.url("1234")).await?;
        report.add(Figure::new(
            format!("{}, the first search", list.what),
            first.elapsed().as_secs_f64() * 1e3,
            "ms",
        ));
        for (found, pattern) in [
            ("a few fit", Pattern::Few),
            ("some thousands fit", Pattern::Some),
            ("a tenth fits", Pattern::Tenth),
        ] {
            for clients in [1, 8] {
                let mut loads = Vec::new();
                for round in 0..ROUNDS {
                    loads.push(api.search(list, pattern, clients, round).await?);
                }
                let name = format!("{}, {found}, {clients} clients", list.what);
                let p50 = percentile(&loads, 50.0);
                let mut figure = Figure::new(format!("{name}, p50"), p50, "ms").beside(yardstick);
                if clients == 1 {
                    figure = figure.bar(Bar::AtMost(20.0));
                }
                report.add(figure);
                report.add(Figure::new("  p99", percentile(&loads, 99.0), "ms"));
            }
        }
    }
    written_to_meanwhile(&mut report, &api, &zone, &lists[0]).await?;
    trigrams(&mut report, &owner, &zone).await?;
    let explained = plans::explain(&zonelog, &zone).await?;
    drop(owner);
    authentication::gets(&mut report, &zonelog).await?;
    say("");
    say("The statements of a page and its count, as PostgreSQL runs them:");
    for plan in explained {
        say(&plan);
    }
    Ok(report.finish())
}

fn percentile(loads: &[Load], percent: f64) -> f64 {
    median(loads.iter().map(|load| load.times.percentile(percent)).collect())
}

/// How much a pattern finds.
#[derive(Clone, Copy)]
enum Pattern {
    Few,
    Some,
    Tenth,
}

/// A list of numbered names.
struct List<'a> {
    what: &'static str,
    path: &'a str,
    /// What stands before the number.
    names: &'static str,
    /// How many digits most numbers have.
    digits: u32,
}

impl List<'_> {
    fn url(&self, text: &str) -> String {
        format!("{}?limit=20&name=*{text}*", self.path)
    }

    /// The text of the search of a number.
    fn text(&self, pattern: Pattern, number: u64) -> String {
        // Scattered, and the same in every run.
        let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        match pattern {
            Pattern::Few => {
                let least = 10_u64.pow(self.digits - 1);
                (least + number % (least * 9)).to_string()
            }
            Pattern::Some => format!("{:03}", number % 1000),
            Pattern::Tenth => format!("{}{}", self.names, 1 + number % 9),
        }
    }

    /// The median time in which PostgreSQL counts and finds a page without help: it reads all names of the list.
    async fn by_postgresql_alone(&self, owner: &Client, zone: &str) -> Result<f64> {
        let (from, order) = if self.names == "host-" {
            let of_zone = format!("recordset_version where zone = '{zone}' and until_serial is null");
            (of_zone, "recordset")
        } else {
            ("zone where deleted_at is null".to_owned(), "id")
        };
        let name = if order == "id" { "name" } else { "owner" };
        owner
            .batch_execute("set max_parallel_workers_per_gather = 0; set jit = off")
            .await?;
        let fits = format!("{from} and lower({name}) like $1");
        let count = owner.prepare(&format!("select count(*) from {fits}")).await?;
        let page = format!("select {name} from {fits} order by created_at, {order} limit 20");
        let page = owner.prepare(&page).await?;
        let mut times = Vec::new();
        for number in 0..5 {
            let like = format!("%{}%", self.text(Pattern::Few, number));
            let start = Instant::now();
            owner.query_one(&count, &[&like]).await?;
            owner.query(&page, &[&like]).await?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        Ok(median(times))
    }
}

/// Searches of a zone into which others write at the same time.
async fn written_to_meanwhile(report: &mut Report, api: &Api, zone: &str, list: &List<'_>) -> Result<()> {
    let path: Arc<str> = format!("/v2/zones/{zone}/recordsets").into();
    let writers = api.clients(4).await?;
    let writing = closed_loop(writers, READING, move |(mut http, client), count| {
        let path = Arc::clone(&path);
        async move {
            let body = format!(
                r#"{{"name":"new-{client}-{count}.large.bench.","type":"A","records":["192.0.2.1"]}}"#
            );
            http.expect("POST", &path, &body, &[202]).await?;
            Ok((http, client))
        }
    });
    let reading = api.search(list, Pattern::Few, 1, 9);
    let (writing, reading) = futures_util::try_join!(writing, reading)?;
    report.add(Figure::new(
        "20 recordsets of 1,000,000, 4 clients write, p50",
        reading.times.percentile(50.0),
        "ms",
    ));
    report.add(Figure::new("  p99", reading.times.percentile(99.0), "ms"));
    report.add(Figure::new("  writes", writing.per_second, "/s"));
    Ok(())
}

/// What the recordset rows of a bulk write cost with an index of trigrams, beside without.
async fn trigrams(report: &mut Report, owner: &Client, zone: &str) -> Result<()> {
    let mut plain = Vec::new();
    let mut indexed = Vec::new();
    for _ in 0..ROUNDS {
        plain.push(fixture::bulk_insert(owner, zone, false).await?);
        indexed.push(fixture::bulk_insert(owner, zone, true).await?);
    }
    report.add(
        Figure::new(
            "a recordset's row with an index of trigrams (not used)",
            median(indexed),
            "us",
        )
        .beside(median(plain)),
    );
    Ok(())
}

/// The API and a token for it.
pub(crate) struct Api {
    address: SocketAddr,
    token: String,
}

impl Api {
    fn of(zonelog: &Zonelog) -> Result<Self> {
        let token = std::fs::read_to_string(zonelog.data().join("admin-token"))?;
        Ok(Self::with_token(zonelog.api(), token.trim()))
    }

    fn with_token(address: SocketAddr, token: &str) -> Self {
        Self {
            address,
            token: token.to_owned(),
        }
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
        let body = format!(r#"{{"name":"{name}","email":"hostmaster@example.org"}}"#);
        Http::id(&http.expect("POST", "/v2/zones", &body, &[202]).await?)
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>> {
        let mut http = Http::connect(self.address, &self.token).await?;
        http.expect("GET", path, "", &[200]).await
    }

    async fn gets(&self, path: &str, clients: usize) -> Result<Load> {
        let path: Arc<str> = path.into();
        closed_loop(
            self.clients(clients).await?,
            READING,
            move |(mut http, client), _| {
                let path = Arc::clone(&path);
                async move {
                    http.expect("GET", &path, "", &[200]).await?;
                    Ok((http, client))
                }
            },
        )
        .await
    }

    async fn search(&self, list: &List<'_>, pattern: Pattern, clients: usize, round: usize) -> Result<Load> {
        let (what, path, names, digits) = (list.what, list.path.to_owned(), list.names, list.digits);
        closed_loop(
            self.clients(clients).await?,
            READING,
            move |(mut http, client), count| {
                let path = path.clone();
                async move {
                    let list = List {
                        what,
                        path: &path,
                        names,
                        digits,
                    };
                    let number = count * 64 + client as u64 * 8 + round as u64;
                    let url = list.url(&list.text(pattern, number));
                    let answer = http.expect("GET", &url, "", &[200]).await?;
                    let total = b"\"total_count\":";
                    if !answer.windows(total.len()).any(|window| window == total) {
                        return Err(format!("{url} has no total_count").into());
                    }
                    Ok((http, client))
                }
            },
        )
        .await
    }
}
