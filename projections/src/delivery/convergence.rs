//! How far a zone has come at each server of its pool.

use tokio_postgres::GenericClient;
use zonelog_dns::LongSerial;
use zonelog_model::{Timestamp, ZoneId};

use super::DeliveryError;
use crate::status::{ERROR_AFTER_SECONDS, Status};

/// A zone, and how far each server of its pool has come with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneConvergence {
    /// The zone.
    pub zone: ZoneId,
    /// Its name.
    pub name: String,
    /// Its serial.
    pub serial: LongSerial,
    /// Whether it is deleted: no server is to serve it.
    pub deleted: bool,
    /// The servers, by name.
    pub servers: Vec<ServerConvergence>,
}

/// How far one server has come with a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConvergence {
    /// The server: its pool's id, a slash, and where it is asked.
    pub server: String,
    /// Whether it has what the log says; `ERROR` when it failed to follow for [`ERROR_AFTER_SECONDS`].
    pub status: Status,
    /// Whether an operator paused it.
    pub paused: bool,
    /// The serial seen there last; `None`: none was, or it does not serve the zone.
    pub serial: Option<LongSerial>,
    /// When that was written down. For a server that is in step, when its checkpoint was: until then nothing else was seen.
    pub seen_at: Option<Timestamp>,
    /// How many serials of the zone came after the one seen; `None`: that one is not known.
    pub lag_serials: Option<i64>,
    /// The time of the oldest change of the zone that it was not seen to serve; `None`: there is none.
    pub lags_since: Option<Timestamp>,
    /// What went wrong last.
    pub error: Option<String>,
    /// How many tries failed.
    pub attempts: i32,
    /// When it is tried again; `None`: nothing is waited for.
    pub next_try: Option<Timestamp>,
}

/// How far the servers have come with a zone; `None` when there is no such zone. A zone's servers are those of its
/// present pool.
pub async fn convergence<C: GenericClient>(
    client: &C,
    zone: ZoneId,
) -> Result<Option<ZoneConvergence>, DeliveryError> {
    // A server without a row for the zone serves it at the last serial up to its checkpoint, if the zone was in its pool
    // by then.
    let text = format!(
        "select z.name, z.serial, z.deleted_position is not null, c.server, \
           c.position >= z.content_position and b.server is null as ok, \
           b.error is not null and b.since <= now() - interval '{ERROR_AFTER_SECONDS} seconds' as failing, \
           k.paused_at is not null, seen.serial, coalesce(b.seen_at, case when b.server is null then c.updated_at end), \
           case when seen.serial is not null then lag.serials end, \
           coalesce(lag.since, case when z.deleted_position is null and seen.serial is null then coalesce(b.since, \
             (select s.recorded_at from zone_serial s where s.zone = z.id and s.serial = z.serial)) end, z.deleted_at), \
           b.error, b.attempts, b.next_try \
         from zone z left join server_checkpoint c on c.pool = z.pool \
         left join server_control k on k.server = c.server \
         left join server_zone b on b.server = c.server and b.zone_key = z.name_key and b.zone = z.id \
         cross join lateral (select case when b.server is not null then b.serial \
           when c.position >= z.pool_position and (z.deleted_position is null or c.position < z.deleted_position) \
           then (select s.serial from zone_serial s where s.zone = z.id and s.position <= c.position \
             order by s.serial desc limit 1) end as serial) seen \
         cross join lateral (select count(*) as serials, min(s.recorded_at) as since from zone_serial s \
           where s.zone = z.id and s.serial > seen.serial and z.deleted_position is null) lag \
         where z.id = $1 order by c.server"
    );
    let rows = client.query(&text, &[&zone.uuid()]).await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    Ok(Some(ZoneConvergence {
        zone,
        name: first.get(0),
        serial: LongSerial::from_i64(first.get(1)),
        deleted: first.get(2),
        // A pool without servers gives a row of the zone alone.
        servers: rows
            .iter()
            .filter_map(|row| Some(server_from_row(row, row.get::<_, Option<String>>(3)?)))
            .collect(),
    }))
}

fn server_from_row(row: &tokio_postgres::Row, server: String) -> ServerConvergence {
    let (ok, failing): (bool, bool) = (row.get(4), row.get::<_, Option<bool>>(5).unwrap_or_default());
    ServerConvergence {
        server,
        status: match (ok, failing) {
            (true, _) => Status::Active,
            (_, true) => Status::Error,
            _ => Status::Pending,
        },
        paused: row.get(6),
        serial: row.get::<_, Option<i64>>(7).map(LongSerial::from_i64),
        seen_at: row.get(8),
        lag_serials: row.get(9),
        lags_since: if ok { None } else { row.get(10) },
        error: row.get(11),
        attempts: row.get::<_, Option<i32>>(12).unwrap_or_default(),
        next_try: row.get(13),
    }
}
