//! What MiniDNS reads of the zone state: heads of zones, a zone's live rows in canonical order,
//! ranges of them, and the difference between two serials.
//!
//! Rows come as streams and are read in place: a zone of a million records is never held here.
//! Statements are prepared once a connection.

use deadpool_postgres::GenericClient;
use futures_util::{Stream, StreamExt, TryStreamExt};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error, Row};
use uuid::Uuid;
use zonelog_dns::{EmailError, LongSerial, Name, NameError, Rrtype, Serial, Soa, rname_from_mailbox};
use zonelog_model::{PoolId, Position, ZoneId};

/// A column that should hold what only checked input can write, and does not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// The zone's or its primary server's name.
    #[error("zone {zone} has a name in the database that cannot be read: {source}")]
    Name {
        /// The zone.
        zone: ZoneId,
        /// What is wrong with the name.
        source: NameError,
    },
    /// The responsible person's address.
    #[error("zone {zone} has an email address in the database that cannot be read: {source}")]
    Email {
        /// The zone.
        zone: ZoneId,
        /// What is wrong with the address.
        source: EmailError,
    },
}

/// What a zone's SOA says, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneHead {
    /// The zone.
    pub zone: ZoneId,
    /// The pool that serves it.
    pub pool: PoolId,
    /// The apex.
    pub name: Name,
    /// The latest serial.
    pub serial: LongSerial,
    /// The SOA at that serial.
    pub soa: Soa,
    /// The zone's TTL in seconds: of the SOA and of every RRset without its own.
    pub ttl: u32,
    /// The zone was deleted: its name belongs to nobody, or to another zone.
    pub deleted: bool,
    /// Its primary is elsewhere.
    pub secondary: bool,
    /// It has content: a secondary zone has none before its first transfer.
    pub loaded: bool,
}

const HEAD_COLUMNS: &str = "z.id, z.name, z.serial, z.mname, z.email, z.refresh, z.retry, z.expire, z.minimum, z.ttl, \
                            z.deleted_position is not null, z.pool, \
                            z.masters is not null, z.masters is null or z.transferred_at is not null";

/// The position of the log that the projections show. With the zones read in the same snapshot it
/// tells from where to follow.
pub async fn projected_position<C: GenericClient>(client: &C) -> Result<Position, Error> {
    let statement = client
        .prepare_cached("select position from feed_head where feed = 0")
        .await?;
    Ok(client.query_one(&statement, &[]).await?.get(0))
}

/// The heads of all live zones, in no order.
pub async fn live_heads<C: GenericClient>(
    client: &C,
) -> Result<impl Stream<Item = Result<Result<ZoneHead, HeadError>, Error>> + use<C>, Error> {
    let sql = format!("select {HEAD_COLUMNS} from zone z where z.deleted_position is null");
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query_raw(&statement, no_parameters()).await?;
    Ok(rows.map(|row| row.map(|row| head_from_row(&row, 0))))
}

/// The heads of the zones whose content changed, or that were deleted, after a position of the log;
/// in the order in which that happened. And the position up to which this is all.
///
/// It is one statement, so that both come from one snapshot.
pub async fn heads_after<C: GenericClient>(
    client: &C,
    after: Position,
) -> Result<(Position, Vec<Result<ZoneHead, HeadError>>), Error> {
    let sql = format!(
        "select f.position, {HEAD_COLUMNS} from feed_head f left join zone z on z.content_position > $1
         where f.feed = 0 order by z.content_position"
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &[&after]).await?;
    let position = rows.first().map_or(after, |row| row.get(0));
    let changed = |row: &&Row| row.get::<_, Option<Uuid>>(1).is_some();
    Ok((
        position,
        rows.iter()
            .filter(changed)
            .map(|row| head_from_row(row, 1))
            .collect(),
    ))
}

/// The head of one zone; `None` when there is no such zone, `deleted` told otherwise.
pub async fn head<C: GenericClient>(
    client: &C,
    zone: ZoneId,
) -> Result<Option<Result<ZoneHead, HeadError>>, Error> {
    let sql = format!("select {HEAD_COLUMNS} from zone z where z.id = $1");
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&zone.uuid()]).await?;
    Ok(row.map(|row| head_from_row(&row, 0)))
}

