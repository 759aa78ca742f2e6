//! `inbound`: a zone of a million records that comes in from its primary, a knotd: from the POST of the secondary zone to the
//! SOA at MiniDNS; what others notice meanwhile; and the memory it takes. Beside it: a knotd and a named, secondaries of the same
//! primary, from their start to the SOA. Theirs is one transfer and a zone in memory; ours also an event a recordset, the
//! projections, and a million rows in PostgreSQL, which is a process of its own and not counted here.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::knot::{Knot as Secondary, KnotOptions};
use zonelog_tests::{Zonelog, ZonelogOptions};

use crate::Result;
use crate::asker::{Asker, SOA};
use crate::beside::{Questions, SmallWrites};
use crate::http::Http;
use crate::memory::Memory;
use crate::report::{Bar, Figure, Report, say};
use crate::transfer::Knot;

const ZONE: &str = "inbound.bench.";
const RECORDS: usize = 1_000_000;
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) async fn run() -> Result<bool> {
    let primary = Knot::start(&[(ZONE.to_owned(), RECORDS)]).await?;
    say("  the primary serves the zone");
    let mut report = Report::new("inbound");
    let (knot, bind) = (
        by_knot(primary.address()).await?,
        by_bind(primary.address()).await?,
    );
    for (name, taken) in [("knotd", &knot), ("named", &bind)] {
        say(&format!(
            "  {name}: {:.1} s, {:.0} MiB",
            taken.seconds, taken.peak
        ));
    }
    let ours = ours(&primary).await?;
    let name = format!("{RECORDS} records from a primary, to the SOA");
    for (yardstick, theirs) in [("knotd", &knot), ("named", &bind)] {
        let figure = Figure::new(name.clone(), ours.taken.seconds, "s").beside(theirs.seconds);
        report.add(figure.named(yardstick));
        let figure = Figure::new("  memory at its peak", ours.taken.peak, "MiB").beside(theirs.peak);
        let figure = figure.named(yardstick);
        report.add(if yardstick == "knotd" {
            figure.bar(Bar::AtMost(MEMORY))
        } else {
            figure
        });
    }
    report.add(Figure::new("  memory before", ours.before, "MiB"));
    report.add(Figure::new(
        "  longest wait for a SOA of another zone at MiniDNS",
        ours.question,
        "ms",
    ));
    report.add(Figure::new("  longest wait of a small write", ours.write, "ms"));
    report.add(Figure::new(
        "one record more, by IXFR: from the task xfr to the SOA",
        ours.difference,
        "ms",
    ));
    Ok(report.finish())
}

/// The most memory that the process may take, in MiB.
const MEMORY: f64 = 768.0;

struct Taken {
    seconds: f64,
    /// In MiB.
    peak: f64,
}

struct Ours {
    taken: Taken,
    before: f64,
    /// In milliseconds.
    question: f64,
    write: f64,
    difference: f64,
}

async fn ours(primary: &Knot) -> Result<Ours> {
    let zonelog = Zonelog::up(&[], &ZonelogOptions::default()).await;
    let token = std::fs::read_to_string(zonelog.data().join("admin-token"))?;
    let mut http = Http::connect(zonelog.api(), token.trim()).await?;
    let writes = SmallWrites::start(&zonelog, token.trim(), "small.bench.").await?;
    let mut asker = Asker::new(zonelog.minidns()).await?;
    asker.until_answered("small.bench.", SOA).await?;
    let questions = Questions::start(zonelog.minidns(), "small.bench.").await?;
    let before = Memory::of(zonelog.pid())?.resident;
    let body = format!(
        r#"{{"name":"{ZONE}","type":"SECONDARY","masters":["{}"]}}"#,
        primary.address()
    );
    let begun = Instant::now();
    let zone = Http::id(&http.expect("POST", "/v2/zones", &body, &[202]).await?)?;
    let serial = asker.until_newer(ZONE, None, PATIENCE).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let (question, write) = (questions.stop().await?, writes.stop().await?);
    let peak = Memory::of(zonelog.pid())?.peak;
    say(&format!(
        "  ours: {seconds:.1} s, {peak:.0} MiB; a SOA waited {question:.0} ms, a small write {write:.0} ms"
    ));
    primary
        .add(ZONE, [format!("one-more.{ZONE}")].into_iter())
        .await?;
    let begun = Instant::now();
    // The connection may have been idle for too long.
    let mut http = Http::connect(zonelog.api(), token.trim()).await?;
    let path = format!("/v2/zones/{zone}/tasks/xfr");
    http.expect("POST", &path, "", &[202]).await?;
    asker.until_newer(ZONE, Some(serial), PATIENCE).await?;
    Ok(Ours {
        taken: Taken { seconds, peak },
        before,
        question,
        write,
        difference: begun.elapsed().as_secs_f64() * 1e3,
    })
}

async fn by_knot(primary: SocketAddr) -> Result<Taken> {
    let begun = Instant::now();
    let options = KnotOptions {
        primary,
        zones: vec![ZONE.to_owned()],
    };
    let knot = Secondary::start(options).await?;
    served(knot.dns_address(), begun, knot.pid()).await
}

async fn by_bind(primary: SocketAddr) -> Result<Taken> {
    let begun = Instant::now();
    let config = format!(
        "zone \"{ZONE}\" {{ type secondary; file \"inbound.db\"; primaries {{ {} port {}; }}; }};",
        primary.ip(),
        primary.port()
    );
    let bind = Bind::start(BindOptions {
        config,
        ..BindOptions::default()
    })
    .await?;
    served(bind.dns_address(), begun, bind.pid()).await
}

/// Waits until a server has the zone.
async fn served(server: SocketAddr, begun: Instant, pid: Option<u32>) -> Result<Taken> {
    Asker::new(server)
        .await?
        .until_newer(ZONE, None, PATIENCE)
        .await?;
    Ok(Taken {
        seconds: begun.elapsed().as_secs_f64(),
        peak: Memory::of(pid)?.peak,
    })
}
