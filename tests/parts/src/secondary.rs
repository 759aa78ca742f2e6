//! What the name servers that are only secondaries have in common: a configuration file in a folder of their own, a
//! port, a child process that ends with the test.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long a server may take to answer its first query.
const PATIENCE: Duration = Duration::from_secs(20);

/// A query for the SOA of the root, as a sign of life: any answer will do (RFC 1035 §4.1).
const SIGN_OF_LIFE: [u8; 17] = [0x5a, 0x4c, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1];

/// A name server's program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    /// The executable.
    pub(crate) name: &'static str,
    /// The Debian package that has it.
    pub(crate) package: &'static str,
    /// Its arguments; it runs in its folder.
    pub(crate) arguments: &'static [&'static str],
    /// The name of its configuration file.
    pub(crate) config: &'static str,
}

/// A running name server.
#[derive(Debug)]
pub(crate) struct Secondary {
    folder: TempDir,
    child: Child,
    /// Where it answers.
    pub(crate) dns: SocketAddr,
}

impl Secondary {
    /// Starts it with the configuration for a folder and an address, and waits until it answers.
    pub(crate) async fn start(
        program: Program,
        configuration: impl Fn(&str, SocketAddr) -> String,
    ) -> io::Result<Self> {
        let prefix = format!("zonelog-{}-", program.package);
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir()?;
        let dns = SocketAddr::from((Ipv4Addr::LOCALHOST, crate::free_port()));
        let path = folder.path().to_string_lossy().into_owned();
        std::fs::write(folder.path().join(program.config), configuration(&path, dns))?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        // The server must not outlive the test: it gets SIGKILL when the thread that started it ends.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", program.name])
            .args(program.arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                let Program { name, package, .. } = program;
                io::Error::new(
                    error.kind(),
                    format!("cannot run setpriv and {name} (apt install {package}): {error}"),
                )
            })?;
        let mut server = Self { folder, child, dns };
        server.wait_until_it_answers(program).await?;
        Ok(server)
    }

    async fn wait_until_it_answers(&mut self, program: Program) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket.connect(self.dns).await?;
        loop {
            if self.child.try_wait()?.is_some() || Instant::now() > end {
                let log = self.log();
                return Err(io::Error::other(format!(
                    "{} did not come up; its log:\n{log}",
                    program.name
                )));
            }
            if socket.send(&SIGN_OF_LIFE).await.is_ok() {
                let mut answer = [0; 512];
                let received =
                    tokio::time::timeout(Duration::from_millis(50), socket.recv(&mut answer)).await;
                if matches!(received, Ok(Ok(length)) if length >= 12) {
                    return Ok(());
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends it a signal, by its name without `SIG`.
    pub(crate) async fn signal(&self, name: &str) -> io::Result<()> {
        let pid = self.child.id().ok_or(io::ErrorKind::NotFound)?;
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(pid.to_string())
            .status()
            .await?;
        match sent.success() {
            true => Ok(()),
            false => Err(io::Error::other(format!("kill -{name} {pid} failed"))),
        }
    }

    /// What it wrote to its log so far.
    pub(crate) fn log(&self) -> String {
        let path: PathBuf = self.folder.path().join("log");
        std::fs::read_to_string(path).unwrap_or_default()
    }
}
