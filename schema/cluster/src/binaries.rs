//! Finding PostgreSQL on the machine.

use std::path::{Path, PathBuf};

use crate::error::ClusterError;

/// Debian keeps each major version in a folder of its own here.
const DEBIAN: &str = "/usr/lib/postgresql";

/// The programs that a cluster needs.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    pub(crate) postgres: PathBuf,
    pub(crate) initdb: PathBuf,
}

impl Binaries {
    /// The programs in `named`, or of the version that the data needs, or the newest, or those in `PATH`.
    pub(crate) fn find(named: Option<&Path>, data_version: Option<String>) -> Result<Self, ClusterError> {
        if let Some(folder) = named {
            return Self::within(folder).ok_or_else(|| ClusterError::NoBinaries {
                looked: folder.display().to_string(),
            });
        }
        let mut versions = Vec::new();
        for entry in std::fs::read_dir(DEBIAN).into_iter().flatten().flatten() {
            let version = entry
                .file_name()
                .into_string()
                .ok()
                .and_then(|name| name.parse::<u32>().ok());
            if let (Some(version), Some(found)) = (version, Self::within(&entry.path().join("bin"))) {
                versions.push((version, found));
            }
        }
        versions.sort_by_key(|(version, _)| *version);
        if let Some(wanted) = data_version.as_deref()
            && !versions.is_empty()
        {
            let same = versions
                .into_iter()
                .find(|(version, _)| version.to_string() == wanted);
            return same
                .map(|(_, found)| found)
                .ok_or_else(|| ClusterError::OtherVersion {
                    version: wanted.to_owned(),
                });
        }
        if let Some((_, newest)) = versions.pop() {
            return Ok(newest);
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .find_map(|folder| Self::within(&folder))
            .ok_or_else(|| ClusterError::NoBinaries {
                looked: format!("{DEBIAN}/*/bin and PATH"),
            })
    }

    fn within(folder: &Path) -> Option<Self> {
        let found = Self {
            postgres: folder.join("postgres"),
            initdb: folder.join("initdb"),
        };
        (found.postgres.is_file() && found.initdb.is_file()).then_some(found)
    }
}
