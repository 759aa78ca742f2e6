//! What the rules must know for a whole batch of commands, in a handful of queries: none a command, none a record.
//!
//! Each query takes arrays and finds what it wants by index, so that a command costs the same in a zone of a million
//! recordsets as in an empty one.

use std::collections::{HashMap, HashSet};

use futures_util::try_join;
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Row, Statement};
use uuid::Uuid;
use zonelog_dns::{LongSerial, Name, ZoneName};
use zonelog_model::zone::{Command, Recordset, Zone, ZoneRef};
use zonelog_model::{ChangeId, ProjectId, ZoneId};
use zonelog_projections::zone_state::{
    RECORDSET_COLUMNS, RowError, ZONE_COLUMNS, recordset_from_row, zone_from_row,
};
use zonelog_store::StoreError;

use crate::request::Request;
use crate::side_rows::StoredAnswer;

/// The prepared queries of one connection.
#[derive(Clone)]
pub(crate) struct Queries {
    zones: Statement,
    recordsets_by_owner: Statement,
    recordsets_by_id: Statement,
    live_by_name: Statement,
    anothers_below_name: Statement,
    any_below_zone: Statement,
    last_serials: Statement,
    answers: Statement,
}

/// What a batch's commands need, gathered from them; each thing once.
#[derive(Default)]
struct Wanted {
    zones: HashSet<Uuid>,
    owners: HashSet<(Uuid, Vec<u8>)>,
    recordsets: HashSet<(Uuid, Uuid)>,
    names: HashSet<Vec<u8>>,
    created: HashSet<(Vec<u8>, String)>,
    deleted: HashSet<Uuid>,
    keys: HashSet<(String, String)>,
}

/// What was found.
#[derive(Default)]
pub(crate) struct Loaded {
    /// The zones concerned, deleted or not.
    pub(crate) zones: Vec<Zone>,
    /// Live recordsets, each once.
    pub(crate) recordsets: Vec<(ZoneId, Recordset)>,
    /// Live zones of the names that matter for the hierarchy, and enough of those below the names to be created and
    /// the zones to be deleted: one more than the batch may delete.
    pub(crate) hierarchy: Vec<ZoneRef>,
    /// The last serials of the names to be created, by name key, of deleted zones too.
    pub(crate) last_serials: HashMap<Vec<u8>, LongSerial>,
    /// The first answers to the idempotency keys, by project and key.
    pub(crate) answers: HashMap<(String, String), StoredAnswer>,
}

impl Queries {
    /// Prepares the queries, in one round trip.
    pub(crate) async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let zones = format!("select {ZONE_COLUMNS} from zone z where z.id = any($1::uuid[])");
        let recordsets_by_owner = format!(
            "select v.zone, {RECORDSET_COLUMNS}
             from unnest($1::uuid[], $2::bytea[]) as u (id, name_key)
             cross join lateral (
                 select * from recordset_version r
                 where r.zone = u.id and r.owner_key = u.name_key and r.until_serial is null
                 order by r.zone, r.owner_key, r.type) v"
        );
        let recordsets_by_id = format!(
            "select v.zone, {RECORDSET_COLUMNS}
             from unnest($1::uuid[], $2::uuid[]) as u (id, wanted)
             join recordset_version v
               on v.recordset = u.wanted and v.zone is not distinct from u.id and v.until_serial is null"
        );
        let (
            zones,
            recordsets_by_owner,
            recordsets_by_id,
            live_by_name,
            anothers_below_name,
            any_below_zone,
            last_serials,
            answers,
        ) = try_join!(
            client.prepare(&zones),
            client.prepare(&recordsets_by_owner),
            client.prepare(&recordsets_by_id),
            client.prepare(
                "select z.id, z.name, z.project from zone z
                 where z.name_key = any($1::bytea[]) and z.deleted_position is null"
            ),
            // A zone's name key is a prefix of the keys below it, and no octet of a zone's name is 0xff.
            client.prepare(
                "select c.id, c.name, c.project
                 from unnest($1::bytea[], $2::text[]) as u (name_key, project)
                 cross join lateral (
                     select z.id, z.name, z.project from zone z
                     where z.name_key > u.name_key and z.name_key < u.name_key || '\\xff'::bytea
                       and z.deleted_position is null and z.project <> u.project
                     order by z.name_key limit $3::bigint) c"
            ),
            client.prepare(
                "select c.id, c.name, c.project
                 from zone p
                 cross join lateral (
                     select z.id, z.name, z.project from zone z
                     where z.name_key > p.name_key and z.name_key < p.name_key || '\\xff'::bytea
                       and z.deleted_position is null
                     order by z.name_key limit $2::bigint) c
                 where p.id = any($1::uuid[])"
            ),
            client.prepare(
                "select z.name_key, max(z.serial) from zone z where z.name_key = any($1::bytea[]) group by z.name_key"
            ),
            client.prepare(
                "select k.project, k.key, k.digest, k.change_id, k.answer
                 from unnest($1::text[], $2::text[]) as u (project, key)
                 join idempotency_key k on k.project = u.project and k.key = u.key"
            ),
        )?;
        Ok(Self {
            zones,
            recordsets_by_owner,
            recordsets_by_id,
            live_by_name,
            anothers_below_name,
            any_below_zone,
            last_serials,
            answers,
        })
    }

    /// Loads what the batch needs. All queries are sent when the future is first polled.
    pub(crate) async fn load(&self, client: &Client, batch: &[Request]) -> Result<Loaded, StoreError> {
        let wanted = Wanted::of(batch);
        // As many zones below as there are deletions could be gone when a command is decided: one more is enough.
        let below = i64::try_from(wanted.deleted.len()).unwrap_or(i64::MAX - 1) + 1;
        let zone_ids: Vec<_> = wanted.zones.iter().collect();
        let (owner_zones, owner_keys): (Vec<Uuid>, Vec<&[u8]>) = wanted
            .owners
            .iter()
            .map(|(zone, key)| (*zone, key.as_slice()))
            .unzip();
        let (recordset_zones, recordset_ids): (Vec<Uuid>, Vec<Uuid>) =
            wanted.recordsets.iter().copied().unzip();
        let names: Vec<_> = wanted.names.iter().collect();
        let (created_keys, created_projects): (Vec<&[u8]>, Vec<&str>) = wanted
            .created
            .iter()
            .map(|(key, project)| (key.as_slice(), project.as_str()))
            .unzip();
        let deleted: Vec<_> = wanted.deleted.iter().collect();
        let (key_projects, keys): (Vec<&str>, Vec<&str>) = wanted
            .keys
            .iter()
            .map(|(project, key)| (project.as_str(), key.as_str()))
            .unzip();
        let (zones, by_owner, by_id, live, anothers, any, last_serials, answers) = try_join!(
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
            find(client, &self.live_by_name, names.is_empty(), [&names]),
            find(
                client,
                &self.anothers_below_name,
                created_keys.is_empty(),
                [&created_keys, &created_projects, &below],
            ),
            find(
                client,
                &self.any_below_zone,
                deleted.is_empty(),
                [&deleted, &below]
            ),
            find(
                client,
                &self.last_serials,
                created_keys.is_empty(),
                [&created_keys]
            ),
            find(client, &self.answers, keys.is_empty(), [&key_projects, &keys]),
        )?;

        let mut loaded = Loaded::default();
        for row in &zones {
            loaded.zones.push(zone_from_row(row, 0).map_err(damaged)?);
        }
        let mut seen = HashSet::with_capacity(by_owner.len() + by_id.len());
        for row in by_owner.iter().chain(&by_id) {
            let zone = ZoneId::new(get(row, 0)?);
            let recordset = recordset_from_row(row, 1).map_err(damaged)?;
            if seen.insert((zone, recordset.id)) {
                loaded.recordsets.push((zone, recordset));
            }
        }
        for row in live.iter().chain(&anothers).chain(&any) {
            loaded.hierarchy.push(zone_ref(row)?);
        }
        for row in &last_serials {
            loaded
                .last_serials
                .insert(get(row, 0)?, LongSerial::from_i64(get(row, 1)?));
        }
        for row in &answers {
            let answer = StoredAnswer {
                digest: get(row, 2)?,
                change_id: ChangeId::new(get(row, 3)?),
                answer: get(row, 4)?,
            };
            loaded.answers.insert((get(row, 0)?, get(row, 1)?), answer);
        }
        Ok(loaded)
    }
}

