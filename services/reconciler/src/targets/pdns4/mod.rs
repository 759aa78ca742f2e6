//! PowerDNS from version 4 on: zones come and go by its HTTP API.
//!
//! A zone that is there already is taken over: it is told our masters, and keeps its place in the server until the first
//! transfer replaces its records. (Whoever deletes it first takes it off the network until then.) Without the metadata
//! `IXFR` a PowerDNS asks for the whole zone at every change.

mod api;
mod options;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use zonelog_central::http_client::{HeaderValue, Method, StatusCode};
use zonelog_dns::{Serial, ZoneName};

use super::{PoolTarget, TargetError, Told, ZoneSpec, masters};
use api::{Api, Reply};

use options::key_id;
pub(crate) use options::remarks;

/// How often, and how long apart, it is looked whether a zone that was taken over was transferred.
const WHOLE_LOOKS: usize = 20;
const WHOLE_LOOK: Duration = Duration::from_millis(50);
/// How often a zone whose content is in doubt is asked for.
const WHOLE_TRIES: usize = 5;

/// How a PowerDNS is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pdns4Config {
    /// Where the API has the server's resources: `http://192.0.2.1:8081/api/v1/servers/localhost`.
    pub api: String,
    /// What the API wants as `X-API-Key`; marked as sensitive, so that nothing shows it.
    pub token: HeaderValue,
    /// PEM certificates, one of which must have signed that of the API; `None`: the system's are trusted.
    pub ca_file: Option<PathBuf>,
    /// The id of the TSIG key, known to PowerDNS, by which it transfers, with a final dot; `None`: that of the target's own
    /// key, if it has one.
    pub tsigkey: Option<String>,
    /// How long to wait for one answer.
    pub timeout: Duration,
}

/// A PowerDNS.
#[derive(Debug)]
pub struct Pdns4 {
    server: String,
    api: Api,
    tsigkey: Option<String>,
    /// Whether it was said that the metadata cannot be set: once is enough.
    said_no_metadata: AtomicBool,
}

/// What of a zone at PowerDNS counts here.
#[derive(Debug, Deserialize)]
struct Held {
    kind: String,
    #[serde(default)]
    masters: Vec<String>,
    #[serde(default)]
    slave_tsig_key_ids: Vec<String>,
    #[serde(default)]
    serial: u32,
    /// When it was last found to be as its masters have it, in seconds.
    #[serde(default)]
    last_check: u64,
}

impl Pdns4 {
    pub(super) fn new(server: &str, config: &Pdns4Config) -> Self {
        Self {
            server: server.to_owned(),
            api: Api::new(config),
            tsigkey: config.tsigkey.clone(),
            said_no_metadata: AtomicBool::new(false),
        }
    }

    async fn ensure(&self, zone: &ZoneSpec) -> Result<(), String> {
        let _turn = self.api.turn().await?;
        let name = canonical(&zone.name);
        let mut made = self.settings(zone);
        made["name"] = json!(name);
        made["nameservers"] = json!([]);
        let reply = self.api.ask(Method::POST, "/zones", Some(&made)).await?;
        if reply.says_exists() {
            return self.adopt(zone, &name).await;
        }
        if reply.status != StatusCode::CREATED {
            if reply.says("TSIG key") {
                // PowerDNS has made the zone all the same, without its key and unknown to its own cache of zones.
                self.api
                    .ask(Method::DELETE, &format!("/zones/{name}"), None)
                    .await?;
            }
            return Err(self.refused("the zone", &name, &reply));
        }
        self.ask_for_differences(&name).await?;
        self.retrieve(&name).await
    }

    /// Takes over a zone that PowerDNS has. Settings that are right are left alone.
    async fn adopt(&self, zone: &ZoneSpec, name: &str) -> Result<(), String> {
        let held = self.held(name).await?;
        let differences = format!("/zones/{name}/metadata/IXFR");
        if held.is_as(zone, self.tsigkey(zone).as_deref()) {
            let reply = self.api.ask(Method::GET, &differences, None).await?;
            if reply.status.is_success() && reply.says("\"1\"") {
                return self.retrieve(name).await;
            }
        } else {
            let (place, kind) = (self.api.place(), &held.kind);
            tracing::info!(
                place,
                zone = name,
                kind,
                "PowerDNS has the zone already: it gets our masters"
            );
            // Whatever serial it has is no one of these masters: differences from it would be none at all.
            self.api.ask(Method::DELETE, &differences, None).await?;
            let settings = self.settings(zone);
            let path = format!("/zones/{name}");
            let reply = self.api.ask(Method::PUT, &path, Some(&settings)).await?;
            if !reply.status.is_success() {
                return Err(self.refused("the settings of", name, &reply));
            }
        }
        self.retrieve(name).await?;
        for _ in 0..WHOLE_LOOKS {
            tokio::time::sleep(WHOLE_LOOK).await;
            if self.held(name).await?.transferred() != held.transferred() {
                return self.ask_for_differences(name).await;
            }
        }
        // The transfer takes its time. Until the zone is told again its changes are whole transfers: slower, but right.
        Ok(())
    }

