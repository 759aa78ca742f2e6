//! What differs between the live tables and those made anew from the log.

use std::fmt;

use serde_json::Value;
use tokio_postgres::Client;
use zonelog_store::Feed;

use super::replay::{RebuildError, Rebuilt, Transactions, replay};
use crate::inline::TABLES;

/// Where a row stands that has no equal on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// In the live table.
    Live,
    /// In the one made anew from the log, which is right by definition.
    Rebuilt,
}

/// A row of one side that the other does not have, or has with another content: then both are listed.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The table.
    pub table: &'static str,
    /// The values of the row's primary key, with their columns' names.
    pub key: String,
    /// Which side has it.
    pub side: Side,
    /// The row.
    pub row: Value,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Live => "live",
            Side::Rebuilt => "rebuilt",
        };
        write!(f, "{} {} ({side}): {}", self.table, self.key, self.row)
    }
}

/// Compares the live tables with a rebuilt schema, row by row; at most `limit` rows of each side of each table are
/// returned, ordered by table and key. Empty: the projection is what the log says.
///
/// Commands may go on meanwhile: all is done in one snapshot, to whose head the rebuilt schema is first brought on.
pub async fn compare(
    feed: &Feed,
    client: &Client,
    rebuilt: &mut Rebuilt,
    limit: usize,
) -> Result<Vec<Difference>, RebuildError> {
    client
        .batch_execute("begin isolation level repeatable read")
        .await?;
    let compared = within_snapshot(feed, client, rebuilt, limit).await;
    let end = if compared.is_ok() { "commit" } else { "rollback" };
    if !client.is_closed() {
        client.batch_execute(end).await?;
    }
    compared
}

async fn within_snapshot(
    feed: &Feed,
    client: &Client,
    rebuilt: &mut Rebuilt,
    limit: usize,
) -> Result<Vec<Difference>, RebuildError> {
    let head = client
        .query_one("select position from public.feed_head where feed = 0", &[])
        .await?
        .get(0);
    replay(feed, client, rebuilt, head, Transactions::Callers, |_| {}).await?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut differences = Vec::new();
    for (table, primary_key) in TABLES {
        let before = differences.len();
        let shadow = &rebuilt.schema;
        for (side, these, those) in [
            (Side::Live, "public", shadow.as_str()),
            (Side::Rebuilt, shadow, "public"),
        ] {
            // What was purged of deleted zones is in the log, and so in what was made anew of it.
            let purged = match side {
                Side::Rebuilt => without_purged(table),
                Side::Live => String::new(),
            };
            let statement = format!(
                "select to_jsonb(d) from (
                     select t.* from {these}.{table} t {purged} except select * from {those}.{table}) d limit $1"
            );
            for row in client.query(&statement, &[&limit]).await? {
                let row: Value = row.get(0);
                differences.push(Difference {
                    table,
                    key: key_of(primary_key, &row),
                    side,
                    row,
                });
            }
        }
        differences[before..].sort_by(|one, other| (&one.key, one.side).cmp(&(&other.key, other.side)));
    }
    Ok(differences)
}

/// The condition on rows `t` of a rebuilt table that leaves out what was purged of deleted zones, and so is not to come
/// back; empty where nothing is purged.
pub fn without_purged(table: &str) -> String {
    let purged =
        |column: &str| format!("exists (select from public.zone_purged p where p.zone = t.{column})");
    match table {
        // The name of an abandoned zone that a catalog still shows is kept.
        "zone" => format!(
            "where not {} or exists (select from public.catalog_member m
                 where m.pool = t.pool and m.zone = t.id and m.until_position is null)",
            purged("id")
        ),
        "recordset_version" | "zone_serial" | "zone_share" => format!("where not {}", purged("zone")),
        "catalog_member" => format!("where t.until_position is null or not {}", purged("zone")),
        _ => String::new(),
    }
}

fn key_of(columns: &[&str], row: &Value) -> String {
    let value = |column: &str| match row.get(column) {
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "-".to_owned(),
    };
    columns
        .iter()
        .map(|column| format!("{column}={}", value(column)))
        .collect::<Vec<_>>()
        .join(" ")
}
