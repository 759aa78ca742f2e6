//! `transfer`: AXFR of zones of a thousand, a hundred thousand and a million records, cold and warm; IXFR after changes
//! of the million-record zone; memory. Beside it: knotd with the same records, read by the same client.
//!
//! MiniDNS serves inside `zonelog up`, the whole program in one process. Cold is the first AXFR after its start, when the
//! zone has to be read from PostgreSQL; knotd reads its master files before it answers at all.

mod at_once;
mod fixture;
pub(crate) mod knot;

pub(crate) use fixture::{fill, owner};
pub(crate) use knot::{Knot, write_master_file};

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use uuid::Uuid;
use zonelog_dns::{Name, Serial};
use zonelog_mdns::drain::{Ask, Drained, Shape, drain};
use zonelog_tests::{Zonelog, ZonelogOptions};

use crate::Result;
use crate::asker::{Asker, SOA};
use crate::http::Http;
use crate::memory::Memory;
use crate::report::{Bar, Figure, Report, median, say};

/// Records, and how many warm transfers the median is of.
const ZONES: [(usize, usize); 3] = [(1_000, 101), (100_000, 21), (1_000_000, 7)];
/// Single changes, each followed by the IXFR that brings it: the median is of these.
const SINGLE_CHANGES: u32 = 21;
const KNOT_SINGLE_CHANGES: u32 = 5;
const REPEATS: usize = 101;
const CLIENTS: u32 = 32;
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn run() -> Result<bool> {
    let mut report = Report::new("transfer");
    let zones: Vec<(String, usize)> = ZONES
        .iter()
        .map(|(records, _)| (format!("of{records}.bench."), *records))
        .collect();
    let mut zonelog = Zonelog::up(&[], &ZonelogOptions::default()).await;
    let token = std::fs::read_to_string(zonelog.data().join("admin-token"))?
        .trim()
        .to_owned();
    let mut ids = Vec::new();
    {
        let mut http = Http::connect(zonelog.api(), &token).await?;
        let owner = fixture::owner(&zonelog).await?;
        at_once::make_key(&mut http).await?;
        for (name, records) in &zones {
            let start = Instant::now();
            let body = format!(r#"{{"name":"{name}","email":"hostmaster@example.org"}}"#);
            let id = Http::id(&http.expect("POST", "/v2/zones", &body, &[202]).await?)?;
            fixture::fill(&owner, Uuid::parse_str(&id)?, *records).await?;
            ids.push(id);
            say(&format!(
                "  {name} is in the database after {:.1} s",
                start.elapsed().as_secs_f64()
            ));
        }
    }
    let start = Instant::now();
    let mut knot = Knot::start(&zones).await?;
    say(&format!(
        "  knotd has read its master files after {:.1} s",
        start.elapsed().as_secs_f64()
    ));
    // Twice: what follows has a cold start too.
    let ours = started(&mut zonelog, &zones[2].0).await?;
    let ours = ours + milliseconds(transfer(zonelog.minidns(), &zones[2].0, Ask::Axfr).await?.total);
    let start = Instant::now();
    knot.start_again().await?;
    transfer(knot.address(), &zones[2].0, Ask::Axfr).await?;
    let theirs = milliseconds(start.elapsed());
    report.add(
        Figure::new("start, and first AXFR of 1,000,000 records", ours, "ms")
            .beside(theirs)
            .bar(Bar::TimesAtMost(1.0)),
    );
    started(&mut zonelog, &zones[2].0).await?;

    let servers = Servers {
        ours: zonelog.minidns(),
        knot: knot.address(),
    };
    for ((name, records), (_, runs)) in zones.iter().zip(ZONES) {
        axfr(&mut report, &servers, name, *records, runs).await?;
    }
    memory(&mut report, "after AXFR of all three zones", &zonelog, &knot)?;
    at_once::run(&mut report, (servers.ours, zonelog.pid()), &knot, &zones[2].0).await?;
    memory(&mut report, "after eight at once", &zonelog, &knot)?;

    let of_a_million = &zones[2].0;
    let changes = Changes {
        api: zonelog.api(),
        token,
        zone: of_a_million.clone(),
        id: ids[2].clone(),
    };
    ixfr_of_one(&mut report, &servers, &changes, &knot).await?;
    ixfr_of_many(&mut report, &servers, &changes, &knot, 100).await?;
    ixfr_of_many(&mut report, &servers, &changes, &knot, 10_000).await?;
    let warm = transfer(servers.ours, of_a_million, Ask::Axfr).await?;
    let name = "AXFR of 1,000,000 records, first after 10,000 changes";
    report.add(Figure::new(name, milliseconds(warm.total), "ms"));
    memory(&mut report, "at the end", &zonelog, &knot)?;
    Ok(report.finish())
}

/// Starts Zonelog again; how long it takes until MiniDNS answers for the zone, in milliseconds. (Until it has read which
/// zones there are, it says SERVFAIL.)
async fn started(zonelog: &mut Zonelog, zone: &str) -> Result<f64> {
    zonelog.stop().await?;
    let start = Instant::now();
    zonelog.start_again().await;
    Asker::new(zonelog.minidns())
        .await?
        .until_answered(zone, SOA)
        .await?;
    Ok(milliseconds(start.elapsed()))
}

struct Servers {
    ours: SocketAddr,
    knot: SocketAddr,
}

/// One transfer, read by a thread that does nothing else.
async fn transfer(server: SocketAddr, zone: &str, ask: Ask) -> Result<Drained> {
    let zone = Name::parse(zone)?;
    Ok(tokio::task::spawn_blocking(move || drain(server, &zone, ask, PATIENCE, |_, _| {})).await??)
}

async fn axfr(report: &mut Report, servers: &Servers, zone: &str, records: usize, runs: usize) -> Result<()> {
    let cold = transfer(servers.ours, zone, Ask::Axfr).await?;
    let knot = transfer(servers.knot, zone, Ask::Axfr).await?;
    // The SOA twice, the apex NS, and the zone's own records.
    if [cold.records, knot.records] != [records + 3; 2] {
        return Err(format!("{zone}: we sent {} records, knotd {}", cold.records, knot.records).into());
    }
    report.add(Figure::new(
        format!("AXFR of {records} records, cold"),
        milliseconds(cold.total),
        "ms",
    ));
    let (mut ours, mut theirs, mut firsts) = (Vec::new(), Vec::new(), Vec::new());
    let mut octets = (0, 0);
    for _ in 0..runs {
        let drained = transfer(servers.ours, zone, Ask::Axfr).await?;
        ours.push(milliseconds(drained.total));
        firsts.push(milliseconds(drained.first_octet));
        octets.0 = drained.octets;
        let drained = transfer(servers.knot, zone, Ask::Axfr).await?;
        theirs.push(milliseconds(drained.total));
        octets.1 = drained.octets;
    }
    let (ours, theirs) = (median(ours), median(theirs));
    let name = format!("AXFR of {records} records, warm");
    let most = if records < 1_000_000 { 1.0 } else { 1.0 / 3.0 };
    report.add(
        Figure::new(name, ours, "ms")
            .beside(theirs)
            .bar(Bar::TimesAtMost(most)),
    );
    report.add(
        Figure::new("  records a second", records as f64 / ours * 1e3, "/s")
            .beside(records as f64 / theirs * 1e3),
    );
    report.add(Figure::new("  octets", octets.0 as f64, "").beside(octets.1 as f64));
    report.add(Figure::new("  first octet after", median(firsts), "ms"));
    Ok(())
}

/// Changes of the million-record zone through the API.
struct Changes {
    api: SocketAddr,
    token: String,
    zone: String,
    id: String,
}

impl Changes {
    async fn client(&self) -> Result<Http> {
        Http::connect(self.api, &self.token).await
    }

    async fn serial(&self) -> Result<Serial> {
        let answer = self
            .client()
            .await?
            .expect("GET", &format!("/v2/zones/{}", self.id), "", &[200])
            .await?;
        let zone: serde_json::Value = serde_json::from_slice(&answer)?;
        let serial = zone["serial"].as_u64().ok_or("the zone has no serial")?;
        Ok(Serial::new(u32::try_from(serial)?))
    }

    async fn add(&self, http: &mut Http, owner: &str) -> Result<()> {
        let body = format!(r#"{{"name":"{owner}","type":"A","records":["192.0.2.1"]}}"#);
        http.expect(
            "POST",
            &format!("/v2/zones/{}/recordsets", self.id),
            &body,
            &[202],
        )
        .await?;
        Ok(())
    }

    fn owners(&self, mark: String, count: u32) -> impl Iterator<Item = String> + use<> {
        let zone = self.zone.clone();
        (0..count).map(move |number| format!("{mark}-{number}.{zone}"))
    }

    /// Adds so many records, each by a POST of its own, by several clients at once.
    async fn add_many(&self, mark: &str, count: u32) -> Result<()> {
        let owners: Vec<String> = self.owners(mark.to_owned(), count).collect();
        let share = owners.len().div_ceil(CLIENTS as usize);
        let adding = owners.chunks(share).map(|owners| async move {
            let mut http = self.client().await?;
            for owner in owners {
                self.add(&mut http, owner).await?;
            }
            Result::<()>::Ok(())
        });
        futures_util::future::try_join_all(adding).await?;
        Ok(())
    }
}

/// Asks for what is newer than `from` until there is a difference; that one is the first of its kind, made for us.
/// With `to`, until it leads there.
async fn first_difference(
    server: SocketAddr,
    zone: &str,
    from: Serial,
    to: Option<Serial>,
) -> Result<Drained> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let drained = transfer(server, zone, Ask::Ixfr(from)).await?;
        match drained.shape {
            Shape::SoaAlone => {}
            Shape::Difference if to.is_none_or(|to| to == drained.serial) => return Ok(drained),
            Shape::Difference => {}
            Shape::Whole => return Err(format!("{zone}: the whole zone came as an answer to IXFR").into()),
        }
    }
    Err(format!("{zone}: no difference from serial {from}").into())
}

