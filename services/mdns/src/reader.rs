//! Reading from PostgreSQL: connections, rows into chunks, and what is said when it is away.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{GenericClient, Pool, Transaction};
use futures_util::{Stream, StreamExt, stream};
use zonelog_dns::{LongSerial, Name, NameError};
use zonelog_model::ZoneId;
use zonelog_projections::catalog::{self, Catalog, CatalogError, position_at};
use zonelog_projections::resource::ResourceError;
use zonelog_projections::transfer::{self, HeadError, TransferRow, Way, ZoneHead};
use zonelog_store::Database;

use crate::chunk::{ChunkWriter, RrsetRow, SoaRecord, TooLong};
use crate::difference::{Difference, DifferenceWriter};
use crate::heads::Head;
use crate::image::{Image, Run};
use crate::message::Rcode;
use crate::snapshot::snapshot;

/// Up to how many recordsets a zone is read in one statement, at the cost of one: most zones are smaller.
const SMALL: usize = 256;

/// How many follow the log: the heads, and the keys.
const FOLLOWERS: usize = 2;

/// How large a difference may become before it is given up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    rows: i64,
    octets: usize,
}

impl Most {
    /// What is worth keeping in memory; past it the whole zone is sent.
    pub(crate) const TRANSFER: Self = Self {
        rows: 500_000,
        octets: 32 << 20,
    };
    /// More than fits into a packet, of which nothing but that is of interest then.
    pub(crate) const PACKET: Self = Self {
        rows: 200,
        octets: 4 << 10,
    };
}

/// Why an answer could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("no connection to PostgreSQL: {0}")]
    Pool(#[from] deadpool_postgres::PoolError),
    #[error("no connection to PostgreSQL within {0:?}")]
    Timeout(Duration),
    #[error("PostgreSQL: {}", explain(.0))]
    Sql(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error("a catalog zone: {0}")]
    Catalog(CatalogError),
    #[error("TSIG keys: {0}")]
    Resource(#[from] ResourceError),
    #[error("owner name {owner:?} in the database cannot be read: {source}")]
    Owner { owner: String, source: NameError },
    #[error("zone {zone} cannot be transferred: {source}")]
    TooLong { zone: ZoneId, source: TooLong },
    #[error("no turn to transfer a zone within {0:?}: too many transfers are under way")]
    Busy(Duration),
    #[error("the zone was deleted")]
    Gone,
}

impl From<CatalogError> for ReadError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Sql(error) => Self::Sql(error),
            other => Self::Catalog(other),
        }
    }
}

/// The server's own words, which `tokio_postgres::Error` keeps in its source.
fn explain(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |db| db.message().to_owned())
}

impl ReadError {
    /// What the client is told.
    pub(crate) fn rcode(&self) -> Rcode {
        match self {
            Self::Gone => Rcode::REFUSED,
            _ => Rcode::SERVER_FAILURE,
        }
    }

    fn is_outage(&self) -> bool {
        match self {
            Self::Pool(_) | Self::Timeout(_) => true,
            // Without words of the server the connection broke; class 08 is the connection, 53 a lack
            // of resources, 57 an operator's shutdown.
            Self::Sql(error) => error.as_db_error().is_none_or(|db| {
                ["08", "53", "57"]
                    .iter()
                    .any(|class| db.code().code().starts_with(class))
            }),
            _ => false,
        }
    }
}

/// Reads the zone state.
#[derive(Debug)]
pub(crate) struct Reader {
    /// For what is asked for: a transfer keeps one for as long as the zone is read.
    pool: Pool,
    /// For what follows the log, which must not wait for transfers.
    following: Pool,
    /// How long to wait for a connection.
    patience: Duration,
    /// PostgreSQL was away when last asked.
    away: AtomicBool,
}

impl Reader {
    /// Answers by up to so many connections, and follows the log by others.
    pub(crate) fn new(database: &Database, connections: usize, patience: Duration) -> Self {
        Self {
            pool: database.pool(connections),
            following: database.pool(FOLLOWERS),
            patience,
            away: AtomicBool::new(false),
        }
    }

    /// A connection to answer by.
    pub(crate) async fn client(&self) -> Result<deadpool_postgres::Client, ReadError> {
        self.connection(&self.pool).await
    }

    /// A connection to follow the log by.
    pub(crate) async fn follower(&self) -> Result<deadpool_postgres::Client, ReadError> {
        self.connection(&self.following).await
    }

