//! A private NSD: `nsd` on a free port of 127.0.0.1, secondary of given zones.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;

use crate::secondary::{Program, Secondary};

/// What an NSD for a test is like.
#[derive(Clone, Debug)]
pub struct NsdOptions {
    /// From where it transfers.
    pub primary: SocketAddr,
    /// The zones that it is told to transfer.
    pub zones: Vec<String>,
}

/// An NSD that runs until it is dropped; its folder goes with it.
#[derive(Debug)]
pub struct Nsd(Secondary);

impl Nsd {
    /// Starts one and waits until it answers.
    pub async fn start(options: NsdOptions) -> io::Result<Self> {
        let program = Program {
            name: "nsd",
            package: "nsd",
            arguments: &["-d", "-c", "nsd.conf"],
            config: "nsd.conf",
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

fn configuration(options: &NsdOptions, folder: &str, dns: SocketAddr) -> String {
    let mut text = format!(
        "server:\n  server-count: 1\n  ip-address: {}\n  port: {}\n  username: \"\"\n  chroot: \"\"\n  zonesdir: \"{folder}\"\n\
         \x20 database: \"\"\n  pidfile: \"{folder}/nsd.pid\"\n  xfrdfile: \"{folder}/xfrd.state\"\n  xfrdir: \"{folder}\"\n\
         \x20 zonelistfile: \"{folder}/zone.list\"\n  xfrd-reload-timeout: 0\n  verbosity: 1\n\
         remote-control:\n  control-enable: no\n",
        dns.ip(),
        dns.port(),
    );
    for zone in &options.zones {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "zone:\n  name: {zone}\n  zonefile: \"{zone}zone\"\n  allow-notify: 127.0.0.1 NOKEY\n  \
             request-xfr: {}@{} NOKEY\n  provide-xfr: 127.0.0.1 NOKEY",
            options.primary.ip(),
            options.primary.port(),
        );
    }
    text
}
