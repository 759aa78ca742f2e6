//! `zonelog up` as a child process in a folder of its own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;
use tokio::process::{Child, Command};
use zonelog_test_parts::bind::Bind;

use crate::Rest;

const PATIENCE: Duration = Duration::from_secs(60);

/// The binary under test. `cargo test --workspace` has built it; otherwise, when it is missing or older than a source, it
/// is built here. (Building it in any case would build it twice: cargo chooses other features for one package alone.)
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let test = std::env::current_exe().expect("a test knows its own file");
        // target/<profile>/deps/<test> or target/<profile>/<bench>
        let profile = test
            .ancestors()
            .skip(1)
            .find(|folder| !folder.ends_with("deps"))
            .expect("a profile's folder");
        let binary = profile.join("zonelog");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("tests/ lies in the workspace");
        let newest = [
            "Cargo.toml",
            "Cargo.lock",
            "events",
            "projections",
            "schema",
            "services",
        ]
        .into_iter()
        .filter_map(|part| newest_change(&root.join(part)))
        .max();
        if modified(&binary) >= newest {
            return binary;
        }
        let status = std::process::Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--offline",
                "-p",
                "zonelog",
                "--bin",
                "zonelog",
                "--target-dir",
            ])
            .arg(profile.parent().expect("the target folder"))
            .args(profile.ends_with("release").then_some("--release"))
            .current_dir(root)
            .status()
            .expect("cargo builds the binary");
        assert!(status.success(), "cargo build -p zonelog failed");
        binary
    })
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

/// When a file, or anything below a folder but its tests, was changed last.
fn newest_change(path: &Path) -> Option<SystemTime> {
    let Ok(entries) = std::fs::read_dir(path) else {
        return modified(path);
    };
    let entries = entries.flatten().map(|entry| entry.path());
    entries
        .filter(|entry| !entry.ends_with("tests"))
        .filter_map(|entry| newest_change(&entry))
        .max()
}

/// What a Zonelog under test is like.
#[derive(Clone, Debug, Default)]
pub struct ZonelogOptions {
    /// TOML behind the generated configuration. Without a `[quotas]` in it projects have no limits.
    pub more: String,
    /// Address that MiniDNS is reached at by the servers, where it is not MiniDNS itself (a proxy of the test).
    pub masters: Option<SocketAddr>,
    /// Where the reconciler sends its queries and NOTIFYs instead of to the server itself (a proxy of the test).
    pub server_address: Option<SocketAddr>,
    /// A database of the test's own (the service's URL and the owner's) instead of Zonelog's private PostgreSQL.
    pub database: Option<(String, String)>,
    /// TOML for the inside of `[api]`.
    pub api: String,
    /// Where its data go, where it is not a temporary folder.
    pub folder: Option<PathBuf>,
}

/// A Zonelog that runs until it is dropped. Its data go with it.
#[derive(Debug)]
pub struct Zonelog {
    folder: PathBuf,
    _temporary: Option<TempDir>,
    child: Option<Child>,
    api: SocketAddr,
    minidns: SocketAddr,
    metrics: SocketAddr,
}

impl Zonelog {
    /// Starts `zonelog up` with `servers` as its pool, and waits until its API is healthy.
    pub async fn up(servers: &[&Bind], options: &ZonelogOptions) -> Self {
        let temporary = match options.folder {
            Some(_) => None,
            None => Some(
                tempfile::Builder::new()
                    .prefix("zonelog-up-")
                    .tempdir()
                    .expect("a folder"),
            ),
        };
        let own = temporary.as_ref().map(|folder| folder.path().to_owned());
        let folder = options.folder.clone().or(own).expect("one of the two");
        // PostgreSQL runs as another user when the test is root: the way to its data must be open.
        open_for_all(&folder);
        let [api, minidns, metrics] = free_addresses();
        let config = configuration(&folder, [api, minidns, metrics], servers, options);
        std::fs::write(folder.join("zonelog.toml"), config).expect("the configuration is written");
        let mut zonelog = Self {
            folder,
            _temporary: temporary,
            child: None,
            api,
            minidns,
            metrics,
        };
        zonelog.start_again().await;
        zonelog
    }

