//! The installation's TSIG keys (RFC 8945) with their secrets open: who may sign, and for which zones.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use deadpool_postgres::GenericClient;
use uuid::Uuid;
use zonelog_dns::Name;
use zonelog_dns::tsig::{Algorithm, Key, Secret};
use zonelog_model::resource::{Body, CatalogZone, Resource, Sealed, TsigScope};
use zonelog_model::{PoolId, ZoneId};
use zonelog_projections::resource::{self, ResourceError};

use crate::unseal::Unseal;

/// The field of a pool under which its catalog zone's key is sealed.
const CATALOG_SECRET: &str = "catalog_zone_tsig_key";
/// The algorithm of a catalog zone's key that names none.
const CATALOG_ALGORITHM: &str = "hmac-sha256";

/// For which zones a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TsigReach {
    /// All zones of a pool.
    Pool(PoolId),
    /// One zone.
    Zone(ZoneId),
}

impl TsigReach {
    /// Whether it reaches this zone of this pool.
    pub fn reaches(self, zone: ZoneId, pool: PoolId) -> bool {
        match self {
            Self::Pool(reached) => reached == pool,
            Self::Zone(reached) => reached == zone,
        }
    }
}

/// A key that may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TsigKey {
    /// The key.
    pub key: Arc<Key>,
    /// For which zones it signs.
    pub reach: TsigReach,
}

/// How keys are opened, and which are used.
#[derive(Clone, Debug)]
pub struct TsigOptions {
    /// How secrets are opened.
    pub unseal: Unseal,
    /// Whether keys of the algorithm hmac-md5, which is broken, are used.
    pub allow_hmac_md5: bool,
}

/// All keys. Those that cannot be used are kept with the reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TsigKeys {
    by_name: HashMap<Box<[u8]>, TsigKey>,
    by_id: BTreeMap<Uuid, Result<Arc<Key>, String>>,
    of_catalogs: BTreeMap<PoolId, Result<Arc<Key>, String>>,
}

impl TsigKeys {
    /// Reads all keys: those of the API, and those of pools' catalog zones, which have the catalog zones' names and reach
    /// the pools' zones.
    pub async fn read<C: GenericClient>(client: &C, options: &TsigOptions) -> Result<Self, ResourceError> {
        let mut resources = resource::pools(client).await?;
        resources.extend(resource::tsig_keys(client).await?);
        Ok(Self::new(&resources, options))
    }

    /// Opens the keys among these resources.
    pub fn new(resources: &[Resource], options: &TsigOptions) -> Self {
        let mut keys = Self::default();
        for resource in resources {
            match &resource.body {
                Body::TsigKey(key) => {
                    let name = if key.name.ends_with('.') {
                        key.name.clone()
                    } else {
                        format!("{}.", key.name)
                    };
                    let secret = || options.unseal.open_tsig(&key.secret);
                    let opened = open(&name, key.algorithm.label(), secret, options);
                    let opened = opened.map_err(|reason| format!("TSIG key {:?}: {reason}", key.name));
                    let reach = match key.scope {
                        TsigScope::Pool => TsigReach::Pool(PoolId::new(key.resource)),
                        TsigScope::Zone => TsigReach::Zone(ZoneId::new(key.resource)),
                    };
                    keys.add(&opened, reach);
                    keys.by_id.insert(resource.id.uuid(), opened);
                }
                Body::Pool(pool) => {
                    if let Some(CatalogZone {
                        name,
                        tsig_key: Some(sealed),
                        tsig_algorithm,
                        ..
                    }) = &pool.catalog_zone
                    {
                        let algorithm = tsig_algorithm.as_deref().unwrap_or(CATALOG_ALGORITHM);
                        let secret = || open_catalog(options, sealed);
                        let opened = open(&name.to_string(), algorithm, secret, options);
                        let opened = opened.map_err(|reason| {
                            format!("the TSIG key of pool {:?}'s catalog zone: {reason}", pool.name)
                        });
                        let pool = PoolId::new(resource.id.uuid());
                        keys.add(&opened, TsigReach::Pool(pool));
                        keys.of_catalogs.insert(pool, opened);
                    }
                }
                _ => {}
            }
        }
        keys
    }

