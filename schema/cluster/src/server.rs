//! PostgreSQL's processes: making a cluster, starting, waiting, stopping.

use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tokio_postgres::NoTls;

use crate::ClusterOptions;
use crate::binaries::Binaries;
use crate::directory::Directory;
use crate::error::ClusterError;

/// A log longer than this is begun anew at the next start.
const LONGEST_LOG: u64 = 16 << 20;

/// How much of what a program printed goes into an error.
const TAIL: usize = 2000;

/// How long PostgreSQL may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// The running server, as a direct child of this process.
#[derive(Debug)]
pub(crate) struct Server {
    pid: u32,
    /// `Some` once it has ended.
    ended: watch::Receiver<Option<ExitStatus>>,
}

/// A TCP port of 127.0.0.1 that nobody listens on at this moment.
pub(crate) fn free_port() -> Result<u16, ClusterError> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(ClusterError::io("find a free port"))?;
    Ok(listener
        .local_addr()
        .map_err(ClusterError::io("find a free port"))?
        .port())
}

/// Makes an empty cluster. It gets its name when it is whole, so that an interrupted `initdb` leaves none behind.
pub(crate) async fn initialize(
    directory: &Directory,
    binaries: &Binaries,
    options: &ClusterOptions,
) -> Result<(), ClusterError> {
    let unfinished = directory.unfinished_data();
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished)
            .map_err(ClusterError::io(format!("remove {}", unfinished.display())))?;
    }
    let mut command = as_postgres(directory, &binaries.initdb);
    command.arg("-D").arg(&unfinished).args([
        "--username=postgres",
        "--auth-local=trust",
        "--auth-host=scram-sha-256",
        "--encoding=UTF8",
        // Byte order, the same on every machine and through every upgrade of the system's locales.
        "--locale=C",
        "--data-checksums",
    ]);
    if !options.fsync {
        command.arg("--no-sync");
    }
    // A thread of its own: initdb dies with the thread that started it (see `as_postgres`).
    let (report, reported) = oneshot::channel();
    std::thread::spawn(move || report.send(command.stdin(Stdio::null()).output()));
    let output = reported
        .await
        .map_err(|_| std::io::Error::other("its thread ended"))
        .flatten()
        .map_err(ClusterError::io("run initdb"))?;
    if !output.status.success() {
        let text = [output.stdout, output.stderr].concat();
        return Err(ClusterError::Exited {
            program: "initdb",
            output: tail(&text),
        });
    }
    let data = directory.data();
    std::fs::rename(&unfinished, &data).map_err(ClusterError::io(format!("name {}", data.display())))
}

/// A command that runs as user `postgres` when we are root, and gets SIGINT when the thread that starts it ends: with
/// this process at the latest, even when that is killed.
fn as_postgres(directory: &Directory, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if directory.account().is_some() {
        command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]);
    }
    command.args(["--pdeathsig", "INT", "--"]).arg(program);
    // A folder that user postgres can be in.
    command.current_dir("/");
    // Its own process group: an interrupt from the terminal is for us, and we stop the database last.
    command.process_group(0);
    command
}