    async fn connection(&self, pool: &Pool) -> Result<deadpool_postgres::Client, ReadError> {
        let connected = async {
            let client = pool.get().await?;
            // Nothing was prepared on it yet, so it is new.
            if client.statement_cache.size() == 0 {
                client.batch_execute(transfer::SESSION).await?;
            }
            Ok(client)
        };
        let connected = tokio::time::timeout(self.patience, connected);
        connected.await.unwrap_or(Err(ReadError::Timeout(self.patience)))
    }

    /// Logs what became of an attempt to read: an outage once, not with every packet.
    pub(crate) fn observe<T>(&self, what: &str, result: &Result<T, ReadError>) {
        match result {
            Err(error) if error.is_outage() => {
                if !self.away.swap(true, Ordering::Relaxed) {
                    tracing::error!(%error, "{what} failed: PostgreSQL is away; answering SERVFAIL where it is needed");
                }
            }
            Err(ReadError::Gone) => {}
            Err(error) => tracing::error!(%error, "{what} failed"),
            Ok(_) => {
                if self.away.load(Ordering::Relaxed) && self.away.swap(false, Ordering::Relaxed) {
                    tracing::info!("PostgreSQL is back");
                }
            }
        }
    }

    /// The zone at its latest serial: as `held` when that is it, else with what changed rendered
    /// anew. One snapshot, so that one serial is one content.
    pub(crate) async fn image(&self, head: &Head, held: Option<&Image>) -> Result<Image, ReadError> {
        if let Some(catalog) = &head.catalog {
            return self.catalog_image(head, catalog).await;
        }
        let zone = head.zone;
        let mut client = self.client().await?;
        if held.is_none()
            && let Some((head, rows)) = transfer::small_zone(&client, zone, SMALL).await?
        {
            let head = Some(head?).filter(|head| !head.deleted).ok_or(ReadError::Gone)?;
            return render_whole(
                &Head::new(&head),
                stream::iter(rows.into_iter().map(Ok::<_, ReadError>)),
            )
            .await;
        }
        let transaction = snapshot(&mut client).await?;
        transaction.batch_execute(transfer::WHOLE_ZONE).await?;
        let snapshot = Snapshot {
            transaction: &transaction,
            zone,
        };
        let head = snapshot.head().await?;
        let updated = match held {
            Some(held) => snapshot.update(held, &head).await?,
            None => None,
        };
        let image = match updated {
            Some(image) => image,
            None => snapshot.build(&head).await?,
        };
        transaction.commit().await?;
        Ok(image)
    }

    /// A catalog at the serial of its head, whatever came since: one query, which has a snapshot of its own.
    async fn catalog_image(&self, head: &Head, catalog: &Catalog) -> Result<Image, ReadError> {
        let client = self.client().await?;
        let rows = catalog::rows_at(&client, catalog, position_at(head.serial)).await?;
        render_whole(head, rows).await
    }

    /// The difference from a serial to a catalog's head. Any position since the pool was described as it is will do, whether
    /// it was a serial or not: what the log said there does not change.
    async fn catalog_difference(
        &self,
        head: &Head,
        catalog: &Catalog,
        from: LongSerial,
        most: Most,
    ) -> Result<Changes, ReadError> {
        let (before, after) = (position_at(from), position_at(head.serial));
        if before < catalog.described {
            return Ok(Changes::Whole);
        }
        let client = self.client().await?;
        let rows = catalog::difference(&client, catalog, before, after, most.rows + 1).await?;
        let way = SoaRecord {
            rdata: catalog.soa(from).to_rdata(),
            ..head.soa.clone()
        };
        render_difference(head, way, rows, most).await
    }

    /// The difference from a serial to a zone's head.
    pub(crate) async fn difference(
        &self,
        head: &Head,
        from: LongSerial,
        most: Most,
    ) -> Result<Changes, ReadError> {
        if let Some(catalog) = &head.catalog {
            return self.catalog_difference(head, catalog, from, most).await;
        }
        let client = self.client().await?;
        // Both queries go out at once. Their serials are past, so no snapshot has to hold them together.
        let (way, rows) = futures_util::try_join!(
            transfer::way(&client, head.zone, from, head.serial),
            transfer::difference(&client, head.zone, from, head.serial, most.rows + 1),
        )?;
        let way: Way = match way {
            Some(way) => way?,
            None => return Ok(Changes::Unknown),
        };
        if way.whole {
            return Ok(Changes::Whole);
        }
        let from = SoaRecord {
            apex: head.soa.apex.clone(),
            ttl: way.ttl,
            rdata: way.soa.to_rdata(),
        };
        render_difference(head, from, rows, most).await
    }

