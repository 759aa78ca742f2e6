//! A private BIND: `named` as an unprivileged user on free ports of 127.0.0.1, with an rndc key and `allow-new-zones`,
//! in a folder of its own. Its limits are raised (stock BIND takes at most 20 zones a second from a primary), so that
//! a test waits for our code and not for BIND's quotas.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long named may take to answer its first query, or to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// A query for the SOA of the root, as a sign of life: any answer will do (RFC 1035 §4.1).
const SIGN_OF_LIFE: [u8; 17] = [0x5a, 0x4c, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1];

/// What a BIND for a test is like.
#[derive(Clone, Debug)]
pub struct BindOptions {
    /// The algorithm of the rndc key, as named.conf spells it: `hmac-sha256`, `hmac-md5`, ...
    pub rndc_algorithm: String,
    /// Zones for which it is the primary: name and master file. Dynamic updates of them are allowed.
    pub primary_zones: Vec<(String, String)>,
    /// Statements for the inside of each of these zones.
    pub zone_options: String,
    /// Statements for the inside of `options { }`.
    pub options: String,
    /// Statements for the end of named.conf.
    pub config: String,
    /// Where it answers DNS; `None`: on a free port of 127.0.0.1.
    pub dns: Option<SocketAddr>,
}

impl Default for BindOptions {
    fn default() -> Self {
        Self {
            rndc_algorithm: "hmac-sha256".to_owned(),
            primary_zones: Vec::new(),
            zone_options: String::new(),
            options: String::new(),
            config: String::new(),
            dns: None,
        }
    }
}

/// A BIND that runs until it is dropped; its folder goes with it.
#[derive(Debug)]
pub struct Bind {
    folder: TempDir,
    child: Option<Child>,
    dns: SocketAddr,
    rndc: SocketAddr,
    algorithm: String,
    account: Option<Account>,
}

impl Bind {
    /// The name of its rndc key.
    pub const RNDC_KEY: &'static str = "rndc-key";
    /// The secret of its rndc key, in base64: for tests only.
    pub const RNDC_SECRET: &'static str = "em9uZWxvZyB0ZXN0IHJuZGMga2V5IC0gMzIgYnl0ZXM=";

    /// Starts one and waits until it answers.
    pub async fn start(options: BindOptions) -> io::Result<Self> {
        let mut refused = None;
        // Something that is no test of ours may have taken the port.
        for _ in 0..5 {
            match Self::start_once(&options).await {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => refused = Some(error),
                other => return other,
            }
        }
        Err(refused.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
    }

    async fn start_once(options: &BindOptions) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("zonelog-bind-").tempdir()?;
        let account = Account::for_named(folder.path())?;
        let (dns, rndc) = (options.dns.unwrap_or_else(free_address), free_address());
        let path = folder.path().to_owned();
        std::fs::write(path.join("named.conf"), configuration(&path, dns, rndc, options))?;
        for (name, master_file) in &options.primary_zones {
            let file = path.join(primary_file(name));
            std::fs::write(&file, master_file)?;
            give(&file, account.as_ref())?;
        }
        give(&path.join("named.conf"), account.as_ref())?;
        give(&path, account.as_ref())?;
        let algorithm = options.rndc_algorithm.clone();
        let mut bind = Self {
            folder,
            child: None,
            dns,
            rndc,
            algorithm,
            account,
        };
        bind.start_again().await?;
        Ok(bind)
    }

    /// Where it answers DNS, UDP and TCP.
    pub fn dns_address(&self) -> SocketAddr {
        self.dns
    }

    /// Where its rndc channel listens.
    pub fn rndc_address(&self) -> SocketAddr {
        self.rndc
    }

    /// The name of its rndc key.
    pub fn rndc_key(&self) -> &str {
        Self::RNDC_KEY
    }

    /// The algorithm of its rndc key.
    pub fn rndc_algorithm(&self) -> &str {
        &self.algorithm
    }

