//! Row changes into the tables: one statement a table and kind of change, whatever their number, and no reading.

use futures_util::try_join;
use thiserror::Error;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use zonelog_dns::Name;
use zonelog_model::ProjectId;
use zonelog_model::zone::{ManagedResource, SoaTimers};

use super::delta::{
    End, SerialMade, Step, VersionAltered, VersionEnded, VersionMade, ZoneChange, ZoneStateDelta,
};
use super::membership::MembershipWriter;
use super::ownership::OwnershipWriter;
use super::rows::{self, Column};

/// Why zone state could not be written. The transaction must not be committed then.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The database refused, or is gone.
    #[error(transparent)]
    Sql(#[from] tokio_postgres::Error),
    /// The tables do not hold what the events changed.
    #[error(
        "zone state does not fit the log: {changed} of {expected} rows of {table} were there to change; \
         compare it with `zonelog projection rebuild --compare`"
    )]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// How many rows should have changed.
        expected: u64,
        /// How many did.
        changed: u64,
    },
}

/// The prepared statements of one connection. They name tables without a schema: whoever prepares them chooses it by
/// `search_path`.
#[derive(Clone)]
pub struct ZoneStateWriter {
    create_zones: Statement,
    change_zones: Statement,
    make_serials: Statement,
    alter_versions: Statement,
    end_versions: Statement,
    make_versions: Statement,
    ownership: OwnershipWriter,
    membership: MembershipWriter,
}

impl ZoneStateWriter {
    /// Makes every plan of this connection a walk from the changes given to the rows they touch, by index.
    ///
    /// A plan is made once for a prepared statement, maybe when the tables are still empty and a walk through all of
    /// one looks cheap; it would be kept when they have grown. So the kinds of plan that read whole tables are out. For
    /// the same reason each statement leaves one index to choose: among empty indexes any looks as good as the right one.
    /// A recordset is found by its id alone (`is not distinct from` compares its zone, and asks no index), the recordsets
    /// at an owner name in an order that only one index has (and sorting is out).
    pub const SESSION: &str = "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off; \
                               set enable_material = off; set enable_sort = off; \
                               set plan_cache_mode = force_generic_plan; set jit = off";

