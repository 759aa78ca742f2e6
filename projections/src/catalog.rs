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
    /// Since which position of the log the pool is described as it is. No difference reaches further back.
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
    select {columns}, r.position,
           greatest(r.position, (select max(m.since_position) from catalog_member m where m.pool = r.id),
                    (select max(m.until_position) from catalog_member m where m.pool = r.id and m.until_position is not null))
    from resource r where r.kind = $1 and r.body -> 'catalog_zone' ->> 'name' is not null";

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
            "select zone, name, catalog_group, 0 from (
                 select zone, name, catalog_group from catalog_member
                 where pool = $1 and until_position is null and since_position <= $2
                 union all
                 select zone, name, catalog_group from catalog_member
                 where pool = $1 and until_position is not null and until_position > $2 and since_position <= $2
             ) m order by zone",
        )
        .await?;
    let pool = catalog.pool.uuid();
    let parameters: [&(dyn ToSql + Sync); 2] = [&pool, &position];
    let rows = client.query_raw(&statement, parameters).await?;
    let fixed = stream::iter(fixed_rows(&catalog.zone.name).map(Ok));
    Ok(fixed.chain(rendered(rows, catalog.zone.name.clone())))
}

/// What changed in a catalog between two positions, condensed: members that went (part 0) and members that came (part 1), by
/// owner key and type. At most `limit` members.
pub async fn difference<C: GenericClient>(
    client: &C,
    catalog: &Catalog,
    from: Position,
    to: Position,
    limit: i64,
) -> Result<impl Stream<Item = Result<TransferRow, CatalogError>> + use<C>, CatalogError> {
    // A zone that went and came back is as it was.
    let statement = client
        .prepare_cached(
            "select zone, min(name), min(catalog_group), min(part) from (
                 select zone, name, catalog_group, 0 as part from catalog_member
                 where pool = $1 and until_position is not null
                   and until_position > $2 and until_position <= $3 and since_position <= $2
                 union all
                 select zone, name, catalog_group, 1 from catalog_member
                 where pool = $1 and since_position > $2 and since_position <= $3
                   and (until_position is null or until_position > $3)
             ) m group by zone having count(*) = 1 order by zone limit $4",
        )
        .await?;
    let pool = catalog.pool.uuid();
    let parameters: [&(dyn ToSql + Sync); 4] = [&pool, &from, &to, &limit];
    let rows = client.query_raw(&statement, parameters).await?;
    Ok(rendered(rows, catalog.zone.name.clone()))
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
            "select zone, name, catalog_group, 0 from catalog_member
             where pool = $1 and zone = $2 and until_position is null and since_position <= $3",
        )
        .await?;
    let parameters: [&(dyn ToSql + Sync); 3] = [&catalog.pool.uuid(), &zone, &position];
    let Some(row) = client.query_opt(&statement, &parameters).await? else {
        return Ok(None);
    };
    let rows = member_rows(&row, &catalog.zone.name)?;
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
    catalog: Name,
) -> impl Stream<Item = Result<TransferRow, CatalogError>> {
    rows.map_err(CatalogError::from)
        .and_then(move |row| {
            future::ready(member_rows(&row, &catalog).map(|rows| stream::iter(rows.into_iter().map(Ok))))
        })
        .try_flatten()
}

/// What stands in a catalog for one member (RFC 9432 §4.3, §4.4.2): zone, name, group and part in the columns.
fn member_rows(row: &Row, catalog: &Name) -> Result<Vec<TransferRow>, CatalogError> {
    let zone = row.get::<_, Uuid>(0);
    let member = Name::parse(row.get(1)).map_err(|source| CatalogError::Name {
        zone: ZoneId::new(zone),
        source,
    })?;
    let part = row.get::<_, i32>(3);
    let label = zone.hyphenated().to_string();
    let mut key = catalog.to_key();
    key.extend_from_slice(b"zones\0");
    key.extend_from_slice(label.as_bytes());
    key.push(0);
    let owner = format!("{label}.zones.{}", below(catalog));
    let group = row.get::<_, Option<&str>>(2).map(|group| {
        let mut key = key.clone();
        key.extend_from_slice(b"group\0");
        let owner = format!("group.{owner}");
        TransferRow::made(key, owner, Rrtype::TXT, packed(&text(group)), part)
    });
    let ptr = TransferRow::made(key, owner, Rrtype::PTR, packed(member.wire()), part);
    Ok(std::iter::once(ptr).chain(group).collect())
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