fn head_from_row(row: &Row, at: usize) -> Result<ZoneHead, HeadError> {
    let zone = ZoneId::new(row.get(at));
    let name = |column| Name::parse(row.get(column)).map_err(|source| HeadError::Name { zone, source });
    let serial = LongSerial::from_i64(row.get(at + 2));
    let rname = rname_from_mailbox(row.get(at + 4)).map_err(|source| HeadError::Email { zone, source })?;
    let soa = soa_from_row(row, at + 5, name(at + 3)?, rname, serial.wire());
    Ok(ZoneHead {
        zone,
        name: name(at + 1)?,
        serial,
        soa,
        ttl: seconds(row, at + 9),
        deleted: row.get(at + 10),
        pool: PoolId::new(row.get(at + 11)),
        secondary: row.get(at + 12),
        loaded: row.get(at + 13),
    })
}

fn soa_from_row(row: &Row, at: usize, mname: Name, rname: Name, serial: Serial) -> Soa {
    Soa {
        mname,
        rname,
        serial,
        refresh: seconds(row, at),
        retry: seconds(row, at + 1),
        expire: seconds(row, at + 2),
        minimum: seconds(row, at + 3),
    }
}

/// A column of seconds: never negative, as the rules refuse that.
fn seconds(row: &Row, column: usize) -> u32 {
    u32::try_from(row.get::<_, i32>(column)).unwrap_or(0)
}

/// A recordset as a transfer needs it, read in place.
#[derive(Debug)]
pub struct TransferRow(Content);

#[derive(Debug)]
enum Content {
    /// A row of the table.
    Stored(Row),
    /// One that stands in no table as it is sent: of a catalog zone.
    Made(Box<Made>),
}

#[derive(Debug)]
struct Made {
    owner_key: Vec<u8>,
    owner: String,
    rrtype: Rrtype,
    rdata: Vec<u8>,
    part: i32,
}

impl TransferRow {
    /// A row that is made for the transfer, with a TTL of 0 (RFC 9432 §4.1 gives it no meaning).
    pub(crate) fn made(owner_key: Vec<u8>, owner: String, rrtype: Rrtype, rdata: Vec<u8>, part: i32) -> Self {
        Self(Content::Made(Box::new(Made {
            owner_key,
            owner,
            rrtype,
            rdata,
            part,
        })))
    }

    const fn stored(row: Row) -> Self {
        Self(Content::Stored(row))
    }

    /// The owner's canonical sort key.
    pub fn owner_key(&self) -> &[u8] {
        match &self.0 {
            Content::Stored(row) => row.get(0),
            Content::Made(made) => &made.owner_key,
        }
    }

    /// The owner as the user spelled it.
    pub fn owner(&self) -> &str {
        match &self.0 {
            Content::Stored(row) => row.get(1),
            Content::Made(made) => &made.owner,
        }
    }

    /// The type.
    pub fn rrtype(&self) -> Rrtype {
        match &self.0 {
            // The column is wider than the number, which was a Rrtype when it was written.
            Content::Stored(row) => Rrtype::new(row.get::<_, i32>(2) as u16),
            Content::Made(made) => made.rrtype,
        }
    }

    /// The TTL of its own, in seconds; `None` follows the zone's.
    pub fn ttl(&self) -> Option<u32> {
        match &self.0 {
            Content::Stored(row) => row
                .get::<_, Option<i32>>(3)
                .map(|ttl| u32::try_from(ttl).unwrap_or(0)),
            Content::Made(_) => Some(0),
        }
    }

    /// The records' data, packed ([`zonelog_dns::unpack_rdata`]).
    pub fn rdata(&self) -> &[u8] {
        match &self.0 {
            Content::Stored(row) => row.get(4),
            Content::Made(made) => &made.rdata,
        }
    }

    /// The records, as the user gave them. Only of rows that [`rows_at`] gives.
    pub fn records(&self) -> Result<Vec<&str>, Error> {
        match &self.0 {
            Content::Stored(row) => row.try_get(6),
            Content::Made(_) => Ok(Vec::new()),
        }
    }

    /// In which of the ranges asked for it lies (0, 1 ...), or, in a difference, 0 when it ended
    /// and 1 when it began.
    pub fn part(&self) -> usize {
        let part = match &self.0 {
            Content::Stored(row) => row.get(5),
            Content::Made(made) => made.part,
        };
        part.unsigned_abs() as usize
    }
}

