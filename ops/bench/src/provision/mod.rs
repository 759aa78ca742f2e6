//! `provision`: new zones from the first POST until a server serves every one, for each channel by which a server is told.
//! Beside it: knotd as the primary of as many new zones, made by master files and one reload; the same code tells the same
//! kind of server of them, as many at once as the reconciler does. NSD is told by lists of
//! 1,000, one after the other: our code would rest between them. BIND's catalog has a `min-update-interval` of 0: by default it
//! takes none for 5 s after the last, which says nothing of whose catalog it is.
//!
//! `ops/bench/run provision [ZONES ...] [CHANNEL ...]`: 1,000 and 10,000, by all channels, when it is not said.

mod servers;

use std::any::Any;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::sleep;
use uuid::Uuid;
use zonelog_dns::ZoneName;
use zonelog_model::ZoneId;
use zonelog_reconciler::targets::{TargetError, ZoneSpec, target_of};
use zonelog_tests::{Zonelog, ZonelogOptions};

use crate::Result;
use crate::asker::{Asker, SOA};
use crate::http::Http;
use crate::report::{Bar, Figure, Report};
use crate::transfer::knot::Knot;
use servers::{CHANNELS, Server, follows_catalog};

const COUNTS: [usize; 2] = [1_000, 10_000];
/// Callers of the API at once.
const CLIENTS: usize = 64;
/// How many zones the yardstick tells at once: as many as the reconciler works on.
const AT_ONCE: usize = 4_096;
/// How long to wait between two questions for a zone that is not there: NSD drops refusals above 200 a second to a network.
const PACE: Duration = Duration::from_millis(8);
/// From where is asked whether zones are served: another network than the reconciler's, for NSD.
const SOURCE: [u8; 4] = [127, 0, 9, 1];

pub(crate) async fn run() -> Result<bool> {
    let (mut counts, mut channels) = (Vec::<usize>::new(), Vec::new());
    for given in std::env::args().skip(2) {
        match CHANNELS.into_iter().find(|channel| *channel == given) {
            Some(channel) => channels.push(channel),
            None => counts.push(given.parse()?),
        }
    }
    if counts.is_empty() {
        counts.extend(COUNTS);
    }
    if channels.is_empty() {
        channels.extend(CHANNELS);
    }
    let mut report = Report::new("provision");
    let mut ended = Ended::new();
    for count in counts {
        for &channel in &channels {
            until_ports_are_free().await?;
            let yardstick = by_knot(channel, count, &mut ended).await?;
            until_ports_are_free().await?;
            let ours = ours(channel, count, &mut ended).await?;
            let name = format!("{count} zones by {channel}: POST until all are served");
            report.add(
                Figure::new(name, ours.served.as_secs_f64(), "s")
                    .beside(yardstick.as_secs_f64())
                    .bar(Bar::TimesAtMost(1.5)),
            );
            let name = format!("  of that until the last POST was answered, {channel}");
            report.add(Figure::new(name, ours.posted.as_secs_f64(), "s"));
        }
    }
    Ok(report.finish())
}

/// Waits until most ports of the connections of the run before are free again; each is held for a minute (TIME-WAIT, RFC 9293
/// §3.6.1). BIND, which comes for each zone by a connection of its own, finds none of 28,000 after some runs of 10,000 zones, and
/// comes again half a minute later.
async fn until_ports_are_free() -> Result<()> {
    const FEW: u32 = 2_000;
    loop {
        let sockets = std::fs::read_to_string("/proc/net/sockstat")?;
        let words: Vec<&str> = sockets.split_whitespace().collect();
        let waiting = words.windows(2).find(|pair| pair[0] == "tw").map(|pair| pair[1]);
        if waiting
            .ok_or("/proc/net/sockstat has no \"tw\"")?
            .parse::<u32>()?
            < FEW
        {
            return Ok(());
        }
        sleep(Duration::from_secs(1)).await;
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("p{number}.bench.")).collect()
}

/// What ran, with its files: the thousands that a server makes are deleted at the end. For a minute and more after, ext4 looks
/// at each deleted file's inode whenever another is made (`recently_deleted`), and NSD, which makes one for each transfer,
/// takes two thirds of a processor for that.
type Ended = Vec<Box<dyn Any>>;

/// knotd is given the zones; a new server is told of them.
async fn by_knot(channel: &str, count: usize, ended: &mut Ended) -> Result<Duration> {
    let mut knot = Knot::start(&[]).await?;
    let mut server = Server::start(channel, knot.address()).await?;
    let served = told_by_knot(&mut knot, &server, channel, count).await?;
    knot.kill().await?;
    server.kill().await?;
    ended.push(Box::new((knot, server)));
    Ok(served)
}

