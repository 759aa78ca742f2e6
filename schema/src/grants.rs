//! What the service's role may do: the least that the services need.

use tokio_postgres::Client;

use crate::error::SchemaError;

/// Every privilege on a table that this module gives or takes.
const PRIVILEGES: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"];

/// All tables, and what the service may do with each.
pub(crate) const GRANTS: &[(&str, &[&str])] = &[
    // The log only grows.
    ("event", &["SELECT", "INSERT"]),
    ("feed_head", &["SELECT", "UPDATE"]),
    // Kept for a time, then pruned.
    ("refusal", &["SELECT", "INSERT", "DELETE"]),
    ("idempotency_key", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("zone", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("recordset_version", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("zone_serial", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("zone_share", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("zone_departure", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("catalog_member", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("catalog_purged", &["SELECT", "INSERT", "UPDATE"]),
    ("project_usage", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("resource", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("registry_head", &["SELECT", "UPDATE"]),
    ("pool_nameservers", &["SELECT", "INSERT", "UPDATE"]),
    ("import_body", &["SELECT", "INSERT", "DELETE"]),
    ("import_task", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("service_status", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("server_checkpoint", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("server_zone", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("server_lease", &["SELECT", "INSERT", "UPDATE"]),
    ("server_control", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("api_token", &["SELECT", "INSERT", "UPDATE"]),
    ("deadline", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("deadline_head", &["SELECT", "UPDATE"]),
    ("secondary_status", &["SELECT", "INSERT", "UPDATE", "DELETE"]),
    ("zone_purged", &["SELECT", "INSERT"]),
    ("zones_existed", &["SELECT", "INSERT"]),
    ("schema_migration", &["SELECT"]),
];

/// Checks that the connected role cannot change or remove events.
///
/// # Errors
/// [`SchemaError::LogNotProtected`] when it can.
pub async fn check_log_is_protected(client: &Client) -> Result<(), SchemaError> {
    let row = client
        .query_one(
            "select current_user::text,
                    has_table_privilege('event', 'UPDATE') or has_table_privilege('event', 'DELETE')
                    or has_table_privilege('event', 'TRUNCATE')",
            &[],
        )
        .await?;
    if row.get(1) {
        Err(SchemaError::LogNotProtected { role: row.get(0) })
    } else {
        Ok(())
    }
}

/// The role must be there, and be able to hold less than everything.
pub(crate) async fn role_exists(owner: &Client, role: &str) -> Result<(), SchemaError> {
    let row = owner
        .query_opt(
            "select rolsuper or pg_has_role(rolname, current_user, 'MEMBER') from pg_roles where rolname = $1",
            &[&role],
        )
        .await?;
    match row {
        None => Err(SchemaError::NoSuchRole {
            role: role.to_owned(),
        }),
        Some(row) if row.get(0) => Err(SchemaError::LogNotProtected {
            role: role.to_owned(),
        }),
        Some(_) => Ok(()),
    }
}

/// Gives `role` exactly [`GRANTS`]. Nothing is touched when it has them.
pub(crate) async fn grant(owner: &mut Client, role: &str) -> Result<(), SchemaError> {
    let quoted = quote(role);
    let mut statements = String::new();
    let usage = owner
        .query_one(
            "select has_schema_privilege($1, current_schema(), 'USAGE'), current_schema()::text",
            &[&role],
        )
        .await?;
    if !usage.get::<_, bool>(0) {
        statements += &format!("grant usage on schema {} to {quoted};", quote(usage.get(1)));
    }
    for (table, wanted) in GRANTS {
        let held = owner
            .query_one(
                "select array(select p from unnest($3::text[]) with ordinality u(p, n)
                              where has_table_privilege($1, $2::text, p) order by n)",
                &[&role, table, &&PRIVILEGES[..]],
            )
            .await?;
        if held.get::<_, Vec<&str>>(0) != *wanted {
            statements += &format!(
                "revoke all on {table} from {quoted}; grant {} on {table} to {quoted};",
                wanted.join(", ")
            );
        }
    }
    if statements.is_empty() {
        return Ok(());
    }
    let transaction = owner.transaction().await?;
    transaction.batch_execute(&statements).await?;
    transaction.commit().await?;
    Ok(())
}

/// Lets `role` make temporary tables, in which the events of an import or of a first transfer wait for their positions. All
/// roles may, unless somebody took that from PUBLIC. Nothing is touched when it may.
pub(crate) async fn grant_temporary_tables(owner: &Client, role: &str) -> Result<(), SchemaError> {
    let may = "select has_database_privilege($1, current_database(), 'TEMPORARY'), current_database()::text";
    let row = owner.query_one(may, &[&role]).await?;
    if row.get(0) {
        return Ok(());
    }
    let database: String = row.get(1);
    let grant = format!(
        "grant temporary on database {} to {}",
        quote(&database),
        quote(role)
    );
    // Whoever is not the database's owner is refused, or warned.
    let granted = owner.batch_execute(&grant).await;
    if owner.query_one(may, &[&role]).await?.get(0) {
        return Ok(());
    }
    tracing::debug!(?granted, "temporary tables are not allowed");
    Err(SchemaError::NoTemporaryTables {
        role: role.to_owned(),
        grant,
    })
}

/// An identifier between double quotes.
fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
