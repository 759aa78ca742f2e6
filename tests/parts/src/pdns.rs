//! A private PowerDNS: `pdns_server` on free ports of 127.0.0.1 with its HTTP API, and its zones in SQLite in a folder of
//! its own. Its settings are the packaged ones, but that SQLite does not wait for the disk.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use tokio::process::Command;

use crate::process::{Channel, Look, Process, Start};

/// The tables of an empty database, where Debian's package has them.
const SCHEMA: &str = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql";

/// What a PowerDNS for a test is like.
#[derive(Clone, Debug, Default)]
pub struct PdnsOptions {
    /// The TSIG keys that it knows from its start: name without a final dot, algorithm, secret in base64.
    pub tsig_keys: Vec<(String, String, String)>,
    /// SQL by which its database is filled: what its operator made once, by `pdnsutil` or so.
    pub database: String,
    /// Lines for the end of pdns.conf.
    pub config: String,
}

/// A PowerDNS that runs until it is dropped; its folder goes with it.
#[derive(Debug)]
pub struct Pdns {
    process: Process,
    api: SocketAddr,
    options: PdnsOptions,
}

impl Pdns {
    /// What its API wants to be told as `X-API-Key`: for tests only.
    pub const API_TOKEN: &'static str = "zonelog-test-api-token";

    /// Starts one and waits until it answers.
    pub async fn start(options: PdnsOptions) -> io::Result<Self> {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut pdns = Self {
            process: Process::new("pdns", local(crate::free_port()))?,
            api: local(crate::free_port()),
            options,
        };
        std::fs::write(pdns.folder().join("pdns.conf"), pdns.configuration())?;
        pdns.make_database().await?;
        pdns.start_again().await?;
        Ok(pdns)
    }

    /// Where it answers DNS, UDP and TCP.
    pub fn dns_address(&self) -> SocketAddr {
        self.process.dns
    }

    /// Where its API listens.
    pub fn api_address(&self) -> SocketAddr {
        self.api
    }

    /// The address of its API.
    pub fn api_endpoint(&self) -> String {
        format!("http://{}", self.api)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.process.folder()
    }

    /// The process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// What it wrote to its log so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Asks its database: one line a row, the columns apart by `|`.
    pub async fn sql(&self, statement: &str) -> io::Result<String> {
        let mut sqlite = Command::new("sqlite3");
        sqlite
            .args(["-cmd", ".timeout 5000"])
            .arg(self.folder().join("pdns.sqlite3"))
            .arg(statement);
        let output = sqlite.output().await.map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot run sqlite3 (apt install sqlite3): {error}"),
            )
        })?;
        if !output.status.success() {
            return Err(io::Error::other(
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    /// Stops it in good order (SIGTERM) and waits for its end. Its zones stay on its disk.
    pub async fn stop(&mut self) -> io::Result<()> {
        self.process.stop().await
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.process.kill().await
    }

    /// Kills it and empties its database, as if its disk was lost; what it knew from its start is put back. It is
    /// down afterwards.
    pub async fn wipe(&mut self) -> io::Result<()> {
        self.process
            .wipe(|name| !name.starts_with("pdns.sqlite3"))
            .await?;
        self.make_database().await
    }

    /// Starts it again on the same ports and folder, and waits until it answers. Does nothing while it runs.
    pub async fn start_again(&mut self) -> io::Result<()> {
        let start = Start {
            program: "pdns_server",
            package: "pdns-server",
            account: Vec::new(),
            arguments: vec![format!("--config-dir={}", self.folder().display())],
            channel: Channel::Tcp(self.api),
        };
        self.process.start(&start, |_| Look::Fine).await
    }

    async fn make_database(&self) -> io::Result<()> {
        let schema = std::fs::read_to_string(SCHEMA).map_err(|error| {
            let text = format!("cannot read {SCHEMA} (apt install pdns-backend-sqlite3): {error}");
            io::Error::new(error.kind(), text)
        })?;
        self.sql(&schema).await?;
        for (name, algorithm, secret) in &self.options.tsig_keys {
            let insert = "insert into tsigkeys (name, algorithm, secret) values";
            self.sql(&format!("{insert} ('{name}', '{algorithm}', '{secret}')"))
                .await?;
        }
        if !self.options.database.is_empty() {
            self.sql(&self.options.database).await?;
        }
        Ok(())
    }

    fn configuration(&self) -> String {
        format!(
            "local-address=127.0.0.1\nlocal-port={dns}\nsocket-dir={folder}\ndaemon=no\nguardian=no\n\
             secondary=yes\nallow-notify-from=127.0.0.0/8\nallow-axfr-ips=127.0.0.0/8\nsecurity-poll-suffix=\n\
             api=yes\napi-key={token}\nwebserver=yes\nwebserver-address=127.0.0.1\nwebserver-port={api}\n\
             launch=gsqlite3\ngsqlite3-database={folder}/pdns.sqlite3\ngsqlite3-pragma-synchronous=0\n{more}\n",
            dns = self.process.dns.port(),
            api = self.api.port(),
            folder = self.folder().display(),
            token = Self::API_TOKEN,
            more = self.options.config,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_starts_forgets_and_starts_again() {
        let key = ("one".to_owned(), "hmac-sha256".to_owned(), "c2VjcmV0".to_owned());
        let options = PdnsOptions {
            tsig_keys: vec![key],
            ..PdnsOptions::default()
        };
        let mut pdns = Pdns::start(options).await.unwrap();
        let first = pdns.pid().unwrap();
        let add = "insert into domains (name, type) values ('lost.test', 'SLAVE')";
        pdns.sql(add).await.unwrap();
        assert_eq!(pdns.sql("select name from domains").await.unwrap(), "lost.test");
        pdns.stop().await.unwrap();
        assert!(tokio::net::TcpStream::connect(pdns.api_address()).await.is_err());
        pdns.wipe().await.unwrap();
        pdns.start_again().await.unwrap();
        assert_ne!(pdns.pid(), Some(first));
        assert_eq!(pdns.sql("select name from domains").await.unwrap(), "");
        assert_eq!(pdns.sql("select name from tsigkeys").await.unwrap(), "one");
    }

    #[tokio::test]
    async fn a_wrong_configuration_is_told_with_the_log() {
        let options = PdnsOptions {
            config: "no-such-setting=yes".to_owned(),
            ..PdnsOptions::default()
        };
        let error = Pdns::start(options).await.unwrap_err();
        assert!(error.to_string().contains("no-such-setting"), "{error}");
    }
}
