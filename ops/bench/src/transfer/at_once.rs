//! Warm transfers of the largest zone, plain and signed, one and eight at once: how long, and what of the processors.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use zonelog_dns::{Name, tsig};
use zonelog_mdns::drain::{Ask, Drained, drain, drain_signed};

use super::knot::{KEY_NAME, KEY_SECRET, Knot};
use super::{PATIENCE, milliseconds};
use crate::Result;
use crate::http::Http;
use crate::memory::processor_time;
use crate::report::{Bar, Figure, Report, median};

/// How often each is done; the processors' time is the mean of these, as the system counts it coarsely.
const ROUNDS: usize = 15;
/// About as long a message as a transfer's are.
const MESSAGE: usize = 16 << 10;
/// Designate's default pool, which `zonelog up` makes.
const POOL: &str = "794ccc2c-d751-44fe-b57f-8894c9f5c842";

/// A server, and the process whose time is counted.
struct Server {
    address: SocketAddr,
    pid: Option<u32>,
}

/// What a way of transferring takes.
struct Taken {
    /// Until the last of those at once has ended, in milliseconds.
    time: f64,
    /// The server's processor time for one of them, in milliseconds.
    processor: f64,
}

/// How long it takes to sign as many octets, message by message, in milliseconds: no signed transfer takes less.
fn signing_alone(key: &tsig::Key, octets: usize) -> f64 {
    let (key, message) = (Arc::new(key.clone()), vec![0; MESSAGE]);
    let request = tsig::sign(&mut vec![0; 12], &key, 0, None);
    let times = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        let mut stream = tsig::StreamSigner::new(Arc::clone(&key), &request);
        for _ in 0..octets / MESSAGE {
            stream.update(&message);
            stream.sign(0, 0);
        }
        milliseconds(start.elapsed())
    });
    median(times.collect())
}

/// Makes the key known to us; knotd has it in its configuration.
pub(super) async fn make_key(http: &mut Http) -> Result<()> {
    let body = format!(
        r#"{{"name":"{KEY_NAME}","algorithm":"hmac-sha256","secret":"{KEY_SECRET}","scope":"POOL","resource_id":"{POOL}"}}"#
    );
    http.expect("POST", "/v2/tsigkeys", &body, &[201]).await?;
    Ok(())
}

pub(super) async fn run(
    report: &mut Report,
    ours: (SocketAddr, Option<u32>),
    knot: &Knot,
    zone: &str,
) -> Result<()> {
    let ours = Server {
        address: ours.0,
        pid: ours.1,
    };
    let knot = Server {
        address: knot.address(),
        pid: knot.pid(),
    };
    let key = tsig::Key {
        name: Name::parse(KEY_NAME)?,
        algorithm: tsig::Algorithm::HmacSha256,
        secret: tsig::Secret::from_base64(KEY_SECRET)?,
    };
    let octets = write_loop(report, &ours, zone).await?;
    report.add(Figure::new(
        "signing as many octets, sending none",
        signing_alone(&key, octets),
        "ms",
    ));
    let mut plain = Vec::new();
    for (kind, key) in [("plain", None), ("TSIG", Some(&key))] {
        for count in [1, 8] {
            // In turn, so that a busy moment of the machine is both's.
            let (mut mine, mut theirs) = (Rounds::start(&ours)?, Rounds::start(&knot)?);
            for _ in 0..ROUNDS {
                mine.round(&ours, zone, key, count).await?;
                theirs.round(&knot, zone, key, count).await?;
            }
            let (mine, theirs) = (mine.end(&ours, count)?, theirs.end(&knot, count)?);
            let name = format!("AXFR of 1,000,000 records, {kind}, {count} at once");
            report.add(
                Figure::new(name, mine.time, "ms")
                    .beside(theirs.time)
                    .bar(Bar::TimesAtMost(1.0 / 3.0)),
            );
            report.add(
                Figure::new("  processor time of a transfer", mine.processor, "ms")
                    .beside(theirs.processor)
                    .bar(Bar::TimesAtMost(1.0 / 3.0)),
            );
            match key {
                None => plain.push(mine),
                Some(_) => {
                    let before = plain.get(usize::from(count != 1)).ok_or("no plain transfer")?;
                    let name = format!("  the same; our plain one, {:.0} MB each", octets as f64 / 1e6);
                    report.add(
                        Figure::new(name, mine.processor, "ms")
                            .beside(before.processor)
                            .bar(Bar::TimesAtMost(1.6)),
                    );
                    report.add(
                        Figure::new("  the time of it; our plain one", mine.time, "ms")
                            .beside(before.time)
                            .bar(Bar::TimesAtMost(1.6)),
                    );
                }
            }
        }
    }
    Ok(())
}