/// Settings of a session that runs these queries: each walks an index from what it is given to the rows it wants.
///
/// A plan is made once for a prepared statement, perhaps while the tables are nearly empty and reading all of one looks
/// cheap; it would be kept when they have grown. So the plans that read whole tables are out, and compiling a query
/// costs more than it saves. Nor are parallel workers worth it: starting them takes some 10 ms, and a difference of one
/// change in a zone of a million records less than one.
pub const SESSION: &str = "set jit = off; set max_parallel_workers_per_gather = 0; \
                           set enable_seqscan = off; set enable_bitmapscan = off; \
                           set enable_hashjoin = off; set enable_mergejoin = off; set enable_material = off; \
                           set plan_cache_mode = force_generic_plan";

/// Settings of a transaction that reads a whole zone: the rows come in the index's order (sorting a million of them
/// would spill to disk), and the reader's pace is the reader's affair.
pub const WHOLE_ZONE: &str = "set local enable_sort = off; set local statement_timeout = 0; \
                              set local idle_in_transaction_session_timeout = 0";

/// All live recordsets of a zone, by owner key and type.
pub async fn live_rows<C: GenericClient>(
    client: &C,
    zone: ZoneId,
) -> Result<impl Stream<Item = Result<TransferRow, Error>> + use<C>, Error> {
    let statement = client
        .prepare_cached(
            "select owner_key, owner, type, ttl, rdata, 0 from recordset_version
             where zone = $1 and until_serial is null order by owner_key, type",
        )
        .await?;
    Ok(client
        .query_raw(&statement, [zone.uuid()])
        .await?
        .map_ok(TransferRow::stored))
}

/// A zone's head and all its live recordsets, by owner key and type, if those are at most `most`: in one statement, which is
/// one snapshot. `None`: there are more, or there is no such zone.
pub async fn small_zone<C: GenericClient>(
    client: &C,
    zone: ZoneId,
    most: usize,
) -> Result<Option<(Result<ZoneHead, HeadError>, Vec<TransferRow>)>, Error> {
    let sql = format!(
        "select v.owner_key, v.owner, v.type, v.ttl, v.rdata, 0, {HEAD_COLUMNS} from zone z left join lateral (
           select owner_key, owner, type, ttl, rdata from recordset_version
           where zone = z.id and until_serial is null order by owner_key, type limit $2) v on true
         where z.id = $1"
    );
    let statement = client.prepare_cached(&sql).await?;
    let limit = i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1);
    let mut rows = client.query(&statement, &[&zone.uuid(), &limit]).await?;
    let Some(first) = rows.first().filter(|_| rows.len() <= most) else {
        return Ok(None);
    };
    let head = head_from_row(first, 6);
    // A zone without recordsets is one row without one.
    rows.retain(|row| row.get::<_, Option<&[u8]>>(0).is_some());
    Ok(Some((head, rows.into_iter().map(TransferRow::stored).collect())))
}

/// What a zone's SOA says at a serial, present or past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneAt {
    /// The apex.
    pub name: Name,
    /// The SOA.
    pub soa: Soa,
    /// The zone's TTL in seconds.
    pub ttl: u32,
}

/// The head of a zone as it was at a serial; `None` when the zone never had it. The zone may be deleted.
pub async fn zone_at<C: GenericClient>(
    client: &C,
    zone: ZoneId,
    serial: LongSerial,
) -> Result<Option<Result<ZoneAt, HeadError>>, Error> {
    let statement = client
        .prepare_cached(
            "select s.mname, s.email, s.refresh, s.retry, s.expire, s.minimum, s.ttl, false, z.name \
             from zone_serial s join zone z on z.id = s.zone where s.zone = $1 and s.serial = $2",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&zone.uuid(), &serial.get()])
        .await?;
    Ok(row.map(|row| {
        let Way { soa, ttl, .. } = way_from_row(&row, zone, serial)?;
        let name = Name::parse(row.get(8)).map_err(|source| HeadError::Name { zone, source })?;
        Ok(ZoneAt { name, soa, ttl })
    }))
}

