//! A private Knot DNS: `knotd` on a free port of 127.0.0.1, secondary of given zones.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::process::Command;

use crate::secondary::{Program, Secondary, TransferKey, secondary};

/// Its control socket, in its folder.
const SOCKET: &str = "knot.sock";

/// What a Knot for a test is like.
#[derive(Clone, Debug)]
pub struct KnotOptions {
    /// From where it transfers.
    pub primary: SocketAddr,
    /// The zones that it is told to transfer.
    pub zones: Vec<String>,
}

/// A Knot that runs until it is dropped; its folder goes with it.
#[derive(Debug)]
pub struct Knot(Secondary);

impl Knot {
    /// Starts one and waits until it answers.
    pub async fn start(options: KnotOptions) -> io::Result<Self> {
        Self::start_with_key(options, None).await
    }

    /// The same, that signs its requests to the primary with a key.
    pub async fn start_with_key(options: KnotOptions, key: Option<TransferKey>) -> io::Result<Self> {
        let program = Program {
            name: "knotd",
            package: "knot",
            arguments: &["-c", "knot.conf"],
            config: "knot.conf",
            before: None,
            told_by: Some(SOCKET),
        };
        Ok(Self(
            Secondary::start(program, |folder, dns| configuration(&options, key, folder, dns)).await?,
        ))
    }

    /// Starts one without zones, whose configuration is a database: zones come and go through its control socket. The
    /// template takes NOTIFY from 127.0.0.1.
    pub async fn start_with_database() -> io::Result<Self> {
        let program = Program {
            name: "knotd",
            package: "knot",
            arguments: &["-C", "confdb"],
            config: "knot.conf",
            before: Some(&["knotc", "-f", "-C", "confdb", "conf-import", "knot.conf"]),
            told_by: Some(SOCKET),
        };
        Ok(Self(Secondary::start(program, database).await?))
    }

    /// The process id of knotd, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.0.pid()
    }

    /// Its control socket.
    pub fn control_socket(&self) -> PathBuf {
        self.0.folder().join(SOCKET)
    }

    /// Runs `knotc` on it, and returns what that wrote.
    ///
    /// # Errors
    /// What `knotc` wrote when it failed.
    pub async fn knotc(&self, arguments: &[&str]) -> io::Result<String> {
        let mut knotc = Command::new("knotc");
        knotc
            .arg("-f")
            .arg("-s")
            .arg(self.control_socket())
            .args(arguments);
        let output = knotc.output().await?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(io::Error::other(format!("knotc {arguments:?}: {output:?}")))
        }
    }
}

secondary!(Knot);

/// What both kinds have in their configuration.
fn server(folder: &str, dns: SocketAddr) -> String {
    format!(
        "server:\n    rundir: {folder}\n    listen: {}@{}\n    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n    tcp-io-timeout: 20000\n\
         log:\n  - target: stderr\n    any: info\n\
         database:\n    storage: {folder}\n\
         acl:\n  - id: local\n    address: 127.0.0.1\n    action: [transfer, notify]\n",
        dns.ip(),
        dns.port(),
    )
}

fn database(folder: &str, dns: SocketAddr) -> String {
    server(folder, dns)
        + &format!(
            "template:\n  - id: default\n    storage: {folder}\n    file: \"%s.zone\"\n    acl: local\n    zonefile-sync: 0\n"
        )
}

fn configuration(options: &KnotOptions, key: Option<TransferKey>, folder: &str, dns: SocketAddr) -> String {
    let mut text = server(folder, dns);
    let mut by_key = String::new();
    if let Some(key) = key {
        let TransferKey {
            name,
            algorithm,
            secret,
        } = key;
        text += &format!("key:\n  - id: {name}\n    algorithm: {algorithm}\n    secret: {secret}\n");
        by_key = format!("    key: {name}\n");
    }
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "remote:\n  - id: primary\n    address: {}@{}\n{by_key}\
         template:\n  - id: default\n    storage: {folder}\n    file: \"%s.zone\"\n    master: primary\n    acl: local\n    zonefile-sync: -1\n\
         zone:\n",
        options.primary.ip(),
        options.primary.port(),
    );
    for zone in &options.zones {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  - domain: {zone}");
    }
    text
}
