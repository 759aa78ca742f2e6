//! A zone at one serial as a master file (RFC 1035 §5), streamed from the rows as they come: a zone of a million records
//! is never held here.

use std::fmt::Write;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use deadpool_postgres::{Client, Object};
use futures_util::{StreamExt, stream};
use thiserror::Error;
use tokio::sync::mpsc;
use zonelog_dns::{LongSerial, Rdata, RdataError, Rrtype, unpack_rdata};
use zonelog_model::ZoneId;
use zonelog_projections::transfer::{self, TransferRow, ZoneAt};

use crate::app::App;
use crate::error::ApiError;

/// About how much is handed to the connection at a time, in bytes.
const CHUNK: usize = 64 * 1024;
/// Room for a chunk and the row that makes it full.
const CAPACITY: usize = CHUNK + CHUNK / 4;
/// How many chunks may wait for the connection.
const WAITING: usize = 4;
/// How long a reader may take no chunk before the export is broken off.
const PATIENCE: Duration = Duration::from_secs(60);

/// The statements that a whole zone is read with walk an index from end to end, whatever the planner thinks of the
/// table's size, and take the time that their reader takes. For the transaction alone: the connection goes back.
const SETTINGS: &str = "set local jit = off; set local max_parallel_workers_per_gather = 0; \
                        set local enable_seqscan = off; set local enable_bitmapscan = off; \
                        set local plan_cache_mode = force_generic_plan";

/// What can happen while rows become text.
#[derive(Debug, Error)]
enum ExportError {
    #[error("the rows could not be read: {0}")]
    Database(#[from] tokio_postgres::Error),
    #[error("a record of {owner} {rrtype} in the database cannot be read: {source}")]
    Rdata {
        owner: String,
        rrtype: Rrtype,
        source: RdataError,
    },
    #[error("the caller took nothing for {} s, or went away", PATIENCE.as_secs())]
    Caller,
}

/// The master file of a zone at a serial; 404 when the zone never had the serial.
pub(super) async fn export_text(app: &Arc<App>, zone: ZoneId, serial: LongSerial) -> Result<Body, ApiError> {
    // An export under way keeps a connection: others are left for everything else.
    let place = Arc::clone(&app.exports).try_acquire_owned();
    let place =
        place.map_err(|_| ApiError::unavailable("Too many exports are read at the moment; try again"))?;
    let client = app.client().await?;
    let head = transfer::zone_at(&client, zone, serial).await?;
    let head = head.ok_or_else(ApiError::zone_not_found)?;
    let head = head.map_err(|error| ApiError::internal(&error))?;
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let _place = place;
        send(client, zone, serial, head, sender).await;
    });
    let chunks = stream::unfold(receiver, |mut receiver| async {
        let chunk = receiver.recv().await?;
        Some((chunk, receiver))
    });
    Ok(Body::from_stream(chunks))
}

type Chunks = mpsc::Sender<Result<Bytes, io::Error>>;

async fn send(mut client: Client, zone: ZoneId, serial: LongSerial, head: ZoneAt, chunks: Chunks) {
    let Err(error) = write_zone(&mut client, zone, serial, &head, &chunks).await else {
        return;
    };
    tracing::warn!(%zone, %error, "an export was broken off");
    // Rows may still be on their way: nobody else is to wait for them.
    drop(Object::take(client));
    // The caller's connection breaks, so that nobody takes what came for the whole. If he went away, nobody is told.
    let broken = io::Error::other("the export was broken off");
    let _ = tokio::time::timeout(PATIENCE, chunks.send(Err(broken))).await;
}

async fn write_zone(
    client: &mut Client,
    zone: ZoneId,
    serial: LongSerial,
    head: &ZoneAt,
    chunks: &Chunks,
) -> Result<(), ExportError> {
    let transaction = client.build_transaction().read_only(true).start().await?;
    transaction.batch_execute(SETTINGS).await?;
    transaction.batch_execute(transfer::WHOLE_ZONE).await?;
    let mut text = String::with_capacity(CAPACITY);
    write_head(&mut text, head);
    let rows = transfer::rows_at(&transaction, zone, serial).await?;
    let mut rows = std::pin::pin!(rows);
    while let Some(row) = rows.next().await {
        write_row(&mut text, &row?)?;
        if text.len() >= CHUNK {
            hand_over(chunks, &mut text).await?;
        }
    }
    hand_over(chunks, &mut text).await?;
    transaction.commit().await?;
    Ok(())
}

async fn hand_over(chunks: &Chunks, text: &mut String) -> Result<(), ExportError> {
    let chunk = Bytes::from(std::mem::replace(text, String::with_capacity(CAPACITY)));
    match tokio::time::timeout(PATIENCE, chunks.send(Ok(chunk))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(ExportError::Caller),
    }
}

/// `$ORIGIN`, `$TTL`, an empty line, and the SOA.
fn write_head(text: &mut String, head: &ZoneAt) {
    let (name, ttl) = (&head.name, head.ttl);
    let soa = head.soa.to_rdata();
    // Writing to a String cannot fail.
    let _ = write!(text, "$ORIGIN {name}\n$TTL {ttl}\n\n{name}  IN SOA {soa}\n");
}

/// A line for each record: `name ttl IN TYPE data`, without the TTL where it is the zone's.
fn write_row(text: &mut String, row: &TransferRow) -> Result<(), ExportError> {
    let (owner, rrtype) = (row.owner(), row.rrtype());
    for wire in unpack_rdata(row.rdata()) {
        let rdata = Rdata::from_wire(rrtype, wire).map_err(|source| ExportError::Rdata {
            owner: owner.to_owned(),
            rrtype,
            source,
        })?;
        // Writing to a String cannot fail.
        let _ = match row.ttl() {
            Some(ttl) => writeln!(text, "{owner} {ttl} IN {rrtype} {rdata}"),
            None => writeln!(text, "{owner}  IN {rrtype} {rdata}"),
        };
    }
    Ok(())
}
