//! BIND 9: zones come and go by `addzone`, `modzone` and `delzone` on the rndc channel.
//!
//! The channel is kept open: each command costs 2 to 3 ms, where an `rndc` process costs 15. BIND keeps such zones in
//! its own `*.nzd` file; when that is lost, the zones are gone, and the SOA sweep finds out.

mod options;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use sha2::{Digest, Sha256};
use zonelog_dns::{Serial, ZoneName};

use super::rndc::{Channel, Reply, RndcError, RndcKey};
use super::{PoolTarget, TargetError, Told, ZoneSpec};

pub(crate) use options::{Bind9Options, remarks};

/// The longest file name that the zone's own name may be part of; `NAME_MAX` is 255, and BIND appends endings.
const LONGEST_PLAIN_FILE: usize = 160;

/// How a BIND 9 server is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind9Config {
    /// Where the rndc channel listens (`controls { inet ...; }`).
    pub rndc_address: SocketAddr,
    /// Its key.
    pub key: RndcKey,
    /// How long to wait for the answer to one command.
    pub timeout: Duration,
    /// The view that zones are in; `None`: the only one.
    pub view: Option<String>,
    /// Whether a zone's file is deleted with the zone, where the deletion does not say so itself.
    pub clean_zone_file: bool,
}

/// A BIND 9 server.
#[derive(Debug)]
pub struct Bind9 {
    server: String,
    channel: Channel,
    /// ` IN VIEW` behind a zone's name, or nothing.
    view: String,
    clean_zone_file: bool,
}

impl Bind9 {
    pub(super) fn new(server: &str, config: &Bind9Config) -> Self {
        Self {
            server: server.to_owned(),
            channel: Channel::new(config.rndc_address, config.key.clone(), config.timeout),
            view: config
                .view
                .as_ref()
                .map(|view| format!(" IN {view}"))
                .unwrap_or_default(),
            clean_zone_file: config.clean_zone_file,
        }
    }

    /// A zone as the channel's commands name it.
    fn named(&self, zone: &ZoneName) -> String {
        format!("{}{}", bare(zone), self.view)
    }

    async fn ensure(&self, zone: &ZoneSpec) -> Result<(), TargetError> {
        let settings = settings(zone);
        let added = self
            .command(&format!("addzone {} {settings}", self.named(&zone.name)))
            .await?;
        if added.succeeded() {
            return Ok(());
        }
        if !added.says("already exists") {
            return Err(self.refused("addzone", &zone.name, &added));
        }
        if zone.renew {
            self.renew(zone, &settings).await?;
        }
        Ok(())
    }

    /// Makes a zone that BIND has, but does not follow, follow: the masters that it was told of may be old ones, and every
    /// NOTIFY may be lost on its way. Settings that are right are left alone, since writing them breaks off a transfer.
    async fn renew(&self, zone: &ZoneSpec, settings: &str) -> Result<(), TargetError> {
        let shown = self
            .command(&format!("showzone {}", self.named(&zone.name)))
            .await?;
        // A file of ours with another id is that of an earlier zone of this name, whose content may look newer.
        let is_another = shown.says("\"zonelog.") && !shown.says(&file_name(zone));
        if shown.succeeded() && (is_another || !shown.says(&primaries(zone))) {
            let renewed = self
                .command(&format!("modzone {} {settings}", self.named(&zone.name)))
                .await?;
            if !renewed.succeeded() {
                return Err(self.refused("modzone", &zone.name, &renewed));
            }
        }
        // A zone of named.conf's own has settings that are not ours to read or write; it may still be refreshed.
        let refreshed = self
            .command(&format!("refresh {}", self.named(&zone.name)))
            .await?;
        if refreshed.succeeded() {
            Ok(())
        } else {
            Err(self.refused("refresh", &zone.name, &refreshed))
        }
    }

    async fn remove(&self, zone: &ZoneName, hard: bool) -> Result<(), TargetError> {
        let clean = if hard || self.clean_zone_file {
            "-clean "
        } else {
            ""
        };
        let removed = self
            .command(&format!("delzone {clean}{}", self.named(zone)))
            .await?;
        if removed.succeeded() || removed.says("not found") || removed.says("no matching zone") {
            Ok(())
        } else {
            Err(self.refused("delzone", zone, &removed))
        }
    }

