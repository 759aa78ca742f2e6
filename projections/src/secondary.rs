//! Secondary zones as their transfers need them: what a zone is, how it stands with its primaries, and what it holds where
//! a difference touches it.

use std::time::Duration;

use deadpool_postgres::GenericClient;
use thiserror::Error;
use uuid::Uuid;
use zonelog_dns::Rrtype;
use zonelog_model::resource::{HostPort, Kind, Resource, TsigScope};
use zonelog_model::zone::Zone;
use zonelog_model::{Timestamp, ZoneId};

use crate::resource::{RESOURCE_COLUMNS, ResourceError, resource_from_row};
use crate::zone_state::{RowError, ZONE_COLUMNS, zone_from_row};

/// Why a secondary zone could not be read.
#[derive(Debug, Error)]
pub enum SecondaryError {
    /// A row that does not mean what its table says.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The database refused or is away.
    #[error("the secondary zone could not be read")]
    Database(#[from] tokio_postgres::Error),
}

/// How a secondary zone stands with its primaries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecondaryStatus {
    /// When a primary last said that we are up to date.
    pub checked_at: Option<Timestamp>,
    /// From when on it is not served; nothing while nothing was ever taken.
    pub expires_at: Option<Timestamp>,
    /// The primary that was asked last.
    pub master: Option<String>,
    /// The serial that it had.
    pub master_serial: Option<u32>,
    /// What went wrong last; nothing when nothing did.
    pub error: Option<String>,
    /// How often in a row it went wrong.
    pub failures: u32,
}

/// The zone, and how it stands with its primaries. Nothing when there is no such zone.
pub async fn read<C: GenericClient>(
    client: &C,
    zone: ZoneId,
) -> Result<Option<(Zone, bool, SecondaryStatus)>, SecondaryError> {
    let sql = format!(
        "select {ZONE_COLUMNS}, z.deleted_at is not null as gone, s.checked_at, s.expires_at, s.master, s.master_serial,
                s.error, s.failures
         from zone z left join secondary_status s on s.zone = z.id where z.id = $1"
    );
    let statement = client.prepare_cached(&sql).await?;
    let Some(row) = client.query_opt(&statement, &[&zone.uuid()]).await? else {
        return Ok(None);
    };
    let status = SecondaryStatus {
        checked_at: row.try_get("checked_at")?,
        expires_at: row.try_get("expires_at")?,
        master: row.try_get("master")?,
        // The column is wider than the number, which was 32 bits when it was written.
        master_serial: row
            .try_get::<_, Option<i64>>("master_serial")?
            .map(|serial| serial as u32),
        error: row.try_get("error")?,
        failures: row
            .try_get::<_, Option<i32>>("failures")?
            .map_or(0, |failures| u32::try_from(failures).unwrap_or(0)),
    };
    let gone = row.try_get("gone")?;
    Ok(Some((zone_from_row(&row, 0)?, gone, status)))
}

/// From where a zone is transferred, as it is now; of no zone and of a primary zone nothing.
pub async fn masters<C: GenericClient>(
    client: &C,
    zone: ZoneId,
) -> Result<Vec<HostPort>, tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "select m ->> 'host', (m ->> 'port')::integer
             from zone z cross join lateral jsonb_array_elements(z.masters) m
             where z.id = $1 and z.masters is not null and z.deleted_at is null",
        )
        .await?;
    let rows = client.query(&statement, &[&zone.uuid()]).await?;
    let read = rows.iter().map(|row| {
        // The column is wider than the number, which was 16 bits when it was written.
        let port = u16::try_from(row.try_get::<_, i32>(1)?).unwrap_or_default();
        let host = row.try_get(0)?;
        Ok(HostPort { host, port })
    });
    read.collect()
}

/// Notes that a primary was asked, and that we have what it has: the zone may be served for `expire` from now on.
pub async fn refreshed<C: GenericClient>(
    client: &C,
    zone: ZoneId,
    master: &str,
    serial: u32,
    expire: Duration,
) -> Result<(), tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "insert into secondary_status (zone, checked_at, expires_at, master, master_serial)
             values ($1, now(), now() + make_interval(secs => $4), $2, $3)
             on conflict (zone) do update set checked_at = excluded.checked_at, expires_at = excluded.expires_at,
                 master = excluded.master, master_serial = excluded.master_serial, error = null, failures = 0",
        )
        .await?;
    let serial = i64::from(serial);
    client
        .execute(
            &statement,
            &[&zone.uuid(), &master, &serial, &expire.as_secs_f64()],
        )
        .await?;
    Ok(())
}

/// Notes that no primary could be asked, or none had what can be taken.
pub async fn failed<C: GenericClient>(
    client: &C,
    zone: ZoneId,
    master: Option<&str>,
    error: &str,
) -> Result<(), tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "insert into secondary_status as s (zone, master, error, failures) values ($1, $2, $3, 1)
             on conflict (zone) do update set error = excluded.error, failures = s.failures + 1,
                 master = coalesce(excluded.master, s.master)",
        )
        .await?;
    client
        .execute(&statement, &[&zone.uuid(), &master, &error])
        .await?;
    Ok(())
}