    /// Whether a serial was replaced by the next one longer ago than that.
    pub(crate) async fn is_replaced_for(
        &self,
        head: &Head,
        serial: LongSerial,
        time: Duration,
    ) -> Result<bool, ReadError> {
        let client = self.client().await?;
        let seconds = match &head.catalog {
            Some(catalog) => catalog::seconds_since_replaced(&client, catalog, position_at(serial)).await?,
            None => transfer::seconds_since_replaced(&client, head.zone, serial).await?,
        };
        Ok(seconds.is_some_and(|seconds| seconds > time.as_secs_f64()))
    }

    /// Whether a zone has at least so many recordsets.
    pub(crate) async fn has_rows(&self, head: &Head, count: usize) -> Result<bool, ReadError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let client = self.client().await?;
        Ok(match &head.catalog {
            Some(catalog) => catalog::has_members(&client, catalog.pool, count).await?,
            None => transfer::has_live_rows(&client, head.zone, count).await?,
        })
    }

    /// The live RRset at a name.
    pub(crate) async fn rrset(
        &self,
        head: &Head,
        owner: &Name,
        rrtype: zonelog_dns::Rrtype,
    ) -> Result<Option<TransferRow>, ReadError> {
        let client = self.client().await?;
        Ok(match &head.catalog {
            Some(catalog) => {
                catalog::rrset(&client, catalog, position_at(head.serial), owner, rrtype).await?
            }
            None => transfer::live_rrset(&client, head.zone, &owner.to_key(), rrtype).await?,
        })
    }
}

/// A whole zone or catalog, of its rows by owner key and type.
async fn render_whole<E>(
    head: &Head,
    rows: impl Stream<Item = Result<TransferRow, E>>,
) -> Result<Image, ReadError>
where
    ReadError: From<E>,
{
    let mut rendering = Rendering::new(head.zone, &head.soa, true)?;
    let mut rows = pin!(rows);
    while let Some(row) = rows.next().await {
        tokio::task::consume_budget().await;
        rendering.row(&row?)?;
    }
    Ok(Image::new(
        head.serial.get(),
        &head.soa,
        rendering.writer.finish(),
    ))
}

/// The rows between two serials, from the SOA of the first to the head.
async fn render_difference<E>(
    head: &Head,
    from: SoaRecord,
    rows: impl Stream<Item = Result<TransferRow, E>>,
    most: Most,
) -> Result<Changes, ReadError>
where
    ReadError: From<E>,
{
    let too_long = |source| ReadError::TooLong {
        zone: head.zone,
        source,
    };
    let mut writer = DifferenceWriter::new(&from, head.soa.clone()).map_err(too_long)?;
    let mut rows = pin!(rows);
    while let Some(row) = rows.next().await {
        tokio::task::consume_budget().await;
        let row = row?;
        let owner = wire_owner(&row)?;
        let began = row.part() == 1;
        let row = rrset_row(&row, &owner, if began { head.soa.ttl } else { from.ttl });
        if began {
            writer.began(row)
        } else {
            writer.ended(row)
        }
        .map_err(too_long)?;
        if writer.octets() > most.octets || writer.rows() as i64 > most.rows {
            return Ok(Changes::Whole);
        }
    }
    Ok(Changes::Difference(writer.finish().map_err(too_long)?))
}

/// What there is between two serials.
pub(crate) enum Changes {
    /// The zone never had the first serial.
    Unknown,
    /// More than a difference is worth.
    Whole,
    /// A difference.
    Difference(Difference),
}

/// One zone in one snapshot.
struct Snapshot<'a> {
    transaction: &'a Transaction<'a>,
    zone: ZoneId,
}

