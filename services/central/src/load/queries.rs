//! The queries of the load phase, prepared once a connection.
//!
//! Each takes arrays, finds what it wants by index, and leaves PostgreSQL one index to choose (see
//! [`InlineWriter::SESSION`](zonelog_projections::inline::InlineWriter::SESSION)).

use futures_util::future::try_join_all;
use tokio_postgres::{Client, Statement};
use zonelog_projections::resource::RESOURCE_COLUMNS;
use zonelog_projections::zone_state::{RECORDSET_COLUMNS, ZONE_COLUMNS};

/// The columns of the zone query before [`ZONE_COLUMNS`]: the owner's own quotas, and the shares in arrays.
pub(super) const BEFORE_ZONE: usize = 9;

/// The prepared queries of one connection.
#[derive(Clone)]
pub(crate) struct Queries {
    pub(super) zones: Statement,
    pub(super) recordsets_by_owner: Statement,
    pub(super) recordsets_by_id: Statement,
    pub(super) recordsets_of_apex: Statement,
    pub(super) live_by_name: Statement,
    pub(super) anothers_below_name: Statement,
    pub(super) any_below_zone: Statement,
    pub(super) last_serials: Statement,
    pub(super) answers: Statement,
    pub(super) shared_by_name: Statement,
    pub(super) projects: Statement,
    pub(super) share_targets: Statement,
    pub(super) targets_below_zone: Statement,
    pub(super) resources: Statement,
    pub(super) unique_keys: Statement,
    pub(super) stream_versions: Statement,
    pub(super) pools_in_use: Statement,
    pub(super) registry_head: Statement,
    pub(super) registry: Statement,
}

impl Queries {
    /// Prepares the queries, in one round trip.
    pub(crate) async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let texts = texts();
        let prepared = try_join_all(texts.iter().map(|text| client.prepare(text))).await?;
        let [
            zones,
            recordsets_by_owner,
            recordsets_by_id,
            recordsets_of_apex,
            live_by_name,
            anothers_below_name,
            any_below_zone,
            last_serials,
            answers,
            shared_by_name,
            projects,
            share_targets,
            targets_below_zone,
            resources,
            unique_keys,
            stream_versions,
            pools_in_use,
            registry_head,
            registry,
        ]: [Statement; 19] = prepared
            .try_into()
            .unwrap_or_else(|_| unreachable!("as many as texts"));
        Ok(Self {
            zones,
            recordsets_by_owner,
            recordsets_by_id,
            recordsets_of_apex,
            live_by_name,
            anothers_below_name,
            any_below_zone,
            last_serials,
            answers,
            shared_by_name,
            projects,
            share_targets,
            targets_below_zone,
            resources,
            unique_keys,
            stream_versions,
            pools_in_use,
            registry_head,
            registry,
        })
    }
}

