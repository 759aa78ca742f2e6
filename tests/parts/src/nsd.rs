//! A private NSD: `nsd` on a free port of 127.0.0.1, secondary of given zones.

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::secondary::{Program, Secondary, TransferKey, secondary};

/// What an NSD for a test is like.
#[derive(Clone, Debug)]
pub struct NsdOptions {
    /// From where it transfers.
    pub primary: SocketAddr,
    /// The zones that it is told to transfer.
    pub zones: Vec<String>,
}

/// What a zone that is added to an NSD gets: the pattern `secondary`.
#[derive(Clone, Debug)]
pub struct NsdPattern {
    /// From where it is transferred.
    pub primary: SocketAddr,
    /// The key of the transfers: name, algorithm, secret in base64.
    pub key: Option<(String, String, String)>,
}

/// The files with which an NSD and who tells it know each other, as PEM.
#[derive(Clone, Debug)]
pub struct NsdCertificates {
    /// NSD's own certificate, and its key.
    pub server: (String, String),
    /// That of who tells it, from the same authority, and its key.
    pub control: (String, String),
}

/// An NSD that runs until it is dropped; its folder goes with it.
#[derive(Debug)]
pub struct Nsd(Secondary, u16);

impl Nsd {
    /// Starts one and waits until it answers.
    pub async fn start(options: NsdOptions) -> io::Result<Self> {
        Self::start_with_key(options, None).await
    }

    /// The same, that signs its requests to the primary with a key.
    pub async fn start_with_key(options: NsdOptions, key: Option<TransferKey>) -> io::Result<Self> {
        let program = Program {
            name: "nsd",
            package: "nsd",
            arguments: &["-d", "-c", "nsd.conf"],
            config: "nsd.conf",
            before: None,
            told_by: None,
        };
        Ok(Self(
            Secondary::start(program, |folder, dns| configuration(&options, key, folder, dns)).await?,
            0,
        ))
    }

    /// Starts one without zones, that takes them through its control channel: by TLS with these certificates, or by its
    /// socket without. (NSD has one kind only, the kind of its first `control-interface`.)
    pub async fn start_with_control(
        pattern: &NsdPattern,
        certificates: Option<&NsdCertificates>,
    ) -> io::Result<Self> {
        let program = Program {
            name: "nsd",
            package: "nsd",
            arguments: &["-d", "-c", "nsd.conf"],
            config: "nsd.conf",
            before: None,
            told_by: None,
        };
        let files = certificates.map_or_else(Vec::new, |certificates| {
            let NsdCertificates { server, control } = certificates;
            vec![
                ("server.pem", server.0.as_str()),
                ("server.key", &server.1),
                ("control.pem", &control.0),
                ("control.key", &control.1),
            ]
        });
        let port = crate::free_port();
        let started = Secondary::start_with(program, &files, |folder, dns| {
            let port = certificates.map(|_| port);
            // Its zones come in hundreds: a reload for each would take its time.
            server(folder, dns, 1) + &control(folder, port) + &as_text(pattern)
        });
        Ok(Self(started.await?, port))
    }

    /// Its control socket.
    pub fn control_socket(&self) -> PathBuf {
        self.0.folder().join("nsd.sock")
    }

    /// Where its control channel takes TLS.
    pub fn control_address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.1))
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.0.folder()
    }

    /// Runs `nsd-control` on it, and returns what that wrote.
    ///
    /// # Errors
    /// What `nsd-control` wrote when it failed.
    pub async fn nsd_control(&self, arguments: &[&str]) -> io::Result<String> {
        let mut nsd_control = Command::new("nsd-control");
        nsd_control.arg("-c").arg(self.0.folder().join("nsd.conf"));
        let output = nsd_control.args(arguments).output().await?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(io::Error::other(format!("nsd-control {arguments:?}: {output:?}")))
        }
    }

    /// Gives its configuration another pattern, and lets it read that.
    pub async fn change_pattern(&mut self, pattern: &NsdPattern) -> io::Result<()> {
        self.0.reconfigure(|text| {
            let before = text.find("pattern:").unwrap_or(text.len());
            text[..before].to_owned() + &as_text(pattern)
        })?;
        self.nsd_control(&["reconfig"]).await.map(drop)
    }

    /// Gives it one more pattern, of this name.
    pub async fn add_pattern(&mut self, name: &str, pattern: &NsdPattern) -> io::Result<()> {
        let more = as_text(pattern).replace("name: secondary", &format!("name: {name}"));
        self.0.reconfigure(|text| text.to_owned() + &more)?;
        self.nsd_control(&["reconfig"]).await.map(drop)
    }
}

secondary!(Nsd);

/// What both kinds have in their configuration. A test asks more often than the rate by which NSD tells an attacker.
fn server(folder: &str, dns: SocketAddr, reload_timeout: u8) -> String {
    format!(
        "server:\n  server-count: 1\n  ip-address: {}\n  port: {}\n  username: \"\"\n  chroot: \"\"\n  zonesdir: \"{folder}\"\n\
         \x20 database: \"\"\n  pidfile: \"{folder}/nsd.pid\"\n  xfrdfile: \"{folder}/xfrd.state\"\n  xfrdir: \"{folder}\"\n\
         \x20 zonelistfile: \"{folder}/zone.list\"\n  xfrd-reload-timeout: {reload_timeout}\n  rrl-ratelimit: 0\n  verbosity: 1\n",
        dns.ip(),
        dns.port(),
    )
}

/// By TLS when there is a port for it.
fn control(folder: &str, port: Option<u16>) -> String {
    let channel = match port {
        Some(port) => format!(
            "control-interface: 127.0.0.1\n  control-port: {port}\n  server-key-file: {folder}/server.key\n\
             \x20 server-cert-file: {folder}/server.pem\n  control-key-file: {folder}/control.key\n\
             \x20 control-cert-file: {folder}/control.pem"
        ),
        None => format!("control-interface: {folder}/nsd.sock"),
    };
    format!("remote-control:\n  control-enable: yes\n  {channel}\n")
}

fn as_text(pattern: &NsdPattern) -> String {
    let NsdPattern { primary, key } = pattern;
    let (mut text, mut name) = (String::new(), "NOKEY");
    if let Some((key, algorithm, secret)) = key {
        text = format!("key:\n  name: {key}\n  algorithm: {algorithm}\n  secret: \"{secret}\"\n");
        name = key;
    }
    // The key goes after the pattern, where a change of the pattern replaces both.
    format!(
        "pattern:\n  name: secondary\n  zonefile: \"%s.zone\"\n  allow-notify: 127.0.0.1 NOKEY\n  \
         request-xfr: {}@{} {name}\n  provide-xfr: 127.0.0.1 NOKEY\n{text}",
        primary.ip(),
        primary.port(),
    )
}

fn configuration(options: &NsdOptions, key: Option<TransferKey>, folder: &str, dns: SocketAddr) -> String {
    let mut text = server(folder, dns, 0) + "remote-control:\n  control-enable: no\n";
    if let Some(TransferKey {
        name,
        algorithm,
        secret,
    }) = key
    {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "key:\n  name: {name}\n  algorithm: {algorithm}\n  secret: \"{secret}\""
        );
    }
    let key = key.map_or("NOKEY", |key| key.name);
    for zone in &options.zones {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "zone:\n  name: {zone}\n  zonefile: \"{zone}zone\"\n  allow-notify: 127.0.0.1 NOKEY\n  \
             request-xfr: {}@{} {key}\n  provide-xfr: 127.0.0.1 NOKEY",
            options.primary.ip(),
            options.primary.port(),
        );
    }
    text
}
