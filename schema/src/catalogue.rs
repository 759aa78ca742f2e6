//! The live tables, described from PostgreSQL's catalogue, against the description that the migrations lead to.
//!
//! `schema/catalogue.txt` holds that description: one line for each column, constraint, index and trigger. A test
//! makes it anew from the migrations and compares.

use std::collections::BTreeSet;

use tokio_postgres::Client;

use crate::error::SchemaError;
use crate::grants;

/// What the migrations make, a line each, sorted.
const EXPECTED: &str = include_str!("../catalogue.txt");

/// A description of the tables of the current schema whose names are given. `format_type`, `pg_get_constraintdef` and
/// `pg_get_indexdef` print the same for these tables in PostgreSQL 13 to 18; NOT NULL is taken from the column, since
/// PostgreSQL 18 lists it as a constraint too.
const DESCRIBE: &str = "
    with ours as (
        select oid, relname from pg_class
        where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') and relname = any($1)
    )
    select format('column %s.%s %s%s%s%s', relname, attname, format_type(atttypid, atttypmod),
                  case when attnotnull then ' not null' else '' end,
                  case attidentity when '' then '' else ' identity' end,
                  coalesce(' default ' || pg_get_expr(adbin, adrelid), ''))
      from ours join pg_attribute on attrelid = ours.oid and attnum > 0 and not attisdropped
      left join pg_attrdef on adrelid = attrelid and adnum = attnum
    union all
    select format('constraint %s.%s %s', relname, conname, pg_get_constraintdef(c.oid))
      from ours join pg_constraint c on conrelid = ours.oid where contype <> 'n'
    union all
    select format('index %s', regexp_replace(pg_get_indexdef(indexrelid), ' ON [^ ]*\\.', ' ON '))
      from ours join pg_index on indrelid = ours.oid where indisvalid
    union all
    select format('trigger %s.%s', relname, tgname)
      from ours join pg_trigger on tgrelid = ours.oid where not tgisinternal";

/// Describes the live tables of the current schema: a line for each column, constraint, index and trigger, sorted.
///
/// # Errors
/// When PostgreSQL cannot be asked.
pub async fn describe(client: &Client) -> Result<BTreeSet<String>, SchemaError> {
    let tables: Vec<&str> = grants::GRANTS.iter().map(|(table, _)| *table).collect();
    let rows = client.query(DESCRIBE, &[&tables]).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Compares the live tables with [`EXPECTED`]. An index more is an operator's choice; anything else is not.
pub(crate) async fn compare(client: &Client) -> Result<(), SchemaError> {
    let live = describe(client).await?;
    let expected: BTreeSet<String> = EXPECTED.lines().map(str::to_owned).collect();
    let missing = expected.difference(&live).map(|line| format!("missing: {line}"));
    let unknown = live
        .difference(&expected)
        .filter(|line| !line.starts_with("index "));
    let differences: Vec<_> = missing
        .chain(unknown.map(|line| format!("not ours: {line}")))
        .collect();
    if differences.is_empty() {
        Ok(())
    } else {
        Err(SchemaError::Altered { differences })
    }
}
