//! A name server of any kind as the primary of one zone, whose file the test writes: BIND apart, which takes dynamic updates
//! ([`crate::bind`]).

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use crate::secondary::{Program, Secondary};

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrimaryKind {
    /// Knot DNS, which makes differences from the zone's file.
    Knot,
    /// NSD, which has none and answers an IXFR by the whole zone.
    Nsd,
}

/// What a primary for a test is like.
#[derive(Clone, Debug)]
pub struct PrimaryOptions {
    /// Which server.
    pub kind: PrimaryKind,
    /// The zone's name.
    pub zone: String,
    /// Its master file.
    pub master_file: String,
    /// To whom it sends NOTIFY.
    pub notify: SocketAddr,
    /// A TSIG key without which nothing is transferred: name and base64 secret, of hmac-sha256.
    pub key: Option<(String, String)>,
}

/// A primary that runs until it is dropped; its folder goes with it.
#[derive(Debug)]
pub struct Primary(Secondary);

const FILE: &str = "primary.zone";

impl Primary {
    /// Starts one and waits until it answers.
    pub async fn start(options: PrimaryOptions) -> io::Result<Self> {
        let program = match options.kind {
            PrimaryKind::Knot => Program {
                name: "knotd",
                package: "knot",
                arguments: &["-c", "knot.conf"],
                config: "knot.conf",
                before: None,
                told_by: None,
            },
            PrimaryKind::Nsd => Program {
                name: "nsd",
                package: "nsd",
                arguments: &["-d", "-c", "nsd.conf"],
                config: "nsd.conf",
                before: None,
                told_by: None,
            },
        };
        let configure = |folder: &str, dns: SocketAddr| {
            // What cannot be written shows as a server without the zone.
            let _ = std::fs::write(Path::new(folder).join(FILE), &options.master_file);
            match options.kind {
                PrimaryKind::Knot => knot(&options, folder, dns),
                PrimaryKind::Nsd => nsd(&options, folder, dns),
            }
        };
        Ok(Self(Secondary::start(program, configure).await?))
    }

    /// Where it answers DNS, UDP and TCP.
    pub fn dns_address(&self) -> SocketAddr {
        self.0.dns_address()
    }

    /// Gives it another master file, and lets it read that.
    pub async fn change(&self, master_file: &str) -> io::Result<()> {
        std::fs::write(self.0.folder().join(FILE), master_file)?;
        self.0.signal("HUP").await
    }

    /// What it wrote to its log so far.
    pub fn log(&self) -> String {
        self.0.log()
    }
}

fn knot(options: &PrimaryOptions, folder: &str, dns: SocketAddr) -> String {
    let (keys, by_key) = match &options.key {
        Some((name, secret)) => (
            format!("key:\n  - id: {name}\n    algorithm: hmac-sha256\n    secret: {secret}\n"),
            format!("    key: {name}\n"),
        ),
        None => Default::default(),
    };
    format!(
        "server:\n    rundir: {folder}\n    listen: {}@{}\n    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n\
         log:\n  - target: stderr\n    any: info\n\
         database:\n    storage: {folder}\n\
         {keys}remote:\n  - id: secondary\n    address: {}@{}\n{by_key}\
         acl:\n  - id: local\n    address: 127.0.0.1\n{by_key}    action: transfer\n\
         zone:\n  - domain: {}\n    storage: {folder}\n    file: {FILE}\n    notify: secondary\n    acl: local\n    \
         zonefile-load: difference\n    zonefile-sync: -1\n    journal-content: changes\n",
        dns.ip(),
        dns.port(),
        options.notify.ip(),
        options.notify.port(),
        options.zone,
    )
}

fn nsd(options: &PrimaryOptions, folder: &str, dns: SocketAddr) -> String {
    let (keys, by_key) = match &options.key {
        Some((name, secret)) => (
            format!("key:\n  name: {name}\n  algorithm: hmac-sha256\n  secret: \"{secret}\"\n"),
            name.as_str(),
        ),
        None => (String::new(), "NOKEY"),
    };
    format!(
        "server:\n  server-count: 1\n  ip-address: {}\n  port: {}\n  username: \"\"\n  chroot: \"\"\n  zonesdir: \"{folder}\"\n\
         \x20 database: \"\"\n  pidfile: \"{folder}/nsd.pid\"\n  xfrdfile: \"{folder}/xfrd.state\"\n  xfrdir: \"{folder}\"\n\
         \x20 zonelistfile: \"{folder}/zone.list\"\n  xfrd-reload-timeout: 0\n  verbosity: 1\n\
         remote-control:\n  control-enable: no\n{keys}\
         zone:\n  name: {}\n  zonefile: \"{FILE}\"\n  notify: {}@{} {by_key}\n  provide-xfr: 127.0.0.1 {by_key}\n",
        dns.ip(),
        dns.port(),
        options.zone,
        options.notify.ip(),
        options.notify.port(),
    )
}
