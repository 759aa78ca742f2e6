//! The yardstick of transfers: `knotd` as the primary of the same zones, from master files.

use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use zonelog_test_parts::free_port;

use crate::Result;
use crate::asker::{Asker, SOA};
use crate::generated_zone::rrsets;

/// The key of signed transfers, at both servers: for benchmarks alone.
pub(crate) const KEY_NAME: &str = "bench.key.";
/// Its secret, for hmac-sha256.
pub(crate) const KEY_SECRET: &str = "Wm9uZWxvZyBiZW5jaG1hcmsga2V5LCAzMiBvY3RldHM=";

/// The catalog zone of zones that are made.
pub(crate) const CATALOG: &str = "catalog.example.";

/// A knotd that runs until it is dropped.
pub(crate) struct Knot {
    folder: TempDir,
    child: Child,
    address: SocketAddr,
    zones: Vec<String>,
}

impl Knot {
    /// Starts it with these zones (name, number of records) and waits until it answers for all of them.
    pub(crate) async fn start(zones: &[(String, usize)]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("zonelog-knot-").tempdir()?;
        let path = folder.path();
        let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        // knotd makes its databases, but not their folder.
        std::fs::create_dir(path.join("db"))?;
        for (name, records) in zones {
            write_master_file(&path.join(format!("{name}zone")), name, *records)?;
        }
        std::fs::write(path.join("knot.conf"), configuration(path, address, zones))?;
        let mut knot = Self {
            child: spawn(path)?,
            folder,
            address,
            zones: zones.iter().map(|(name, _)| name.clone()).collect(),
        };
        knot.until_it_answers().await?;
        Ok(knot)
    }

    /// Ends it and starts it again; back when it answers for all zones.
    pub(crate) async fn start_again(&mut self) -> Result<()> {
        self.child.kill().await?;
        self.child = spawn(self.folder.path())?;
        self.until_it_answers().await
    }

    /// Ends it. Its files are there until it is dropped.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    async fn until_it_answers(&mut self) -> Result<()> {
        let mut asker = Asker::new(self.address).await?;
        for name in &self.zones {
            asker.until_answered(name, SOA).await?;
        }
        Ok(())
    }

    /// Makes these zones, which have no records but their own, the quickest way that it has: master files, its
    /// configuration anew, and one reload. With a consumer they are members of the catalog zone [`CATALOG`], of which that is
    /// sent a NOTIFY.
    pub(crate) async fn make(&mut self, names: &[String], consumer: Option<SocketAddr>) -> Result<()> {
        let folder = self.folder.path();
        let zones: Vec<(String, usize)> = names.iter().map(|name| (name.clone(), 0)).collect();
        for name in names {
            write_master_file(&folder.join(format!("{name}zone")), name, 0)?;
        }
        let mut text = configuration(folder, self.address, &zones);
        if let Some(consumer) = consumer {
            let (ip, port) = (consumer.ip(), consumer.port());
            let remote = format!("remote:\n  - id: consumer\n    address: {ip}@{port}\ntemplate:\n");
            let member = format!("\n    catalog-role: member\n    catalog-zone: {CATALOG}\n");
            let (before, members) = text.split_once("zone:\n").ok_or("no zones")?;
            let members: String = members.lines().map(|line| line.to_owned() + &member).collect();
            text = format!(
                "{}zone:\n  - domain: {CATALOG}\n    catalog-role: generate\n    notify: consumer\n    zonefile-load: none\n{members}",
                before.replace("template:\n", &remote)
            );
        }
        std::fs::write(folder.join("knot.conf"), text)?;
        let reload = Command::new("knotc")
            .arg("-s")
            .arg(folder.join("knot.sock"))
            .args(["-b", "reload"])
            .output()
            .await?;
        if !reload.status.success() {
            return Err(format!("knotc reload: {reload:?}").into());
        }
        self.zones.extend_from_slice(names);
        self.until_it_answers().await
    }

    /// Where it answers.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Adds A records at `owners` by `nsupdate`, a thousand a message, each message one step of the serial.
    pub(crate) async fn add(&self, zone: &str, owners: impl Iterator<Item = String>) -> Result<()> {
        let mut script = format!(
            "server {} {}\nzone {zone}\n",
            self.address.ip(),
            self.address.port()
        );
        for (number, owner) in owners.enumerate() {
            if number > 0 && number % 1000 == 0 {
                script.push_str("send\n");
            }
            script.push_str(&format!("update add {owner} 3600 A 192.0.2.1\n"));
        }
        script.push_str("send\n");
        let mut child = Command::new("nsupdate")
            .arg("-v")
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        child
            .stdin
            .take()
            .ok_or("a pipe")?
            .write_all(script.as_bytes())
            .await?;
        let status = child.wait().await?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("nsupdate to knotd: {status}").into())
        }
    }
}

fn spawn(folder: &Path) -> Result<Child> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("knotd.log"))?;
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "knotd", "-c"])
        .arg(folder.join("knot.conf"))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("knotd does not start (apt install knot): {error}").into())
}

/// The zone as the fixture has it: the SOA, the apex NS, and the generated records.
pub(crate) fn write_master_file(path: &Path, name: &str, records: usize) -> Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    writeln!(
        file,
        "$TTL 3600\n{name} SOA ns1.example.org. hostmaster.example.org. 1 3600 600 86400 3600"
    )?;
    writeln!(file, "{name} NS ns1.example.org.")?;
    for rrset in rrsets(name, records) {
        let ttl = rrset.ttl.unwrap_or(3600);
        for record in &rrset.records {
            writeln!(file, "{} {ttl} {} {record}", rrset.owner, rrset.rrtype)?;
        }
    }
    file.flush()?;
    Ok(())
}

fn configuration(folder: &Path, address: SocketAddr, zones: &[(String, usize)]) -> String {
    let folder = folder.display();
    let mut text = format!(
        "server:\n    rundir: {folder}\n    listen: {}@{}\n\
         control:\n    listen: {folder}/knot.sock\n\
         log:\n  - target: stderr\n    any: warning\n\
         database:\n    storage: {folder}/db\n\
         key:\n  - id: {KEY_NAME}\n    algorithm: hmac-sha256\n    secret: {KEY_SECRET}\n\
         acl:\n  - id: local\n    address: 127.0.0.1\n    action: [transfer, update]\n  \
         - id: signed\n    address: 127.0.0.1\n    key: {KEY_NAME}\n    action: transfer\n\
         template:\n  - id: default\n    storage: {folder}\n    file: \"%s.zone\"\n    acl: [local, signed]\n    zonefile-sync: -1\n\
         zone:\n",
        address.ip(),
        address.port(),
    );
    for (name, _) in zones {
        text.push_str(&format!("  - domain: {name}\n"));
    }
    text
}
