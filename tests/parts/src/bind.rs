//! A private BIND: `named` as an unprivileged user on free ports of 127.0.0.1, with an rndc key and `allow-new-zones`,
//! in a folder of its own. Its limits are raised (stock BIND takes at most 20 zones a second from a primary), so that
//! a test waits for our code and not for BIND's quotas.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use crate::process::{Channel, Look, Process, Start};

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
    process: Process,
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
        let (dns, rndc) = (options.dns.unwrap_or_else(free_address), free_address());
        let process = Process::new("bind", dns)?;
        let account = Account::for_named(process.folder())?;
        let path = process.folder().to_owned();
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
            process,
            rndc,
            algorithm,
            account,
        };
        bind.start_again().await?;
        Ok(bind)
    }

    /// Where it answers DNS, UDP and TCP.
    pub fn dns_address(&self) -> SocketAddr {
        self.process.dns
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
        self.process.folder()
    }

    /// The process id of named, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// What named wrote to its log so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Stops it in good order (SIGTERM) and waits for its end. Its zones stay on its disk.
    pub async fn stop(&mut self) -> io::Result<()> {
        self.process.stop().await
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.process.kill().await
    }

    /// Kills it and deletes everything that it was told and transferred, as if its disk was lost; zones for which it is
    /// the primary stay. It is down afterwards: [`Self::start_again`] starts it empty.
    pub async fn wipe(&mut self) -> io::Result<()> {
        self.process
            .wipe(|name| name == "named.conf" || name.starts_with("primary."))
            .await
    }

    /// Starts it again on the same ports and folder, and waits until it answers. Does nothing while it runs.
    pub async fn start_again(&mut self) -> io::Result<()> {
        let account = self.account.as_ref().map_or_else(Vec::new, |account| {
            let (uid, gid) = (account.uid.to_string(), account.gid.to_string());
            ["--reuid", &uid, "--regid", &gid, "--clear-groups"]
                .map(str::to_owned)
                .to_vec()
        });
        let file = self.folder().join("named.conf").display().to_string();
        let start = Start {
            program: "named",
            package: "bind9",
            account,
            arguments: ["-g", "-4", "-n", "1", "-c", &file].map(str::to_owned).to_vec(),
            channel: Channel::Tcp(self.rndc),
        };
        self.process.start(&start, look).await
    }
}

fn look(log: &str) -> Look {
    // named goes on without a listener whose port is taken, and says so.
    if log.contains("address in use") || log.contains("address already in use") {
        Look::PortTaken
    } else if log.contains("running") {
        // Another's server on our port would answer too; named's own log is the proof that it is ours.
        Look::Fine
    } else {
        Look::NotYet
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
    async fn nothing_is_left_of_one_that_is_busy_when_it_is_dropped() {
        let primary = Bind::start(BindOptions {
            primary_zones: (0..500)
                .map(|number| {
                    let text = "@ 60 SOA ns h 7 60 60 600 60\n@ 60 NS ns.other.\n";
                    (format!("z{number}.test"), text.to_owned())
                })
                .collect(),
            ..BindOptions::default()
        })
        .await
        .unwrap();
        let secondaries: String = (0..500)
            .map(|number| {
                format!(
                    "zone \"z{number}.test\" {{ type secondary; file \"z{number}\"; primaries {{ 127.0.0.1 port {}; }}; }};",
                    primary.dns_address().port()
                )
            })
            .collect();
        let bind = Bind::start(BindOptions {
            config: secondaries,
            ..BindOptions::default()
        })
        .await
        .unwrap();
        let (folder, pid) = (bind.folder().to_owned(), bind.pid().unwrap());
        // It writes the zones that it transfers.
        drop(bind);
        assert!(!folder.exists());
        assert!(!Path::new(&format!("/proc/{pid}/exe")).exists());
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
