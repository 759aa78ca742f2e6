//! The yardstick of writes: `pgbench`, single-row INSERTs in transactions of their own, on a PostgreSQL of its own with
//! the settings of the one that Zonelog starts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio_postgres::NoTls;
use zonelog_cluster::{Cluster, ClusterOptions, DATABASE, Role};

use crate::Result;

/// A PostgreSQL with one table to insert into.
pub(crate) struct PgBench {
    folder: TempDir,
    cluster: Cluster,
}

impl PgBench {
    /// Starts PostgreSQL and makes the table.
    pub(crate) async fn start() -> Result<Self> {
        let (folder, cluster) = private_cluster().await?;
        let (client, connection) =
            tokio_postgres::connect(&cluster.url(Role::Superuser, DATABASE), NoTls).await?;
        let connection = tokio::spawn(connection);
        client
            .batch_execute("create table row (id bigserial primary key, name text, payload text)")
            .await?;
        drop(client);
        connection.await??;
        std::fs::write(
            folder.path().join("insert.sql"),
            "insert into row (name, payload) values ('host.example.org.', repeat('x', 400));\n",
        )?;
        Ok(Self { folder, cluster })
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a statement, or a command of psql's.
    pub(crate) async fn psql(&self, command: &str) -> Result<()> {
        let output = Command::new(binary("psql"))
            .args(["--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", "-c", command])
            .arg(self.cluster.url(Role::Superuser, DATABASE))
            .output()
            .await?;
        if output.status.success() {
            Ok(())
        } else {
            Err(format!("psql: {}", String::from_utf8_lossy(&output.stderr)).into())
        }
    }

    /// INSERTs a second by so many clients.
    pub(crate) async fn single_row_inserts(&self, clients: usize, run: Duration) -> Result<f64> {
        let output = Command::new(binary("pgbench"))
            .args([
                "-n",
                "-M",
                "prepared",
                "-c",
                &clients.to_string(),
                "-j",
                &clients.min(2).to_string(),
            ])
            .args(["-T", &run.as_secs().to_string(), "-f"])
            .arg(self.folder.path().join("insert.sql"))
            .arg(self.cluster.url(Role::Superuser, DATABASE))
            .output()
            .await?;
        let text = String::from_utf8_lossy(&output.stdout);
        let rate = text
            .lines()
            .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        rate.ok_or_else(|| format!("pgbench: {text}{}", String::from_utf8_lossy(&output.stderr)).into())
    }
}

/// A durable PostgreSQL in a folder that its user can reach.
pub(crate) async fn private_cluster() -> Result<(TempDir, Cluster)> {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::Builder::new().prefix("zonelog-bench-").tempdir()?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    let cluster = Cluster::start(ClusterOptions::new(folder.path().join("cluster"))).await?;
    Ok((folder, cluster))
}

/// A program of the newest PostgreSQL on the machine, else the one in PATH.
fn binary(name: &str) -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin").join(name)))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop().unwrap_or_else(|| name.into())
}
