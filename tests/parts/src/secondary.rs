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
    /// What makes of that file what the server starts from; it runs in the folder too.
    pub(crate) before: Option<&'static [&'static str]>,
    /// The socket in the folder by which it is told, where it has one: it may answer DNS before it can be told.
    pub(crate) told_by: Option<&'static str>,
}

/// The TSIG key by which a secondary transfers (RFC 8945).
#[derive(Clone, Copy, Debug)]
pub struct TransferKey {
    /// Its name.
    pub name: &'static str,
    /// Its algorithm, as all servers spell it: `hmac-sha256`.
    pub algorithm: &'static str,
    /// Its secret in base64: for tests only.
    pub secret: &'static str,
}

/// A name server that runs, or that was killed and may be started again.
#[derive(Debug)]
pub(crate) struct Secondary {
    folder: TempDir,
    program: Program,
    child: Option<Child>,
    /// Its configuration, and files that it names.
    files: Vec<(String, String)>,
    /// Where it answers.
    pub(crate) dns: SocketAddr,
}

impl Secondary {
    /// Starts it with the configuration for a folder and an address, and waits until it answers.
    pub(crate) async fn start(
        program: Program,
        configuration: impl Fn(&str, SocketAddr) -> String,
    ) -> io::Result<Self> {
        Self::start_with(program, &[], configuration).await
    }

    /// The same, with other files beside the configuration: names and contents.
    pub(crate) async fn start_with(
        program: Program,
        files: &[(&str, &str)],
        configuration: impl Fn(&str, SocketAddr) -> String,
    ) -> io::Result<Self> {
        let prefix = format!("zonelog-{}-", program.package);
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir()?;
        let dns = SocketAddr::from((Ipv4Addr::LOCALHOST, crate::free_port()));
        let path = folder.path().to_string_lossy().into_owned();
        let mut all = vec![(program.config.to_owned(), configuration(&path, dns))];
        all.extend(
            files
                .iter()
                .map(|&(name, content)| (name.to_owned(), content.to_owned())),
        );
        let mut server = Self {
            folder,
            program,
            child: None,
            files: all,
            dns,
        };
        server.set_up().await?;
        server.start_again().await?;
        Ok(server)
    }

    /// Writes its files, as for its first start.
    async fn set_up(&self) -> io::Result<()> {
        for (name, content) in &self.files {
            std::fs::write(self.folder.path().join(name), content)?;
        }
        if let Some([program, arguments @ ..]) = self.program.before {
            let done = Command::new(program)
                .args(arguments)
                .current_dir(self.folder.path())
                .output()
                .await?;
            if !done.status.success() {
                return Err(io::Error::other(format!("{program} failed: {done:?}")));
            }
        }
        Ok(())
    }

    /// Writes its configuration anew, for its next start.
    pub(crate) fn reconfigure(&mut self, change: impl Fn(&str) -> String) -> io::Result<()> {
        let (name, content) = &mut self.files[0];
        *content = change(content);
        std::fs::write(self.folder.path().join(name), content)
    }

    /// Its process id, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub(crate) async fn kill(&mut self) -> io::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Kills it and deletes everything that it was told and transferred, as if its disk was lost. It is down afterwards.
    pub(crate) async fn wipe(&mut self) -> io::Result<()> {
        self.kill().await?;
        for entry in std::fs::read_dir(self.folder.path())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                std::fs::remove_dir_all(entry.path())?;
            } else if entry.file_name() != "log" {
                std::fs::remove_file(entry.path())?;
            }
        }
        self.set_up().await
    }

    /// Starts it on the same port and folder, and waits until it answers. Does nothing while it runs.
    pub(crate) async fn start_again(&mut self) -> io::Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))?;
        let program = self.program;
        // The server must not outlive the test: it gets SIGKILL when the thread that started it ends.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", program.name])
            .args(program.arguments)
            .current_dir(self.folder.path())
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
        self.child = Some(child);
        self.wait_until_it_answers(program).await
    }

    async fn wait_until_it_answers(&mut self, program: Program) -> io::Result<()> {
        let end = Instant::now() + PATIENCE;
        let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket.connect(self.dns).await?;
        loop {
            let ended = self.child.as_mut().map(Child::try_wait).transpose()?.flatten();
            if ended.is_some() || Instant::now() > end {
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
                let told_by = program.told_by.map(|socket| self.folder.path().join(socket));
                if matches!(received, Ok(Ok(length)) if length >= 12)
                    && told_by.is_none_or(|socket| std::os::unix::net::UnixStream::connect(socket).is_ok())
                {
                    return Ok(());
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends it a signal, by its name without `SIG`.
    pub(crate) async fn signal(&self, name: &str) -> io::Result<()> {
        let pid = self.pid().ok_or(io::ErrorKind::NotFound)?;
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
