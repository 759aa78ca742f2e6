//! The catalog zones of pools (RFC 9432, version 2): which zones are a pool's, as one more zone with serials.
//!
//! Nothing counts its serials. Membership is kept with the log positions between which it holds (`catalog_member`), so the
//! catalog at any position of the log is one query, and the serial is that position ([`serial_at`]): of the last event
//! that brought a zone to the pool or took one away, or that described the pool. Made anew from the log it is the same.
//!
//! Rows come in the shape of [`TransferRow`], so that a catalog is rendered and transferred as any zone is:
//!
//! ```text
//! catalog.example.                     NS   invalid.
//! version.catalog.example.             TXT  "2"
//! <zone id>.zones.catalog.example.     PTR  zone.example.
//! group.<zone id>.zones.catalog.example.  TXT  "what the zone's attribute catalog_group says"
//! coo.<zone id>.zones.catalog.example.    PTR  the catalog of the pool that it moved to, until it is taken up there
//! ```
//! A member's label is its zone's id: the same for as long as the zone lives, and another when it is deleted and made again,
//! by which consumers know to forget what they had of it (RFC 9432 §5.4).

use deadpool_postgres::GenericClient;
use futures_util::{Stream, StreamExt, TryStreamExt, future, stream};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;
use zonelog_dns::{LongSerial, Name, NameError, Rrtype, Soa};
use zonelog_model::resource::{Body, CatalogZone, Kind};
use zonelog_model::{PoolId, Position, ZoneId};

use crate::resource::{RESOURCE_COLUMNS, resource_from_row};
use crate::transfer::TransferRow;
use crate::zone_state::RowError;

/// How long a consumer keeps a catalog that it cannot refresh, in seconds: as long as can be (RFC 9432 §4.1 wants catalogs not to
/// be lost when their primary is away).
const EXPIRE: u32 = 2_147_483_646;
/// The longest retry of its SOA, in seconds.
const LONGEST_RETRY: u32 = 600;
/// How many serials there are before the wire shows them again: all but 0.
const SERIALS: i64 = (1 << 32) - 1;

/// Why a catalog cannot be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The database refused or is away.
    #[error(transparent)]
    Sql(#[from] tokio_postgres::Error),
    /// A pool's row does not mean what its table says.
    #[error(transparent)]
    Pool(#[from] RowError),
    /// The catalog's name leaves no room for the labels of its members.
    #[error("the catalog zone {name} of pool {pool} has a name too long for its members' labels: {source}")]
    TooLong {
        /// The catalog's name.
        name: Name,
        /// Its pool.
        pool: PoolId,
        /// What is wrong.
        source: NameError,
    },
    /// A member's name.
    #[error("zone {zone} has a name in the catalog's table that cannot be read: {source}")]
    Name {
        /// The zone.
        zone: ZoneId,
        /// What is wrong with it.
        source: NameError,
    },
}

/// A pool's catalog, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalog {
    /// The pool.
    pub pool: PoolId,
    /// How its pool describes it.
    pub zone: CatalogZone,
    /// Since which position of the log the pool is described as it is, and no member that left was purged. No difference
    /// reaches further back.
    pub described: Position,
    /// The position of the last event that changed it.
    pub position: Position,
}

impl Catalog {
    /// Its serial.
    pub fn serial(&self) -> LongSerial {
        serial_at(self.position)
    }

    /// Its SOA at a serial. Nobody is asked by the names in it (RFC 9432 §4.1).
    pub fn soa(&self, serial: LongSerial) -> Soa {
        let nobody = nobody();
        Soa {
            mname: nobody.clone(),
            rname: nobody,
            serial: serial.wire(),
            refresh: self.zone.refresh,
            retry: self.zone.refresh.min(LONGEST_RETRY),
            expire: EXPIRE,
            minimum: 0,
        }
    }

    /// An id for it among zones' ids: the pool's, of a version (RFC 9562 §5.8) that no zone's id has.
    pub fn id(&self) -> ZoneId {
        let mut octets = *self.pool.uuid().as_bytes();
        octets[6] = octets[6] & 0x0f | 0x80;
        ZoneId::new(Uuid::from_bytes(octets))
    }
}