    fn add(&mut self, opened: &Result<Arc<Key>, String>, reach: TsigReach) {
        if let Ok(key) = opened {
            let name = key.name.to_lowercase().wire().into();
            let key = Arc::clone(key);
            self.by_name.insert(name, TsigKey { key, reach });
        }
    }

    /// Why keys cannot be used: of each that cannot.
    pub fn complaints(&self) -> impl Iterator<Item = &str> {
        let all = self.by_id.values().chain(self.of_catalogs.values());
        all.filter_map(|key| key.as_ref().err().map(String::as_str))
    }

    /// The key of a name.
    pub fn named(&self, name: &Name) -> Option<&TsigKey> {
        self.by_name.get(name.to_lowercase().wire())
    }

    /// The key that a pool's description names by its id.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn with_id(&self, id: Uuid) -> Result<Arc<Key>, String> {
        match self.by_id.get(&id) {
            Some(key) => key.clone(),
            None => Err(format!("there is no TSIG key with the id {id}")),
        }
    }

    /// The key of a pool's catalog zone, if it has one.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn of_catalog(&self, pool: PoolId) -> Option<Result<Arc<Key>, String>> {
        self.of_catalogs.get(&pool).cloned()
    }

    /// A key of scope ZONE for this zone: the first by name, of several.
    pub fn of_zone(&self, zone: ZoneId) -> Option<Arc<Key>> {
        self.first(TsigReach::Zone(zone))
    }

    /// A key of scope POOL for this pool: the first by name, of several.
    pub fn of_pool(&self, pool: PoolId) -> Option<Arc<Key>> {
        self.first(TsigReach::Pool(pool))
    }

    fn first(&self, reach: TsigReach) -> Option<Arc<Key>> {
        let keys = self.by_name.values().filter(|key| key.reach == reach);
        keys.min_by(|a, b| a.key.name.cmp(&b.key.name))
            .map(|key| Arc::clone(&key.key))
    }
}

fn open_catalog(options: &TsigOptions, sealed: &Sealed) -> Result<String, String> {
    options.unseal.open(CATALOG_SECRET, sealed)
}

fn open(
    name: &str,
    algorithm: &str,
    secret: impl FnOnce() -> Result<String, String>,
    options: &TsigOptions,
) -> Result<Arc<Key>, String> {
    let algorithm: Algorithm = algorithm.parse().map_err(|error| format!("{error}"))?;
    if algorithm == Algorithm::HmacMd5 && !options.allow_hmac_md5 {
        return Err(
            "its algorithm hmac-md5 is broken, and not used; make a key of hmac-sha256, or set minidns.allow_hmac_md5"
                .to_owned(),
        );
    }
    let name = Name::parse(name).map_err(|error| format!("its name is no domain name: {error}"))?;
    let secret = Secret::from_base64(&secret()?).map_err(|error| error.to_string())?;
    Ok(Arc::new(Key {
        name,
        algorithm,
        secret,
    }))
}

/// The key table at work: the keys as they were read last.
#[derive(Debug, Default)]
pub struct TsigTable(std::sync::RwLock<Option<Arc<TsigKeys>>>);

impl TsigTable {
    /// The keys; `None` until they were read for the first time.
    pub fn current(&self) -> Option<Arc<TsigKeys>> {
        self.0
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// Puts these in their place, and tells the log of keys that cannot be used when they are others than before.
    pub fn replace(&self, keys: TsigKeys) {
        let mut held = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if held.as_deref() != Some(&keys) {
            for complaint in keys.complaints() {
                tracing::warn!("{complaint}; it is not used");
            }
            *held = Some(Arc::new(keys));
        }
    }
}
