//! The policy file while it is in use: what is changed in it takes effect without a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Policies, PolicyError, file};

/// How often the file is looked at.
const PERIOD: Duration = Duration::from_secs(2);

/// A policy file, with what was last read from it.
#[derive(Debug)]
pub(crate) struct PolicyFile {
    path: PathBuf,
    /// `None`: it could not be read.
    bytes: Option<Vec<u8>>,
}

impl PolicyFile {
    /// Reads a file's rules at the start, where what is wrong ends the start.
    pub(crate) fn open(path: &Path) -> Result<(Self, Policies), PolicyError> {
        let bytes = std::fs::read(path).map_err(|source| PolicyError::Read {
            path: path.to_owned(),
            source,
        })?;
        let policies = Policies::new(file::read(path, &bytes)?);
        let file = Self {
            path: path.to_owned(),
            bytes: Some(bytes),
        };
        Ok((file, policies))
    }

    /// Follows the file until `shutdown`. Rules that cannot be used change nothing: the last good ones stay.
    pub(crate) async fn follow(mut self, policies: Arc<Policies>, shutdown: CancellationToken) {
        let watching = async {
            loop {
                tokio::time::sleep(PERIOD).await;
                self.look(&policies).await;
            }
        };
        shutdown.run_until_cancelled(watching).await;
    }

    /// By content, not by time: a file may be replaced by one that is older, or through a link.
    async fn look(&mut self, policies: &Policies) {
        let read = tokio::fs::read(&self.path).await;
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(error) => {
                if self.bytes.take().is_some() {
                    tracing::error!(file = %self.path.display(), %error,
                        "the policy file cannot be read; the rules in force stay");
                }
                return;
            }
        };
        if self.bytes.as_deref() == Some(&bytes) {
            return;
        }
        match file::read(&self.path, &bytes) {
            Ok(policy) => policies.replace(policy),
            Err(error) => {
                tracing::error!(%error, "the changed policy file cannot be used; the rules in force stay");
            }
        }
        self.bytes = Some(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_broken_changes_nothing_and_what_mends_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.yaml");
        std::fs::write(&path, "find_zones: role:keeper\n").unwrap();
        let (mut file, policies) = PolicyFile::open(&path).unwrap();
        let first = policies.current();

        std::fs::write(&path, "find_zones: role:nobody or\n").unwrap();
        file.look(&policies).await;
        assert!(Arc::ptr_eq(&first, &policies.current()), "a broken rule");
        std::fs::remove_file(&path).unwrap();
        file.look(&policies).await;
        assert!(Arc::ptr_eq(&first, &policies.current()), "a missing file");

        std::fs::write(&path, "find_zones: \"!\"\n").unwrap();
        file.look(&policies).await;
        assert!(!Arc::ptr_eq(&first, &policies.current()), "the mended file");
    }
}
