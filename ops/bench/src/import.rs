//! `import`: a master file of 100,000 records, posted and imported until COMPLETE, with the memory it takes and how long
//! other writes wait meanwhile. Beside it: psql's `\copy` of as many rows into one plain table with a primary key, on a
//! PostgreSQL of the same kind.

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::Value;
use zonelog_tests::{Zonelog, ZonelogOptions};

use crate::Result;
use crate::beside::SmallWrites;
use crate::generated_zone::rrsets;
use crate::http::Http;
use crate::memory::Memory;
use crate::pgbench::PgBench;
use crate::report::{Bar, Figure, Report, median, say};

const RECORDS: usize = 100_000;
const ROUNDS: usize = 3;
const IMPORTS: &str = "/v2/zones/tasks/imports";

pub(crate) async fn run() -> Result<bool> {
    let mut report = Report::new("import");
    let options = ZonelogOptions::default();
    let zonelog = Zonelog::up(&[], &options).await;
    let token = std::fs::read_to_string(zonelog.data().join("admin-token"))?;
    let mut http = Http::connect(zonelog.api(), token.trim()).await?;
    let pgbench = PgBench::start().await?;
    // The first import also pays for what is done once.
    import(&mut http, "warm.bench.", 1_000).await?;
    let before = Memory::of(zonelog.pid())?;
    let (mut rates, mut copies, mut waits) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        copies.push(copy(&pgbench).await?);
        let beside = SmallWrites::start(&zonelog, token.trim(), &format!("small{round}.bench.")).await?;
        rates.push(import(&mut http, &format!("round{round}.bench."), RECORDS).await?);
        waits.push(beside.stop().await?);
    }
    let after = Memory::of(zonelog.pid())?;
    report.add(
        Figure::new(
            format!("import of {RECORDS} records, POST to COMPLETE"),
            median(rates),
            "/s",
        )
        .beside(median(copies))
        .named("psql \\copy into one table")
        .bar(Bar::AtLeast(30_000.0)),
    );
    report.add(Figure::new(
        "  longest wait of a small write meanwhile",
        median(waits),
        "ms",
    ));
    report.add(Figure::new("  memory before", before.resident, "MiB"));
    report.add(Figure::new("  memory after", after.resident, "MiB"));
    report.add(Figure::new("  memory at its peak", after.peak, "MiB").bar(Bar::AtMost(400.0)));
    Ok(report.finish())
}

/// Records a second from the POST until the import is COMPLETE.
async fn import(http: &mut Http, zone: &str, records: usize) -> Result<f64> {
    let text = master_file(zone, records)?;
    let begun = Instant::now();
    let (status, answer) = http.send_as("text/dns", "POST", IMPORTS, &text).await?;
    if status != 202 {
        return Err(format!("{IMPORTS}: {status} {}", String::from_utf8_lossy(&answer)).into());
    }
    let path = format!("{IMPORTS}/{}", Http::id(&answer)?);
    loop {
        let answer = http.expect("GET", &path, "", &[200]).await?;
        let shown: Value = serde_json::from_slice(&answer)?;
        match shown["status"].as_str() {
            Some("PENDING") => tokio::time::sleep(Duration::from_millis(10)).await,
            Some("COMPLETE") => break,
            _ => return Err(format!("the import failed: {shown}").into()),
        }
    }
    let rate = records as f64 / begun.elapsed().as_secs_f64();
    say(&format!("  {zone} {records} records: {rate:.0}/s"));
    Ok(rate)
}

fn master_file(zone: &str, records: usize) -> Result<String> {
    let mut text =
        format!("$ORIGIN {zone}\n$TTL 3600\n@ SOA ns1 hostmaster 1 3600 600 86400 3600\n@ NS ns1\n");
    for rrset in rrsets(zone, records) {
        let ttl = rrset.ttl.unwrap_or(3600);
        for record in &rrset.records {
            writeln!(text, "{} {ttl} {} {record}", rrset.owner, rrset.rrtype)?;
        }
    }
    Ok(text)
}

/// Rows a second by `\copy` into a table of the same records.
async fn copy(pgbench: &PgBench) -> Result<f64> {
    let path = pgbench.folder().join("rows.tsv");
    let mut rows = String::new();
    let mut number = 0;
    for rrset in rrsets("copy.bench.", RECORDS) {
        for record in &rrset.records {
            number += 1;
            let record = record.replace('\\', "\\\\");
            writeln!(
                rows,
                "{number}\t{}\t{}\t3600\t{record}",
                rrset.owner, rrset.rrtype
            )?;
        }
    }
    std::fs::write(&path, rows)?;
    pgbench
        .psql("drop table if exists plain; create table plain (id bigint primary key, owner text, type text, ttl integer, record text)")
        .await?;
    let begun = Instant::now();
    pgbench
        .psql(&format!("\\copy plain from '{}'", path.display()))
        .await?;
    Ok(f64::from(number) / begun.elapsed().as_secs_f64())
}
