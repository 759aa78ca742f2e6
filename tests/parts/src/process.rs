//! A name server's process: started in a folder of its own, asked whether it answers, stopped or killed, its folder emptied.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::{Child, Command};

/// How long a server may take to answer its first query, or to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long it may take until a killed server has left its folder.
const DROP_PATIENCE: Duration = Duration::from_secs(2);

/// A query for the SOA of the root, as a sign of life: any answer will do (RFC 1035 §4.1).
const SIGN_OF_LIFE: [u8; 17] = [0x5a, 0x4c, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1];

/// The name of the log, in the folder.
const LOG: &str = "log";

/// What is started.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    /// The executable.
    pub(crate) program: &'a str,
    /// The Debian package that has it.
    pub(crate) package: &'a str,
    /// Options of setpriv: as whom it runs.
    pub(crate) account: Vec<String>,
    /// Its arguments; it runs in its folder.
    pub(crate) arguments: Vec<String>,
    /// Where it is told: it may answer DNS before it can be told.
    pub(crate) channel: Channel,
}

/// Where a server is told.
#[derive(Debug)]
pub(crate) enum Channel {
    /// It cannot be.
    None,
    /// An address.
    Tcp(SocketAddr),
    /// A socket in its folder.
    Socket(&'static str),
}

/// What a server's log says of its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Nothing against it.
    Fine,
    /// It is not at its end.
    NotYet,
    /// A port of its own is somebody else's.
    PortTaken,
}

/// A server that runs, or that was stopped and may be started again.
#[derive(Debug)]
pub(crate) struct Process {
    folder: TempDir,
    child: Option<Child>,
    /// Where it answers DNS.
    pub(crate) dns: SocketAddr,
}

impl Process {
    /// One that is to be started; `name` is part of its folder's name.
    pub(crate) fn new(name: &str, dns: SocketAddr) -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("zonelog-{name}-"))
            .tempdir()?;
        Ok(Self {
            folder,
            child: None,
            dns,
        })
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// What it wrote to its log so far.
    pub(crate) fn log(&self) -> String {
        let path: PathBuf = self.folder().join(LOG);
        std::fs::read_to_string(path).unwrap_or_default()
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

    /// Stops it in good order (SIGTERM) and waits for its end. What it has stays on its disk.
    pub(crate) async fn stop(&mut self) -> io::Result<()> {
        if self.pid().is_some() {
            self.signal("TERM").await?;
        }
        if let Some(child) = &mut self.child
            && tokio::time::timeout(PATIENCE, child.wait()).await.is_err()
        {
            child.kill().await?;
        }
        self.child = None;
        Ok(())
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub(crate) async fn kill(&mut self) -> io::Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Kills it and deletes what is in its folder, but its log and the files that are to be kept.
    pub(crate) async fn wipe(&mut self, keep: impl Fn(&str) -> bool) -> io::Result<()> {
        self.kill().await?;
        for entry in std::fs::read_dir(self.folder())? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name == LOG || keep(&name) {
                continue;
            }
            let removed = match entry.file_type() {
                Ok(kind) if kind.is_dir() => std::fs::remove_dir_all(entry.path()),
                Ok(_) => std::fs::remove_file(entry.path()),
                Err(error) => Err(error),
            };
            // NSD's other processes tidy up when they find that the first is gone.
            if let Err(error) = removed
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error);
            }
        }
        Ok(())
    }

    /// Starts it, and waits until it answers and what it writes to its log is fine. Does nothing while it runs.
    pub(crate) async fn start(&mut self, start: &Start<'_>, look: impl Fn(&str) -> Look) -> io::Result<()> {
        if self.child.is_some() {
            return Ok(());
        }
        let already = self.log().len();
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder().join(LOG))?;
        // The server must not outlive the test: it gets SIGKILL when the thread that started it ends.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .args(&start.account)
            .arg(start.program)
            .args(&start.arguments)
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn();
        let Start { program, package, .. } = start;
        self.child = Some(child.map_err(|error| {
            let text = format!("cannot run setpriv and {program} (apt install {package}): {error}");
            io::Error::new(error.kind(), text)
        })?);
        let end = Instant::now() + PATIENCE;
        let socket = tokio::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket.connect(self.dns).await?;
        loop {
            let ended = self.child.as_mut().map(Child::try_wait).transpose()?.flatten();
            let log = self.log();
            let log = log.get(already..).unwrap_or_default();
            let seen = look(log);
            if seen == Look::PortTaken || ended.is_some() || Instant::now() > end {
                let text = format!("{program} on {} did not come up; its log:\n{log}", self.dns);
                self.kill().await?;
                return Err(match seen {
                    Look::PortTaken => io::Error::new(io::ErrorKind::AddrInUse, text),
                    _ => io::Error::other(text),
                });
            }
            if seen == Look::Fine && answers(&socket).await && self.can_be_told(&start.channel).await {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn can_be_told(&self, channel: &Channel) -> bool {
        match channel {
            Channel::None => true,
            Channel::Tcp(address) => tokio::net::TcpStream::connect(address).await.is_ok(),
            Channel::Socket(name) => {
                let path = self.folder().join(name);
                tokio::net::UnixStream::connect(path).await.is_ok()
            }
        }
    }
}

impl Drop for Process {
    /// Kills it, and deletes its folder when nothing writes to it any more.
    fn drop(&mut self) {
        let end = Instant::now() + DROP_PATIENCE;
        let mut child = self.child.take();
        if let Some(child) = &mut child {
            // It may have ended by itself.
            let _ = child.start_kill();
        }
        let runs = |child: &mut Child| matches!(child.try_wait(), Ok(None));
        while Instant::now() < end {
            // NSD's other processes end a little later than the one that was started, and leave files.
            if !child.as_mut().is_some_and(runs) && std::fs::remove_dir_all(self.folder()).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Whether a server shows a sign of life.
async fn answers(socket: &tokio::net::UdpSocket) -> bool {
    if socket.send(&SIGN_OF_LIFE).await.is_err() {
        return false;
    }
    let mut answer = [0; 512];
    let received = tokio::time::timeout(Duration::from_millis(50), socket.recv(&mut answer)).await;
    matches!(received, Ok(Ok(length)) if length >= 12)
}
