//! The roles and the database that Zonelog uses in its own cluster.

use tokio_postgres::NoTls;

use crate::DATABASE;
use crate::error::ClusterError;

/// As whom to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// PostgreSQL's superuser.
    Superuser,
    /// Owns the tables: migrates.
    Owner,
    /// Reads and writes rows: what the services use.
    Service,
}

impl Role {
    /// The role's name in PostgreSQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Superuser => "postgres",
            Self::Owner => "zonelog_owner",
            Self::Service => "zonelog_service",
        }
    }
}

/// Makes the roles and the database where they are missing, and sets the roles' passwords.
pub(crate) async fn prepare(superuser_url: &str, password: &str) -> Result<(), ClusterError> {
    let (client, connection) = tokio_postgres::connect(superuser_url, NoTls).await?;
    let connection = tokio::spawn(connection);
    for role in [Role::Owner, Role::Service] {
        let name = role.name();
        let exists = client
            .query_opt("select from pg_roles where rolname = $1", &[&name])
            .await?
            .is_some();
        let verb = if exists { "alter" } else { "create" };
        client
            .batch_execute(&format!("{verb} role {name} login password '{password}'"))
            .await?;
    }
    if client
        .query_opt("select from pg_database where datname = $1", &[&DATABASE])
        .await?
        .is_none()
    {
        client
            .batch_execute(&format!(
                "create database {DATABASE} owner {}",
                Role::Owner.name()
            ))
            .await?;
    }
    drop(client);
    // The connection says goodbye; how is of no interest.
    let _ = connection.await;
    Ok(())
}
