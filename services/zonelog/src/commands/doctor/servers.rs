//! A pool's servers: their control channel, their answers, and how far they are behind.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use deadpool_postgres::Client;
use tokio::net::UdpSocket;
use tokio::time::timeout;
use zonelog_central::ids;
use zonelog_dns::ZoneName;
use zonelog_projections::delivery;
use zonelog_reconciler::targets::TargetConfig;
use zonelog_reconciler::topology::ServerSpec;
use zonelog_reconciler::{ReconcilerOptions, Target, prepare};

use super::Check;
use super::database::head;
use crate::config::Config;
use crate::output;

/// A zone that cannot exist (RFC 6761 §6.4).
pub(super) const NOWHERE: &str = "zonelog-doctor.invalid.";

/// A server that is so many events behind for a moment is only busy.
const BUSY: i64 = 100;

/// Checks a server of a pool.
pub(super) async fn check(
    config: &Config,
    spec: &ServerSpec,
    options: &ReconcilerOptions,
    client: &Client,
    checks: &mut Vec<Check>,
) {
    let label = spec.label();
    match prepare(spec, options).await {
        Ok(server) => {
            for target in &server.targets {
                let channel = match target.config {
                    TargetConfig::Bind9(_) => {
                        ("rndc", "compare address and key with the server's `controls`")
                    }
                    TargetConfig::Pdns4(_) => ("API", "compare address and token with PowerDNS's settings"),
                    TargetConfig::Designate(_) => {
                        ("API", "compare addresses, user and project with that cloud's")
                    }
                    _ => continue,
                };
                checks.push(told(&label, target, channel).await);
            }
            if let Some(catalog) = &server.catalog {
                let about = format!("server {label}: catalog zone {}", catalog.name());
                checks.push(match catalog.check().await {
                    Ok(serial) => Check::ok(about, format!("there, at serial {serial}")),
                    Err(what) => Check::fail(about, what, "configure it at the server"),
                });
            }
            if let Some(address) = server.address {
                let patience = Duration::from_millis(config.reconciler.query_timeout_ms.max(1000));
                checks.push(answers(&label, address, patience).await);
            }
        }
        Err(what) => checks.push(Check::fail(
            format!("server {label}"),
            what,
            "put it right where the pool says, or change the pool: `zonelog pool update --file pools.yaml`",
        )),
    }
    checks.push(progress(&label, &spec.name, client).await);
}

/// Has the server forget a zone that cannot exist: that takes address, key and right, and changes nothing.
async fn told(label: &str, target: &Target, (channel, remedy): (&str, &str)) -> Check {
    let about = format!("server {label}: {channel}");
    let done = match ZoneName::parse(NOWHERE) {
        Ok(zone) => target
            .told
            .remove_zone(&zone, false)
            .await
            .map_err(|error| error.reason),
        Err(error) => Err(error.to_string()),
    };
    match done {
        Ok(()) => Check::ok(about, "takes our key and commands"),
        Err(reason) => Check::fail(about, reason, remedy),
    }
}

async fn answers(label: &str, address: SocketAddr, patience: Duration) -> Check {
    let about = format!("server {label}: DNS at {address}");
    match soa_response(address, NOWHERE, patience).await {
        Ok(_) => Check::ok(about, "answers"),
        Err(error) => Check::fail(
            about,
            error.to_string(),
            "start the server, or correct its address",
        ),
    }
}

/// What the reconciler wrote down about the server.
async fn progress(label: &str, name: &str, client: &Client) -> Check {
    let about = format!("server {label}: progress");
    let statement = "select (select position from server_checkpoint where server = $1),
                            count(*) filter (where error is not null), min(error)
                     from server_zone where server = $1";
    let row = match client.query_one(statement, &[&name]).await {
        Ok(row) => row,
        Err(error) => return Check::fail(about, output::chain(&error), "look into PostgreSQL's log"),
    };
    let (checkpoint, failing, error): (Option<i64>, i64, Option<String>) =
        (row.get(0), row.get(1), row.get(2));
    let Some(checkpoint) = checkpoint else {
        return Check::warn(
            about,
            "no reconciler has worked on it yet",
            "start `zonelog up` or `zonelog reconciler`",
        );
    };
    let behind = head(client).await.unwrap_or(checkpoint) - checkpoint;
    let control = match delivery::control(&***client, name).await {
        Ok(control) => control,
        Err(error) => return Check::fail(about, output::chain(&error), "look into PostgreSQL's log"),
    };
    if let Some(paused) = control.paused {
        let reason = paused
            .reason
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        let found = format!(
            "paused since {}{reason}; {behind} events behind",
            crate::commands::server::time(paused.since)
        );
        return Check::warn(about, found, "when it is ready: `zonelog server resume`");
    }
    if failing > 0 {
        let error = error.unwrap_or_default();
        let found = format!("{failing} zones fail there, one of them with: {error}");
        return Check::fail(
            about,
            found,
            "put it right at the server; the reconciler tries again by itself",
        );
    }
    if behind > BUSY {
        let found = format!("{behind} events of the log behind");
        return Check::warn(
            about,
            found,
            "look again in a moment; if it grows, is a reconciler running?",
        );
    }
    Check::ok(
        about,
        if behind == 0 {
            "at the log's head".to_owned()
        } else {
            format!("{behind} events behind")
        },
    )
}

/// The header of an answer to a SOA query.
#[derive(Clone, Copy, Debug)]
pub(super) struct Response {
    pub(super) rcode: u8,
}

impl Response {
    /// RFC 1035 §4.1.1: 5 is REFUSED.
    pub(super) const fn refused(self) -> bool {
        self.rcode == 5
    }
}

/// Asks for a SOA record over UDP, twice at most (RFC 1035 §4.1).
pub(super) async fn soa_response(
    address: SocketAddr,
    name: &str,
    patience: Duration,
) -> io::Result<Response> {
    let name = zonelog_dns::Name::parse(name).map_err(io::Error::other)?;
    let local: SocketAddr = if address.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0u16; 8], 0).into()
    };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(address).await?;
    let id = ids::random_below(1 << 16).to_be_bytes();
    // Identifier; a plain query; one question.
    let mut query = vec![id[2], id[3], 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend_from_slice(name.wire());
    query.extend_from_slice(&[0, 6, 0, 1]); // SOA, IN
    let mut answer = [0; 512];
    for _ in 0..2 {
        socket.send(&query).await?;
        match timeout(patience, socket.recv(&mut answer)).await {
            Ok(Ok(length)) if length >= 12 && answer[..2] == id[2..] && answer[2] & 0x80 != 0 => {
                return Ok(Response {
                    rcode: answer[3] & 0x0f,
                });
            }
            Ok(Ok(_)) => return Err(io::Error::other("it answers, but not as a DNS server does")),
            Ok(Err(error)) => return Err(error),
            Err(_) => {}
        }
    }
    Err(io::Error::other(format!(
        "no answer within {} ms, twice",
        patience.as_millis()
    )))
}
