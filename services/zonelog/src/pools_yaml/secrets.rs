//! Secrets of the file: sealed before they reach the log.

use zonelog_central::seal::{SealError, Sealer};
use zonelog_model::resource::{Kind, OptionValue, Pool, PoolTarget, Sealed};

use super::{PoolDraft, Present, Wanted};

/// What stands for a secret where pools are shown; in a file it leaves the secret as it is.
pub const HIDDEN: &str = "<hidden>";

/// The field under which a catalog zone's key is sealed.
const CATALOG_KEY: &str = "catalog_zone_tsig_key";

/// Why a secret cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The file hides what nobody knows.
    #[error(
        "pool {pool:?}: {option} is {HIDDEN}, and the log has no such secret to leave as it is; write the secret"
    )]
    Unknown {
        /// The pool.
        pool: String,
        /// The option.
        option: String,
    },
    /// It cannot be sealed.
    #[error("pool {pool:?}: {option}: {source}")]
    Seal {
        /// The pool.
        pool: String,
        /// The option.
        option: String,
        /// Why.
        source: SealError,
    },
}

/// Whether an option of a target is a secret, by its name: `api_token`, `password`, `rndc_secret` ... The name of a file
/// is none.
pub fn is_secret(option: &str) -> bool {
    let option = option.to_ascii_lowercase();
    let secret = ["token", "password", "secret", "private"];
    !option.ends_with("file") && secret.iter().any(|word| option.contains(word))
}

/// Opens a sealed option of a target.
fn open(sealer: &Sealer, option: &str, sealed: &Sealed) -> Result<String, SealError> {
    sealer.open(Kind::Pool.label(), option, sealed)
}

/// The pools of a file with their secrets sealed. One that is in the log already stays as it is there: sealed anew it
/// would look like a change.
pub fn sealed(
    drafts: Vec<PoolDraft>,
    present: &[Present],
    sealer: &Sealer,
) -> Result<Vec<Wanted>, SecretError> {
    drafts
        .into_iter()
        .map(|draft| {
            let before = present.iter().find(|present| {
                draft
                    .id
                    .map_or(present.pool.name == draft.pool.name, |id| present.id == id)
            });
            one(draft, before.map(|present| &present.pool), sealer)
        })
        .collect()
}

fn one(draft: PoolDraft, before: Option<&Pool>, sealer: &Sealer) -> Result<Wanted, SecretError> {
    let PoolDraft {
        id,
        mut pool,
        catalog_key,
    } = draft;
    let name = pool.name.clone();
    let targets = before.map_or(&[][..], |before| &before.targets);
    for (index, target) in pool.targets.iter_mut().enumerate() {
        for (option, value) in &mut target.options {
            let OptionValue::Plain(clear) = value else {
                continue;
            };
            if is_secret(option) {
                let known = known(targets, index, option);
                *value = OptionValue::Sealed(kept(&name, option, clear, &known, sealer)?);
            }
        }
    }
    let before_key = before.and_then(|before| before.catalog_zone.as_ref()?.tsig_key.as_ref());
    if let (Some(zone), Some(clear)) = (&mut pool.catalog_zone, &catalog_key) {
        let known: Vec<&Sealed> = before_key.into_iter().collect();
        zone.tsig_key = Some(kept(&name, CATALOG_KEY, clear, &known, sealer)?);
    }
    pool.project = before.and_then(|before| before.project.clone());
    Ok(Wanted { id, pool })
}

/// What the log has sealed under an option's name: at the same place of the list first.
fn known<'a>(targets: &'a [PoolTarget], index: usize, option: &str) -> Vec<&'a Sealed> {
    let same_place = targets.get(index).into_iter();
    same_place
        .chain(targets)
        .filter_map(|target| match target.options.get(option) {
            Some(OptionValue::Sealed(sealed)) => Some(sealed),
            _ => None,
        })
        .collect()
}

fn kept(
    pool: &str,
    option: &str,
    clear: &str,
    known: &[&Sealed],
    sealer: &Sealer,
) -> Result<Sealed, SecretError> {
    let (pool, option) = (pool.to_owned(), option.to_owned());
    if clear == HIDDEN {
        let first = known.first().map(|&sealed| sealed.clone());
        return first.ok_or(SecretError::Unknown { pool, option });
    }
    let same = known
        .iter()
        .find(|sealed| open(sealer, &option, sealed).is_ok_and(|opened| opened == clear));
    if let Some(same) = same {
        return Ok((*same).clone());
    }
    sealer
        .seal(Kind::Pool.label(), &option, clear)
        .map_err(|source| SecretError::Seal { pool, option, source })
}