/// All recordsets of a zone as they were at a serial, by owner key and type, without the SOA. Every time the same, and read
/// as a stream; at the latest serial, and near it, in the order of an index, without sorting the zone.
pub async fn rows_at<C: GenericClient>(
    client: &C,
    zone: ZoneId,
    serial: LongSerial,
) -> Result<impl Stream<Item = Result<TransferRow, Error>> + use<C>, Error> {
    let statement = client
        .prepare_cached(
            "select owner_key, owner, type, ttl, rdata, 0, records from recordset_version
             where zone = $1 and until_serial is null and since_serial <= $2
             union all
             select owner_key, owner, type, ttl, rdata, 0, records from recordset_version
             where zone = $1 and until_serial is not null and until_serial > $2 and since_serial <= $2
             order by owner_key, type",
        )
        .await?;
    let (zone, serial) = (zone.uuid(), serial.get());
    let parameters: [&(dyn ToSql + Sync); 2] = [&zone, &serial];
    Ok(client
        .query_raw(&statement, parameters)
        .await?
        .map_ok(TransferRow::stored))
}

/// The live recordsets of a zone in ranges of owner keys, range by range; each range is from its first key up to, and
/// without, its second. Both are bounds of the index, so a range costs its own rows only.
pub async fn live_rows_in<C: GenericClient>(
    client: &C,
    zone: ZoneId,
    ranges: &[(Vec<u8>, Vec<u8>)],
) -> Result<impl Stream<Item = Result<TransferRow, Error>> + use<C>, Error> {
    let statement = client
        .prepare_cached(
            "select v.owner_key, v.owner, v.type, v.ttl, v.rdata, (r.n - 1)::integer
             from unnest($2::bytea[], $3::bytea[]) with ordinality as r (lower, upper, n)
             cross join lateral (
                 select owner_key, owner, type, ttl, rdata from recordset_version
                 where zone = $1 and until_serial is null and owner_key >= r.lower and owner_key < r.upper
                 order by owner_key, type
             ) v
             order by r.n, v.owner_key, v.type",
        )
        .await?;
    let lower: Vec<&[u8]> = ranges.iter().map(|(lower, _)| lower.as_slice()).collect();
    let upper: Vec<&[u8]> = ranges.iter().map(|(_, upper)| upper.as_slice()).collect();
    let zone = zone.uuid();
    let parameters: [&(dyn ToSql + Sync); 3] = [&zone, &lower, &upper];
    Ok(client
        .query_raw(&statement, parameters)
        .await?
        .map_ok(TransferRow::stored))
}

/// The owner keys of the recordsets that changed after serial `from`, up to the present, in order, each once; `None` when
/// `limit` versions or more began or ended since.
pub async fn changed_keys<C: GenericClient>(
    client: &C,
    zone: ZoneId,
    from: LongSerial,
    limit: i64,
) -> Result<Option<Vec<Vec<u8>>>, Error> {
    let statement = client
        .prepare_cached(
            "(select owner_key from recordset_version where zone = $1 and since_serial > $2 limit $3)
             union all
             (select owner_key from recordset_version
              where zone = $1 and until_serial > $2 and until_serial is not null limit $3)",
        )
        .await?;
    let rows = client
        .query(&statement, &[&zone.uuid(), &from.get(), &limit])
        .await?;
    // Fewer rows than the limit: neither part was cut short.
    if i64::try_from(rows.len()).unwrap_or(i64::MAX) >= limit {
        return Ok(None);
    }
    let mut keys: Vec<Vec<u8>> = rows.iter().map(|row| row.get(0)).collect();
    keys.sort_unstable();
    keys.dedup();
    Ok(Some(keys))
}

/// What is known of the way from one serial of a zone to a later one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// The SOA at the first serial.
    pub soa: Soa,
    /// The zone's TTL at the first serial, in seconds.
    pub ttl: u32,
    /// Whether a step on the way changes more than a difference is worth.
    pub whole: bool,
}

