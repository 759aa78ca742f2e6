//! Another Designate (or Zonelog): each zone is a zone of type SECONDARY there, with our masters.

mod options;
mod session;

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use zonelog_central::http_client::{Method, StatusCode};
use zonelog_dns::{Serial, ZoneName};

use super::{PoolTarget, TargetError, Told, ZoneSpec, masters};
use session::{Reply, Session};

pub use options::Password;
pub(crate) use options::remarks;

/// How another Designate is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesignateConfig {
    /// Its Keystone, version 3: `https://keystone.example.org/v3`.
    pub identity: String,
    /// As whom it is told.
    pub username: String,
    /// The user's password.
    pub password: Password,
    /// The project in which the zones are.
    pub project: String,
    /// The name of the user's domain.
    pub user_domain: String,
    /// The name of the project's domain.
    pub project_domain: String,
    /// The region whose DNS service is told; `None`: the catalogue's first.
    pub region: Option<String>,
    /// The type of the DNS service in the catalogue.
    pub service_type: String,
    /// PEM certificates, one of which must have signed those of Keystone and of the API; `None`: the system's are trusted.
    pub ca_file: Option<PathBuf>,
    /// How long to wait for one answer.
    pub timeout: Duration,
}

/// Another Designate.
#[derive(Debug)]
pub struct Designate {
    server: String,
    session: Session,
    identity: String,
}

/// What of a zone there counts here.
#[derive(Debug, Deserialize)]
struct Held {
    id: String,
    r#type: String,
    #[serde(default)]
    masters: Vec<String>,
    #[serde(default)]
    serial: Option<u32>,
}

#[derive(Deserialize)]
struct Zones {
    zones: Vec<Held>,
}

impl Designate {
    pub(super) fn new(server: &str, config: &DesignateConfig) -> Self {
        Self {
            server: server.to_owned(),
            session: Session::new(config),
            identity: config.identity.clone(),
        }
    }

    async fn ensure(&self, zone: &ZoneSpec) -> Result<(), String> {
        let _turn = self.session.turn().await?;
        let name = canonical(&zone.name);
        let masters: Vec<String> = zone.masters.iter().map(ToString::to_string).collect();
        let wanted = json!({"name": name, "type": "SECONDARY", "masters": masters});
        let reply = self.session.ask(Method::POST, "/zones", Some(&wanted)).await?;
        match reply.status {
            StatusCode::CREATED | StatusCode::ACCEPTED => return Ok(()),
            StatusCode::CONFLICT => {}
            _ => return Err(self.refused("the zone", &name, &reply)),
        }
        let Some(held) = self.held(&name).await? else {
            return Err(format!(
                "the DNS service of Keystone at {} has {name} already, in a project that this user does not see: have it \
                 deleted or moved there",
                self.identity
            ));
        };
        held.is_ours(&name)?;
        let at = format!("/zones/{}", held.id);
        if !masters::are_same(&held.masters, &zone.masters) {
            let change = json!({"masters": masters});
            let reply = self.session.ask(Method::PATCH, &at, Some(&change)).await?;
            if !reply.status.is_success() {
                return Err(self.refused("other masters of", &name, &reply));
            }
        }
        if zone.renew {
            // It follows by NOTIFY and its timers too, where it does not let this user ask.
            if let Err(said) = self.transfer(&held, &name).await {
                tracing::debug!(server = self.server, "{said}");
            }
        }
        Ok(())
    }

    /// Has it ask the zone's masters, and transfer the zone if their serial is newer.
    async fn transfer(&self, held: &Held, name: &str) -> Result<(), String> {
        let task = format!("/zones/{}/tasks/xfr", held.id);
        let reply = self.session.ask(Method::POST, &task, None).await?;
        if reply.status.is_success() {
            Ok(())
        } else {
            Err(self.refused("to transfer", name, &reply))
        }
    }

