//! A private PostgreSQL cluster from the machine's binaries: made, started and stopped by its owner.
//!
//! [`Cluster::start`] makes the cluster when there is none, with the roles `zonelog_owner` and `zonelog_service` and the
//! database `zonelog`, and starts PostgreSQL as a direct child. As root PostgreSQL runs as user `postgres`, since it
//! refuses to run as root. When the owner is gone, however it ended, PostgreSQL ends too: the kernel sends it SIGINT.
//!
//! Connections: a Unix socket in a directory that only this user, or root, can enter; and 127.0.0.1 with passwords.

mod binaries;
mod directory;
mod error;
mod roles;
mod server;

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use binaries::Binaries;
use directory::Directory;
pub use error::ClusterError;
pub use roles::Role;
use server::Server;

/// The database that [`Cluster::start`] makes.
pub const DATABASE: &str = "zonelog";

/// Where and how a cluster runs.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// Everything of the cluster is in here; made when missing. As root, user `postgres` must be able to reach it.
    pub directory: PathBuf,
    /// The TCP port on 127.0.0.1; `None` takes a free one at each start.
    pub port: Option<u16>,
    /// Whether a commit waits for the disk. Off loses data when the machine stops: only for tests.
    pub fsync: bool,
    /// Connections that PostgreSQL allows at once.
    pub max_connections: u16,
    /// Further settings of postgresql.conf, which go before the ones made here.
    pub settings: Vec<(String, String)>,
    /// The folder of `postgres` and `initdb`; `None` looks in `/usr/lib/postgresql/*/bin` and in `PATH`.
    pub binaries: Option<PathBuf>,
    /// How long to wait until PostgreSQL takes connections; after a crash it replays its log first.
    pub start_timeout: Duration,
}

impl ClusterOptions {
    /// A durable cluster in `directory` on a free port, for up to 200 connections.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            port: None,
            fsync: true,
            max_connections: 200,
            settings: Vec::new(),
            binaries: None,
            start_timeout: Duration::from_secs(300),
        }
    }
}

/// A running cluster. Dropped, it is asked to stop and not waited for; [`Cluster::stop`] waits.
#[derive(Debug)]
pub struct Cluster {
    directory: Directory,
    server: Server,
    port: u16,
    password: String,
}

impl Cluster {
    /// Makes the cluster when it is missing, starts it, and waits until it takes connections.
    ///
    /// # Errors
    /// Missing binaries, a directory that another process owns or that user `postgres` cannot reach, data of another
    /// PostgreSQL, a port that is taken: [`ClusterError`] says which, with what PostgreSQL printed.
    pub async fn start(options: ClusterOptions) -> Result<Self, ClusterError> {
        let directory = Directory::open(&options.directory)?;
        let binaries = Binaries::find(options.binaries.as_deref(), directory.data_version()?)?;
        let password = directory.password()?;
        if directory.data_version()?.is_none() {
            server::initialize(&directory, &binaries, &options).await?;
        }
        directory.remove_stale_pid_file().await?;
        // A free port may be taken by another between the choice and PostgreSQL's bind: then another is chosen.
        let mut attempts = if options.port.is_some() { 1 } else { 5 };
        let (server, port) = loop {
            let port = match options.port {
                Some(port) => port,
                None => server::free_port()?,
            };
            attempts -= 1;
            match Server::start(&directory, &binaries, &options, port).await {
                Ok(server) => break (server, port),
                Err(ClusterError::Exited { .. }) if attempts > 0 => {}
                Err(error) => return Err(error),
            }
        };
        let cluster = Self {
            directory,
            server,
            port,
            password,
        };
        roles::prepare(&cluster.url(Role::Superuser, "postgres"), &cluster.password).await?;
        Ok(cluster)
    }

    /// The URL of a database for a role, through the Unix socket: for this user (and root) alone, without a password.
    pub fn url(&self, role: Role, database: &str) -> String {
        let socket = percent_encoded(self.directory.socket());
        format!("postgresql://{}@{socket}:{}/{database}", role.name(), self.port)
    }

    /// The URL of a database for a role through TCP on 127.0.0.1. It holds the password: not for logs. `None` for the
    /// superuser, who may not come in this way.
    pub fn tcp_url(&self, role: Role, database: &str) -> Option<String> {
        (role != Role::Superuser).then(|| {
            format!(
                "postgresql://{}:{}@127.0.0.1:{}/{database}",
                role.name(),
                self.password,
                self.port
            )
        })
    }

    /// The TCP port on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The process id of PostgreSQL's first process.
    pub const fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Where PostgreSQL writes its messages.
    pub fn log_file(&self) -> PathBuf {
        self.directory.log()
    }

    /// Waits until PostgreSQL has ended, asked or not.
    pub async fn exited(&mut self) -> Option<ExitStatus> {
        self.server.exited().await
    }

    /// Stops PostgreSQL: open transactions are rolled back, what is committed is written to disk.
    ///
    /// # Errors
    /// When it cannot be signalled, or has not ended after a minute.
    pub async fn stop(mut self) -> Result<(), ClusterError> {
        self.server.stop().await
    }
}

/// A path as the host of a URL.
fn percent_encoded(path: &Path) -> String {
    let mut encoded = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(*byte))
            }
            _ => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}
