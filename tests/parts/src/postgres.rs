//! PostgreSQL for tests: one server for all tests of a process, a database for each test; or a server of one's own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};
use zonelog_cluster::{Cluster, ClusterOptions, DATABASE, Role};

/// The database from which [`TestDatabase::new`] copies.
const TEMPLATE: &str = "zonelog_template";

/// What the folders of test servers begin with.
const PREFIX: &str = "zonelog-test-";

/// The file in such a folder whose lock its test holds.
const LOCK: &str = "test.lock";

/// Done once [`TEMPLATE`] is there.
static MIGRATED: OnceCell<()> = OnceCell::const_new();

/// The server of this process, started by the first test that wants it; it ends with the process.
static SHARED: OnceCell<Cluster> = OnceCell::const_new();

/// Numbers the databases of this process.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// A migrated, empty database of one test, on the server that all tests of the process share. That server does not
/// wait for the disk (fsync is off): to stop, kill or restart a server, start a [`TestServer`].
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    owner_url: String,
    tcp_url: String,
    name: String,
}

impl TestDatabase {
    /// Makes the database, from a template that was migrated once.
    ///
    /// # Panics
    /// When PostgreSQL does not start, or refuses.
    pub async fn new() -> Self {
        let cluster = SHARED.get_or_init(start_shared).await;
        MIGRATED.get_or_init(|| make_template(cluster)).await;
        Self::copy_of(TEMPLATE).await
    }

    /// Makes a database without tables.
    ///
    /// # Panics
    /// When PostgreSQL does not start, or refuses.
    pub async fn without_schema() -> Self {
        Self::copy_of("template0").await
    }

    async fn copy_of(template: &str) -> Self {
        let cluster = SHARED.get_or_init(start_shared).await;
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let superuser = connect(&cluster.url(Role::Superuser, "postgres")).await;
        let owner = Role::Owner.name();
        superuser
            .batch_execute(&format!(
                "create database {name} template {template} owner {owner} strategy file_copy"
            ))
            .await
            .expect("a database from the template");
        Self {
            url: cluster.url(Role::Service, &name),
            owner_url: cluster.url(Role::Owner, &name),
            tcp_url: cluster
                .tcp_url(Role::Service, &name)
                .expect("the service's password"),
            name,
        }
    }

    /// For the service's role, through the Unix socket.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// For the role that owns the tables.
    pub fn owner_url(&self) -> &str {
        &self.owner_url
    }

    /// For the service's role through TCP (127.0.0.1, with a password), so that something can stand in between.
    pub fn tcp_url(&self) -> &str {
        &self.tcp_url
    }

    /// For the superuser, who may end other connections.
    pub fn superuser_url(&self) -> String {
        SHARED
            .get()
            .expect("the server runs")
            .url(Role::Superuser, &self.name)
    }

    /// A connection of the service's role.
    pub async fn client(&self) -> Client {
        connect(&self.url).await
    }

    /// A connection of the role that owns the tables.
    pub async fn owner(&self) -> Client {
        connect(&self.owner_url).await
    }
}

/// A PostgreSQL server of one test's own, migrated, with a fixed port; its folder goes when it is dropped. It does not
/// wait for the disk (fsync is off): processes that are killed lose nothing that the kernel has taken, and how slow this
/// machine's disk is at the moment decides no test.
#[derive(Debug)]
pub struct TestServer {
    cluster: Option<Cluster>,
    options: ClusterOptions,
    url: String,
    owner_url: String,
    folder: Folder,
}