impl Server {
    /// Starts PostgreSQL and waits until it takes connections.
    pub(crate) async fn start(
        directory: &Directory,
        binaries: &Binaries,
        options: &ClusterOptions,
        port: u16,
    ) -> Result<Self, ClusterError> {
        let log_name = directory.log();
        let log = open_log(&log_name).map_err(ClusterError::io(format!("open {}", log_name.display())))?;
        let log_start = log.metadata().map_or(0, |meta| meta.len());
        let mut command = as_postgres(directory, &binaries.postgres);
        command.arg("-D").arg(directory.data());
        for (name, value) in settings(directory, options, port) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let output = log.try_clone().map_err(ClusterError::io("open the log twice"))?;
        command.stdin(Stdio::null()).stdout(output).stderr(log);

        let (end, ended) = watch::channel(None);
        let (start, started) = oneshot::channel();
        let ownership = directory.ownership();
        // The thread lives as long as PostgreSQL, and PostgreSQL no longer than the thread: the runtime's own threads
        // come and go, and would take it with them.
        std::thread::spawn(move || {
            match command.spawn() {
                Ok(mut child) => {
                    let _ = start.send(Ok(child.id()));
                    let status = child.wait().unwrap_or_default();
                    // Owned until it ended, and no longer than that is known.
                    drop(ownership);
                    let _ = end.send(Some(status));
                }
                Err(error) => {
                    let _ = start.send(Err(error));
                }
            }
        });
        let pid = started
            .await
            .map_err(|_| std::io::Error::other("its thread ended"))
            .flatten()
            .map_err(ClusterError::io("run setpriv and postgres"))?;
        let mut server = Self { pid, ended };
        let mut config = tokio_postgres::Config::new();
        config
            .host_path(directory.socket())
            .port(port)
            .user("postgres")
            .dbname("postgres");
        config.connect_timeout(Duration::from_secs(2));
        let deadline = Instant::now() + options.start_timeout;
        loop {
            let last = match config.connect(NoTls).await {
                Ok(_) => return Ok(server),
                Err(error) => error.to_string(),
            };
            if server.ended.borrow().is_some() {
                let text = std::fs::read(&log_name).unwrap_or_default();
                let new = text
                    .get(usize::try_from(log_start).unwrap_or(0)..)
                    .unwrap_or_default();
                return Err(ClusterError::Exited {
                    program: "postgres",
                    output: tail(new),
                });
            }
            if Instant::now() > deadline {
                let _ = server.stop().await;
                return Err(ClusterError::NotReady {
                    seconds: options.start_timeout.as_secs(),
                    last,
                });
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) async fn exited(&mut self) -> Option<ExitStatus> {
        self.ended
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|status| *status)
    }

    /// Fast shutdown.
    pub(crate) async fn stop(&mut self) -> Result<(), ClusterError> {
        self.interrupt().map_err(ClusterError::io("signal postgres"))?;
        match tokio::time::timeout(STOP_TIMEOUT, self.exited()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(ClusterError::NotStopped {
                pid: self.pid,
                seconds: STOP_TIMEOUT.as_secs(),
            }),
        }
    }

    /// SIGINT, PostgreSQL's fast shutdown, unless it has ended: then its number may be another's. The shell's `kill`
    /// does it, since the standard library only knows SIGKILL.
    fn interrupt(&self) -> std::io::Result<()> {
        if self.ended.borrow().is_none() {
            Command::new("sh")
                .args(["-c", "kill -INT \"$0\"", &self.pid.to_string()])
                .stderr(Stdio::null())
                .status()?;
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.interrupt() {
            tracing::warn!(%error, pid = self.pid, "cannot stop PostgreSQL");
        }
    }
}

/// Opens the log for PostgreSQL to append to.
fn open_log(name: &Path) -> std::io::Result<File> {
    let truncate = std::fs::metadata(name).is_ok_and(|meta| meta.len() > LONGEST_LOG);
    if truncate {
        std::fs::remove_file(name)?;
    }
    OpenOptions::new().create(true).append(true).open(name)
}

/// The settings of postgresql.conf, as arguments; what the caller gives comes last and wins.
fn settings(directory: &Directory, options: &ClusterOptions, port: u16) -> Vec<(String, String)> {
    let on_or_off = if options.fsync { "on" } else { "off" };
    let ours = [
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
        (
            "unix_socket_directories",
            directory.socket().display().to_string(),
        ),
        ("unix_socket_permissions", "0700".to_owned()),
        ("max_connections", options.max_connections.to_string()),
        ("fsync", on_or_off.to_owned()),
        ("full_page_writes", on_or_off.to_owned()),
        ("shared_buffers", "256MB".to_owned()),
        ("max_wal_size", "4GB".to_owned()),
        ("checkpoint_timeout", "15min".to_owned()),
        ("wal_compression", "on".to_owned()),
        // Queries here are short; compiling them costs more than it gains.
        ("jit", "off".to_owned()),
        ("log_checkpoints", "off".to_owned()),
        ("log_line_prefix", "%m [%p] %u@%d ".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("log_timezone", "UTC".to_owned()),
    ];
    let ours = ours.into_iter().map(|(name, value)| (name.to_owned(), value));
    ours.chain(options.settings.iter().cloned()).collect()
}

/// The end of what a program printed.
fn tail(text: &[u8]) -> String {
    let text = &text[text.len().saturating_sub(TAIL)..];
    String::from_utf8_lossy(text).trim().to_owned()
}
