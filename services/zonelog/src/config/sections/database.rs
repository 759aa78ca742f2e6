//! Where the log and its projections are kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::DatabaseUrl;

/// `[database]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// The service's database. Without it `zonelog up` runs a PostgreSQL of its own in `data_dir`.
    pub url: Option<DatabaseUrl>,
    /// The same database as the role that owns the tables: for migrations alone.
    pub owner_url: Option<DatabaseUrl>,
    /// What `zonelog up` keeps: the private PostgreSQL and the administrator's token.
    pub data_dir: PathBuf,
    /// The most connections that each role reads with.
    pub read_connections: usize,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            owner_url: None,
            data_dir: "/var/lib/zonelog".into(),
            read_connections: 8,
        }
    }
}
