//! A private PowerDNS: `pdns_server` on free ports of 127.0.0.1 with its HTTP API, and its zones in SQLite in a folder of
//! its own. Its settings are the packaged ones, but that SQLite does not wait for the disk.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long it may take to answer its first query, or to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// A query for the SOA of the root, as a sign of life: any answer will do (RFC 1035 §4.1).
const SIGN_OF_LIFE: [u8; 17] = [0x5a, 0x4c, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1];

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
    folder: TempDir,
    child: Option<Child>,
    dns: SocketAddr,
    api: SocketAddr,
    options: PdnsOptions,
}

impl Pdns {
    /// What its API wants to be told as `X-API-Key`: for tests only.
    pub const API_TOKEN: &'static str = "zonelog-test-api-token";

    /// Starts one and waits until it answers.
    pub async fn start(options: PdnsOptions) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("zonelog-pdns-").tempdir()?;
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut pdns = Self {
            dns: local(crate::free_port()),
            api: local(crate::free_port()),
            folder,
            child: None,
            options,
        };
        std::fs::write(pdns.folder().join("pdns.conf"), pdns.configuration())?;
        pdns.make_database().await?;
        pdns.start_again().await?;
        Ok(pdns)
    }

    /// Where it answers DNS, UDP and TCP.
    pub fn dns_address(&self) -> SocketAddr {
        self.dns
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
        self.folder.path()
    }

    /// The process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// What it wrote to its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
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
        if let Some(pid) = self.pid() {
            let mut kill = Command::new("kill");
            kill.arg("-TERM").arg(pid.to_string()).status().await?;
        }
        if let Some(child) = &mut self.child
            && tokio::time::timeout(PATIENCE, child.wait()).await.is_err()
        {
            child.kill().await?;
        }
        self.child = None;
        Ok(())
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub async fn kill(&mut self) -> io::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Kills it and empties its database, as if its disk was lost; what it knew from its start is put back. It is
    /// down afterwards.
    pub async fn wipe(&mut self) -> io::Result<()> {
        self.kill().await?;
        for entry in std::fs::read_dir(self.folder())? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("pdns.sqlite3") {
                std::fs::remove_file(entry.path())?;
            }
        }
        self.make_database().await
    }

    /// Starts it again on the same ports and folder, and waits until it answers. Does nothing while it runs.
    pub async fn start_again(&mut self) -> io::Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())?;
        // The server must not outlive the test: it gets SIGKILL when the thread that started it ends.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "pdns_server"])
            .arg(format!("--config-dir={}", self.folder().display()))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                let text = format!("cannot run setpriv and pdns_server (apt install pdns-server): {error}");
                io::Error::new(error.kind(), text)
            })?;
        self.child = Some(child);
        self.wait_until_it_answers().await
    }

    async fn wait_until_it_answers(&mut self) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket.connect(self.dns).await?;
        loop {
            let ended = self.child.as_mut().map(Child::try_wait).transpose()?.flatten();
            if ended.is_some() || Instant::now() > end {
                let text = format!(
                    "pdns_server on {} did not come up; its log:\n{}",
                    self.dns,
                    self.log()
                );
                self.kill().await?;
                return Err(io::Error::other(text));
            }
            if socket.send(&SIGN_OF_LIFE).await.is_ok() {
                let mut answer = [0; 512];
                let received =
                    tokio::time::timeout(Duration::from_millis(50), socket.recv(&mut answer)).await;
                if matches!(received, Ok(Ok(length)) if length >= 12)
                    && tokio::net::TcpStream::connect(self.api).await.is_ok()
                {
                    return Ok(());
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
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
            dns = self.dns.port(),
            api = self.api.port(),
            folder = self.folder().display(),
            token = Self::API_TOKEN,
            more = self.options.config,
        )
    }

    fn log_path(&self) -> PathBuf {
        self.folder().join("pdns.log")
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
