//! Where the database is, and how connections to it behave.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::config::Host;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{Client, Config, Connection, NoTls, Socket};

use crate::error::StoreError;

/// How long a server may take to let us in.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A PostgreSQL database and how to connect to it. Cheap enough to clone. Its `Debug` form never shows the password.
///
/// Every connection has these limits: a statement 60 s ([`Self::with_statement_timeout`]), an open transaction that
/// does nothing 10 s (so that a frozen writer cannot hold up the others), connecting 10 s; a silent network is noticed
/// within about 15 s. `synchronous_commit` is on: what is acknowledged is on disk.
#[derive(Clone)]
pub struct Database {
    config: Config,
    statement_timeout: Duration,
    settings: Vec<(&'static str, &'static str)>,
}

impl Database {
    /// A database by its URL (`postgresql://user:password@host:port/database`, a socket's directory percent-encoded as
    /// host) or key-value string, and the name under which PostgreSQL shows our connections.
    ///
    /// # Errors
    /// [`StoreError::Url`] when the URL is not one. Nothing is connected yet.
    pub fn new(url: &str, application_name: &str) -> Result<Self, StoreError> {
        let mut config = Config::from_str(url).map_err(|error| {
            let reason =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            StoreError::Url(format!(
                "{reason} (postgresql://user:password@host:port/database is the form)"
            ))
        })?;
        if config.get_hosts().is_empty() {
            return Err(StoreError::Url("it names no host".to_owned()));
        }
        config
            .application_name(application_name)
            .connect_timeout(Duration::from_secs(5))
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(2))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(15));
        let settings = vec![
            ("idle_in_transaction_session_timeout", "10s"),
            ("synchronous_commit", "on"),
            // Queries here are short; compiling them costs more than it gains.
            ("jit", "off"),
            ("timezone", "UTC"),
        ];
        Ok(Self {
            config,
            statement_timeout: Duration::from_secs(60),
            settings,
        })
    }

    /// The same database with another limit for one statement, the sending of its rows included; zero is no limit.
    #[must_use]
    pub fn with_statement_timeout(mut self, limit: Duration) -> Self {
        self.statement_timeout = limit;
        self
    }

    /// The same database with plans that find every row by index. For statements that are prepared while tables are
    /// empty: PostgreSQL may keep a plan that reads them whole, long after they have grown.
    #[must_use]
    pub fn with_index_plans(self) -> Self {
        self.with_setting("enable_seqscan", "off")
            .with_setting("enable_bitmapscan", "off")
            // Starting workers takes longer than any of these statements.
            .with_setting("max_parallel_workers_per_gather", "0")
    }

    /// The same database with a setting of the session; a name that was set before gets the new value.
    #[must_use]
    pub fn with_setting(mut self, name: &'static str, value: &'static str) -> Self {
        self.settings.push((name, value));
        self
    }

    /// Opens a connection, served by a task of the current runtime until the client is dropped.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be reached or refuses.
    pub async fn connect(&self) -> Result<Client, StoreError> {
        let (client, connection) = self.open().await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to the database lost");
            }
        });
        Ok(client)
    }

    /// Opens a connection that the caller serves.
    pub(crate) async fn open(&self) -> Result<(Client, Connection<Socket, NoTlsStream>), StoreError> {
        // The configuration's own limit ends with the TCP connection: a frozen server accepts and says nothing.
        match tokio::time::timeout(CONNECT_LIMIT, self.effective().connect(NoTls)).await {
            Ok(connected) => Ok(connected?),
            Err(_) => Err(StoreError::Unavailable(format!(
                "no answer to a new connection within {CONNECT_LIMIT:?}"
            ))),
        }
    }

    /// A pool of up to `size` connections, opened when needed. Who finds none free waits at most 5 s.
    pub fn pool(&self, size: usize) -> Pool {
        let limit = Some(Duration::from_secs(5));
        let manager = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let pool = Pool::builder(Manager::from_config(self.effective(), NoTls, manager))
            .max_size(size)
            .wait_timeout(limit)
            .create_timeout(limit)
            .recycle_timeout(limit)
            .runtime(Runtime::Tokio1)
            .build();
        #[expect(
            clippy::expect_used,
            reason = "fails only where time limits are given without a runtime"
        )]
        pool.expect("a pool with a runtime")
    }

    /// The configuration with all settings of the session, which travel with the connection's first message.
    fn effective(&self) -> Config {
        let mut config = self.config.clone();
        let mut options = format!("-c statement_timeout={}", self.statement_timeout.as_millis());
        for (name, value) in &self.settings {
            options += &format!(" -c {name}={value}");
        }
        if let Some(given) = self.config.get_options() {
            options = format!("{options} {given}");
        }
        config.options(options);
        config
    }
}

impl fmt::Display for Database {
    /// `user@host:port/database`, without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@", self.config.get_user().unwrap_or("?"))?;
        for (i, host) in self.config.get_hosts().iter().enumerate() {
            let separator = if i == 0 { "" } else { "," };
            match host {
                Host::Tcp(name) => write!(f, "{separator}{name}")?,
                Host::Unix(folder) => write!(f, "{separator}{}", folder.display())?,
            }
        }
        for port in self.config.get_ports() {
            write!(f, ":{port}")?;
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or("?"))
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Database({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_never_shown() {
        let database = Database::new("postgresql://amy:secret@db.example:5433/zones", "test").unwrap();
        assert_eq!(database.to_string(), "amy@db.example:5433/zones");
        assert_eq!(format!("{database:?}"), "Database(amy@db.example:5433/zones)");
        assert!(!format!("{:?}", database.effective()).contains("secret"));
    }

    #[test]
    fn a_url_that_is_none_is_refused() {
        for url in [
            "",
            "postgresql://",
            "postgresql://h:port/x",
            "nonsense",
            "mysql://h/x",
        ] {
            let error = Database::new(url, "test").unwrap_err();
            assert!(matches!(error, StoreError::Url(_)), "{url}: {error}");
        }
    }
}