/// The serial of what the log says at a position: the position itself, passing over those whose low half is 0, which name
/// servers take for "none". It grows with the position.
///
/// A consumer understands a step of less than 2^31 (RFC 1982): so many events between two changes of one catalog.
pub const fn serial_at(position: Position) -> LongSerial {
    LongSerial::from_i64(position + (position - 1).div_euclid(SERIALS))
}

/// The position that a serial names.
pub const fn position_at(serial: LongSerial) -> Position {
    serial.get() - (serial.get() >> 32)
}

fn nobody() -> Name {
    // A label that needs no escape, and short enough.
    Name::parse("invalid.").unwrap_or_else(|_| Name::root())
}

const CATALOGS: &str = "
    select {columns}, greatest(r.position, p.position),
           greatest(r.position, p.position, (select max(m.since_position) from catalog_member m where m.pool = r.id),
                    (select max(m.until_position) from catalog_member m where m.pool = r.id and m.until_position is not null))
    from resource r left join catalog_purged p on p.pool = r.id where r.kind = $1 and r.body -> 'catalog_zone' ->> 'name' is not null";

/// The catalogs of all pools that have one. Those that cannot be shown are errors of their own.
pub async fn catalogs<C: GenericClient>(
    client: &C,
) -> Result<Vec<Result<Catalog, CatalogError>>, tokio_postgres::Error> {
    let sql = CATALOGS.replace("{columns}", RESOURCE_COLUMNS);
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &[&Kind::Pool.label()]).await?;
    Ok(rows.iter().filter_map(|row| from_row(row).transpose()).collect())
}

fn from_row(row: &Row) -> Result<Option<Catalog>, CatalogError> {
    let resource = resource_from_row(row, 0)?;
    let pool = PoolId::new(resource.id.uuid());
    let Body::Pool(body) = resource.body else {
        return Ok(None);
    };
    let Some(zone) = body.catalog_zone else {
        return Ok(None);
    };
    let longest = [&b"group"[..], &[b'-'; 36], b"zones"];
    if let Err(source) = Name::concat(longest, &zone.name) {
        let name = zone.name;
        return Err(CatalogError::TooLong { name, pool, source });
    }
    Ok(Some(Catalog {
        pool,
        zone,
        described: row.get(7),
        position: row.get(8),
    }))
}

/// All rows of a catalog as of a position, by owner key and type, without the SOA. Every time the same.
pub async fn rows_at<C: GenericClient>(
    client: &C,
    catalog: &Catalog,
    position: Position,
) -> Result<impl Stream<Item = Result<TransferRow, CatalogError>> + use<C>, CatalogError> {
    let statement = client
        .prepare_cached(
            "select zone, name, catalog_group, coo from (
                 select zone, name, catalog_group, coo from catalog_member
                 where pool = $1 and until_position is null and since_position <= $2
                 union all
                 select zone, name, catalog_group, coo from catalog_member
                 where pool = $1 and until_position is not null and until_position > $2 and since_position <= $2
             ) m order by zone",
        )
        .await?;
    let pool = catalog.pool.uuid();
    let parameters: [&(dyn ToSql + Sync); 2] = [&pool, &position];
    let rows = client.query_raw(&statement, parameters).await?;
    let fixed = stream::iter(fixed_rows(&catalog.zone.name).map(Ok));
    let name = catalog.zone.name.clone();
    let rows = rendered(rows, move |row| Member::read(row, 0, 1)?.records(&name, 0));
    Ok(fixed.chain(rows))
}

