//! Opening what is sealed in pools and TSIG keys, for the roles that use it.

use std::fmt;
use std::sync::Arc;

use zonelog_model::resource::{Kind, Sealed};

use crate::seal::{SealError, Sealer};

/// The field of a TSIG key under which its secret is sealed.
const TSIG_SECRET: &str = "secret";

/// Opens sealed options of pool targets, and secrets of TSIG keys; without a key it says what is missing.
#[derive(Clone)]
pub struct Unseal(Arc<Open>);

/// From the kind of resource, the field's name and what is sealed to the secret, or to why it cannot be had and what to do.
type Open = dyn Fn(Kind, &str, &Sealed) -> Result<String, String> + Send + Sync;

impl Unseal {
    /// With the installation's key.
    pub fn with(sealer: Sealer) -> Self {
        let open = move |kind: Kind, field: &str, sealed: &Sealed| {
            sealer
                .open(kind.label(), field, sealed)
                .map_err(|error: SealError| error.to_string())
        };
        Self(Arc::new(open))
    }

    /// By a function from an option's name and what is sealed to the secret, or to why it cannot be had and what to do.
    pub fn new(open: impl Fn(&str, &Sealed) -> Result<String, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |_, field, sealed| open(field, sealed)))
    }

    /// For an installation without a key: every sealed value is refused.
    pub fn without_key() -> Self {
        Self::new(|_, _| {
            Err("it is sealed, and there is no key to open it: set secrets.key_file to the file that all roles use".to_owned())
        })
    }

    /// Opens an option of a pool or of its targets.
    pub fn open(&self, option: &str, sealed: &Sealed) -> Result<String, String> {
        (self.0)(Kind::Pool, option, sealed)
    }

    /// Opens the secret of a TSIG key.
    pub fn open_tsig(&self, sealed: &Sealed) -> Result<String, String> {
        (self.0)(Kind::TsigKey, TSIG_SECRET, sealed)
    }
}

impl fmt::Debug for Unseal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unseal(..)")
    }
}