async fn told_by_knot(knot: &mut Knot, server: &Server, channel: &str, count: usize) -> Result<Duration> {
    let names = names(count);
    let specs: Vec<ZoneSpec> = names
        .iter()
        .zip(1..)
        .map(|(name, number)| {
            Ok(ZoneSpec {
                name: ZoneName::parse(name)?,
                zone: ZoneId::new(Uuid::from_u128(number)),
                masters: [knot.address()].into(),
                key: None,
                renew: false,
            })
        })
        .collect::<Result<_>>()?;
    let start = Instant::now();
    let consumer = follows_catalog(channel).then(|| server.dns_address());
    knot.make(&names, consumer).await?;
    let Some(config) = server.config()? else {
        until_served(server.dns_address(), names).await?;
        return Ok(start.elapsed());
    };
    if let Server::Nsd4(nsd) = server {
        let socket = nsd.control_socket();
        let (served, told) = tokio::join!(
            until_served(server.dns_address(), names.clone()),
            tell_nsd(&socket, &names)
        );
        served?;
        told?;
        return Ok(start.elapsed());
    }
    let target = target_of(channel, &config);
    // PowerDNS comes for a zone when it is sent a NOTIFY, or once a minute; the others come when they are told.
    let notifier = match channel {
        "pdns4" => Some(Asker::new(server.dns_address()).await?),
        _ => None,
    };
    let telling = stream::iter(&specs)
        .map(async |spec| {
            target.ensure_zone(spec).await?;
            if let Some(notifier) = &notifier {
                notifier.notify(&spec.name.to_string()).await;
            }
            Ok::<_, TargetError>(())
        })
        .buffer_unordered(AT_ONCE)
        .for_each(|told| async move {
            if let Err(error) = told {
                crate::report::say(&format!("  the yardstick's channel: {error}"));
            }
        });
    let (served, ()) = tokio::join!(until_served(server.dns_address(), names), telling);
    served?;
    Ok(start.elapsed())
}

/// How many zones NSD is told of by one list.
const LIST: usize = 1_000;

/// Tells an NSD of all zones, by one list after the other without a rest.
async fn tell_nsd(socket: &Path, names: &[String]) -> Result<()> {
    for names in names.chunks(LIST) {
        let mut list = "NSDCT1 addzones\n".to_owned();
        for name in names {
            list.push_str(&format!("{} secondary\n", name.trim_end_matches('.')));
        }
        list.push_str("\u{4}\n");
        let (mut answers, mut orders) = UnixStream::connect(socket).await?.into_split();
        let mut answer = String::new();
        // NSD answers each line before it reads the next.
        let (read, written) = tokio::join!(answers.read_to_string(&mut answer), async {
            orders.write_all(list.as_bytes()).await?;
            orders.shutdown().await
        });
        read?;
        written?;
        if !answer.contains(&format!("added {} zones", names.len())) {
            return Err(format!("NSD: {}", answer.lines().last().unwrap_or("no answer")).into());
        }
    }
    Ok(())
}

struct Ours {
    posted: Duration,
    served: Duration,
}

async fn ours(channel: &str, count: usize, ended: &mut Ended) -> Result<Ours> {
    let mut zonelog = Zonelog::up(&[], &ZonelogOptions::default()).await;
    let mut server = Server::start(channel, zonelog.minidns()).await?;
    let ours = posted(&zonelog, &server, count).await?;
    zonelog.stop().await?;
    server.kill().await?;
    ended.push(Box::new((zonelog, server)));
    Ok(ours)
}

async fn posted(zonelog: &Zonelog, server: &Server, count: usize) -> Result<Ours> {
    let file = zonelog.data().join("provision.yaml");
    std::fs::write(&file, server.pools_yaml(zonelog.minidns()))?;
    let path = file.to_string_lossy();
    let updated = zonelog.command(&["pool", "update", "--file", &path]).await;
    if !updated.status.success() {
        return Err(String::from_utf8_lossy(&updated.stderr).into_owned().into());
    }
    let token = std::fs::read_to_string(zonelog.data().join("admin-token"))?;
    let api = zonelog.api();
    let mut first = Http::connect(api, token.trim()).await?;
    // From here on the server belongs to the pool and is worked on.
    post(&mut first, "first.bench.").await?;
    until_served(server.dns_address(), vec!["first.bench.".to_owned()]).await?;

    let start = Instant::now();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (token, names) = (token.clone(), names(count));
        clients.spawn(async move {
            let mut http = Http::connect(api, token.trim()).await?;
            for name in names.iter().skip(client).step_by(CLIENTS) {
                post(&mut http, name).await?;
            }
            Result::<()>::Ok(())
        });
    }
    let posting = async {
        while let Some(ended) = clients.join_next().await {
            ended??;
        }
        Result::<Duration>::Ok(start.elapsed())
    };
    let (served, posted) = tokio::join!(until_served(server.dns_address(), names(count)), posting);
    served?;
    Ok(Ours {
        posted: posted?,
        served: start.elapsed(),
    })
}

async fn post(http: &mut Http, name: &str) -> Result<()> {
    let body = format!(r#"{{"name":"{name}","email":"hostmaster@example.org"}}"#);
    http.expect("POST", "/v2/zones", &body, &[202]).await?;
    Ok(())
}

/// Asks for one after the other until each was answered: when the last one was, all are served.
async fn until_served(server: SocketAddr, names: Vec<String>) -> Result<()> {
    let mut asker = Asker::from(SOURCE, server).await?;
    for name in &names {
        asker.until_answered_at_pace(name, SOA, PACE).await?;
    }
    Ok(())
}