impl TestServer {
    /// Makes and starts the server, and migrates the database.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        let folder = Folder::new();
        let mut options = ClusterOptions::new(&folder.path);
        options.port = Some(crate::free_port());
        options.fsync = false;
        let cluster = Cluster::start(options.clone()).await.expect("PostgreSQL starts");
        let url = cluster.url(Role::Service, DATABASE);
        let owner_url = cluster.url(Role::Owner, DATABASE);
        migrate(&owner_url).await;
        Self {
            cluster: Some(cluster),
            options,
            url,
            owner_url,
            folder,
        }
    }

    /// For the service's role, through the Unix socket; the same after a restart.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// For the role that owns the tables.
    pub fn owner_url(&self) -> &str {
        &self.owner_url
    }

    /// For the service's role through TCP.
    ///
    /// # Panics
    /// When the server does not run.
    pub fn tcp_url(&self) -> String {
        self.running()
            .tcp_url(Role::Service, DATABASE)
            .expect("the service's password")
    }

    /// For the superuser.
    ///
    /// # Panics
    /// When the server does not run.
    pub fn superuser_url(&self) -> String {
        self.running().url(Role::Superuser, DATABASE)
    }

    /// The TCP port; the same after a restart.
    ///
    /// # Panics
    /// When the server does not run.
    pub fn port(&self) -> u16 {
        self.running().port()
    }

    fn running(&self) -> &Cluster {
        self.cluster.as_ref().expect("the server runs")
    }

    /// The folder of the server.
    pub fn folder(&self) -> &Path {
        &self.folder.path
    }

    /// Stops the server (fast shutdown: transactions are rolled back).
    ///
    /// # Panics
    /// When it does not stop.
    pub async fn stop(&mut self) {
        if let Some(cluster) = self.cluster.take() {
            cluster.stop().await.expect("PostgreSQL stops");
        }
    }

    /// Kills the server's first process with SIGKILL, as the system does when memory runs out; what it leaves behind
    /// is recovered by [`Self::start_again`].
    ///
    /// # Panics
    /// When it runs no more.
    pub async fn kill(&mut self) {
        let mut cluster = self.cluster.take().expect("the server runs");
        let pid = cluster.pid().to_string();
        let killed = tokio::process::Command::new("kill")
            .args(["-KILL", &pid])
            .status()
            .await;
        assert!(killed.is_ok_and(|status| status.success()), "kill -KILL {pid}");
        cluster.exited().await;
        // The processes of open connections outlive the first one for a moment, and would answer still.
        let data = self.folder.path.join("data");
        crate::eventually(
            "all of PostgreSQL has ended",
            std::time::Duration::from_secs(20),
            async || {
                let processes = std::fs::read_dir("/proc").expect("the list of processes");
                let in_data = |entry: std::fs::DirEntry| {
                    std::fs::read_link(entry.path().join("cwd")).ok() == Some(data.clone())
                };
                !processes.flatten().any(in_data)
            },
        )
        .await;
    }

    /// Starts the server again, on the same data and port.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        assert!(self.cluster.is_none(), "the server runs");
        self.cluster = Some(
            Cluster::start(self.options.clone())
                .await
                .expect("PostgreSQL starts again"),
        );
    }
}

/// A connection to `url`, served by a task of the current runtime.
///
/// # Panics
/// When it is refused.
pub async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("PostgreSQL takes the connection");
    tokio::spawn(connection);
    client
}

async fn start_shared() -> Cluster {
    remove_abandoned();
    let mut options = ClusterOptions::new(Folder::new().keep());
    options.fsync = false;
    Cluster::start(options).await.expect("PostgreSQL starts")
}

async fn make_template(cluster: &Cluster) {
    let superuser = connect(&cluster.url(Role::Superuser, "postgres")).await;
    let owner = Role::Owner.name();
    superuser
        .batch_execute(&format!("create database {TEMPLATE} owner {owner}"))
        .await
        .expect("a template");
    migrate(&cluster.url(Role::Owner, TEMPLATE)).await;
}

/// Migrates, and waits until the connection is gone: a database with connections is no template.
async fn migrate(owner_url: &str) {
    let (mut client, connection) = tokio_postgres::connect(owner_url, NoTls)
        .await
        .expect("the owner's connection");
    let connection = tokio::spawn(connection);
    zonelog_schema::migrate(&mut client, Role::Service.name())
        .await
        .expect("the schema");
    drop(client);
    connection
        .await
        .expect("the connection's task")
        .expect("the connection ends well");
}

/// A folder under the system's temporary one, which user `postgres` can reach. Its lock is held as long as a test wants
/// it, also while no server runs in it: without that, another test process that starts in between would take it for
/// abandoned, and remove it under the server that is just coming back.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    lock: Option<File>,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir()
            .expect("a temporary folder");
        // It gets its name when it is locked: nobody sees it free.
        let unnamed = folder.path().join("new.lock");
        let lock = File::create(&unnamed).expect("a lock file");
        lock.try_lock().expect("nobody else knows the file");
        std::fs::rename(unnamed, folder.path().join(LOCK)).expect("the lock file gets its name");
        Self {
            path: folder.keep(),
            lock: Some(lock),
        }
    }

    /// The folder, to stay when this is dropped; it is locked as long as the process lives.
    fn keep(mut self) -> PathBuf {
        std::mem::forget(self.lock.take());
        std::mem::take(&mut self.path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Removes the folders of earlier test processes, which cannot do it themselves: their server runs to their end.
fn remove_abandoned() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else {
        return;
    };
    for entry in entries.flatten() {
        let folder = entry.path();
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(PREFIX));
        if ours && is_abandoned(&folder) {
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
}

/// No test holds the folder, and no server is still ending in it.
fn is_abandoned(folder: &Path) -> bool {
    let Ok(lock) = File::open(folder.join(LOCK)) else {
        return false;
    };
    let pid_file = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
    let runs = pid_file
        .lines()
        .next()
        .is_some_and(|pid| Path::new("/proc").join(pid.trim()).exists());
    lock.try_lock().is_ok() && !runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_abandoned_only_when_no_test_holds_it() {
        let folder = Folder::new();
        let path = folder.path.clone();
        assert!(!is_abandoned(&path), "no server runs in it, but a test wants it");
        let path = folder.keep();
        assert!(!is_abandoned(&path), "held to the end of the process");
        std::fs::remove_dir_all(path).expect("the folder goes");

        let mut folder = Folder::new();
        folder.lock = None;
        assert!(is_abandoned(&folder.path));
    }
}