    /// Prepares the statements, in one round trip.
    pub async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let (
            create_zones,
            change_zones,
            make_serials,
            alter_versions,
            end_versions,
            make_versions,
            ownership,
            membership,
        ) = try_join!(
            client.prepare(CREATE_ZONES),
            client.prepare(CHANGE_ZONES),
            client.prepare(MAKE_SERIALS),
            client.prepare(ALTER_VERSIONS),
            client.prepare(END_VERSIONS),
            client.prepare(MAKE_VERSIONS),
            OwnershipWriter::prepare(client),
            MembershipWriter::prepare(client),
        )?;
        Ok(Self {
            create_zones,
            change_zones,
            make_serials,
            alter_versions,
            end_versions,
            make_versions,
            ownership,
            membership,
        })
    }

    /// Writes the changes in the client's open transaction. The statements are sent when the future is first polled,
    /// in an order that matters, and answered together: one round trip for each step of the delta.
    pub async fn write(&self, client: &Client, delta: &ZoneStateDelta<'_>) -> Result<(), WriteError> {
        for step in &delta.steps {
            self.write_step(client, step).await?;
        }
        Ok(())
    }

    async fn write_step(&self, client: &Client, step: &Step<'_>) -> Result<(), WriteError> {
        let created = step
            .zones
            .iter()
            .filter(|zone| zone.created.is_some())
            .collect::<Vec<_>>();
        let changed = step
            .zones
            .iter()
            .filter(|zone| zone.created.is_none())
            .collect::<Vec<_>>();
        try_join!(
            // What the old owner made before the zone changed hands, and nothing that this step makes.
            self.ownership.hand_over(client, &step.handed_over),
            // These read zones' rows as they were before: the serial that `None` stands for, the SOA's other fields.
            self.make_serials(client, &step.serials),
            self.alter_versions(client, &step.altered),
            // An ended version makes room for the next one of the same owner name and type.
            self.end_versions(client, &step.ended),
            self.make_versions(client, &step.made),
            // A deleted zone makes room for the next one of the same name.
            self.change_zones(client, &changed),
            self.create_zones(client, &created),
            self.ownership.unshare(client, &step.unshared),
            self.ownership.share(client, &step.shared),
            self.ownership.count(client, &step.usage),
            // A name is read from the zone's row, which may be new.
            self.ownership.depart(client, &step.departed),
            self.membership.leave(client, &step.left),
            self.membership.go(client, &step.on_the_way),
            self.membership.join(client, &step.joined),
        )?;
        Ok(())
    }

    async fn make_serials(&self, client: &Client, serials: &[SerialMade<'_>]) -> Result<(), WriteError> {
        let timers = |row: &SerialMade<'_>| row.timers;
        let mname: Column<_> = rows::column(serials, |row| row.primary_nameserver.map(Name::to_string));
        run(
            client,
            &self.make_serials,
            "zone_serial",
            serials.len(),
            &[
                &rows::column(serials, |row| row.zone.uuid()),
                &rows::column(serials, |row| row.serial.get()),
                &rows::column(serials, |row| row.position),
                &rows::column(serials, |row| row.recorded_at),
                &rows::column(serials, |row| row.ttl.map(rows::ttl)),
                &mname,
                &rows::column(serials, |row| row.email),
                &rows::column(serials, |row| {
                    timers(row).map(|timers| rows::seconds(timers.refresh))
                }),
                &rows::column(serials, |row| {
                    timers(row).map(|timers| rows::seconds(timers.retry))
                }),
                &rows::column(serials, |row| {
                    timers(row).map(|timers| rows::seconds(timers.expire))
                }),
                &rows::column(serials, |row| {
                    timers(row).map(|timers| rows::seconds(timers.minimum))
                }),
                &rows::column(serials, |row| row.whole),
            ],
        )
        .await
    }

    async fn alter_versions(
        &self,
        client: &Client,
        altered: &[VersionAltered<'_>],
    ) -> Result<(), WriteError> {
        run(
            client,
            &self.alter_versions,
            "recordset_version",
            altered.len(),
            &[
                &rows::column(altered, |row| row.zone.uuid()),
                &rows::column(altered, |row| row.after.id.uuid()),
                &rows::column(altered, |row| row.after.ttl.map(rows::ttl)),
                &rows::column(altered, |row| row.after.description.as_deref()),
                &rows::column(altered, |row| row.after.revision),
                &rows::column(altered, |row| row.after.updated_at),
            ],
        )
        .await
    }

    async fn end_versions(&self, client: &Client, ended: &[VersionEnded]) -> Result<(), WriteError> {
        run(
            client,
            &self.end_versions,
            "recordset_version",
            ended.len(),
            &[
                &rows::column(ended, |row| row.zone.uuid()),
                &rows::column(ended, |row| row.recordset.uuid()),
                &rows::column(ended, |row| row.until.map(|serial| serial.get())),
            ],
        )
        .await
    }

    async fn make_versions(&self, client: &Client, made: &[VersionMade<'_>]) -> Result<(), WriteError> {
        let until = |row: &VersionMade<'_>| match row.end {
            End::Live => None,
            End::Ended(until) => until.map(|serial| serial.get()),
        };
        fn managed<'a>(row: &VersionMade<'a>) -> Option<&'a ManagedResource> {
            row.recordset.managed_resource.as_deref()
        }
        run(
            client,
            &self.make_versions,
            "recordset_version",
            made.len(),
            &[
                &rows::column(made, |row| row.zone.uuid()),
                &rows::column(made, |row| row.recordset.id.uuid()),
                &rows::column(made, |row| row.recordset.owner.to_string()),
                &rows::column(made, |row| row.recordset.owner.to_key()),
                &rows::column(made, |row| i32::from(row.recordset.rrtype.get())),
                &rows::column(made, |row| row.recordset.ttl.map(rows::ttl)),
                &rows::column(made, |row| {
                    rows::text_array(row.recordset.records.iter().map(|record| record.text()))
                }),
                &rows::column(made, |row| rows::packed(&row.recordset.records)),
                &rows::column(made, |row| row.recordset.description.as_deref()),
                &rows::column(made, |row| row.recordset.managed),
                &rows::column(made, |row| managed(row).map(|thing| thing.kind.as_str())),
                &rows::column(made, |row| managed(row).map(|thing| thing.id.as_str())),
                &rows::column(made, |row| managed(row).and_then(|thing| thing.region.as_deref())),
                &rows::column(made, |row| managed(row).map(|thing| thing.project.as_str())),
                &rows::column(made, |row| row.recordset.project.as_str()),
                &rows::column(made, |row| row.recordset.revision),
                &rows::column(made, |row| row.recordset.created_at),
                &rows::column(made, |row| row.recordset.updated_at),
                &rows::column(made, |row| row.since.map(|serial| serial.get())),
                &rows::column(made, |row| row.end != End::Live),
                &rows::column(made, until),
            ],
        )
        .await
    }

    async fn change_zones(&self, client: &Client, zones: &[&ZoneChange<'_>]) -> Result<(), WriteError> {
        fn timer(zones: &[&ZoneChange<'_>], which: impl Fn(SoaTimers) -> u32) -> Column<Option<i32>> {
            rows::column(zones, |zone| {
                zone.timers.map(|timers| rows::seconds(which(timers)))
            })
        }
        run(
            client,
            &self.change_zones,
            "zone",
            zones.len(),
            &[
                &rows::column(zones, |zone| zone.id.uuid()),
                &rows::column(zones, |zone| zone.email),
                &rows::column(zones, |zone| zone.ttl.map(rows::ttl)),
                &rows::column(zones, |zone| zone.description.is_some()),
                &rows::column(zones, |zone| zone.description.flatten()),
                &rows::column(zones, |zone| zone.serial.map(|serial| serial.get())),
                &rows::column(zones, |zone| zone.changes),
                &rows::column(zones, |zone| zone.stream_version),
                &rows::column(zones, |zone| zone.updated_at),
                &rows::column(zones, |zone| zone.content_position),
                &rows::column(zones, |zone| zone.deleted.map(|(position, _)| position)),
                &rows::column(zones, |zone| zone.deleted.map(|(_, at)| at)),
                &rows::column(zones, |zone| zone.abandoned),
                &rows::column(zones, |zone| zone.recordsets),
                &rows::column(zones, |zone| zone.records),
                &rows::column(zones, |zone| zone.project.map(ProjectId::as_str)),
                &rows::column(zones, |zone| zone.pool.map(|(pool, _)| pool.uuid())),
                &rows::column(zones, |zone| zone.pool.map(|(_, position)| position)),
                &rows::column(zones, |zone| zone.primary_nameserver.map(Name::to_string)),
                &rows::column(zones, |zone| zone.hard_deleted),
                &timer(zones, |timers| timers.refresh),
                &timer(zones, |timers| timers.retry),
                &timer(zones, |timers| timers.expire),
                &timer(zones, |timers| timers.minimum),
                &rows::column(zones, |zone| zone.transferred_at),
                &rows::column(zones, |zone| zone.masters.map(rows::masters_list)),
            ],
        )
        .await
    }

    async fn create_zones(&self, client: &Client, changes: &[&ZoneChange<'_>]) -> Result<(), WriteError> {
        let zones = changes
            .iter()
            .filter_map(|change| Some((*change, change.created?)))
            .collect::<Vec<_>>();
        let kept = |change: &ZoneChange<'_>, count: i64| if change.deleted.is_some() { 0 } else { count };
        run(
            client,
            &self.create_zones,
            "zone",
            zones.len(),
            &[
                &rows::column(&zones, |(change, _)| change.id.uuid()),
                &rows::column(&zones, |(_, (zone, _))| zone.name.to_string()),
                &rows::column(&zones, |(_, (zone, _))| zone.name.to_key()),
                &rows::column(&zones, |(change, (zone, _))| {
                    change.project.unwrap_or(&zone.project).as_str()
                }),
                &rows::column(&zones, |(change, (zone, _))| {
                    change.pool.map_or(zone.pool, |(pool, _)| pool).uuid()
                }),
                &rows::column(&zones, |(change, (zone, _))| change.email.unwrap_or(&zone.email)),
                &rows::column(&zones, |(change, (zone, _))| {
                    rows::ttl(change.ttl.unwrap_or(zone.ttl))
                }),
                &rows::column(&zones, |(change, _)| change.description.flatten()),
                &rows::column(&zones, |(_, (zone, _))| rows::attributes(&zone.attributes)),
                &rows::column(&zones, |(change, (zone, _))| {
                    change
                        .primary_nameserver
                        .unwrap_or(&zone.primary_nameserver)
                        .to_string()
                }),
                &rows::column(&zones, |(change, (zone, _))| {
                    rows::seconds(change.timers.unwrap_or(zone.timers).refresh)
                }),
                &rows::column(&zones, |(change, (zone, _))| {
                    rows::seconds(change.timers.unwrap_or(zone.timers).retry)
                }),
                &rows::column(&zones, |(change, (zone, _))| {
                    rows::seconds(change.timers.unwrap_or(zone.timers).expire)
                }),
                &rows::column(&zones, |(change, (zone, _))| {
                    rows::seconds(change.timers.unwrap_or(zone.timers).minimum)
                }),
                &rows::column(&zones, |(change, (zone, _))| {
                    change.serial.unwrap_or(zone.serial).get()
                }),
                &rows::column(&zones, |(_, (zone, _))| zone.soa_recordset.uuid()),
                &rows::column(&zones, |(change, (zone, _))| zone.revision + change.changes),
                &rows::column(&zones, |(change, _)| change.stream_version),
                &rows::column(&zones, |(_, (zone, _))| zone.created_at),
                &rows::column(&zones, |(change, (zone, _))| {
                    change.updated_at.or(zone.updated_at)
                }),
                &rows::column(&zones, |(_, (_, position))| *position),
                &rows::column(&zones, |(change, (_, position))| {
                    change.content_position.unwrap_or(*position)
                }),
                &rows::column(&zones, |(change, _)| change.deleted.map(|(position, _)| position)),
                &rows::column(&zones, |(change, _)| change.deleted.map(|(_, at)| at)),
                &rows::column(&zones, |(change, _)| change.abandoned),
                &rows::column(&zones, |(change, (zone, _))| {
                    kept(change, zone.recordset_count + change.recordsets)
                }),
                &rows::column(&zones, |(change, (zone, _))| {
                    kept(change, zone.record_count + change.records)
                }),
                &rows::column(&zones, |(change, (zone, _))| {
                    change.transferred_at.or(zone.transferred_at)
                }),
                &rows::column(&zones, |(change, (_, position))| {
                    change.pool.map_or(*position, |(_, moved)| moved)
                }),
                &rows::column(&zones, |(change, _)| change.hard_deleted),
                &rows::column(&zones, |(change, (zone, _))| {
                    change.masters.map_or_else(
                        || rows::masters(&zone.kind),
                        |masters| Some(rows::masters_list(masters)),
                    )
                }),
            ],
        )
        .await
    }
}

/// Runs a statement that changes exactly `expected` rows; none at all when there is nothing to change.
pub(super) async fn run(
    client: &Client,
    statement: &Statement,
    table: &'static str,
    expected: usize,
    columns: &[&(dyn ToSql + Sync)],
) -> Result<(), WriteError> {
    if expected == 0 {
        return Ok(());
    }
    let changed = client.execute(statement, columns).await?;
    let expected = expected as u64;
    if changed == expected {
        Ok(())
    } else {
        Err(WriteError::Inconsistent {
            table,
            expected,
            changed,
        })
    }
}

const MAKE_SERIALS: &str = "
    insert into zone_serial (zone, serial, position, recorded_at, ttl, mname, email, refresh, retry, expire, minimum,
                             whole)
    select u.id, u.serial, u.position, u.recorded_at, coalesce(u.ttl, z.ttl), coalesce(u.mname, z.mname),
           coalesce(u.email, z.email), coalesce(u.refresh, z.refresh), coalesce(u.retry, z.retry),
           coalesce(u.expire, z.expire), coalesce(u.minimum, z.minimum), u.whole
    from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::integer[], $6::text[], $7::text[],
                $8::integer[], $9::integer[], $10::integer[], $11::integer[], $12::boolean[])
         as u (id, serial, position, recorded_at, ttl, mname, email, refresh, retry, expire, minimum, whole)
    left join zone z on z.id = u.id";

const ALTER_VERSIONS: &str = "
    update recordset_version v
    set ttl = u.ttl, description = u.description, revision = u.revision, updated_at = u.updated_at
    from unnest($1::uuid[], $2::uuid[], $3::integer[], $4::text[], $5::bigint[], $6::timestamptz[])
         as u (zone, recordset, ttl, description, revision, updated_at)
    where v.recordset = u.recordset and v.zone is not distinct from u.zone and v.until_serial is null";

const END_VERSIONS: &str = "
    update recordset_version v
    set until_serial = coalesce(u.until, (select z.serial from zone z where z.id = u.zone))
    from unnest($1::uuid[], $2::uuid[], $3::bigint[]) as u (zone, recordset, until)
    where v.recordset = u.recordset and v.zone is not distinct from u.zone and v.until_serial is null";

const MAKE_VERSIONS: &str = "
    insert into recordset_version (zone, recordset, owner, owner_key, type, ttl, records, rdata, description, managed,
                                   managed_kind, managed_id, managed_region, managed_project, project, revision,
                                   created_at, updated_at, since_serial, until_serial)
    select u.zone, u.recordset, u.owner, u.owner_key, u.type, u.ttl, u.records::text[], u.rdata, u.description,
           u.managed, u.managed_kind, u.managed_id, u.managed_region, u.managed_project, u.project, u.revision,
           u.created_at, u.updated_at,
           coalesce(u.since, (select z.serial from zone z where z.id = u.zone)),
           case when u.ended then coalesce(u.until, (select z.serial from zone z where z.id = u.zone)) end
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::integer[], $6::integer[], $7::text[], $8::bytea[],
                $9::text[], $10::boolean[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
                $16::bigint[], $17::timestamptz[], $18::timestamptz[], $19::bigint[], $20::boolean[], $21::bigint[])
         as u (zone, recordset, owner, owner_key, type, ttl, records, rdata, description, managed, managed_kind,
               managed_id, managed_region, managed_project, project, revision, created_at, updated_at, since, ended,
               until)";

const CHANGE_ZONES: &str = "
    update zone z
    set email = coalesce(u.email, z.email), ttl = coalesce(u.ttl, z.ttl),
        description = case when u.described then u.description else z.description end,
        serial = coalesce(u.serial, z.serial), revision = z.revision + u.changes, stream_version = u.stream_version,
        updated_at = coalesce(u.updated_at, z.updated_at),
        content_position = coalesce(u.content_position, z.content_position),
        deleted_position = coalesce(u.deleted_position, z.deleted_position),
        deleted_at = coalesce(u.deleted_at, z.deleted_at), abandoned = z.abandoned or u.abandoned,
        hard_deleted = z.hard_deleted or u.hard_deleted,
        recordset_count = case when u.deleted_position is null then z.recordset_count + u.recordsets else 0 end,
        record_count = case when u.deleted_position is null then z.record_count + u.records else 0 end,
        project = coalesce(u.project, z.project),
        pool = coalesce(u.pool, z.pool), pool_position = coalesce(u.pool_position, z.pool_position),
        mname = coalesce(u.mname, z.mname),
        refresh = coalesce(u.refresh, z.refresh), retry = coalesce(u.retry, z.retry),
        expire = coalesce(u.expire, z.expire), minimum = coalesce(u.minimum, z.minimum),
        transferred_at = coalesce(u.transferred_at, z.transferred_at),
        masters = coalesce(u.masters::jsonb, z.masters)
    from unnest($1::uuid[], $2::text[], $3::integer[], $4::boolean[], $5::text[], $6::bigint[], $7::bigint[],
                $8::bigint[], $9::timestamptz[], $10::bigint[], $11::bigint[], $12::timestamptz[], $13::boolean[],
                $14::bigint[], $15::bigint[], $16::text[], $17::uuid[], $18::bigint[], $19::text[], $20::boolean[],
                $21::integer[], $22::integer[], $23::integer[], $24::integer[], $25::timestamptz[], $26::text[])
         as u (id, email, ttl, described, description, serial, changes, stream_version, updated_at, content_position,
               deleted_position, deleted_at, abandoned, recordsets, records, project, pool, pool_position,
               mname, hard_deleted, refresh, retry, expire, minimum, transferred_at, masters)
    where z.id = u.id";

const CREATE_ZONES: &str = "
    insert into zone (id, name, name_key, project, pool, email, ttl, description, attributes, mname, refresh, retry,
                      expire, minimum, serial, soa_recordset, revision, stream_version, created_at, updated_at,
                      created_position, content_position, deleted_position, deleted_at, abandoned, recordset_count,
                      record_count, transferred_at, pool_position, hard_deleted, masters)
    select u.id, u.name, u.name_key, u.project, u.pool, u.email, u.ttl, u.description, u.attributes::jsonb, u.mname,
           u.refresh, u.retry, u.expire, u.minimum, u.serial, u.soa_recordset, u.revision, u.stream_version,
           u.created_at, u.updated_at, u.created_position, u.content_position, u.deleted_position, u.deleted_at,
           u.abandoned, u.recordset_count, u.record_count, u.transferred_at, u.pool_position,
           u.hard_deleted, u.masters::jsonb
    from unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::uuid[], $6::text[], $7::integer[], $8::text[],
                $9::text[], $10::text[], $11::integer[], $12::integer[], $13::integer[], $14::integer[], $15::bigint[],
                $16::uuid[], $17::bigint[], $18::bigint[], $19::timestamptz[], $20::timestamptz[], $21::bigint[],
                $22::bigint[], $23::bigint[], $24::timestamptz[], $25::boolean[], $26::bigint[], $27::bigint[],
                $28::timestamptz[], $29::bigint[], $30::boolean[], $31::text[])
         as u (id, name, name_key, project, pool, email, ttl, description, attributes, mname, refresh, retry, expire,
               minimum, serial, soa_recordset, revision, stream_version, created_at, updated_at, created_position,
               content_position, deleted_position, deleted_at, abandoned, recordset_count, record_count,
               transferred_at, pool_position, hard_deleted, masters)";