/// The way from one serial to another; `None` when the zone never had the first.
pub async fn way<C: GenericClient>(
    client: &C,
    zone: ZoneId,
    from: LongSerial,
    to: LongSerial,
) -> Result<Option<Result<Way, HeadError>>, Error> {
    let statement = client
        .prepare_cached(
            "select mname, email, refresh, retry, expire, minimum, ttl,
                    exists (select from zone_serial s
                            where s.zone = $1 and s.serial > $2 and s.serial <= $3 and s.whole)
             from zone_serial where zone = $1 and serial = $2",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&zone.uuid(), &from.get(), &to.get()])
        .await?;
    Ok(row.map(|row| way_from_row(&row, zone, from)))
}

fn way_from_row(row: &Row, zone: ZoneId, from: LongSerial) -> Result<Way, HeadError> {
    let mname = Name::parse(row.get(0)).map_err(|source| HeadError::Name { zone, source })?;
    let rname = rname_from_mailbox(row.get(1)).map_err(|source| HeadError::Email { zone, source })?;
    let soa = soa_from_row(row, 2, mname, rname, from.wire());
    Ok(Way {
        soa,
        ttl: seconds(row, 6),
        whole: row.get(7),
    })
}

/// For how many seconds a serial of a zone has not been the latest; `None` while it is, or when the zone never had one
/// so late.
pub async fn seconds_since_replaced<C: GenericClient>(
    client: &C,
    zone: ZoneId,
    serial: LongSerial,
) -> Result<Option<f64>, Error> {
    let statement = client
        .prepare_cached(
            "select extract(epoch from now() - recorded_at)::float8 from zone_serial
             where zone = $1 and serial > $2 order by serial limit 1",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&zone.uuid(), &serial.get()])
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// What ended and what began between two serials, condensed: a version that was neither live at the
/// first nor is at the second does not appear. By owner key and type, what ended before what began.
/// At most `limit` rows.
///
/// Both serials are past, so the answer is the same whenever it is asked for.
pub async fn difference<C: GenericClient>(
    client: &C,
    zone: ZoneId,
    from: LongSerial,
    to: LongSerial,
    limit: i64,
) -> Result<impl Stream<Item = Result<TransferRow, Error>> + use<C>, Error> {
    let statement = client
        .prepare_cached(
            "select owner_key, owner, type, ttl, rdata, part from (
                 select owner_key, owner, type, ttl, rdata, 0 as part from recordset_version
                 where zone = $1 and until_serial is not null
                   and until_serial > $2 and until_serial <= $3 and since_serial <= $2
                 union all
                 select owner_key, owner, type, ttl, rdata, 1 from recordset_version
                 where zone = $1 and since_serial > $2 and since_serial <= $3
                   and (until_serial is null or until_serial > $3)
             ) changed
             order by owner_key, type, part limit $4",
        )
        .await?;
    let (zone, from, to) = (zone.uuid(), from.get(), to.get());
    let parameters: [&(dyn ToSql + Sync); 4] = [&zone, &from, &to, &limit];
    Ok(client
        .query_raw(&statement, parameters)
        .await?
        .map_ok(TransferRow::stored))
}

/// Whether a zone has at least so many live recordsets; costs as many rows and not more.
pub async fn has_live_rows<C: GenericClient>(client: &C, zone: ZoneId, count: i64) -> Result<bool, Error> {
    let statement = client
        .prepare_cached(
            "select count(*) >= $2 from (
                 select from recordset_version where zone = $1 and until_serial is null limit $2
             ) live",
        )
        .await?;
    Ok(client
        .query_one(&statement, &[&zone.uuid(), &count])
        .await?
        .get(0))
}

/// The live RRset of a zone at an owner, by its canonical key, and type.
pub async fn live_rrset<C: GenericClient>(
    client: &C,
    zone: ZoneId,
    owner_key: &[u8],
    rrtype: Rrtype,
) -> Result<Option<TransferRow>, Error> {
    let statement = client
        .prepare_cached(
            "select owner_key, owner, type, ttl, rdata, 0 from recordset_version
             where zone = $1 and owner_key = $2 and type = $3 and until_serial is null",
        )
        .await?;
    let parameters: [&(dyn ToSql + Sync); 3] = [&zone.uuid(), &owner_key, &i32::from(rrtype.get())];
    Ok(client
        .query_opt(&statement, &parameters)
        .await?
        .map(TransferRow::stored))
}

/// No parameters, with a type.
fn no_parameters() -> [&'static (dyn ToSql + Sync); 0] {
    []
}
