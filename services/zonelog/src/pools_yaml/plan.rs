//! From the pools in the log and those of a file to what is to be done. Pure.

use zonelog_model::PoolId;
use zonelog_model::resource::Pool;

use super::{Present, Wanted};

/// The name of the pool that Designate's databases are made with.
const DEFAULT: &str = "default";

/// One change of the pools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A new pool.
    Create {
        /// Its id.
        id: PoolId,
        /// What it is.
        pool: Box<Pool>,
    },
    /// A pool that is described otherwise.
    Change {
        /// Its id.
        id: PoolId,
        /// What it was.
        before: Box<Pool>,
        /// What it is to be.
        after: Box<Pool>,
    },
    /// A pool that is not in the file.
    Delete {
        /// Its id.
        id: PoolId,
        /// Its name.
        name: String,
    },
}

impl Step {
    /// The pool whose zones get other NS records.
    pub fn rewrites_nameservers_of(&self) -> Option<PoolId> {
        match self {
            Self::Change { id, before, after } if before.ns_records != after.ns_records => Some(*id),
            _ => None,
        }
    }
}

/// Why the file cannot be what the pools become.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A name never changes.
    #[error(
        "pool {id} is called {present:?}, and a pool's name never changes: write {present:?}, or give a new pool {wanted:?} another id"
    )]
    Renamed {
        /// The pool.
        id: PoolId,
        /// Its name.
        present: String,
        /// The name in the file.
        wanted: String,
    },
    /// A name belongs to one pool.
    #[error("there is a pool {name:?} with the id {present}: write that id, or none, or another name")]
    Taken {
        /// The name.
        name: String,
        /// The pool that has it.
        present: PoolId,
    },
    /// A catalog zone lists the zones of one pool.
    #[error(
        "pool {pool:?} has the catalog zone of pool {other:?}, which is not in the file and is kept: give each one of its own"
    )]
    SameCatalog {
        /// The pool of the file.
        pool: String,
        /// The other.
        other: String,
    },
    /// The default pool cannot go.
    #[error(
        "the file has no default pool {0}, which --delete would delete: zones without another wish go there \
         (central.default_pool_id)"
    )]
    DefaultDeleted(PoolId),
}

/// Plans. Pools that are in the log alone are kept, or deleted with `delete`. A pool without an id is the one of its name;
/// a new one gets `default_pool` if it is called `default`, or is the only pool there is, and else an id from `new_id`.
/// Deletions come last.
pub fn plan(
    present: &[Present],
    wanted: &[Wanted],
    delete: bool,
    default_pool: PoolId,
    mut new_id: impl FnMut() -> PoolId,
) -> Result<Vec<Step>, PlanError> {
    let mut steps = Vec::new();
    let mut kept = Vec::new();
    let default_is_free = present.iter().all(|present| present.id != default_pool)
        && wanted.iter().all(|wanted| wanted.id != Some(default_pool));
    for Wanted { id, pool } in wanted {
        let named = present.iter().find(|present| present.pool.name == pool.name);
        let found = match id {
            None => named,
            Some(id) => match (present.iter().find(|present| present.id == *id), named) {
                (Some(found), _) if found.pool.name != pool.name => {
                    return Err(PlanError::Renamed {
                        id: *id,
                        present: found.pool.name.clone(),
                        wanted: pool.name.clone(),
                    });
                }
                (Some(found), _) => Some(found),
                (None, Some(named)) => {
                    return Err(PlanError::Taken {
                        name: pool.name.clone(),
                        present: named.id,
                    });
                }
                (None, None) => None,
            },
        };
        let Some(found) = found else {
            let is_default = pool.name == DEFAULT || (present.is_empty() && wanted.len() == 1);
            let id = match id {
                Some(id) => *id,
                None if is_default && default_is_free => default_pool,
                None => new_id(),
            };
            kept.push(id);
            steps.push(Step::Create {
                id,
                pool: Box::new(pool.clone()),
            });
            continue;
        };
        kept.push(found.id);
        if found.pool != *pool {
            steps.push(Step::Change {
                id: found.id,
                before: Box::new(found.pool.clone()),
                after: Box::new(pool.clone()),
            });
        }
    }
    let catalog = |pool: &Pool| pool.catalog_zone.as_ref().map(|zone| zone.name.to_lowercase());
    let stays = |present: &&Present| !delete && !kept.contains(&present.id);
    for other in present
        .iter()
        .filter(stays)
        .filter(|other| other.pool.catalog_zone.is_some())
    {
        if let Some(wanted) = wanted
            .iter()
            .find(|wanted| catalog(&wanted.pool) == catalog(&other.pool))
        {
            return Err(PlanError::SameCatalog {
                pool: wanted.pool.name.clone(),
                other: other.pool.name.clone(),
            });
        }
    }
    if delete {
        for Present { id, pool } in present.iter().filter(|present| !kept.contains(&present.id)) {
            if *id == default_pool {
                return Err(PlanError::DefaultDeleted(*id));
            }
            steps.push(Step::Delete {
                id: *id,
                name: pool.name.clone(),
            });
        }
    }
    Ok(steps)
}
