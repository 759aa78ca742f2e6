//! The tables made anew from the log, in a schema of their own.

use thiserror::Error;
use tokio_postgres::Client;
use zonelog_model::{Position, Recorded};
use zonelog_store::{Feed, StoreError};

use crate::inline::{InlineDelta, InlineWriter, TABLES};
use crate::zone_state::WriteError;

/// How many events are read and written at a time.
const PAGE: usize = 2_000;

/// How far a rebuild is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The log position up to which it has come.
    pub position: Position,
    /// The log position at which it will end.
    pub head: Position,
}

/// A shadow schema that holds the projections as of a log position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The schema.
    pub schema: String,
    /// The log position of its content.
    pub position: Position,
}

/// Why a rebuild or a comparison failed.
#[derive(Debug, Error)]
pub enum RebuildError {
    /// The schema's name is none that needs no quotes.
    #[error(
        "{0:?} cannot name a schema: give 1 to 60 lower-case letters, digits and '_', first a letter, not \"public\""
    )]
    SchemaName(String),
    /// The log could not be read.
    #[error("the log could not be read")]
    Log(#[from] StoreError),
    /// The database refused, or is gone.
    #[error("the rebuilt tables could not be written")]
    Sql(#[from] tokio_postgres::Error),
    /// An event changes what no event before it made.
    #[error("the log does not fit together between positions {after} and {upto}")]
    Write {
        /// The position before the events in question.
        after: Position,
        /// The position of the last of them.
        upto: Position,
        /// What did not fit.
        #[source]
        error: WriteError,
    },
}

/// Makes the tables of the inline projections in the new schema `shadow` and fills them from the log, from its first event to the
/// head at the start, with the very functions that write the live ones. What was in a schema of that name is dropped.
///
/// `client` must be allowed to create schemas (the owner's role), and must be used by nobody else meanwhile.
pub async fn rebuild(
    feed: &Feed,
    client: &Client,
    shadow: &str,
    progress: impl FnMut(Progress),
) -> Result<Rebuilt, RebuildError> {
    drop_shadow(client, shadow).await?;
    client.batch_execute(&format!("create schema {shadow}")).await?;
    for (table, _) in TABLES {
        client
            .batch_execute(&format!(
                "create table {shadow}.{table} (like public.{table} including all)"
            ))
            .await?;
    }
    // The one row that a migration makes.
    client
        .batch_execute(&format!("insert into {shadow}.registry_head values (0, 0)"))
        .await?;
    let head = feed.head().await?;
    let mut rebuilt = Rebuilt {
        schema: shadow.to_owned(),
        position: 0,
    };
    replay(feed, client, &mut rebuilt, head, Transactions::EachPage, progress).await?;
    Ok(rebuilt)
}

/// Drops a shadow schema with all it holds, if there is one.
pub async fn drop_shadow(client: &Client, shadow: &str) -> Result<(), RebuildError> {
    let allowed = |character: char| matches!(character, 'a'..='z' | '0'..='9' | '_');
    let is_name = shadow.starts_with(|first: char| first.is_ascii_lowercase()) && shadow.chars().all(allowed);
    if !is_name || shadow.len() > 60 || shadow == "public" || shadow.starts_with("pg_") {
        return Err(RebuildError::SchemaName(shadow.to_owned()));
    }
    let quietly = format!(
        "begin; set local client_min_messages = warning; drop schema if exists {shadow} cascade; commit"
    );
    Ok(client.batch_execute(&quietly).await?)
}

/// Who begins and commits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Transactions {
    /// Each page is one transaction.
    EachPage,
    /// The caller has one open.
    Callers,
}

/// Brings a shadow schema up to `head`.
pub(super) async fn replay(
    feed: &Feed,
    client: &Client,
    rebuilt: &mut Rebuilt,
    head: Position,
    transactions: Transactions,
    progress: impl FnMut(Progress),
) -> Result<(), RebuildError> {
    let own = transactions == Transactions::EachPage;
    client
        .batch_execute(&format!(
            "set search_path = {}; {}",
            rebuilt.schema,
            InlineWriter::SESSION
        ))
        .await?;
    if own {
        // A crash loses the shadow's last pages, and nobody misses them.
        client.batch_execute("set synchronous_commit = off").await?;
    }
    let written = write_pages(feed, client, rebuilt, head, own, progress).await;
    if written.is_err() && (client.is_closed() || !own) {
        // The caller's transaction has failed, and its end takes the settings back.
        return written;
    }
    if written.is_err() {
        client.batch_execute("rollback").await?;
    }
    // One by one: `reset all` would take away the caller's time limits.
    client
        .batch_execute(
            "reset search_path; reset enable_seqscan; reset enable_hashjoin; reset enable_mergejoin;
             reset enable_material; reset plan_cache_mode; reset jit",
        )
        .await?;
    if own {
        client.batch_execute("reset synchronous_commit").await?;
    }
    written
}

async fn write_pages(
    feed: &Feed,
    client: &Client,
    rebuilt: &mut Rebuilt,
    head: Position,
    own_transactions: bool,
    mut progress: impl FnMut(Progress),
) -> Result<(), RebuildError> {
    let writer = InlineWriter::prepare(client).await?;
    let mut limit = PAGE;
    while rebuilt.position < head {
        let mut events = feed.after(rebuilt.position, limit).await?;
        events.retain(|event| event.position <= head);
        let Some(upto) = cut_to_whole_changes(&mut events, head) else {
            // One change of more events than the page has.
            limit *= 2;
            continue;
        };
        if own_transactions {
            client.batch_execute("begin").await?;
        }
        writer
            .write(client, &InlineDelta::of(&events))
            .await
            .map_err(|error| RebuildError::Write {
                after: rebuilt.position,
                upto,
                error,
            })?;
        if own_transactions {
            client.batch_execute("commit").await?;
        }
        rebuilt.position = upto;
        limit = PAGE;
        progress(Progress { position: upto, head });
    }
    Ok(())
}

/// Leaves out the last change unless it is known to be whole, as a delta wants whole ones. Returns the position of the
/// last event left; nothing when none is.
fn cut_to_whole_changes(events: &mut Vec<Recorded>, head: Position) -> Option<Position> {
    let last = events.last()?;
    if last.position < head {
        let change = last.metadata.change_id;
        let whole = events
            .iter()
            .rposition(|event| event.metadata.change_id != change)
            .map_or(0, |at| at + 1);
        events.truncate(whole);
    }
    events.last().map(|event| event.position)
}
