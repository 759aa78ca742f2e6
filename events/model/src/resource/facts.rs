//! What the rules must know of the world beyond the resource.

use super::quota::Quotas;
use crate::{ProjectId, ResourceId};

/// The facts for one command, read in the transaction that will append.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The resource of the same kind that has the unique key which the command would give.
    pub same_key: Option<ResourceId>,
    /// Whether the pool or zone that a TSIG key names (or will name, after an update of its scope or resource) is there.
    pub named_resource_exists: bool,
    /// Whether a pool to be deleted has zones.
    pub pool_has_zones: bool,
    /// The owner of the zone that is offered or exported, if the zone is live.
    pub zone_owner: Option<ProjectId>,
    /// How many recordsets that zone has, for an export.
    pub zone_recordsets: i64,
    /// The quotas of the project that exports.
    pub quotas: Quotas,
}
