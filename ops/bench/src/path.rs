//! `path`: from the POST to BIND answering, for zones and recordsets. Beside it: a dynamic update of a BIND primary until
//! its BIND secondary answers; once by `nsupdate`, whose start as a process is in its time as a
//! shell's user sees it, and once by a datagram of our own.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Instant;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_tests::{Zonelog, ZonelogOptions};

use crate::Result;
use crate::asker::{A, Asker, SOA};
use crate::http::Http;
use crate::report::{Bar, Figure, Report, Times};

const TRIES: u32 = 100;

pub(crate) async fn run() -> Result<bool> {
    let (of_zones, of_recordsets) = ours().await?;
    let Yardstick {
        by_nsupdate,
        by_datagram,
    } = yardstick().await?;
    let mut report = Report::new("path");
    for percent in [50.0, 99.0] {
        let name = format!("zone: POST to BIND answering, p{percent}");
        report.add(Figure::new(name, of_zones.percentile(percent), "ms"));
    }
    for (percent, bar) in [(50.0, Bar::AtMost(60.0)), (99.0, Bar::AtMost(300.0))] {
        let name = format!("recordset: POST to BIND answering, p{percent}; nsupdate");
        let ours = of_recordsets.percentile(percent);
        report.add(
            Figure::new(name, ours, "ms")
                .beside(by_nsupdate.percentile(percent))
                .bar(bar),
        );
        let name = format!("  the same; an update by our own datagram, p{percent}");
        report.add(Figure::new(name, ours, "ms").beside(by_datagram.percentile(percent)));
    }
    Ok(report.finish())
}

async fn ours() -> Result<(Times, Times)> {
    let bind = Bind::start(BindOptions::default()).await?;
    let zonelog = Zonelog::up(&[&bind], &ZonelogOptions::default()).await;
    let token = std::fs::read_to_string(zonelog.data().join("admin-token"))?;
    let mut http = Http::connect(zonelog.api(), token.trim()).await?;
    let mut asker = Asker::new(bind.dns_address()).await?;

    let mut of_zones = Times::new()?;
    let mut first = String::new();
    for number in 0..TRIES {
        let name = format!("path{number}.bench.");
        let body = format!(r#"{{"name":"{name}","email":"hostmaster@example.org"}}"#);
        let start = Instant::now();
        let answer = http.expect("POST", "/v2/zones", &body, &[202]).await?;
        asker.until_answered(&name, SOA).await?;
        of_zones.add(start.elapsed());
        if first.is_empty() {
            first = Http::id(&answer)?;
        }
    }
    let mut of_recordsets = Times::new()?;
    for number in 0..TRIES {
        let name = format!("r{number}.path0.bench.");
        let body = format!(r#"{{"name":"{name}","type":"A","records":["192.0.2.1"]}}"#);
        let start = Instant::now();
        http.expect("POST", &format!("/v2/zones/{first}/recordsets"), &body, &[202])
            .await?;
        asker.until_answered(&name, A).await?;
        of_recordsets.add(start.elapsed());
    }
    Ok((of_zones, of_recordsets))
}

struct Yardstick {
    by_nsupdate: Times,
    by_datagram: Times,
}

async fn yardstick() -> Result<Yardstick> {
    let secondary_port = free_port()?;
    let mut primary = Bind::start(BindOptions {
        config: format!(
            "zone \"yard.bench\" {{ type primary; file \"yard.db\"; allow-update {{ any; }};
               notify explicit; also-notify {{ 127.0.0.1 port {secondary_port}; }}; notify-delay 0; }};"
        ),
        ..BindOptions::default()
    })
    .await?;
    primary.stop().await?;
    std::fs::write(
        primary.folder().join("yard.db"),
        "$TTL 60\n@ SOA ns1.example.org. hostmaster.example.org. 1 3600 600 86400 60\n@ NS ns1.example.org.\n",
    )?;
    primary.start_again().await?;
    let secondary = Bind::start(BindOptions {
        options: format!("listen-on port {secondary_port} {{ 127.0.0.1; }};"),
        config: format!(
            "zone \"yard.bench\" {{ type secondary; file \"yard.db\"; primaries {{ 127.0.0.1 port {}; }}; }};",
            primary.dns_address().port()
        ),
        ..BindOptions::default()
    })
    .await?;
    let mut updater = Asker::new(primary.dns_address()).await?;
    let mut asker = Asker::new(secondary.dns_address()).await?;
    asker.until_answered("yard.bench.", SOA).await?;
    let (mut by_nsupdate, mut by_datagram) = (Times::new()?, Times::new()?);
    for number in 0..TRIES {
        let name = format!("n{number}.yard.bench.");
        let start = Instant::now();
        nsupdate(primary.dns_address(), &name).await?;
        asker.until_answered(&name, A).await?;
        by_nsupdate.add(start.elapsed());

        let name = format!("d{number}.yard.bench.");
        let start = Instant::now();
        updater.add("yard.bench.", &name).await?;
        asker.until_answered(&name, A).await?;
        by_datagram.add(start.elapsed());
    }
    Ok(Yardstick {
        by_nsupdate,
        by_datagram,
    })
}

/// Adds an A record by `nsupdate`.
pub(crate) async fn nsupdate(server: SocketAddr, name: &str) -> Result<()> {
    let mut child = Command::new("nsupdate")
        .stdin(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let script = format!(
        "server {} {}\nupdate add {name} 60 A 192.0.2.1\nsend\n",
        server.ip(),
        server.port()
    );
    child
        .stdin
        .take()
        .ok_or("a pipe")?
        .write_all(script.as_bytes())
        .await?;
    let status = child.wait().await?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("nsupdate: {status}").into())
    }
}

/// A port that nobody uses now.
pub(crate) fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