impl Wanted {
    fn of(batch: &[Request]) -> Self {
        let mut wanted = Self::default();
        let mut new_zones = HashMap::new();
        for request in batch {
            let zone = request.command.zone().uuid();
            wanted.zones.insert(zone);
            match &request.command {
                Command::CreateZone(command) => {
                    let key = command.name.to_key();
                    wanted
                        .names
                        .extend(command.name.ancestors().map(|name| name.to_key()));
                    wanted.names.insert(key.clone());
                    new_zones.insert(zone, key.clone());
                    wanted.created.insert((key, command.project.as_str().to_owned()));
                }
                Command::UpdateZone(_) => {}
                Command::DeleteZone(_) => {
                    wanted.deleted.insert(zone);
                }
                Command::CreateRecordset(command) => {
                    wanted.owners.insert((zone, command.owner.to_key()));
                    // The zone's own name is not known yet: those above it are looked for too, and passed over.
                    let mut above = Some(Name::clone(&command.owner));
                    while let Some(name) = above.filter(|name| !name.is_root()) {
                        if !wanted.names.insert(name.to_key()) {
                            break;
                        }
                        above = name.parent();
                    }
                }
                Command::UpdateRecordset(command) => {
                    wanted.recordsets.insert((zone, command.recordset.uuid()));
                }
                Command::DeleteRecordset(command) => {
                    wanted.recordsets.insert((zone, command.recordset.uuid()));
                }
            }
            if let Some(idempotency) = &request.idempotency {
                let project = request.metadata.actor.project.as_str().to_owned();
                wanted.keys.insert((project, idempotency.key.clone()));
            }
        }
        // A zone that the same batch makes and deletes cannot be looked up by its id. No project's id is empty, so this
        // finds the zones below of all projects.
        let made_and_deleted = new_zones
            .into_iter()
            .filter(|(zone, _)| wanted.deleted.contains(zone));
        wanted
            .created
            .extend(made_and_deleted.map(|(_, key)| (key, String::new())));
        wanted
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

fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, StoreError> {
    Ok(row.try_get(column)?)
}

fn zone_ref(row: &Row) -> Result<ZoneRef, StoreError> {
    let id: Uuid = get(row, 0)?;
    let wrong = |column, reason: String| {
        damaged(RowError {
            table: "zone",
            id: id.to_string(),
            column,
            reason,
        })
    };
    let name = Name::parse(get(row, 1)?).and_then(ZoneName::from_name);
    let project = ProjectId::new(get::<&str>(row, 2)?);
    Ok(ZoneRef {
        id: ZoneId::new(id),
        name: name.map_err(|error| wrong("name", error.to_string()))?,
        project: project.ok_or_else(|| wrong("project", "not a project's id".to_owned()))?,
    })
}

fn damaged(error: RowError) -> StoreError {
    StoreError::decode(format!("{} {}", error.table, error.id), error)
}
