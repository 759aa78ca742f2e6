//! The pool's servers: their control channel, their answers, and how far they are behind.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;
use tokio_postgres::Client;
use zonelog_central::ids;
use zonelog_dns::ZoneName;
use zonelog_reconciler::targets::target_of;

use super::Check;
use super::database::head;
use crate::compose;
use crate::config::{Config, Server};
use crate::output;

/// A zone that cannot exist (RFC 6761 §6.4).
pub(super) const NOWHERE: &str = "zonelog-doctor.invalid.";

/// A server that is so many events behind for a moment is only busy.
const BUSY: i64 = 100;

/// Checks every server of the pool.
pub(super) async fn check(config: &Config, database: Option<&Client>, checks: &mut Vec<Check>) {
    let patience = Duration::from_millis(config.reconciler.query_timeout_ms.max(1000));
    for server in &config.pool.servers {
        checks.push(rndc(config, server).await);
        checks.push(answers(server, patience).await);
        if let Some(client) = database {
            checks.push(progress(server, client).await);
        }
    }
}

/// Has the server forget a zone that cannot exist: that takes address, key and right, and changes nothing.
async fn rndc(config: &Config, server: &Server) -> Check {
    let about = format!("server {}: rndc", server.name);
    let known = match compose::server(server) {
        Ok(known) => known,
        Err(error) => {
            let found = error.to_string();
            let found = found
                .strip_prefix(&format!("server {}: ", server.name))
                .unwrap_or(&found)
                .to_owned();
            return Check::fail(
                about,
                found,
                "put the key where the configuration says, readable for this user",
            );
        }
    };
    let target = target_of(&known, &compose::timings(&config.reconciler));
    let done = match ZoneName::parse(NOWHERE) {
        Ok(zone) => target.remove_zone(&zone).await.map_err(|error| error.reason),
        Err(error) => Err(error.to_string()),
    };
    match done {
        Ok(()) => Check::ok(about, "takes our key and commands"),
        Err(reason) => Check::fail(
            about,
            reason,
            "compare address and key with the server's `controls`",
        ),
    }
}

async fn answers(server: &Server, patience: Duration) -> Check {
    let about = format!("server {}: DNS at {}", server.name, server.address);
    match soa_response(server.address, NOWHERE, patience).await {
        Ok(_) => Check::ok(about, "answers"),
        Err(error) => Check::fail(
            about,
            error.to_string(),
            "start the server, or correct its address",
        ),
    }
}

/// What the reconciler wrote down about the server.
async fn progress(server: &Server, client: &Client) -> Check {
    let about = format!("server {}: progress", server.name);
    let statement = "select (select position from server_checkpoint where server = $1),
                            count(*) filter (where error is not null), min(error)
                     from server_zone where server = $1";
    let row = match client.query_one(statement, &[&server.name]).await {
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