    /// Has it transfer the zone, as far as such an API goes: it transfers what is newer. Nobody changes the records of a zone
    /// of type SECONDARY there, so at the right serial it has the right content; what it has at a newer one only who deletes
    /// the zone there is rid of, and with it all that is served. That is not done unasked.
    async fn retransfer(&self, zone: &ZoneName, serial: Serial) -> Result<(), String> {
        let _turn = self.session.turn().await?;
        let name = canonical(zone);
        let Some(held) = self.held(&name).await? else {
            return Err(format!(
                "the DNS service of Keystone at {} does not have {name}",
                self.identity
            ));
        };
        held.is_ours(&name)?;
        match held.serial.map(Serial::new) {
            Some(there) if there.is_newer_than(serial) => Err(format!(
                "the DNS service of Keystone at {} has {name} at serial {there}, newer than what the log has ({serial}), and \
                 transfers nothing older: delete the zone there (`openstack zone delete {}`), it is made anew at the next look",
                self.identity, held.id
            )),
            _ => self.transfer(&held, &name).await,
        }
    }

    async fn remove(&self, zone: &ZoneName) -> Result<(), String> {
        let _turn = self.session.turn().await?;
        let name = canonical(zone);
        let Some(held) = self.held(&name).await? else {
            return Ok(());
        };
        held.is_ours(&name)?;
        let at = format!("/zones/{}", held.id);
        let reply = self.session.ask(Method::DELETE, &at, None).await?;
        if reply.status.is_success() || reply.status == StatusCode::NOT_FOUND {
            Ok(())
        } else {
            Err(self.refused("to delete", &name, &reply))
        }
    }

    /// The zone of that name in our project there.
    async fn held(&self, name: &str) -> Result<Option<Held>, String> {
        let reply = self
            .session
            .ask(Method::GET, &format!("/zones?name={name}"), None)
            .await?;
        if reply.status != StatusCode::OK {
            return Err(self.refused("to show", name, &reply));
        }
        let zones: Zones = serde_json::from_value(reply.body).map_err(|error| {
            format!(
                "the DNS service of Keystone at {} answers unreadably: {error}",
                self.identity
            )
        })?;
        Ok(zones.zones.into_iter().next())
    }

    fn refused(&self, what: &str, zone: &str, reply: &Reply) -> String {
        let hint = match reply.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "; check the roles of its user in its project"
            }
            StatusCode::PAYLOAD_TOO_LARGE => "; have its project's quota of zones raised",
            StatusCode::NOT_FOUND => "; check that the catalogue's endpoint is that of a DNS service",
            _ => "",
        };
        let said = reply.said();
        format!(
            "the DNS service of Keystone at {} refused {what} {zone}: {said}{hint}",
            self.identity
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
    /// A zone with records of its own is not ours to take or to delete.
    fn is_ours(&self, name: &str) -> Result<(), String> {
        if self.r#type == "SECONDARY" {
            return Ok(());
        }
        Err(format!(
            "{name} is there as a zone of type {} with records of its own ({}): it is left alone; delete it there if it is \
             not needed",
            self.r#type, self.id
        ))
    }
}

/// A zone's name has only letters, digits, `-`, `_` and dots, so there is nothing to escape in a query.
fn canonical(zone: &ZoneName) -> String {
    zone.to_string().to_ascii_lowercase()
}

impl PoolTarget for Designate {
    fn ensure_zone<'a>(&'a self, zone: &'a ZoneSpec) -> Told<'a> {
        Box::pin(async move { self.ensure(zone).await.map_err(|reason| self.error(reason)) })
    }

    fn remove_zone<'a>(&'a self, zone: &'a ZoneName, _hard: bool) -> Told<'a> {
        // What becomes of its servers' copies is the other Designate's own to decide.
        Box::pin(async move { self.remove(zone).await.map_err(|reason| self.error(reason)) })
    }

    fn retransfer_zone<'a>(&'a self, zone: &'a ZoneName, serial: Serial) -> Option<Told<'a>> {
        Some(Box::pin(async move {
            let told = self.retransfer(zone, serial).await;
            told.map_err(|reason| self.error(reason))
        }))
    }
}