/// Takes away what is known of a zone that is gone.
pub async fn forget<C: GenericClient>(client: &C, zone: ZoneId) -> Result<(), tokio_postgres::Error> {
    let statement = client
        .prepare_cached("delete from secondary_status where zone = $1")
        .await?;
    client.execute(&statement, &[&zone.uuid()]).await?;
    Ok(())
}

/// The secondary zones that must not be served: no primary has been heard of for longer than their SOA allows
/// (RFC 1035 §3.3.13). A range of an index, as long as the answer.
pub async fn expired<C: GenericClient>(client: &C) -> Result<Vec<ZoneId>, tokio_postgres::Error> {
    let statement = client
        .prepare_cached("select zone from secondary_status where expires_at <= now() order by expires_at")
        .await?;
    let rows = client.query(&statement, &[]).await?;
    Ok(rows.iter().map(|row| ZoneId::new(row.get(0))).collect())
}

/// An RRset that a zone holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its TTL in seconds; nothing when it follows the zone's.
    pub ttl: Option<u32>,
    /// Its data, packed ([`zonelog_dns::unpack_rdata`]).
    pub rdata: Vec<u8>,
}

/// The live RRsets at these owners, by their canonical keys, and types; in their order, and nothing where there is none.
pub async fn held<C: GenericClient>(
    client: &C,
    zone: ZoneId,
    places: &[(&[u8], Rrtype)],
) -> Result<Vec<Option<Held>>, tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "select p.n - 1, v.ttl, v.rdata from unnest($2::bytea[], $3::integer[]) with ordinality as p (key, type, n)
             join recordset_version v
               on v.zone = $1 and v.owner_key = p.key and v.type = p.type and v.until_serial is null",
        )
        .await?;
    let keys: Vec<&[u8]> = places.iter().map(|(key, _)| *key).collect();
    let types: Vec<i32> = places.iter().map(|(_, rrtype)| rrtype.get().into()).collect();
    let mut held = vec![None; places.len()];
    for row in client.query(&statement, &[&zone.uuid(), &keys, &types]).await? {
        let at = usize::try_from(row.get::<_, i64>(0)).unwrap_or(usize::MAX);
        if let Some(place) = held.get_mut(at) {
            *place = Some(Held {
                ttl: row
                    .get::<_, Option<i32>>(1)
                    .map(|ttl| u32::try_from(ttl).unwrap_or(0)),
                rdata: row.get(2),
            });
        }
    }
    Ok(held)
}

/// The TSIG key of scope ZONE that is a zone's, the oldest of several. Keys are few: they are looked through.
pub async fn tsig_key<C: GenericClient>(client: &C, zone: ZoneId) -> Result<Option<Resource>, ResourceError> {
    let sql = format!(
        "select {RESOURCE_COLUMNS} from resource r
         where r.kind = $1 and r.body ->> 'scope' = $2 and r.body ->> 'resource' = $3
         order by r.created_at, r.id limit 1"
    );
    let statement = client.prepare_cached(&sql).await?;
    let (kind, scope, zone) = (Kind::TsigKey.label(), TsigScope::Zone.label(), zone.to_string());
    let row = client.query_opt(&statement, &[&kind, &scope, &zone]).await?;
    Ok(row.map(|row| resource_from_row(&row, 0)).transpose()?)
}

/// How a secondary zone stands, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondaryZoneStatus {
    /// The zone.
    pub zone: ZoneId,
    /// Its name.
    pub name: String,
    /// Whether it is served no more.
    pub expired: bool,
    /// When its primaries are asked next.
    pub due_at: Option<Timestamp>,
    /// How it stands with them.
    pub status: SecondaryStatus,
}

/// How the live secondary zones stand, by name; all, or one.
pub async fn list<C: GenericClient>(
    client: &C,
    zone: Option<ZoneId>,
) -> Result<Vec<SecondaryZoneStatus>, tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "select z.id, z.name, coalesce(s.expires_at <= now(), false), d.due_at, s.checked_at, s.expires_at, s.master,
                    s.master_serial, s.error, s.failures
             from zone z left join secondary_status s on s.zone = z.id
             left join deadline d on d.kind = 'secondary_refresh' and d.subject = z.id
             where z.masters is not null and z.deleted_at is null and ($1::uuid is null or z.id = $1)
             order by z.name_key",
        )
        .await?;
    let rows = client.query(&statement, &[&zone.map(ZoneId::uuid)]).await?;
    let read = |row: &tokio_postgres::Row| SecondaryZoneStatus {
        zone: ZoneId::new(row.get::<_, Uuid>(0)),
        name: row.get(1),
        expired: row.get(2),
        due_at: row.get(3),
        status: SecondaryStatus {
            checked_at: row.get(4),
            expires_at: row.get(5),
            master: row.get(6),
            master_serial: row.get::<_, Option<i64>>(7).map(|serial| serial as u32),
            error: row.get(8),
            failures: row
                .get::<_, Option<i32>>(9)
                .map_or(0, |failures| u32::try_from(failures).unwrap_or(0)),
        },
    };
    Ok(rows.iter().map(read).collect())
}