async fn ixfr_of_one(report: &mut Report, servers: &Servers, changes: &Changes, knot: &Knot) -> Result<()> {
    let zone = &changes.zone;
    let mut http = changes.client().await?;
    let mut firsts = Vec::new();
    let mut from = changes.serial().await?;
    let mut last = from;
    for owner in changes.owners("single".to_owned(), SINGLE_CHANGES) {
        changes.add(&mut http, &owner).await?;
        let drained = first_difference(servers.ours, zone, from, None).await?;
        firsts.push(milliseconds(drained.total));
        (last, from) = (from, drained.serial);
    }
    let mut theirs = Vec::new();
    let mut knot_from = serial(servers.knot, zone).await?;
    let mut knot_last = knot_from;
    for owner in changes.owners("single".to_owned(), KNOT_SINGLE_CHANGES) {
        knot.add(zone, std::iter::once(owner)).await?;
        let drained = first_difference(servers.knot, zone, knot_from, None).await?;
        theirs.push(milliseconds(drained.total));
        (knot_last, knot_from) = (knot_from, drained.serial);
    }
    let name = "IXFR of 1 change of 1,000,000, asked for the first time";
    report.add(
        Figure::new(name, median(firsts), "ms")
            .beside(median(theirs))
            .bar(Bar::AtMost(1.0)),
    );
    repeated(
        report,
        servers,
        zone,
        "IXFR of 1 change of 1,000,000, again",
        (last, knot_last),
    )
    .await
}