struct Rounds {
    times: Vec<f64>,
    /// Of the server, while it was its turn.
    processor: f64,
}

impl Rounds {
    fn start(server: &Server) -> Result<Self> {
        processor_time(server.pid)?;
        Ok(Self {
            times: Vec::new(),
            processor: 0.0,
        })
    }

    async fn round(
        &mut self,
        server: &Server,
        zone: &str,
        key: Option<&tsig::Key>,
        count: usize,
    ) -> Result<()> {
        let before = processor_time(server.pid)?;
        let start = Instant::now();
        let transfers = (0..count).map(|_| one(server.address, zone, key));
        futures_util::future::try_join_all(transfers).await?;
        self.times.push(milliseconds(start.elapsed()));
        self.processor += processor_time(server.pid)? - before;
        Ok(())
    }

    fn end(self, server: &Server, count: usize) -> Result<Taken> {
        processor_time(server.pid)?;
        let transfers = self.times.len() * count;
        Ok(Taken {
            processor: self.processor / transfers as f64,
            time: median(self.times),
        })
    }
}

async fn one(server: SocketAddr, zone: &str, key: Option<&tsig::Key>) -> Result<Drained> {
    let zone = Name::parse(zone)?;
    let key = key.cloned();
    let now = zonelog_central::clock::now().timestamp().unsigned_abs();
    Ok(tokio::task::spawn_blocking(move || match key {
        None => drain(server, &zone, Ask::Axfr, PATIENCE, |_, _| {}),
        Some(key) => drain_signed(server, &zone, Ask::Axfr, (&key, now), PATIENCE, |_, _| {}),
    })
    .await??)
}

/// The least that there can be: as many octets out of one piece of memory, by a loop that writes, to one that reads.
async fn write_loop(report: &mut Report, ours: &Server, zone: &str) -> Result<usize> {
    let octets = one(ours.address, zone, None).await?.octets;
    let (mut least, mut transfer) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        transfer.push(milliseconds(one(ours.address, zone, None).await?.total));
        let taken = tokio::task::spawn_blocking(move || written(octets)).await??;
        least.push(taken);
    }
    report.add(
        Figure::new(
            "AXFR of 1,000,000 records; a `write` loop",
            median(transfer),
            "ms",
        )
        .beside(median(least)),
    );
    Ok(octets)
}

fn written(octets: usize) -> Result<f64> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let writer = std::thread::spawn(move || -> std::io::Result<()> {
        let content = vec![7; octets];
        let (mut stream, _) = listener.accept()?;
        stream.read_exact(&mut [0])?;
        content
            .chunks(512 << 10)
            .try_for_each(|part| stream.write_all(part))
    });
    let mut stream = TcpStream::connect(address)?;
    let mut buffer = vec![0; 4 << 20];
    let mut left = octets;
    let start = Instant::now();
    stream.write_all(&[1])?;
    while left > 0 {
        left = left.saturating_sub(stream.read(&mut buffer)?.max(1));
    }
    let taken = milliseconds(start.elapsed());
    writer.join().map_err(|_| "the writer failed")??;
    Ok(taken)
}