/// In the order of the fields.
fn texts() -> [String; 19] {
    // A zone's name key is a prefix of the keys below it, and no octet of a zone's name is 0xff.
    let below = |above: &str| {
        format!(
            "z.name_key > {above} and z.name_key < {above} || '\\xff'::bytea and z.deleted_position is null"
        )
    };
    [
        format!(
            "select (q.body ->> 'zones')::bigint, (q.body ->> 'zone_recordsets')::bigint,
                    (q.body ->> 'zone_records')::bigint, (q.body ->> 'recordset_records')::bigint,
                    (q.body ->> 'api_export_size')::bigint,
                    s.ids, s.targets, s.projects, s.times, {ZONE_COLUMNS}
             from zone z
             left join resource q on q.kind = 'quota' and q.name_key = z.project
             left join lateral (
                 select array_agg(s.id) as ids, array_agg(s.target_project) as targets,
                        array_agg(s.project) as projects, array_agg(s.created_at) as times
                 from zone_share s where s.zone = z.id) s on true
             where z.id = any($1::uuid[])"
        ),
        format!(
            "select v.zone, {RECORDSET_COLUMNS}
             from unnest($1::uuid[], $2::bytea[]) as u (id, name_key)
             cross join lateral (
                 select * from recordset_version r
                 where r.zone = u.id and r.owner_key = u.name_key and r.until_serial is null
                 order by r.zone, r.owner_key, r.type) v"
        ),
        format!(
            "select v.zone, {RECORDSET_COLUMNS}
             from unnest($1::uuid[], $2::uuid[]) as u (id, wanted)
             join recordset_version v
               on v.recordset = u.wanted and v.zone is not distinct from u.id and v.until_serial is null"
        ),
        format!(
            "select v.zone, {RECORDSET_COLUMNS}
             from zone z
             cross join lateral (
                 select * from recordset_version r
                 where r.zone = z.id and r.owner_key = z.name_key and r.until_serial is null
                 order by r.zone, r.owner_key, r.type) v
             where z.id = any($1::uuid[])"
        ),
        "select z.id, z.name, z.project from zone z
         where z.name_key = any($1::bytea[]) and z.deleted_position is null"
            .to_owned(),
        format!(
            "select c.id, c.name, c.project
             from unnest($1::bytea[], $2::text[]) as u (name_key, project)
             cross join lateral (
                 select z.id, z.name, z.project from zone z
                 where {} and z.project <> u.project
                 order by z.name_key limit $3::bigint) c",
            below("u.name_key")
        ),
        format!(
            "select c.id, c.name, c.project
             from zone p
             cross join lateral (
                 select z.id, z.name, z.project from zone z where {} order by z.name_key limit $2::bigint) c
             where p.id = any($1::uuid[])",
            below("p.name_key")
        ),
        "select z.name_key, max(z.serial) from zone z where z.name_key = any($1::bytea[]) group by z.name_key"
            .to_owned(),
        "select k.project, k.key, k.digest, k.change_id, k.answer
         from unnest($1::text[], $2::text[]) as u (project, key)
         join idempotency_key k on k.project = u.project and k.key = u.key"
            .to_owned(),
        "select s.zone, s.target_project
         from zone z
         join zone_share s on s.zone = z.id and s.target_project = any($2::text[])
         where z.name_key = any($1::bytea[]) and z.deleted_position is null"
            .to_owned(),
        "select (q.body ->> 'zones')::bigint, (q.body ->> 'zone_recordsets')::bigint,
                (q.body ->> 'zone_records')::bigint, (q.body ->> 'recordset_records')::bigint,
                (q.body ->> 'api_export_size')::bigint, u.project, coalesce(p.zones, 0)
         from unnest($1::text[]) as u (project)
         left join resource q on q.kind = 'quota' and q.name_key = u.project
         left join project_usage p on p.project = u.project"
            .to_owned(),
        "select s.zone, s.target_project, c.recordsets
         from zone_share s
         cross join lateral (
             select count(*) as recordsets from (
                 select from recordset_version v
                 where v.project = s.target_project and v.zone is not distinct from s.zone
                   and v.until_serial is null
                 limit $2::bigint) few) c
         where s.id = any($1::uuid[])"
            .to_owned(),
        format!(
            "select c.id, c.name, c.project
             from zone_share s
             join zone p on p.id = s.zone
             cross join lateral (
                 select z.id, z.name, z.project from zone z
                 where {} and z.project = s.target_project
                 order by z.name_key limit $2::bigint) c
             where s.id = any($1::uuid[])",
            below("p.name_key")
        ),
        format!("select {RESOURCE_COLUMNS} from resource r where r.id = any($1::uuid[])"),
        "select r.kind, r.name_key, r.id
         from unnest($1::text[], $2::text[]) as u (kind, name_key)
         join resource r on r.kind = u.kind and r.name_key = u.name_key"
            .to_owned(),
        "select u.stream, coalesce((select max(e.version) from event e where e.stream = u.stream), 0)
         from unnest($1::uuid[]) as u (stream)"
            .to_owned(),
        "select u.pool, c.zones
         from unnest($1::uuid[]) as u (pool)
         cross join lateral (
             select count(*) as zones from (
                 select from zone z where z.pool = u.pool and z.deleted_at is null limit $2::bigint) few) c"
            .to_owned(),
        "select position from registry_head where feed = 0".to_owned(),
        format!("select {RESOURCE_COLUMNS} from resource r where r.kind = any($1::text[])"),
    ]
}
