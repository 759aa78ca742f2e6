//! `change`: one record added to a zone of a million: from the POST, and from its answer (the commit is done by then), to the
//! new SOA at MiniDNS, and at a BIND that serves the zone. Beside it: the same at a BIND primary, by `nsupdate` and by a
//! datagram of our own, to the new SOA at its BIND secondary. One server at a time is asked, without a pause.

use std::time::{Duration, Instant};

use uuid::Uuid;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_tests::{Zonelog, ZonelogOptions};

use crate::Result;
use crate::asker::Asker;
use crate::http::Http;
use crate::path::{free_port, nsupdate};
use crate::report::{Bar, Figure, Report, Times, say};
use crate::transfer::{fill, owner, write_master_file};

const RECORDS: usize = 1_000_000;
const TRIES: u32 = 200;
const ZONE: &str = "change.bench.";
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) async fn run() -> Result<bool> {
    let Ours {
        minidns,
        from_the_answer,
        bind,
    } = ours().await?;
    let Theirs {
        by_nsupdate,
        by_datagram,
    } = theirs().await?;
    let mut report = Report::new("change");
    for percent in [50.0, 99.0] {
        let name = format!("the POST's answer to the new SOA at MiniDNS, p{percent}");
        let figure = Figure::new(name, from_the_answer.percentile(percent), "ms");
        report.add(if percent == 50.0 {
            figure.bar(Bar::AtMost(5.0))
        } else {
            figure
        });
        let name = format!("  from the POST, p{percent}");
        report.add(Figure::new(name, minidns.percentile(percent), "ms"));
    }
    for percent in [50.0, 99.0] {
        let ours = bind.percentile(percent);
        let name = format!("POST to the new SOA at BIND, p{percent}; nsupdate");
        report.add(
            Figure::new(name, ours, "ms")
                .beside(by_nsupdate.percentile(percent))
                .bar(Bar::TimesAtMost(2.0)),
        );
        let name = format!("  the same; an update by our own datagram, p{percent}");
        report.add(Figure::new(name, ours, "ms").beside(by_datagram.percentile(percent)));
    }
    Ok(report.finish())
}

struct Ours {
    minidns: Times,
    from_the_answer: Times,
    bind: Times,
}

