//! What the rules must know for a whole batch of commands, in a handful of queries: none a command, none a record.
//!
//! Each query takes arrays and finds what it wants by index, so that a command costs the same in a zone of a million
//! recordsets as in an empty one. All are sent together, and a query that would ask for nothing is not sent: a batch of
//! recordset commands asks three.

mod queries;
mod read;
mod wanted;

use std::collections::HashMap;

use futures_util::try_join;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};
use uuid::Uuid;
use zonelog_dns::LongSerial;
use zonelog_model::resource::{QuotaOverrides, Resource};
use zonelog_model::zone::{self, Recordset, Share, Zone, ZoneRef};
use zonelog_model::{PoolId, Position, ProjectId, ResourceId, Version, ZoneId};
use zonelog_store::StoreError;

pub(crate) use queries::Queries;

use crate::answer::StoredAnswer;
use crate::request::Request;
use wanted::Wanted;

/// What was found.
#[derive(Default)]
pub(crate) struct Loaded {
    /// The zones concerned, deleted or not, each with its shares.
    pub(crate) zones: Vec<(Zone, Vec<Share>)>,
    /// Live recordsets, each once.
    pub(crate) recordsets: Vec<(ZoneId, Recordset)>,
    /// Live zones of the names that matter for the hierarchy, and enough of those below the names to be created and
    /// the zones to be ended: one more than the batch may end.
    pub(crate) hierarchy: Vec<ZoneRef>,
    /// With whom the zones are shared below which new ones are to be made.
    pub(crate) shared: Vec<(ZoneId, ProjectId)>,
    /// The last serials of the names to be created, by name key, of deleted zones too.
    pub(crate) last_serials: HashMap<Vec<u8>, LongSerial>,
    /// The first answers to the idempotency keys, by project and key.
    pub(crate) answers: HashMap<(String, String), StoredAnswer>,
    /// The quotas that the projects concerned have of their own.
    pub(crate) quotas: Vec<QuotaOverrides>,
    /// How many live zones the projects have that are to get one.
    pub(crate) usage: Vec<(ProjectId, i64)>,
    /// How many recordsets the projects have in the zones whose shares are to end: all, or enough to tell.
    pub(crate) share_use: Vec<(ZoneId, ProjectId, i64)>,
    /// The resources concerned.
    pub(crate) resources: Vec<Resource>,
    /// Who has the unique keys that are to be given, by kind's label and key.
    pub(crate) unique_keys: HashMap<(String, String), ResourceId>,
    /// The versions of the streams of the resources to be made.
    pub(crate) stream_versions: HashMap<ResourceId, Version>,
    /// How many zones the pools have that are to be deleted: all, or enough to tell.
    pub(crate) pool_zones: Vec<(PoolId, i64)>,
    /// Where the registry stands, if it matters.
    pub(crate) registry_head: Option<Position>,
}

impl Queries {
    /// Loads what the batch needs. All queries are sent when the future is first polled.
    pub(crate) async fn load(&self, client: &Client, batch: &[Request]) -> Result<Loaded, StoreError> {
        self.find(client, Wanted::of(batch), batch.len()).await
    }

    /// Loads what one command on a zone needs.
    pub(crate) async fn load_for(
        &self,
        client: &Client,
        command: &zone::Command,
    ) -> Result<Loaded, StoreError> {
        self.find(client, Wanted::of_one(command), 1).await
    }

    /// A resource.
    pub(crate) async fn resource(
        &self,
        client: &Client,
        id: ResourceId,
    ) -> Result<Option<Resource>, StoreError> {
        let rows = client.query(&self.resources, &[&&[id.uuid()][..]]).await?;
        Ok(read::resources(&rows)?.pop())
    }

