//! The cluster's directory: who owns it, and what is in it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::ClusterError;

/// The system user as whom PostgreSQL runs when we are root.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    uid: u32,
    gid: u32,
}

/// An owned directory: `data/`, `run/` (the socket), `log`, `password`, `owner.lock`.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    socket: PathBuf,
    account: Option<Account>,
    /// Locked while anybody has it open: this process, and the thread that waits for PostgreSQL.
    lock: Arc<File>,
}

impl Directory {
    /// Makes the directory when it is missing, and takes it for this process.
    pub(crate) fn open(path: &Path) -> Result<Self, ClusterError> {
        let made = |what: &Path| ClusterError::io(format!("make {}", what.display()));
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(path)
            .map_err(made(path))?;
        let path = path
            .canonicalize()
            .map_err(ClusterError::io(format!("find {}", path.display())))?;
        let account = Account::of_postgres()?;
        if let Some(account) = account {
            account.reaches(&path)?;
        }
        let lock = Self::lock(&path)?;
        if let Some(account) = account {
            account.give(&path)?;
        }
        let socket = path.join("run");
        // ".s.PGSQL.65535.lock" is the longest name in it.
        if socket.as_os_str().len() + ".s.PGSQL.65535.lock".len() >= 107 {
            return Err(ClusterError::PathTooLong { path: socket });
        }
        if !socket.is_dir() {
            DirBuilder::new()
                .mode(0o700)
                .create(&socket)
                .map_err(made(&socket))?;
        }
        std::fs::set_permissions(&socket, Permissions::from_mode(0o700)).map_err(made(&socket))?;
        if let Some(account) = account {
            account.give(&socket)?;
        }
        Ok(Self {
            path,
            socket,
            account,
            lock: Arc::new(lock),
        })
    }

    fn lock(path: &Path) -> Result<File, ClusterError> {
        let name = path.join("owner.lock");
        let action = format!("lock {}", name.display());
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&name);
        let file = file.map_err(ClusterError::io(action.clone()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(ClusterError::InUse {
                directory: path.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(ClusterError::Io { action, source }),
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Where a new cluster is made before it gets its name: one that was half made is thrown away.
    pub(crate) fn unfinished_data(&self) -> PathBuf {
        self.path.join("data.unfinished")
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    pub(crate) const fn account(&self) -> Option<Account> {
        self.account
    }

    /// A share of the ownership.
    pub(crate) fn ownership(&self) -> Arc<File> {
        Arc::clone(&self.lock)
    }

    /// The major version of PostgreSQL that made the data; `None` when there is no data yet.
    pub(crate) fn data_version(&self) -> Result<Option<String>, ClusterError> {
        let name = self.data().join("PG_VERSION");
        match std::fs::read_to_string(&name) {
            Ok(version) => Ok(Some(version.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ClusterError::Io {
                action: format!("read {}", name.display()),
                source,
            }),
        }
    }

    /// The password of both roles through TCP: made once, from the system's randomness, and kept for this user alone.
    pub(crate) fn password(&self) -> Result<String, ClusterError> {
        let name = self.path.join("password");
        let failed = || ClusterError::io(format!("keep the password in {}", name.display()));
        if let Ok(password) = std::fs::read_to_string(&name)
            && password.len() == 64
        {
            return Ok(password);
        }
        let mut bytes = [0_u8; 32];
        File::open("/dev/urandom")
            .and_then(|mut source| source.read_exact(&mut bytes))
            .map_err(failed())?;
        let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&name);
        file.and_then(|mut file| file.write_all(password.as_bytes()))
            .map_err(failed())?;
        Ok(password)
    }

    /// Removes the pid file that a killed PostgreSQL left: its number may be another process's by now, and PostgreSQL
    /// would not start. Processes that still end (their owner was killed a moment ago) are waited for: while one of
    /// them has the data open, starting another PostgreSQL on it would destroy it.
    pub(crate) async fn remove_stale_pid_file(&self) -> Result<(), ClusterError> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.is_in_use() {
            if Instant::now() > deadline {
                return Err(ClusterError::InUse {
                    directory: self.path.clone(),
                });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let name = self.data().join("postmaster.pid");
        match std::fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(ClusterError::io(format!("remove {}", name.display()))(error))
            }
            _ => Ok(()),
        }
    }

    /// Whether any process works in the data directory, as all of PostgreSQL's do.
    fn is_in_use(&self) -> bool {
        let data = self.data();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        processes
            .into_iter()
            .any(|entry| std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd == data))
    }
}

impl Account {
    /// User `postgres` when we are root; `None` when we are not: then PostgreSQL runs as ourselves.
    fn of_postgres() -> Result<Option<Self>, ClusterError> {
        let me = std::fs::metadata("/proc/self").map_err(ClusterError::io("read /proc/self"))?;
        if me.uid() != 0 {
            return Ok(None);
        }
        let number = |flag: &str| {
            let output = Command::new("id").args([flag, "postgres"]).output();
            let output = output.map_err(ClusterError::io("run id"))?;
            let number = String::from_utf8_lossy(&output.stdout).trim().parse::<u32>();
            number.map_err(|_| ClusterError::NoUser)
        };
        Ok(Some(Self {
            uid: number("-u")?,
            gid: number("-g")?,
        }))
    }

    /// Whether the user can enter every parent of `path`.
    fn reaches(self, path: &Path) -> Result<(), ClusterError> {
        for parent in path.ancestors().skip(1) {
            let meta = std::fs::metadata(parent)
                .map_err(ClusterError::io(format!("look at {}", parent.display())))?;
            let bit = match () {
                () if meta.uid() == self.uid => 0o100,
                () if meta.gid() == self.gid => 0o010,
                () => 0o001,
            };
            if meta.mode() & bit == 0 {
                return Err(ClusterError::Unreachable {
                    parent: parent.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Makes the user the owner of `path`.
    pub(crate) fn give(self, path: &Path) -> Result<(), ClusterError> {
        chown(path, Some(self.uid), Some(self.gid)).map_err(ClusterError::io(format!(
            "give {} to user postgres",
            path.display()
        )))
    }
}