/// What changed in a catalog between two positions, condensed: what went (part 0) and what came (part 1), by owner key and
/// type, of at most `limit` members.
pub async fn difference<C: GenericClient>(
    client: &C,
    catalog: &Catalog,
    from: Position,
    to: Position,
    limit: i64,
) -> Result<impl Stream<Item = Result<TransferRow, CatalogError>> + use<C>, CatalogError> {
    // A zone that went and came back is as it was, but for where it is going.
    let statement = client
        .prepare_cached(
            "select zone, min(name) filter (where part = 0), min(catalog_group) filter (where part = 0),
                    min(coo) filter (where part = 0), min(name) filter (where part = 1),
                    min(catalog_group) filter (where part = 1), min(coo) filter (where part = 1) from (
                 select zone, name, catalog_group, coo, 0 as part from catalog_member
                 where pool = $1 and until_position is not null
                   and until_position > $2 and until_position <= $3 and since_position <= $2
                 union all
                 select zone, name, catalog_group, coo, 1 from catalog_member
                 where pool = $1 and since_position > $2 and since_position <= $3
                   and (until_position is null or until_position > $3)
             ) m group by zone having count(*) = 1 or count(distinct coalesce(coo, '')) > 1 order by zone limit $4",
        )
        .await?;
    let pool = catalog.pool.uuid();
    let parameters: [&(dyn ToSql + Sync); 4] = [&pool, &from, &to, &limit];
    let rows = client.query_raw(&statement, parameters).await?;
    let name = catalog.zone.name.clone();
    Ok(rendered(rows, move |row| {
        let side = |first: usize, part| match row.get::<_, Option<&str>>(first) {
            Some(_) => Member::read(row, 0, first)?.records(&name, part),
            None => Ok(Vec::new()),
        };
        let (went, came) = (side(1, 0)?, side(4, 1)?);
        let is_in = |rows: &[TransferRow], row: &TransferRow| {
            let is_same = |other: &TransferRow| {
                (other.owner_key(), other.rrtype(), other.rdata())
                    == (row.owner_key(), row.rrtype(), row.rdata())
            };
            rows.iter().any(is_same)
        };
        let left: Vec<bool> = went.iter().map(|row| !is_in(&came, row)).collect();
        let new: Vec<bool> = came.iter().map(|row| !is_in(&went, row)).collect();
        let rows = went.into_iter().zip(left).chain(came.into_iter().zip(new));
        let mut changed: Vec<TransferRow> =
            rows.filter_map(|(row, changed)| changed.then_some(row)).collect();
        changed.sort_by(|a, b| (a.owner_key(), a.rrtype().get()).cmp(&(b.owner_key(), b.rrtype().get())));
        Ok(changed)
    }))
}

/// The RRset of a catalog at a name, as of a position.
pub async fn rrset<C: GenericClient>(
    client: &C,
    catalog: &Catalog,
    position: Position,
    owner: &Name,
    rrtype: Rrtype,
) -> Result<Option<TransferRow>, CatalogError> {
    let key = owner.to_key();
    let is_it = |row: &TransferRow| row.owner_key() == key && row.rrtype() == rrtype;
    if let Some(row) = fixed_rows(&catalog.zone.name).into_iter().find(is_it) {
        return Ok(Some(row));
    }
    let mut labels = owner
        .labels()
        .filter_map(|label| Uuid::try_parse_ascii(label).ok());
    let Some(zone) = labels.next() else {
        return Ok(None);
    };
    let statement = client
        .prepare_cached(
            "select zone, name, catalog_group, coo from catalog_member
             where pool = $1 and zone = $2 and until_position is null and since_position <= $3",
        )
        .await?;
    let parameters: [&(dyn ToSql + Sync); 3] = [&catalog.pool.uuid(), &zone, &position];
    let Some(row) = client.query_opt(&statement, &parameters).await? else {
        return Ok(None);
    };
    let rows = Member::read(&row, 0, 1)?.records(&catalog.zone.name, 0)?;
    Ok(rows.into_iter().find(is_it))
}

/// Whether a catalog has at least so many members; costs as many rows and not more.
pub async fn has_members<C: GenericClient>(
    client: &C,
    pool: PoolId,
    count: i64,
) -> Result<bool, tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "select count(*) >= $2 from (
                 select from catalog_member where pool = $1 and until_position is null limit $2
             ) live",
        )
        .await?;
    let row = client.query_one(&statement, &[&pool.uuid(), &count]).await?;
    Ok(row.get(0))
}

/// How many seconds ago a catalog became another than it was at a position, if it did and the log knows.
pub async fn seconds_since_replaced<C: GenericClient>(
    client: &C,
    catalog: &Catalog,
    position: Position,
) -> Result<Option<f64>, tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "select extract(epoch from now() - e.recorded_at)::float8 from event e
             where e.feed = 0 and e.position = least(
                 (select min(m.since_position) from catalog_member m where m.pool = $1 and m.since_position > $2),
                 (select min(m.until_position) from catalog_member m where m.pool = $1 and m.until_position > $2))",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&catalog.pool.uuid(), &position])
        .await?;
    Ok(row.map(|row| row.get(0)))
}