async fn ixfr_of_many(
    report: &mut Report,
    servers: &Servers,
    changes: &Changes,
    knot: &Knot,
    count: u32,
) -> Result<()> {
    let zone = &changes.zone;
    let mark = format!("many{count}");
    let from = changes.serial().await?;
    let start = Instant::now();
    changes.add_many(&mark, count).await?;
    let applying = start.elapsed();
    let to = changes.serial().await?;
    let ours = first_difference(servers.ours, zone, from, Some(to)).await?;
    let knot_from = serial(servers.knot, zone).await?;
    let start = Instant::now();
    knot.add(zone, changes.owners(mark, count)).await?;
    let knot_applying = start.elapsed();
    let theirs = first_difference(servers.knot, zone, knot_from, None).await?;
    let name = format!("{count} changes applied: as many POSTs, {CLIENTS} clients; nsupdate");
    report.add(Figure::new(name, milliseconds(applying), "ms").beside(milliseconds(knot_applying)));
    let name = format!("IXFR of {count} changes of 1,000,000, asked for the first time");
    report.add(Figure::new(name, milliseconds(ours.total), "ms").beside(milliseconds(theirs.total)));
    report.add(Figure::new("  octets", ours.octets as f64, "").beside(theirs.octets as f64));
    repeated(
        report,
        servers,
        zone,
        &format!("IXFR of {count} changes of 1,000,000, again"),
        (from, knot_from),
    )
    .await
}

/// The same difference asked for again and again, as by the other servers of a pool.
async fn repeated(
    report: &mut Report,
    servers: &Servers,
    zone: &str,
    name: &str,
    (from, knot_from): (Serial, Serial),
) -> Result<()> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        ours.push(milliseconds(
            transfer(servers.ours, zone, Ask::Ixfr(from)).await?.total,
        ));
        theirs.push(milliseconds(
            transfer(servers.knot, zone, Ask::Ixfr(knot_from)).await?.total,
        ));
    }
    report.add(Figure::new(name, median(ours), "ms").beside(median(theirs)));
    Ok(())
}

/// The serial that a server shows; a whole transfer is the plainest way to ask.
async fn serial(server: SocketAddr, zone: &str) -> Result<Serial> {
    Ok(transfer(server, zone, Ask::Axfr).await?.serial)
}

fn memory(report: &mut Report, when: &str, zonelog: &Zonelog, knot: &Knot) -> Result<()> {
    let (ours, theirs) = (Memory::of(zonelog.pid())?, Memory::of(knot.pid())?);
    let resident =
        Figure::new(format!("resident memory, {when}"), ours.resident, "MiB").beside(theirs.resident);
    report.add(resident.bar(Bar::AtMost(250.0)));
    report.add(Figure::new("  proportional (PSS)", ours.proportional, "MiB").beside(theirs.proportional));
    report.add(Figure::new("  the most so far", ours.peak, "MiB").beside(theirs.peak));
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
