//! Running roles and ending them: at a signal, or when one of them fails.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cli::CommandError;

/// How long roles may take to end after they were asked to.
pub const DEADLINE: Duration = Duration::from_secs(4);

/// Why the process ends with a failure.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// A role ended by itself with an error.
    #[error("{role} failed: {what}")]
    Failed {
        /// The role.
        role: &'static str,
        /// What it said.
        what: String,
    },
    /// A role ended by itself without an error, which none may.
    #[error("{0} ended by itself")]
    Ended(&'static str),
    /// Roles did not end in time.
    #[error("these did not end within {} s and were cut off: {roles}", DEADLINE.as_secs())]
    Late {
        /// Their names.
        roles: String,
    },
    /// A second signal came before the roles had ended.
    #[error("ended at once at a second signal")]
    Interrupted,
}

/// SIGTERM and SIGINT, caught from the moment this is made.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches both. From here on the process no longer ends by itself at a signal.
    pub fn catch() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one; answers with its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// The roles that run in this process.
#[derive(Debug, Default)]
pub struct Roles {
    set: JoinSet<(&'static str, Result<(), String>)>,
    names: Vec<&'static str>,
    shutdown: CancellationToken,
    afterwards: CancellationToken,
}

impl Roles {
    /// What every role listens to.
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// What those listen to whom the roles need until they have ended.
    pub fn afterwards(&self) -> CancellationToken {
        self.afterwards.clone()
    }

    /// Starts a role. A panic in it counts as its failure.
    pub fn start<E>(&mut self, name: &'static str, role: impl Future<Output = Result<(), E>> + Send + 'static)
    where
        E: Into<CommandError> + Send + 'static,
    {
        self.names.push(name);
        let task = tokio::spawn(role);
        self.set.spawn(async move {
            let done = match task.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(crate::output::chain(error.into().as_ref())),
                Err(error) if error.is_panic() => Err("it panicked; the log has the place".to_owned()),
                Err(error) => Err(error.to_string()),
            };
            (name, done)
        });
    }

    /// Waits for a signal or for the first role to end, then ends them all.
    pub async fn run(mut self, signals: &mut Signals) -> Result<(), RoleError> {
        let failure = tokio::select! {
            name = signals.next() => {
                tracing::info!(signal = name, "stopping");
                None
            }
            Some(ended) = self.set.join_next() => Some(self.ended(ended)),
        };
        if let Some(error) = &failure {
            tracing::error!(error = %error, "stopping");
        }
        self.shutdown.cancel();
        let joined = tokio::select! {
            joined = tokio::time::timeout(DEADLINE, self.join()) => joined,
            _ = signals.next() => return Err(RoleError::Interrupted),
        };
        self.afterwards.cancel();
        match (failure, joined) {
            (Some(error), _) => Err(error),
            (None, Ok(done)) => done,
            (None, Err(_)) => Err(RoleError::Late {
                roles: self.names.join(", "),
            }),
        }
    }

    /// A role that ended although nobody asked for it.
    fn ended(
        &mut self,
        joined: Result<(&'static str, Result<(), String>), tokio::task::JoinError>,
    ) -> RoleError {
        match joined {
            Ok((role, done)) => {
                self.names.retain(|name| *name != role);
                match done {
                    Ok(()) => RoleError::Ended(role),
                    Err(what) => RoleError::Failed { role, what },
                }
            }
            Err(error) => RoleError::Failed {
                role: "a role",
                what: error.to_string(),
            },
        }
    }

    /// Waits until all have ended as they were asked to; the first failure counts.
    async fn join(&mut self) -> Result<(), RoleError> {
        let mut first = Ok(());
        while let Some(joined) = self.set.join_next().await {
            let error = match joined {
                Ok((role, Ok(()))) => {
                    self.names.retain(|name| *name != role);
                    continue;
                }
                other => self.ended(other),
            };
            first = first.and(Err(error));
        }
        first
    }
}