/// A zone that moved between two pools with catalogs, as both show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedZone {
    /// The zone's name.
    pub name: String,
    /// Its canonical sort key.
    pub name_key: Vec<u8>,
    /// The project that has it.
    pub project: String,
    /// The pool that it is in.
    pub pool: PoolId,
    /// Since when that pool's catalog shows it; `None`: it does not at present.
    pub shown_since: Option<Position>,
    /// Up to when it showed it last, before.
    pub hidden_at: Option<Position>,
    /// The pool that it left: of several the first whose catalog still shows it, else the last.
    pub left: PoolId,
    /// Since when that pool's catalog shows where it is going,
    pub since: Position,
    /// and until when it did.
    pub until: Option<Position>,
    /// How often it was hidden in the pool that it is in, since the other shows it no more.
    pub hidden: i64,
}

/// How the move of a zone between two pools with catalogs stands; nothing when it is gone, or did not move so.
pub async fn moved_zone<C: GenericClient>(
    client: &C,
    zone: ZoneId,
) -> Result<Option<MovedZone>, tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "select z.name, z.name_key, z.project, z.pool, h.since_position,
                    (select max(p.until_position) from catalog_member p
                     where p.pool = z.pool and p.zone = z.id and p.coo is null and p.until_position is not null),
                    m.pool, m.since_position, m.until_position,
                    (select count(*) from catalog_member p
                     where p.pool = z.pool and p.zone = z.id and p.coo is null and p.until_position > m.until_position)
             from zone z
             join lateral (
                 select pool, since_position, until_position from catalog_member
                 where zone = z.id and coo is not null and pool <> z.pool
                 order by until_position is not null, since_position desc limit 1) m on true
             left join catalog_member h
                 on h.pool = z.pool and h.zone = z.id and h.until_position is null and h.coo is null
             where z.id = $1 and z.deleted_position is null",
        )
        .await?;
    let row = client.query_opt(&statement, &[&zone.uuid()]).await?;
    Ok(row.map(|row| MovedZone {
        name: row.get(0),
        name_key: row.get(1),
        project: row.get(2),
        pool: PoolId::new(row.get(3)),
        shown_since: row.get(4),
        hidden_at: row.get(5),
        left: PoolId::new(row.get(6)),
        since: row.get(7),
        until: row.get(8),
        hidden: row.get(9),
    }))
}

/// Whether all of a pool's servers, `servers` at least, were seen to have what the log said of a name at a position.
pub async fn is_served_by_all<C: GenericClient>(
    client: &C,
    pool: PoolId,
    position: Position,
    name_key: &[u8],
    servers: usize,
) -> Result<bool, tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "select count(*) >= $4 and coalesce(bool_and(c.position >= $2 and not exists (
                        select from server_zone b where b.server = c.server and b.zone_key = $3)), true)
             from server_checkpoint c where c.pool = $1",
        )
        .await?;
    let servers = i64::try_from(servers).unwrap_or(i64::MAX);
    let row = client
        .query_one(&statement, &[&pool.uuid(), &position, &name_key, &servers])
        .await?;
    Ok(row.get(0))
}

/// The rows that every catalog has (RFC 9432 §4.2).
fn fixed_rows(catalog: &Name) -> [TransferRow; 2] {
    let apex = catalog.to_key();
    let mut version = apex.clone();
    version.extend_from_slice(b"version\0");
    [
        TransferRow::made(apex, catalog.to_string(), Rrtype::NS, packed(nobody().wire()), 0),
        TransferRow::made(
            version,
            format!("version.{}", below(catalog)),
            Rrtype::TXT,
            packed(&text("2")),
            0,
        ),
    ]
}

/// A name as it is written behind a label and a dot.
fn below(catalog: &Name) -> String {
    if catalog.is_root() {
        String::new()
    } else {
        catalog.to_string()
    }
}

/// The rows of members, in their order.
fn rendered(
    rows: impl Stream<Item = Result<Row, tokio_postgres::Error>>,
    records: impl Fn(&Row) -> Result<Vec<TransferRow>, CatalogError>,
) -> impl Stream<Item = Result<TransferRow, CatalogError>> {
    rows.map_err(CatalogError::from)
        .and_then(move |row| future::ready(records(&row).map(|rows| stream::iter(rows.into_iter().map(Ok)))))
        .try_flatten()
}

/// A member of a catalog.
struct Member<'a> {
    zone: Uuid,
    name: Name,
    group: Option<&'a str>,
    coo: Option<Name>,
}

