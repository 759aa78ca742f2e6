//! What the rules must know of the world beyond the zone: read by the caller, in the transaction that will append.

use zonelog_dns::{LongSerial, Name, Ttl, ZoneName};

use crate::{PoolId, ProjectId, ZoneId};

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

/// The pool that a new zone goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolFacts {
    /// Its id.
    pub id: PoolId,
    /// The names of its name servers, in the order of their priority; at least one.
    pub nameservers: Vec<Name>,
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

/// The facts for one command. Zones that are deleted do not count, but for `last_serial`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The pool for a new zone.
    pub pool: PoolFacts,
    /// The limits.
    pub limits: Limits,
    /// For `CreateZone`: the live zone of the same name, whoever owns it.
    pub same_name: Option<ZoneRef>,
    /// For `CreateZone`: the live zones above the name, nearest first.
    pub parents: Vec<ZoneRef>,
    /// For `CreateZone`: a live zone below the name that another project owns, if there is one.
    /// For `DeleteZone`: any live zone below. For `CreateRecordset`: the live zone at or above the owner name and
    /// below the zone itself.
    pub child: Option<ZoneRef>,
    /// For `CreateZone`: the last serial of an earlier zone of this name. The new zone goes on from it, so that a name
    /// server that still holds the old zone takes the new one.
    pub last_serial: Option<LongSerial>,
}