    /// The secret of its rndc key, in base64.
    pub fn rndc_secret(&self) -> &str {
        Self::RNDC_SECRET
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process id of named, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// What named wrote to its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Stops it in good order (SIGTERM) and waits for its end. Its zones stay on its disk.
    pub async fn stop(&mut self) -> io::Result<()> {
        let Some(child) = &mut self.child else {
            return Ok(());
        };
        if let Some(pid) = child.id() {
            Command::new("kill")
                .arg("-TERM")
                .arg(pid.to_string())
                .status()
                .await?;
        }
        if tokio::time::timeout(PATIENCE, child.wait()).await.is_err() {
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

    /// Kills it and deletes everything that it was told and transferred, as if its disk was lost; zones for which it is
    /// the primary stay. It is down afterwards: [`Self::start_again`] starts it empty.
    pub async fn wipe(&mut self) -> io::Result<()> {
        self.kill().await?;
        for entry in std::fs::read_dir(self.folder.path())? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name == "named.conf" || name == "named.log" || name.starts_with("primary.") {
                continue;
            }
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Starts it again on the same ports and folder, and waits until it answers. Does nothing while it runs.
    pub async fn start_again(&mut self) -> io::Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        // The server must not outlive the test: it gets SIGKILL when the thread that started it ends.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(account) = &self.account {
            let (uid, gid) = (account.uid.to_string(), account.gid.to_string());
            command.args(["--reuid", &uid, "--regid", &gid, "--clear-groups"]);
        }
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log_path())?;
        command
            .args(["named", "-g", "-4", "-n", "1", "-c"])
            .arg(self.folder.path().join("named.conf"));
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let already = self.log().len();
        let child = command.spawn().map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("cannot run setpriv and named (apt install bind9): {error}"),
            )
        })?;
        self.child = Some(child);
        self.wait_until_it_answers(already).await
    }

    async fn wait_until_it_answers(&mut self, already: usize) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket.connect(self.dns).await?;
        loop {
            let ended = self.child.as_mut().map(Child::try_wait).transpose()?.flatten();
            let log = self.log();
            let log = log.get(already..).unwrap_or_default();
            // named goes on without a listener whose port is taken, and says so.
            let taken = log.contains("address in use") || log.contains("address already in use");
            if taken || ended.is_some() || Instant::now() > end {
                let kind = if taken {
                    io::ErrorKind::AddrInUse
                } else {
                    io::ErrorKind::Other
                };
                let text = format!("named on {} did not come up; its log:\n{log}", self.dns);
                self.kill().await?;
                return Err(io::Error::new(kind, text));
            }
            // Another's server on our port would answer too; named's own log is the proof that it is ours.
            if log.contains("running") && socket.send(&SIGN_OF_LIFE).await.is_ok() {
                let mut answer = [0; 512];
                let received =
                    tokio::time::timeout(Duration::from_millis(50), socket.recv(&mut answer)).await;
                if matches!(received, Ok(Ok(length)) if length >= 12)
                    && tokio::net::TcpStream::connect(self.rndc).await.is_ok()
                {
                    return Ok(());
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("named.log")
    }
}

fn configuration(folder: &Path, dns: SocketAddr, rndc: SocketAddr, options: &BindOptions) -> String {
    let mut text = format!(
        r#"key "{key}" {{ algorithm {algorithm}; secret "{secret}"; }};
controls {{ inet 127.0.0.1 port {rndc} allow {{ 127.0.0.1; }} keys {{ "{key}"; }}; }};
options {{
  directory "{folder}"; pid-file none; session-keyfile none; lock-file none;
  listen-on port {dns} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; notify no; minimal-responses yes; empty-zones-enable no;
  allow-query {{ any; }}; allow-transfer {{ any; }}; allow-notify {{ 127.0.0.1; }};
  allow-new-zones yes;
  transfers-in 100; transfers-per-ns 100; transfers-out 100; tcp-clients 1000;
  serial-query-rate 1000; notify-rate 1000; startup-notify-rate 1000;
{more}
}};
"#,
        key = Bind::RNDC_KEY,
        algorithm = options.rndc_algorithm,
        secret = Bind::RNDC_SECRET,
        rndc = rndc.port(),
        dns = dns.port(),
        folder = folder.display(),
        more = options.options,
    );
    for (name, _) in &options.primary_zones {
        let file = primary_file(name);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            r#"zone "{name}" {{ type primary; file "{file}"; allow-update {{ any; }}; {} }};"#,
            options.zone_options
        );
    }
    text.push_str(&options.config);
    text
}

fn primary_file(zone: &str) -> String {
    format!("primary.{}", zone.trim_end_matches('.').replace('/', "_"))
}

fn free_address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, crate::free_port()))
}

/// The account that named runs as when the test runs as root.
#[derive(Clone, Debug)]
struct Account {
    uid: u32,
    gid: u32,
}

impl Account {
    /// `bind`, `named` or `nobody`, whichever the machine has first; `None` when the test is not root, whose own
    /// account then does. Whoever owns a folder just made is who we are.
    fn for_named(folder: &Path) -> io::Result<Option<Self>> {
        if folder.metadata()?.uid() != 0 {
            return Ok(None);
        }
        let accounts = std::fs::read_to_string("/etc/passwd")?;
        let found = ["bind", "named", "nobody"].iter().find_map(|wanted| {
            accounts.lines().find_map(|line| {
                let mut fields = line.split(':');
                let name = fields.next()?;
                let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
                (name == *wanted).then_some(Self { uid, gid })
            })
        });
        found
            .map(Some)
            .ok_or_else(|| io::Error::other("no account bind, named or nobody in /etc/passwd"))
    }
}

fn give(path: &Path, account: Option<&Account>) -> io::Result<()> {
    account.map_or(Ok(()), |account| {
        chown(path, Some(account.uid), Some(account.gid))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_starts_forgets_and_starts_again() {
        let zone = (
            "up.test".to_owned(),
            "@ 60 SOA ns h 7 60 60 600 60\n@ 60 NS ns.other.\n".to_owned(),
        );
        let mut bind = Bind::start(BindOptions {
            primary_zones: vec![zone],
            ..BindOptions::default()
        })
        .await
        .unwrap();
        let first = bind.pid().unwrap();
        bind.stop().await.unwrap();
        assert!(tokio::net::TcpStream::connect(bind.rndc_address()).await.is_err());
        std::fs::write(bind.folder().join("_default.nzd"), "lost").unwrap();
        bind.wipe().await.unwrap();
        assert!(!bind.folder().join("_default.nzd").exists());
        bind.start_again().await.unwrap();
        assert_ne!(bind.pid(), Some(first));
        assert!(bind.folder().join("primary.up.test").exists());
    }

    #[tokio::test]
    async fn a_wrong_configuration_is_told_with_the_log() {
        let options = BindOptions {
            options: "no-such-option yes;".to_owned(),
            ..BindOptions::default()
        };
        let error = Bind::start(options).await.unwrap_err();
        assert!(error.to_string().contains("no-such-option"), "{error}");
    }
}