impl<'a> Member<'a> {
    /// Reads the zone from one column, and name, group and the catalog that it goes to from those at `first`.
    fn read(row: &'a Row, zone: usize, first: usize) -> Result<Self, CatalogError> {
        let zone = row.get(zone);
        let parsed = |text: &str| {
            Name::parse(text).map_err(|source| CatalogError::Name {
                zone: ZoneId::new(zone),
                source,
            })
        };
        Ok(Self {
            zone,
            name: parsed(row.get(first))?,
            group: row.get(first + 1),
            coo: row.get::<_, Option<&str>>(first + 2).map(parsed).transpose()?,
        })
    }

    /// What stands in the catalog for it (RFC 9432 §4.3, §4.4.2), in its order.
    fn records(&self, catalog: &Name, part: i32) -> Result<Vec<TransferRow>, CatalogError> {
        let label = self.zone.hyphenated().to_string();
        let mut key = catalog.to_key();
        key.extend_from_slice(b"zones\0");
        key.extend_from_slice(label.as_bytes());
        key.push(0);
        let owner = format!("{label}.zones.{}", below(catalog));
        let property = |name: &str, rrtype, rdata: &[u8]| {
            let mut key = key.clone();
            key.extend_from_slice(name.as_bytes());
            key.push(0);
            TransferRow::made(key, format!("{name}.{owner}"), rrtype, packed(rdata), part)
        };
        let coo = self
            .coo
            .as_ref()
            .map(|coo| property("coo", Rrtype::PTR, coo.wire()));
        let group = self
            .group
            .map(|group| property("group", Rrtype::TXT, &text(group)));
        let ptr = TransferRow::made(
            key.clone(),
            owner.clone(),
            Rrtype::PTR,
            packed(self.name.wire()),
            part,
        );
        Ok([Some(ptr), coo, group].into_iter().flatten().collect())
    }
}

/// The rdata of a TXT record: strings of at most 255 octets each (RFC 1035 §3.3.14).
fn text(content: &str) -> Vec<u8> {
    let mut rdata = Vec::with_capacity(content.len() + 1);
    for string in content.as_bytes().chunks(255) {
        rdata.extend_from_slice(&(string.len() as u8).to_be_bytes());
        rdata.extend_from_slice(string);
    }
    rdata
}

/// One record's data as [`zonelog_dns::unpack_rdata`] reads it.
fn packed(rdata: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(rdata.len() + 2);
    // An attribute is far shorter than 64 KiB, and a name too.
    packed.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
    packed.extend_from_slice(rdata);
    packed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zonelog_dns::{Rdata, unpack_rdata};

    use super::*;

    proptest! {
        #[test]
        fn a_serial_names_one_position_and_never_shows_zero(position in 1i64..(1 << 40), further in 1i64..(1 << 33)) {
            let serial = serial_at(position);
            prop_assert_eq!(position_at(serial), position);
            prop_assert_ne!(serial.wire().get(), 0);
            prop_assert!(serial_at(position + further) > serial);
        }
    }

    #[test]
    fn serials_pass_over_zero_and_go_on() {
        for (position, serial) in [
            (1, 1),
            (SERIALS, SERIALS),
            (SERIALS + 1, (1 << 32) + 1),
            (2 * SERIALS, (2 << 32) - 1),
            (2 * SERIALS + 1, (2 << 32) + 1),
        ] {
            assert_eq!(serial_at(position).get(), serial, "{position}");
            assert_eq!(position_at(LongSerial::from_i64(serial)), position);
        }
    }

    #[test]
    fn every_catalog_has_its_name_server_and_its_version() {
        let catalog = Name::parse("Cat.example.").unwrap();
        let rows = fixed_rows(&catalog);
        let shown: Vec<_> = rows
            .iter()
            .map(|row| {
                let rdata = unpack_rdata(row.rdata()).next().unwrap();
                let rdata = Rdata::from_wire(row.rrtype(), rdata).unwrap();
                assert_eq!(Name::parse(row.owner()).unwrap().to_key(), row.owner_key());
                format!("{} {} {rdata}", row.owner(), row.rrtype())
            })
            .collect();
        assert_eq!(
            shown,
            ["Cat.example. NS invalid.", "version.Cat.example. TXT \"2\""]
        );
    }
}