    async fn retransfer(&self, zone: &ZoneName) -> Result<(), TargetError> {
        let told = self.command(&format!("retransfer {}", self.named(zone))).await?;
        if told.succeeded() {
            Ok(())
        } else {
            Err(self.refused("retransfer", zone, &told))
        }
    }

    async fn command(&self, command: &str) -> Result<Reply, TargetError> {
        self.channel
            .command(command)
            .await
            .map_err(|error: RndcError| TargetError {
                server: self.server.clone(),
                reason: error.to_string(),
            })
    }

    fn refused(&self, verb: &str, zone: &ZoneName, reply: &Reply) -> TargetError {
        let hint = if reply.says("not allow") || reply.says("permission") {
            "; check `allow-new-zones yes;` in its options, and that its account may write to its directory"
        } else if reply.says("key") {
            "; give its named.conf the target's TSIG key, under the same name and with the same secret"
        } else {
            ""
        };
        let reason = format!(
            "BIND at {} refused {verb} {zone}: {reply}{hint}",
            self.channel.address()
        );
        TargetError {
            server: self.server.clone(),
            reason,
        }
    }
}

impl PoolTarget for Bind9 {
    fn ensure_zone<'a>(&'a self, zone: &'a ZoneSpec) -> Told<'a> {
        Box::pin(self.ensure(zone))
    }

    fn remove_zone<'a>(&'a self, zone: &'a ZoneName, hard: bool) -> Told<'a> {
        Box::pin(self.remove(zone, hard))
    }

    fn retransfer_zone<'a>(&'a self, zone: &'a ZoneName, _: Serial) -> Option<Told<'a>> {
        Some(Box::pin(self.retransfer(zone)))
    }
}

/// The name without its final dot, in lower case, as rndc wants it. A zone's name has only letters, digits, `-`, `_`
/// and dots, so there is nothing to quote.
fn bare(zone: &ZoneName) -> String {
    let mut name = zone.to_string().to_ascii_lowercase();
    name.pop();
    name
}

fn settings(zone: &ZoneSpec) -> String {
    let file = file_name(zone);
    format!("{{ type secondary; file \"{file}\"; {} }};", primaries(zone))
}

/// As `showzone` prints it, to the blank.
fn primaries(zone: &ZoneSpec) -> String {
    let mut text = "primaries { ".to_owned();
    let key = zone.key.as_ref().map(|key| {
        let name = key.name.to_string().to_ascii_lowercase();
        format!(" key \"{}\"", name.trim_end_matches('.'))
    });
    let key = key.unwrap_or_default();
    for master in zone.masters.iter() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{} port {}{key}; ", master.ip(), master.port());
    }
    text + "};"
}

/// The file in which BIND keeps its copy, in its working directory. It has the zone's id in its name: a file that was left
/// behind is never taken for a zone that was made anew under the same name.
fn file_name(zone: &ZoneSpec) -> String {
    let (name, id) = (bare(&zone.name), zone.zone.uuid().simple());
    if name.len() <= LONGEST_PLAIN_FILE {
        return format!("zonelog.{name}.{id}.db");
    }
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(name.as_bytes()));
    format!("zonelog.{digest}.{id}.db")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use zonelog_model::ZoneId;

    use super::*;

    fn zone(name: &str) -> ZoneSpec {
        ZoneSpec {
            name: ZoneName::parse(name).unwrap(),
            zone: ZoneId::new(Uuid::from_u128(7)),
            masters: ["127.0.0.1:5354".parse().unwrap(), "[::1]:53".parse().unwrap()].into(),
            key: None,
            renew: false,
        }
    }

    #[test]
    fn a_zone_becomes_a_secondary_of_all_masters() {
        assert_eq!(
            settings(&zone("Example.org.")),
            "{ type secondary; file \"zonelog.example.org.00000000000000000000000000000007.db\"; primaries { 127.0.0.1 \
             port 5354; ::1 port 53; }; };"
        );
    }

    #[test]
    fn a_long_name_still_makes_a_file_name() {
        let label = "a".repeat(62);
        let long = [label.as_str(); 4].join(".");
        assert!(file_name(&zone(&format!("{long}."))).len() < 140);
        assert_ne!(
            file_name(&zone(&format!("{long}."))),
            file_name(&zone(&format!("{}.", &long[1..])))
        );
    }
}
