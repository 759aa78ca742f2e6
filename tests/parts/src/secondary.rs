//! What the name servers that are only secondaries have in common: a configuration file in a folder of their own, a
//! port, a child process that ends with the test.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use tokio::process::Command;

use crate::process::{Channel, Look, Process, Start};

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
    program: Program,
    /// Its configuration, and files that it names.
    files: Vec<(String, String)>,
    process: Process,
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
        let dns = SocketAddr::from((Ipv4Addr::LOCALHOST, crate::free_port()));
        let process = Process::new(program.package, dns)?;
        let path = process.folder().to_string_lossy().into_owned();
        let mut all = vec![(program.config.to_owned(), configuration(&path, dns))];
        all.extend(
            files
                .iter()
                .map(|&(name, content)| (name.to_owned(), content.to_owned())),
        );
        let mut server = Self {
            program,
            files: all,
            process,
        };
        server.set_up().await?;
        server.start_again().await?;
        Ok(server)
    }

    /// Writes its files, as for its first start.
    async fn set_up(&self) -> io::Result<()> {
        for (name, content) in &self.files {
            std::fs::write(self.folder().join(name), content)?;
        }
        if let Some([program, arguments @ ..]) = self.program.before {
            let done = Command::new(program)
                .args(arguments)
                .current_dir(self.folder())
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
        std::fs::write(self.process.folder().join(name), content)
    }

    /// Its process id, while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.process.folder()
    }

    /// Where it answers DNS, UDP and TCP.
    pub(crate) fn dns_address(&self) -> SocketAddr {
        self.process.dns
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub(crate) async fn kill(&mut self) -> io::Result<()> {
        self.process.kill().await
    }

    /// Kills it and deletes everything that it was told and transferred, as if its disk was lost. It is down afterwards.
    pub(crate) async fn wipe(&mut self) -> io::Result<()> {
        self.process.wipe(|_| false).await?;
        self.set_up().await
    }

    /// Starts it on the same port and folder, and waits until it answers. Does nothing while it runs.
    pub(crate) async fn start_again(&mut self) -> io::Result<()> {
        let Program {
            name,
            package,
            arguments,
            told_by,
            ..
        } = self.program;
        let start = Start {
            program: name,
            package,
            account: Vec::new(),
            arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
            channel: told_by.map_or(Channel::None, Channel::Socket),
        };
        self.process.start(&start, |_| Look::Fine).await
    }

    /// Sends it a signal, by its name without `SIG`.
    pub(crate) async fn signal(&self, name: &str) -> io::Result<()> {
        self.process.signal(name).await
    }

    /// What it wrote to its log so far.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }
}

/// What is to be said of a server around a [`Secondary`].
macro_rules! secondary {
    ($server:ty) => {
        impl $server {
            /// Kills it (SIGKILL) and waits for its end.
            pub async fn kill(&mut self) -> std::io::Result<()> {
                self.0.kill().await
            }

            /// Kills it and deletes everything that it was told and transferred. It is down afterwards.
            pub async fn wipe(&mut self) -> std::io::Result<()> {
                self.0.wipe().await
            }

            /// Starts it again on the same port and folder, and waits until it answers.
            pub async fn start_again(&mut self) -> std::io::Result<()> {
                self.0.start_again().await
            }

            /// Where it answers DNS, UDP and TCP.
            pub fn dns_address(&self) -> std::net::SocketAddr {
                self.0.dns_address()
            }

            /// What it wrote to its log so far.
            pub fn log(&self) -> String {
                self.0.log()
            }
        }
    };
}

pub(crate) use secondary;