async fn ours() -> Result<Ours> {
    let mut server = Bind::start(BindOptions::default()).await?;
    let zonelog = Zonelog::up(&[&server], &ZonelogOptions::default()).await;
    let token = std::fs::read_to_string(zonelog.data().join("admin-token"))?;
    let mut http = Http::connect(zonelog.api(), token.trim()).await?;
    // BIND is away while the zone is filled, so it begins with the whole of it.
    server.stop().await?;
    let body = format!(r#"{{"name":"{ZONE}","email":"hostmaster@example.org"}}"#);
    let zone = Http::id(&http.expect("POST", "/v2/zones", &body, &[202]).await?)?;
    let database = owner(&zonelog).await?;
    fill(&database, Uuid::parse_str(&zone)?, RECORDS).await?;
    // What a million new records leave to do would fall into some of the tries: the zone is to have been there for a while.
    database
        .batch_execute("vacuum (freeze, analyze) recordset_version")
        .await?;
    server.start_again().await?;
    let (mut minidns, mut bind) = (
        Asker::new(zonelog.minidns()).await?,
        Asker::new(server.dns_address()).await?,
    );
    let mut serial = bind.until_newer(ZONE, None, PATIENCE).await?;
    say("  BIND serves our zone");
    // The API has closed the other one meanwhile, if all that took long.
    let mut http = Http::connect(zonelog.api(), token.trim()).await?;
    written().await?;
    let mut taken = Ours {
        minidns: Times::new()?,
        from_the_answer: Times::new()?,
        bind: Times::new()?,
    };
    let path = format!("/v2/zones/{zone}/recordsets");
    for number in 0..TRIES {
        let change = Change::make(
            &mut http,
            &path,
            &format!("m{number}.{ZONE}"),
            &mut minidns,
            serial,
        )
        .await?;
        taken.minidns.add(change.seen);
        taken
            .from_the_answer
            .add(change.seen.saturating_sub(change.answered));
        serial = bind.until_newer(ZONE, Some(serial), PATIENCE).await?;
        let change = Change::make(&mut http, &path, &format!("b{number}.{ZONE}"), &mut bind, serial).await?;
        taken.bind.add(change.seen);
        serial = change.serial;
    }
    Ok(taken)
}

/// Waits until what is in memory of files is on the disk: an fsync of one small file would wait for all that.
async fn written() -> Result<()> {
    let status = tokio::process::Command::new("sync").status().await?;
    status
        .success()
        .then_some(())
        .ok_or_else(|| format!("sync: {status}").into())
}

/// One record added, by a POST.
struct Change {
    /// From the POST to its answer.
    answered: Duration,
    /// From the POST until the server showed it.
    seen: Duration,
    serial: u32,
}

impl Change {
    /// Adds a record, and asks one server until it shows another serial than this.
    async fn make(http: &mut Http, path: &str, name: &str, server: &mut Asker, serial: u32) -> Result<Self> {
        let body = format!(r#"{{"name":"{name}","type":"A","records":["192.0.2.1"]}}"#);
        let start = Instant::now();
        let posting = async {
            http.expect("POST", path, &body, &[202]).await?;
            Result::<Duration>::Ok(start.elapsed())
        };
        let asking = async {
            let newer = server.until_newer(ZONE, Some(serial), PATIENCE).await?;
            Ok((start.elapsed(), newer))
        };
        let (answered, (seen, serial)) = futures_util::future::try_join(posting, asking).await?;
        Ok(Self {
            answered,
            seen,
            serial,
        })
    }
}

struct Theirs {
    by_nsupdate: Times,
    by_datagram: Times,
}

async fn theirs() -> Result<Theirs> {
    let secondary_port = free_port()?;
    let mut primary = Bind::start(BindOptions {
        config: format!(
            "zone \"{ZONE}\" {{ type primary; file \"change.db\"; allow-update {{ any; }};
               notify explicit; also-notify {{ 127.0.0.1 port {secondary_port}; }}; notify-delay 0; }};"
        ),
        ..BindOptions::default()
    })
    .await?;
    primary.stop().await?;
    write_master_file(&primary.folder().join("change.db"), ZONE, RECORDS)?;
    primary.start_again().await?;
    let mut updater = Asker::new(primary.dns_address()).await?;
    updater.until_newer(ZONE, None, PATIENCE).await?;
    let secondary = Bind::start(BindOptions {
        options: format!("listen-on port {secondary_port} {{ 127.0.0.1; }};"),
        config: format!(
            "zone \"{ZONE}\" {{ type secondary; file \"change.db\"; primaries {{ 127.0.0.1 port {}; }}; }};",
            primary.dns_address().port()
        ),
        ..BindOptions::default()
    })
    .await?;
    let mut asker = Asker::new(secondary.dns_address()).await?;
    let mut serial = asker.until_newer(ZONE, None, PATIENCE).await?;
    say("  BIND serves BIND's zone");
    written().await?;
    let (mut by_nsupdate, mut by_datagram) = (Times::new()?, Times::new()?);
    for number in 0..TRIES {
        let start = Instant::now();
        nsupdate(primary.dns_address(), &format!("u{number}.{ZONE}")).await?;
        serial = asker.until_newer(ZONE, Some(serial), PATIENCE).await?;
        by_nsupdate.add(start.elapsed());
        let start = Instant::now();
        updater.add(ZONE, &format!("d{number}.{ZONE}")).await?;
        serial = asker.until_newer(ZONE, Some(serial), PATIENCE).await?;
        by_datagram.add(start.elapsed());
    }
    Ok(Theirs {
        by_nsupdate,
        by_datagram,
    })
}
