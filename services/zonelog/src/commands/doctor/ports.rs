//! Our own ports: free, or answered by ourselves.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::Check;
use super::servers::{NOWHERE, soa_response};
use crate::config::Config;
use crate::installation::Running;
use crate::telemetry::HEALTHY;

const PATIENCE: Duration = Duration::from_secs(2);

/// Checks the ports of all roles.
pub(super) async fn check(config: &Config, running: Option<&Running>, checks: &mut Vec<Check>) {
    // `zonelog up` with port 0 took free ones: ask where it really is.
    let api = running.map_or(config.api.listen, |running| running.api);
    let metrics = running.map_or(config.metrics.listen, |running| running.metrics);
    let minidns = running.map_or(&config.minidns.listen, |running| &running.minidns);

    checks.push(http("api.listen", api, "/", "\"versions\"").await);
    checks.push(http("metrics.listen", metrics, "/healthz", HEALTHY.trim_end()).await);
    for &address in minidns {
        let about = format!("minidns.listen {address}");
        let taken = match (TcpListener::bind(address).await, UdpSocket::bind(address).await) {
            (Ok(_), Ok(_)) => None,
            (Err(error), _) | (_, Err(error)) => Some(error),
        };
        checks.push(match taken {
            None => free(about),
            Some(error) if error.kind() != io::ErrorKind::AddrInUse => unusable(about, &error),
            // MiniDNS refuses what is no zone of its own, and answers while it starts with SERVFAIL.
            Some(_) => match soa_response(address, NOWHERE, PATIENCE).await {
                Ok(response) if response.refused() => Check::ok(about, "answered by MiniDNS"),
                Ok(response) => foreign(about, &format!("it answers with rcode {}", response.rcode)),
                Err(error) => foreign(about, &error.to_string()),
            },
        });
    }
}

async fn http(key: &str, address: SocketAddr, path: &str, ours: &str) -> Check {
    let about = format!("{key} {address}");
    match TcpListener::bind(address).await {
        Ok(_) => free(about),
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => unusable(about, &error),
        Err(_) => match timeout(PATIENCE, get(address, path)).await {
            Ok(Ok(answer)) if answer.contains(ours) => Check::ok(about, "answered by Zonelog"),
            Ok(Ok(_)) => foreign(about, "it answers HTTP, but not as Zonelog does"),
            Ok(Err(error)) => foreign(about, &error.to_string()),
            Err(_) => foreign(about, "it takes connections and does not answer"),
        },
    }
}

fn free(about: String) -> Check {
    Check::ok(about, "free: nothing runs there at the moment")
}

fn unusable(about: String, error: &io::Error) -> Check {
    Check::fail(
        about,
        error.to_string(),
        "give it an address of this machine and a port that this user may take",
    )
}

fn foreign(about: String, what: &str) -> Check {
    Check::fail(
        about,
        format!("taken by another program ({what})"),
        "stop that program, or choose another port",
    )
}

/// The first 64 KiB of what HTTP answers.
async fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut connection = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    connection.take(64 * 1024).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