    async fn held(&self, name: &str) -> Result<Held, String> {
        // Versions that do not know the parameter answer with all records, and are heard all the same.
        let shown = format!("/zones/{name}?rrsets=false");
        let reply = self.api.ask(Method::GET, &shown, None).await?;
        if reply.status != StatusCode::OK {
            return Err(self.refused("to show", name, &reply));
        }
        serde_json::from_slice(&reply.body).map_err(|error| {
            format!(
                "PowerDNS at {} describes {name} unreadably: {error}",
                self.api.place()
            )
        })
    }

    /// Makes PowerDNS transfer the zone now: a NOTIFY it looks at once a second.
    async fn retrieve(&self, name: &str) -> Result<(), String> {
        let retrieval = format!("/zones/{name}/axfr-retrieve");
        let reply = self.api.ask(Method::PUT, &retrieval, None).await?;
        if reply.status.is_success() {
            Ok(())
        } else {
            Err(self.refused("to transfer", name, &reply))
        }
    }

    /// The id of the key with which the zone is transferred.
    fn tsigkey(&self, zone: &ZoneSpec) -> Option<String> {
        let of_target = || zone.key.as_ref().and_then(|key| key_id(&key.name.to_string()));
        self.tsigkey.clone().or_else(of_target)
    }

    fn settings(&self, zone: &ZoneSpec) -> Value {
        // A socket address is written as PowerDNS reads it, IPv6 in brackets.
        let masters: Vec<String> = zone.masters.iter().map(ToString::to_string).collect();
        let keys: Vec<String> = self.tsigkey(zone).into_iter().collect();
        json!({"kind": "Slave", "masters": masters, "slave_tsig_key_ids": keys})
    }

    /// Makes PowerDNS ask for differences (RFC 1995). Backends without metadata take whole zones: slower, but right.
    async fn ask_for_differences(&self, name: &str) -> Result<(), String> {
        let metadata = json!({"kind": "IXFR", "metadata": ["1"]});
        let path = format!("/zones/{name}/metadata/IXFR");
        let reply = self.api.ask(Method::PUT, &path, Some(&metadata)).await?;
        if !reply.status.is_success() && !self.said_no_metadata.swap(true, Ordering::Relaxed) {
            let said = self.refused("metadata IXFR of", name, &reply);
            tracing::warn!(
                server = self.server,
                "every change will be a whole transfer: {said}"
            );
        }
        Ok(())
    }

    /// Makes PowerDNS transfer the whole zone. Where it asks for differences it would get none from a serial that is as new or
    /// newer, so it must not ask for them this time; the zone is served all the while.
    async fn retransfer(&self, zone: &ZoneName) -> Result<(), String> {
        let name = canonical(zone);
        let differences = format!("/zones/{name}/metadata/IXFR");
        let by_differences = {
            let _turn = self.api.turn().await?;
            let set = self.api.ask(Method::GET, &differences, None).await?;
            let set = set.status.is_success() && set.says("\"1\"");
            if set {
                self.api.ask(Method::DELETE, &differences, None).await?;
            }
            set
        };
        let transferred = self.transfer_whole(&name).await;
        if by_differences {
            let _turn = self.api.turn().await?;
            self.ask_for_differences(&name).await?;
        }
        transferred
    }

    /// Asks for a transfer until one was made. Nobody's turn is taken while it is waited for.
    async fn transfer_whole(&self, name: &str) -> Result<(), String> {
        let before = self.held(name).await?.transferred();
        // PowerDNS notes the second of a transfer: one in the second of the last one is not seen, the one after it is.
        for _ in 0..WHOLE_TRIES {
            self.retrieve(name).await?;
            for _ in 0..WHOLE_LOOKS {
                tokio::time::sleep(WHOLE_LOOK).await;
                if self.held(name).await?.transferred() != before {
                    return Ok(());
                }
            }
        }
        Err(format!(
            "PowerDNS at {} has not transferred {name} though it was told to; its log says why",
            self.api.place()
        ))
    }

    async fn remove(&self, zone: &ZoneName) -> Result<(), String> {
        let _turn = self.api.turn().await?;
        let name = canonical(zone);
        let reply = self
            .api
            .ask(Method::DELETE, &format!("/zones/{name}"), None)
            .await?;
        if reply.status.is_success() || (reply.says_missing() && self.is_the_api().await?) {
            Ok(())
        } else {
            Err(self.refused("to delete", &name, &reply))
        }
    }

    async fn forget_answers(&self, zone: &ZoneName) -> Result<(), String> {
        let name = canonical(zone);
        let path = format!("/cache/flush?domain={name}");
        let reply = self.api.ask(Method::PUT, &path, None).await?;
        if reply.status.is_success() {
            Ok(())
        } else {
            Err(self.refused("to forget its cached answers for", &name, &reply))
        }
    }

