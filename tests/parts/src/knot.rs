//! A private Knot DNS: `knotd` on a free port of 127.0.0.1, secondary of given zones.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;

use crate::secondary::{Program, Secondary};

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
        let program = Program {
            name: "knotd",
            package: "knot",
            arguments: &["-c", "knot.conf"],
            config: "knot.conf",
        };
        Ok(Self(
            Secondary::start(program, |folder, dns| configuration(&options, folder, dns)).await?,
        ))
    }

    /// Where it answers DNS, UDP and TCP.
    pub fn dns_address(&self) -> SocketAddr {
        self.0.dns
    }

    /// What it wrote to its log so far.
    pub fn log(&self) -> String {
        self.0.log()
    }
}

fn configuration(options: &KnotOptions, folder: &str, dns: SocketAddr) -> String {
    let mut text = format!(
        "server:\n    rundir: {folder}\n    listen: {}@{}\n    udp-workers: 1\n    tcp-workers: 1\n    background-workers: 1\n\
         log:\n  - target: stderr\n    any: info\n\
         database:\n    storage: {folder}\n\
         remote:\n  - id: primary\n    address: {}@{}\n\
         acl:\n  - id: local\n    address: 127.0.0.1\n    action: [transfer, notify]\n\
         template:\n  - id: default\n    storage: {folder}\n    file: \"%s.zone\"\n    master: primary\n    acl: local\n    zonefile-sync: -1\n\
         zone:\n",
        dns.ip(),
        dns.port(),
        options.primary.ip(),
        options.primary.port(),
    );
    for zone in &options.zones {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  - domain: {zone}");
    }
    text
}
