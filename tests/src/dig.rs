//! Asking real servers with `dig`.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use tokio::process::Command;

/// What `dig` printed.
#[derive(Clone, Debug)]
pub struct Dig {
    /// Standard output, as printed.
    pub text: String,
}

impl Dig {
    /// Asks `server`: `dig @server -p port ARGUMENTS +time=2 +tries=1`. A server that does not answer gives an empty or
    /// commented text, never an error.
    pub async fn ask(server: SocketAddr, arguments: &[&str]) -> Self {
        let output = Command::new("dig")
            .arg(format!("@{}", server.ip()))
            .args(["-p", &server.port().to_string(), "+time=2", "+tries=1"])
            .args(arguments)
            .kill_on_drop(true)
            .output()
            .await
            .expect("dig is installed (Debian: bind9-dnsutils)");
        Self {
            text: String::from_utf8_lossy(&output.stdout).into_owned(),
        }
    }

    /// The answers' data alone, a line each, sorted: `dig +short`.
    pub async fn short(server: SocketAddr, name: &str, rrtype: &str) -> Vec<String> {
        let mut lines: Vec<String> = Self::ask(server, &["+short", name, rrtype])
            .await
            .text
            .lines()
            .filter(|line| !line.starts_with(';'))
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    }

    /// The serial of the zone's SOA at `server`; `None` when it gives none.
    pub async fn serial(server: SocketAddr, zone: &str) -> Option<u32> {
        let lines = Self::short(server, zone, "SOA").await;
        lines.first()?.split(' ').nth(2)?.parse().ok()
    }
}

/// A zone's whole content as `server` transfers it: a line a record, names in lower case, white space folded. `None`
/// when the transfer failed.
pub async fn zone_content(server: SocketAddr, zone: &str) -> Option<BTreeSet<String>> {
    let answer = Dig::ask(server, &["+noall", "+answer", "+tcp", zone, "AXFR"]).await;
    let lines: BTreeSet<String> = answer
        .text
        .lines()
        .filter(|line| !line.starts_with(';') && !line.trim().is_empty())
        .map(|line| {
            let mut fields = line.split_whitespace();
            let owner = fields.next().unwrap_or_default().to_lowercase();
            std::iter::once(owner.as_str())
                .chain(fields)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    (!lines.is_empty()).then_some(lines)
}
