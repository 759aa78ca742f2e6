//! What the rules must know of the world beyond the zone: read by the caller, in the transaction that will append.

use std::sync::Arc;

use zonelog_dns::{LongSerial, Ttl, ZoneName};

use super::registry::Registry;
use crate::resource::Quotas;
use crate::{ProjectId, ZoneId};

/// Another zone, as far as the rules of the hierarchy need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneRef {
    /// Its id.
    pub id: ZoneId,
    /// Its apex.
    pub name: ZoneName,
    /// Its owner.
    pub project: ProjectId,
}

/// The installation's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The TTL of a zone that is created without one.
    pub default_ttl: Ttl,
    /// The lowest TTL that an ordinary user may set.
    pub min_ttl: Ttl,
    /// The longest zone name, in octets of its presentation form with the final dot.
    pub max_zone_name_length: usize,
    /// The longest recordset name, likewise.
    pub max_recordset_name_length: usize,
}

/// Who acts, as far as the rules ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorFacts {
    /// The project in which the actor acts.
    pub project: ProjectId,
    /// Whether the actor acts for all projects (which a policy allowed).
    pub all_projects: bool,
}

/// The facts for one command. Zones that are deleted do not count, but for `last_serial`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The TLDs, blacklists and pools.
    pub registry: Arc<Registry>,
    /// The limits.
    pub limits: Limits,
    /// Who acts. Nobody sees a zone that is neither the project's nor shared with it.
    pub actor: ActorFacts,
    /// For `CreateZone` and `TransferZone`: the quotas of the project that will own the zone. For recordsets: those of
    /// the zone's owner.
    pub quotas: Quotas,
    /// For `CreateZone` and `TransferZone`: how many live zones that project has.
    pub project_zones: i64,
    /// A number drawn by the caller, for choices left to chance.
    pub random: u32,
    /// For `CreateZone`: the live zone of the same name, whoever owns it.
    pub same_name: Option<ZoneRef>,
    /// For `CreateZone`: the live zones above the name, nearest first.
    pub parents: Vec<ZoneRef>,
    /// For `CreateZone`: whether the nearest of `parents` is shared with the new zone's project.
    pub parent_is_shared: bool,
    /// For `CreateZone`: a live zone below the name that another project owns, if there is one.
    /// For `DeleteZone` and `AbandonZone`: any live zone below. For `UnshareZone`: a live zone below that the share's target project owns.
    /// For `CreateRecordset`: the live zone at or above the owner name and below the zone itself.
    pub child: Option<ZoneRef>,
    /// For `UnshareZone`: whether the share's target project has recordsets in the zone.
    pub target_has_recordsets: bool,
    /// For `CreateZone`: the last serial of an earlier zone of this name. The new zone goes on from it, so that a name
    /// server that still holds the old zone takes the new one.
    pub last_serial: Option<LongSerial>,
}

impl Facts {
    /// What does not change from command to command; the rest is as in an empty installation without quotas.
    pub fn new(registry: Arc<Registry>, limits: Limits, actor: ActorFacts) -> Self {
        Self {
            registry,
            limits,
            actor,
            quotas: Quotas::UNLIMITED,
            project_zones: 0,
            random: 0,
            same_name: None,
            parents: Vec::new(),
            parent_is_shared: false,
            child: None,
            target_has_recordsets: false,
            last_serial: None,
        }
    }
}
