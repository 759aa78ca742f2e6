//! Who may do what: oslo.policy's rules, so that a cloud's `policy.yaml` for Designate means here what it meant there.
//!
//! ```text
//!  defaults.rs   Designate's 87 rules as data
//!  language.rs   the text of a rule: parsed once, evaluated for each request
//!  target.rs     what a rule is asked about, and who asks
//!  set.rs        all rules together, checked as a whole
//!  file.rs       policy.yaml
//!  watch.rs      its changes while the API runs
//! ```

mod defaults;
mod file;
mod language;
mod set;
mod target;
mod watch;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use set::Remark;
use thiserror::Error;

pub(crate) use set::Policy;
pub(crate) use target::{Credentials, Target};
pub(crate) use watch::PolicyFile;

/// Why there are no rules.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("cannot read the policy file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something in the file, or in the defaults, is wrong.
    #[error("{}{what}", Place(path.as_deref(), *line))]
    Wrong {
        /// The file; `None` for the defaults.
        path: Option<PathBuf>,
        /// The line, from 1, where it is known.
        line: Option<u64>,
        /// What is wrong and what to do, with the rule's name.
        what: String,
    },
}

impl PolicyError {
    fn of(path: Option<PathBuf>, remark: Remark) -> Self {
        Self::Wrong {
            path,
            line: remark.line,
            what: format!("rule \"{}\": {}", remark.rule, remark.what),
        }
    }
}

struct Place<'a>(Option<&'a std::path::Path>, Option<u64>);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(Some(path), Some(line)) => write!(f, "{}:{line}: ", path.display()),
            Self(Some(path), None) => write!(f, "{}: ", path.display()),
            Self(None, _) => f.write_str("the default policy: "),
        }
    }
}

/// The rules in force. A request takes them once, so that it is judged by one and the same rules to its end.
#[derive(Debug)]
pub(crate) struct Policies(RwLock<Arc<Policy>>);

impl Policies {
    /// Designate's defaults.
    pub(crate) fn defaults() -> Result<Self, PolicyError> {
        let policy = Policy::defaults().map_err(|remark| PolicyError::of(None, remark))?;
        Ok(Self::new(policy))
    }

    fn new(policy: Policy) -> Self {
        Self(RwLock::new(Arc::new(policy)))
    }

    /// Puts other rules in force, for the requests to come.
    fn replace(&self, policy: Policy) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }

    /// The rules in force now.
    pub(crate) fn current(&self) -> Arc<Policy> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}
