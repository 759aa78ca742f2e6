//! `soa`: SOA queries over UDP of 10,000 zones, as many as the server takes. Beside it: knotd with as many zones, asked by
//! the same client in turn, and MiniDNS with one datagram a system call. Client and server share the machine's processors.

use std::time::Duration;

use zonelog_mdns::datagrams::BATCH;
use zonelog_tests::{Zonelog, ZonelogOptions};

use crate::Result;
use crate::asker::{Asker, SOA, query};
use crate::flood::{Flood, flood};
use crate::http::Http;
use crate::memory::processor_time;
use crate::report::{Bar, Figure, Report, median, say};
use crate::transfer::Knot;

const ZONES: usize = 10_000;
const CLIENTS: usize = 32;
const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(3);

pub(crate) async fn run() -> Result<bool> {
    let names: Vec<String> = (0..ZONES)
        .map(|number| format!("zone{number}.soa.bench."))
        .collect();
    let knot = Knot::start(&names.iter().map(|name| (name.clone(), 0)).collect::<Vec<_>>()).await?;
    let mut zonelog = Zonelog::up(&[], &ZonelogOptions::default()).await;
    let token = std::fs::read_to_string(zonelog.data().join("admin-token"))?;
    let creating = names.chunks(ZONES.div_ceil(CLIENTS)).map(|names| {
        let (token, api) = (token.trim(), zonelog.api());
        async move {
            let mut http = Http::connect(api, token).await?;
            for name in names {
                let body = format!(r#"{{"name":"{name}","email":"hostmaster@example.org"}}"#);
                http.expect("POST", "/v2/zones", &body, &[202]).await?;
            }
            Result::<()>::Ok(())
        }
    });
    futures_util::future::try_join_all(creating).await?;
    let mut asker = Asker::new(zonelog.minidns()).await?;
    for name in &names {
        asker.until_answered(name, SOA).await?;
    }
    say(&format!("  {ZONES} zones are served by both"));

    let questions: Vec<Vec<u8>> = names.iter().map(|name| query(name, SOA)).collect();
    let (mut ours, mut theirs, mut unbatched) = (Rounds::default(), Rounds::default(), Rounds::default());
    for _ in 0..ROUNDS {
        // In turn, so that what the machine does besides is everybody's.
        for (batch, rounds) in [(1, &mut unbatched), (BATCH, &mut ours)] {
            set_batch(&mut zonelog, batch).await?;
            let mut asker = Asker::new(zonelog.minidns()).await?;
            asker.until_answered(&names[ZONES - 1], SOA).await?;
            rounds
                .add(zonelog.pid(), flood(zonelog.minidns(), &questions, TIME))
                .await?;
        }
        theirs
            .add(knot.pid(), flood(knot.address(), &questions, TIME))
            .await?;
    }
    let mut report = Report::new("soa");
    report.add(
        Figure::new(
            "SOA queries over UDP, 10,000 zones",
            median(ours.rates.clone()),
            "/s",
        )
        .beside(median(theirs.rates))
        .bar(Bar::TimesAtLeast(0.7)),
    );
    let rate = median(ours.rates);
    let processor = median(ours.processor);
    report.add(Figure::new("  processor time of a query", processor, "us").beside(median(theirs.processor)));
    report.add(
        Figure::new(format!("{BATCH} datagrams with a system call; one"), rate, "/s")
            .beside(median(unbatched.rates)),
    );
    report
        .add(Figure::new("  processor time of a query", processor, "us").beside(median(unbatched.processor)));
    report.add(
        Figure::new("  not answered", 100.0 * median(ours.lost), "%").beside(100.0 * median(theirs.lost)),
    );
    Ok(report.finish())
}

/// Starts Zonelog again, with so many datagrams a system call.
async fn set_batch(zonelog: &mut Zonelog, batch: usize) -> Result<()> {
    zonelog.stop().await?;
    let path = zonelog.config_path();
    let config = std::fs::read_to_string(&path)?;
    let other = config.lines().filter(|line| !line.starts_with("udp_batch"));
    let config: String = other
        .map(|line| match line {
            "[minidns]" => format!("[minidns]\nudp_batch = {batch}\n"),
            line => format!("{line}\n"),
        })
        .collect();
    std::fs::write(&path, config)?;
    zonelog.start_again().await;
    Ok(())
}

#[derive(Default)]
struct Rounds {
    rates: Vec<f64>,
    /// Microseconds a query.
    processor: Vec<f64>,
    lost: Vec<f64>,
}

impl Rounds {
    async fn add(&mut self, pid: Option<u32>, flood: impl Future<Output = Result<Flood>>) -> Result<()> {
        let before = processor_time(pid)?;
        let Flood { per_second, lost } = flood.await?;
        let taken = processor_time(pid)? - before;
        self.processor
            .push(taken * 1e3 / (per_second * TIME.as_secs_f64()).max(1.0));
        self.rates.push(per_second);
        self.lost.push(lost);
        Ok(())
    }
}
