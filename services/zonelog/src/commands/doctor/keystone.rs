//! Keystone: reachable, and a Keystone.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Check;
use crate::config::{Auth, Config};

const PATIENCE: Duration = Duration::from_secs(5);
/// How much of its answer is read.
const ENOUGH: u64 = 64 * 1024;

/// Checks the Keystone whose tokens the API takes.
pub(super) async fn check(config: &Config, checks: &mut Vec<Check>) {
    if config.api.auth != Auth::Keystone {
        return;
    }
    let Some(url) = &config.keystone.auth_url else {
        return;
    };
    let about = format!("keystone {url}");
    let advice = "start Keystone, or correct keystone.auth_url; until then every token of Keystone's is answered with 504";
    checks.push(match timeout(PATIENCE, look(url)).await {
        Ok(Ok(found)) => Check::ok(about, found),
        Ok(Err(what)) => Check::fail(about, what, advice),
        Err(_) => Check::fail(about, "it does not answer", advice),
    });
}

/// Asks for the versions, where that needs no TLS; else it is enough that somebody listens.
async fn look(url: &str) -> Result<&'static str, String> {
    let (scheme, rest) = url.split_once("://").ok_or("it is no URL")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let port = if scheme == "https" { 443 } else { 80 };
    let place = match authority.rsplit_once(':') {
        Some((_, port)) if port.parse::<u16>().is_ok() => authority.to_owned(),
        _ => format!("{authority}:{port}"),
    };
    let mut connection = TcpStream::connect(&place)
        .await
        .map_err(|error| error.to_string())?;
    if scheme == "https" {
        return Ok("takes connections (whether it is a Keystone was not looked at, as it speaks TLS)");
    }
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    let asked = async {
        connection.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        connection.take(ENOUGH).read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    };
    let answer = asked.await.map_err(|error| error.to_string())?;
    if String::from_utf8_lossy(&answer).contains("\"version") {
        Ok("answers")
    } else {
        Err("it answers, but not as Keystone does".to_owned())
    }
}