impl Snapshot<'_> {
    async fn head(&self) -> Result<ZoneHead, ReadError> {
        match transfer::head(self.transaction, self.zone).await? {
            Some(head) => Some(head?).filter(|head| !head.deleted).ok_or(ReadError::Gone),
            None => Err(ReadError::Gone),
        }
    }

    async fn build(&self, head: &ZoneHead) -> Result<Image, ReadError> {
        let rows = transfer::live_rows(self.transaction, self.zone).await?;
        render_whole(&Head::new(head), rows).await
    }

    /// The held image brought to the head; `None` when it is better built anew.
    async fn update(&self, held: &Image, head: &ZoneHead) -> Result<Option<Image>, ReadError> {
        let from = LongSerial::from_i64(held.serial);
        if from == head.serial {
            return Ok(Some(held.clone()));
        }
        let way = transfer::way(self.transaction, self.zone, from, head.serial).await?;
        if !matches!(way, Some(Ok(Way { whole: false, .. }))) {
            return Ok(None);
        }
        // With more changes than this, nearly every chunk is touched.
        let limit = i64::try_from(held.chunks.len()).unwrap_or(i64::MAX).max(4096);
        let keys = transfer::changed_keys(self.transaction, self.zone, from, limit).await?;
        let Some(keys) = keys else { return Ok(None) };
        let Some(runs) = held.stale(&keys) else {
            return Ok(None);
        };
        let soa = Head::new(head).soa;
        // Every owner of the zone sorts between the apex and this.
        let mut end = head.name.to_key();
        if let Some(last) = end.last_mut() {
            *last = 1;
        }
        let ranges: Vec<_> = runs
            .iter()
            .map(|run| {
                (
                    run.lower.clone(),
                    run.upper.clone().unwrap_or_else(|| end.clone()),
                )
            })
            .collect();
        let rows = transfer::live_rows_in(self.transaction, self.zone, &ranges).await?;
        let replaced = self.render_runs(runs, &soa, rows).await?;
        Ok(Some(held.replace(head.serial.get(), &soa, replaced)))
    }

    async fn render_runs(
        &self,
        runs: Vec<Run>,
        soa: &SoaRecord,
        rows: impl Stream<Item = Result<TransferRow, tokio_postgres::Error>>,
    ) -> Result<Vec<(Run, Vec<std::sync::Arc<crate::chunk::Chunk>>)>, ReadError> {
        let mut renderings = runs
            .iter()
            .map(|run| self.rendering(soa, run.chunks.start == 0))
            .collect::<Result<Vec<_>, _>>()?;
        let mut rows = pin!(rows);
        while let Some(row) = rows.next().await {
            tokio::task::consume_budget().await;
            let row = row?;
            if let Some(rendering) = renderings.get_mut(row.part()) {
                rendering.row(&row)?;
            }
        }
        let chunks = renderings.into_iter().map(|rendering| rendering.writer.finish());
        Ok(runs.into_iter().zip(chunks).collect())
    }

    fn rendering(&self, soa: &SoaRecord, first: bool) -> Result<Rendering, ReadError> {
        Rendering::new(self.zone, soa, first)
    }
}

/// Rows on their way into chunks.
struct Rendering {
    writer: ChunkWriter,
    zone: ZoneId,
    /// The TTL of rows without their own.
    ttl: u32,
}

impl Rendering {
    /// Of a zone's first rows, or of others.
    fn new(zone: ZoneId, soa: &SoaRecord, first: bool) -> Result<Self, ReadError> {
        let mut writer = ChunkWriter::new(first.then_some(&soa.apex));
        if first {
            writer
                .record(soa.record())
                .map_err(|source| ReadError::TooLong { zone, source })?;
        }
        Ok(Self {
            writer,
            zone,
            ttl: soa.ttl,
        })
    }

    fn row(&mut self, row: &TransferRow) -> Result<(), ReadError> {
        let owner = wire_owner(row)?;
        let row = rrset_row(row, &owner, self.ttl);
        self.writer.rrset(row).map_err(|source| ReadError::TooLong {
            zone: self.zone,
            source,
        })
    }
}

fn wire_owner(row: &TransferRow) -> Result<Name, ReadError> {
    Name::parse(row.owner()).map_err(|source| ReadError::Owner {
        owner: row.owner().to_owned(),
        source,
    })
}

fn rrset_row<'a>(row: &'a TransferRow, owner: &'a Name, zone_ttl: u32) -> RrsetRow<'a> {
    RrsetRow {
        key: row.owner_key(),
        owner: owner.wire(),
        rrtype: row.rrtype().get(),
        ttl: row.ttl().unwrap_or(zone_ttl),
        rdata: row.rdata(),
    }
}