    /// The live recordsets at some owner names of a zone, given by their keys in ascending order.
    pub(crate) async fn recordsets_at(
        &self,
        client: &Client,
        zone: ZoneId,
        mut keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Recordset>, StoreError> {
        keys.dedup();
        let zones = vec![zone.uuid(); keys.len()];
        let rows = client.query(&self.recordsets_by_owner, &[&zones, &keys]).await?;
        let mut loaded = Loaded::default();
        loaded.read_recordsets(rows.iter())?;
        Ok(loaded
            .recordsets
            .into_iter()
            .map(|(_, recordset)| recordset)
            .collect())
    }

    async fn find(&self, client: &Client, wanted: Wanted, commands: usize) -> Result<Loaded, StoreError> {
        // As many zones below as there are deletions could be gone when a command is decided: one more is enough.
        let below = i64::try_from(wanted.ended.len()).unwrap_or(i64::MAX - 1) + 1;
        let moved = i64::try_from(commands).unwrap_or(i64::MAX - 1) + 1;
        let recordsets = wanted.recordset_deletions + 1;

        let zone_ids: Vec<_> = wanted.zones.iter().collect();
        let (owner_zones, owner_keys): (Vec<Uuid>, Vec<&[u8]>) = wanted
            .owners
            .iter()
            .map(|(zone, key)| (*zone, key.as_slice()))
            .unzip();
        let apexes: Vec<_> = wanted.apexes.iter().collect();
        let (recordset_zones, recordset_ids): (Vec<Uuid>, Vec<Uuid>) =
            wanted.recordsets.iter().copied().unzip();
        let names: Vec<_> = wanted.names.iter().collect();
        let (created_keys, created_projects): (Vec<&[u8]>, Vec<&str>) = wanted
            .created
            .iter()
            .map(|(key, project)| (key.as_slice(), project.as_str()))
            .unzip();
        let ended: Vec<_> = wanted.ended.iter().collect();
        let unshared: Vec<_> = wanted.unshared.iter().collect();
        let (key_projects, keys): (Vec<&str>, Vec<&str>) = wanted
            .keys
            .iter()
            .map(|(project, key)| (project.as_str(), key.as_str()))
            .unzip();
        let projects: Vec<_> = wanted.projects.iter().map(String::as_str).collect();
        let resource_ids: Vec<_> = wanted.resources.iter().collect();
        let (unique_kinds, unique_keys): (Vec<&str>, Vec<&str>) = wanted
            .unique_keys
            .iter()
            .map(|(kind, key)| (*kind, key.as_str()))
            .unzip();
        let streams: Vec<_> = wanted.streams.iter().collect();
        let pools: Vec<_> = wanted.pools_deleted.iter().collect();

        let of_zones = async {
            try_join!(
                find(client, &self.zones, zone_ids.is_empty(), [&zone_ids]),
                find(
                    client,
                    &self.recordsets_by_owner,
                    owner_keys.is_empty(),
                    [&owner_zones, &owner_keys]
                ),
                find(
                    client,
                    &self.recordsets_by_id,
                    recordset_ids.is_empty(),
                    [&recordset_zones, &recordset_ids]
                ),
                find(client, &self.recordsets_of_apex, apexes.is_empty(), [&apexes]),
            )
        };
        let of_hierarchy = async {
            try_join!(
                find(client, &self.live_by_name, names.is_empty(), [&names]),
                find(
                    client,
                    &self.anothers_below_name,
                    created_keys.is_empty(),
                    [&created_keys, &created_projects, &below],
                ),
                find(client, &self.any_below_zone, ended.is_empty(), [&ended, &below]),
                find(
                    client,
                    &self.last_serials,
                    created_keys.is_empty(),
                    [&created_keys]
                ),
                find(
                    client,
                    &self.targets_below_zone,
                    unshared.is_empty(),
                    [&unshared, &below]
                ),
            )
        };
        let of_projects = async {
            try_join!(
                find(
                    client,
                    &self.shared_by_name,
                    created_keys.is_empty(),
                    [&names, &created_projects]
                ),
                find(client, &self.projects, projects.is_empty(), [&projects]),
                find(
                    client,
                    &self.share_targets,
                    unshared.is_empty(),
                    [&unshared, &recordsets]
                ),
                find(client, &self.answers, keys.is_empty(), [&key_projects, &keys]),
            )
        };
        let of_resources = async {
            try_join!(
                find(client, &self.resources, resource_ids.is_empty(), [&resource_ids]),
                find(
                    client,
                    &self.unique_keys,
                    unique_keys.is_empty(),
                    [&unique_kinds, &unique_keys]
                ),
                find(client, &self.stream_versions, streams.is_empty(), [&streams]),
                find(client, &self.pools_in_use, pools.is_empty(), [&pools, &moved]),
                find(client, &self.registry_head, !wanted.registry, []),
            )
        };
        let (
            (zones, by_owner, by_id, of_apex),
            (live, anothers, any, last_serials, targets_below),
            (shared, projects, share_targets, answers),
            (resources, unique_keys, streams, pools, registry_head),
        ) = try_join!(of_zones, of_hierarchy, of_projects, of_resources)?;

        let mut loaded = Loaded::default();
        loaded.read_zones(&zones)?;
        loaded.read_recordsets(by_owner.iter().chain(&by_id).chain(&of_apex))?;
        loaded.read_hierarchy(live.iter().chain(&anothers).chain(&any).chain(&targets_below))?;
        loaded.read_last_serials(&last_serials)?;
        loaded.read_projects(&projects)?;
        loaded.read_shared(&shared)?;
        loaded.read_share_use(&share_targets)?;
        loaded.read_answers(&answers)?;
        loaded.read_resources(&resources, &unique_keys, &streams)?;
        loaded.read_pools(&pools, &registry_head)?;
        Ok(loaded)
    }

    /// Where the registry stands.
    pub(crate) async fn registry_head(&self, client: &Client) -> Result<Position, StoreError> {
        Ok(client.query_one(&self.registry_head, &[]).await?.try_get(0)?)
    }

    /// All resources that the registry is made from.
    pub(crate) async fn registry(&self, client: &Client) -> Result<Vec<Resource>, StoreError> {
        let kinds = read::registry_kinds();
        let rows = client.query(&self.registry, &[&kinds]).await?;
        read::resources(&rows)
    }
}

/// Asks a query, unless it would ask for nothing.
async fn find<const N: usize>(
    client: &Client,
    query: &Statement,
    for_nothing: bool,
    arguments: [&(dyn ToSql + Sync); N],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    if for_nothing {
        Ok(Vec::new())
    } else {
        client.query(query, &arguments).await
    }
}