    /// A zone that is not there is answered as an API that is not there.
    async fn is_the_api(&self) -> Result<bool, String> {
        Ok(self.api.ask(Method::GET, "", None).await?.status == StatusCode::OK)
    }

    /// Why PowerDNS refused, and what to check.
    fn refused(&self, what: &str, zone: &str, reply: &Reply) -> String {
        let hint = match reply.status {
            StatusCode::UNAUTHORIZED => "; compare api_token with `api-key` in its settings".to_owned(),
            StatusCode::FORBIDDEN => "; check `webserver-allow-from` in its settings".to_owned(),
            // The zone would be known, so it is the API that is not there.
            StatusCode::NOT_FOUND => "; check api_endpoint, and `api=yes` in its settings".to_owned(),
            _ if reply.says("TSIG key") => format!(
                "; make the key there{} by `pdnsutil import-tsig-key`",
                self.tsigkey
                    .as_ref()
                    .map(|name| format!(" that tsigkey_name names, {name},"))
                    .unwrap_or_default()
            ),
            _ => String::new(),
        };
        format!(
            "PowerDNS at {} refused {what} {zone}: {reply}{hint}",
            self.api.place()
        )
    }

    fn error(&self, reason: String) -> TargetError {
        TargetError {
            server: self.server.clone(),
            reason,
        }
    }
}

impl Held {
    /// Another value tells that a transfer was made in between.
    fn transferred(&self) -> (u32, u64) {
        (self.serial, self.last_check)
    }

    /// Whether it is a secondary of these masters, by this key.
    fn is_as(&self, zone: &ZoneSpec, tsigkey: Option<&str>) -> bool {
        let is_secondary = ["slave", "secondary"].contains(&self.kind.to_ascii_lowercase().as_str());
        is_secondary
            && masters::are_same(&self.masters, &zone.masters)
            && self.slave_tsig_key_ids.iter().eq(tsigkey)
    }
}

/// A zone's name as PowerDNS's paths have it. It has only letters, digits, `-`, `_` and dots, so there is nothing to
/// escape.
fn canonical(zone: &ZoneName) -> String {
    zone.to_string().to_ascii_lowercase()
}

impl PoolTarget for Pdns4 {
    fn ensure_zone<'a>(&'a self, zone: &'a ZoneSpec) -> Told<'a> {
        Box::pin(async move { self.ensure(zone).await.map_err(|reason| self.error(reason)) })
    }

    fn remove_zone<'a>(&'a self, zone: &'a ZoneName, _hard: bool) -> Told<'a> {
        // What PowerDNS has of a zone is in its database, and goes with it.
        Box::pin(async move { self.remove(zone).await.map_err(|reason| self.error(reason)) })
    }

    fn retransfer_zone<'a>(&'a self, zone: &'a ZoneName, _: Serial) -> Option<Told<'a>> {
        Some(Box::pin(async move {
            self.retransfer(zone).await.map_err(|reason| self.error(reason))
        }))
    }

    fn forget_answers<'a>(&'a self, zone: &'a ZoneName) -> Option<Told<'a>> {
        Some(Box::pin(async move {
            self.forget_answers(zone)
                .await
                .map_err(|reason| self.error(reason))
        }))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use zonelog_model::ZoneId;

    use super::*;

    #[test]
    fn settings_are_compared_as_powerdns_writes_them() {
        let zone = ZoneSpec {
            name: ZoneName::parse("One.test.").unwrap(),
            zone: ZoneId::new(Uuid::from_u128(7)),
            masters: [
                "192.0.2.1:53".parse().unwrap(),
                "[2001:db8::1]:5354".parse().unwrap(),
            ]
            .into(),
            key: None,
            renew: false,
        };
        let held = |kind: &str, masters: &[&str], keys: &[&str]| Held {
            kind: kind.to_owned(),
            masters: masters.iter().map(|&text| text.to_owned()).collect(),
            slave_tsig_key_ids: keys.iter().map(|&text| text.to_owned()).collect(),
            serial: 0,
            last_check: 0,
        };
        let ours = ["[2001:db8::1]:5354", "192.0.2.1"];
        assert!(held("Slave", &ours, &[]).is_as(&zone, None));
        assert!(held("Secondary", &ours, &["k."]).is_as(&zone, Some("k.")));
        assert!(!held("Native", &ours, &[]).is_as(&zone, None));
        assert!(!held("Slave", &ours[..1], &[]).is_as(&zone, None));
        assert!(!held("Slave", &ours, &["k."]).is_as(&zone, None));
        assert!(!held("Slave", &ours, &[]).is_as(&zone, Some("k.")));
        assert_eq!(canonical(&zone.name), "one.test.");
    }
}