    /// Starts it again on the same data.
    pub async fn start_again(&mut self) {
        assert!(self.child.is_none(), "it still runs");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("a log");
        // It must not outlive the test: the kernel kills it when the thread that started it ends, and it takes its PostgreSQL
        // with it.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(binary())
            .arg("up")
            .arg("--config")
            .arg(self.config_path())
            .arg("--data")
            .arg(self.folder.join("data"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("zonelog starts");
        self.child = Some(child);
        let deadline = Instant::now() + PATIENCE;
        while !self.is_healthy().await {
            let ended = self
                .child
                .as_mut()
                .and_then(|child| child.try_wait().ok().flatten());
            assert!(ended.is_none(), "zonelog ended: {ended:?}\n{}", self.log());
            assert!(
                Instant::now() < deadline,
                "zonelog does not become healthy\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether everything is there: roles, schema, token.
    async fn is_healthy(&self) -> bool {
        let url = format!("http://{}/healthz", self.metrics);
        reqwest::get(url)
            .await
            .is_ok_and(|response| response.status().is_success())
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().await.expect("it can be killed");
    }

    /// Asks it to end (SIGTERM) and waits for it.
    pub async fn stop(&mut self) -> io::Result<ExitStatus> {
        let mut child = self.child.take().expect("it runs");
        let pid = child.id().expect("it runs").to_string();
        Command::new("kill").args(["-TERM", &pid]).status().await?;
        tokio::time::timeout(PATIENCE, child.wait())
            .await
            .expect("it ends in time")
    }

    /// Whether it ended by itself.
    pub async fn has_ended(&mut self) -> bool {
        self.child
            .as_mut()
            .is_none_or(|child| child.try_wait().is_ok_and(|status| status.is_some()))
    }

    /// Kills it, if it has not ended by itself.
    pub async fn kill_if_running(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("it can be killed");
        }
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Its API, with the administrator's token.
    pub fn rest(&self) -> Rest {
        let token = std::fs::read_to_string(self.token_path()).expect("the token was written");
        Rest::new(self.api, token.trim())
    }

    /// Where MiniDNS listens.
    pub fn minidns(&self) -> SocketAddr {
        self.minidns
    }

    /// Where the API listens.
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// What `/metrics` says.
    pub async fn metrics(&self) -> String {
        let response = reqwest::get(format!("http://{}/metrics", self.metrics))
            .await
            .expect("metrics answer");
        response.text().await.expect("metrics are text")
    }

    /// Its configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.folder.join("zonelog.toml")
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What it printed so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Runs one of the operators' commands on its configuration.
    pub async fn command(&self, arguments: &[&str]) -> std::process::Output {
        Command::new(binary())
            .args(arguments)
            .arg("--config")
            .arg(self.config_path())
            .output()
            .await
            .expect("zonelog runs")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("zonelog.log")
    }

    fn token_path(&self) -> PathBuf {
        self.folder.join("data").join("admin-token")
    }
}

impl Drop for Zonelog {
    /// A test that fails shows what Zonelog said last.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<&str> = log.lines().rev().take(60).collect();
            for line in last.iter().rev() {
                eprintln!("zonelog: {line}");
            }
        }
    }
}

fn configuration(
    folder: &Path,
    [api, minidns, metrics]: [SocketAddr; 3],
    servers: &[&Bind],
    options: &ZonelogOptions,
) -> String {
    let mut text = format!(
        "[database]\ndata_dir = \"{}\"\n[api]\nlisten = \"{api}\"\n{}\n[minidns]\nlisten = [\"{minidns}\"]\n\
         [metrics]\nlisten = \"{metrics}\"\n[pools]\nfile = \"pools.yaml\"\n",
        folder.join("data").display(),
        options.api,
    );
    if !options.more.contains("[quotas]") {
        text.push_str(
            "[quotas]\nzones = -1\nzone_recordsets = -1\nzone_records = -1\nrecordset_records = -1\n",
        );
    }
    if let Some((url, owner_url)) = &options.database {
        let urls = format!("[database]\nurl = \"{url}\"\nowner_url = \"{owner_url}\"\n");
        text = text.replacen("[database]\n", &urls, 1);
    }
    let pools = pools_yaml(folder, options.masters.unwrap_or(minidns), servers, options);
    std::fs::write(folder.join("pools.yaml"), pools).expect("the pools are written");
    text.push_str(&options.more);
    text
}

/// The default pool, with its servers, as Designate's `pools.yaml` has it.
///
/// # Panics
/// When the key files cannot be written into `folder`.
pub fn pools_yaml(folder: &Path, masters: SocketAddr, servers: &[&Bind], options: &ZonelogOptions) -> String {
    let mut text = String::from(
        "- name: default\n  id: 794ccc2c-d751-44fe-b57f-8894c9f5c842\n  description: Of a test.\n  attributes: {}\n\
         \x20 ns_records:\n  - { hostname: ns1.example.org., priority: 1 }\n",
    );
    let (mut nameservers, mut targets) = (String::new(), String::new());
    for (number, server) in servers.iter().enumerate() {
        let key = folder.join(format!("rndc-{number}.key"));
        let (name, algorithm, secret) = (server.rndc_key(), server.rndc_algorithm(), server.rndc_secret());
        let key_text = format!("key \"{name}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};\n");
        std::fs::write(&key, key_text).expect("the key is written");
        let (dns, rndc) = (
            options.server_address.unwrap_or_else(|| server.dns_address()),
            server.rndc_address(),
        );
        nameservers.push_str(&format!("  - {{ host: {}, port: {} }}\n", dns.ip(), dns.port()));
        targets.push_str(&format!(
            "  - type: bind9\n    masters: [{{ host: {}, port: {} }}]\n    options: {{ host: {}, port: {}, rndc_host: {}, \
             rndc_port: {}, rndc_key_file: {} }}\n",
            masters.ip(),
            masters.port(),
            dns.ip(),
            dns.port(),
            rndc.ip(),
            rndc.port(),
            key.display(),
        ));
    }
    if !servers.is_empty() {
        text.push_str(&format!("  nameservers:\n{nameservers}  targets:\n{targets}"));
    }
    text
}

/// Ports that are free now, as TCP; held together so that they differ.
fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    std::array::from_fn(|_| SocketAddr::from((Ipv4Addr::LOCALHOST, zonelog_test_parts::free_port())))
}

fn open_for_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).expect("the folder is ours");
}
