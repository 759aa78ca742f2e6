//! What the whole installation agrees on: TLDs, blacklists, pools. The rules for new zones ask it.

use std::collections::{BTreeMap, BTreeSet};

use zonelog_dns::{Name, ZoneName};

use super::pattern::ZonePattern;
use super::scheduler::SchedulerFilter;
use crate::resource::{Body, Kind, NsRecord, Pool, Resource, TsigScope};
use crate::{PoolId, ResourceId};

/// What an installation configures for the choice of pools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryOptions {
    /// The pool that zones go to when nothing else is said.
    pub default_pool: PoolId,
    /// The scheduler's filters, in the order in which they are asked.
    pub scheduler_filters: Vec<SchedulerFilter>,
    /// Whether a zone may only go to a pool other than the default one if that pool has a TSIG key of scope POOL.
    /// Designate's MiniDNS needs the key to tell pools apart, and its API refuses such zones (LP 2008693); ours tells
    /// pools apart without, so that this is only for those who want the same refusals.
    pub pool_key_required: bool,
}

impl RegistryOptions {
    /// Designate's settings with another default pool.
    pub fn new(default_pool: PoolId) -> Self {
        Self {
            default_pool,
            scheduler_filters: vec![SchedulerFilter::DefaultPool],
            pool_key_required: false,
        }
    }
}

/// The registry at one position of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    options: RegistryOptions,
    tlds: Tlds,
    blacklists: Vec<(ResourceId, ZonePattern)>,
    pools: BTreeMap<PoolId, Pool>,
    pools_with_key: BTreeSet<PoolId>,
}

impl Registry {
    /// The kinds of resources that a registry is made from: an event of one of these makes it out of date.
    pub const KINDS: [Kind; 4] = [Kind::Tld, Kind::Blacklist, Kind::Pool, Kind::TsigKey];

    /// Gathers the registry from all live resources of [`Self::KINDS`], in any order; others are passed over.
    pub fn new<'a>(options: RegistryOptions, resources: impl IntoIterator<Item = &'a Resource>) -> Self {
        let mut registry = Self {
            options,
            tlds: Tlds::default(),
            blacklists: Vec::new(),
            pools: BTreeMap::new(),
            pools_with_key: BTreeSet::new(),
        };
        for resource in resources {
            match &resource.body {
                Body::Tld(tld) => registry.tlds.add(&tld.name),
                Body::Blacklist(blacklist) => {
                    let pattern = ZonePattern::accepted(&blacklist.pattern);
                    registry.blacklists.push((resource.id, pattern));
                }
                Body::Pool(pool) => {
                    registry
                        .pools
                        .insert(PoolId::new(resource.id.uuid()), Pool::clone(pool));
                }
                Body::TsigKey(key) if key.scope == TsigScope::Pool => {
                    registry.pools_with_key.insert(PoolId::new(key.resource));
                }
                _ => {}
            }
        }
        registry
    }

    /// A registry of one pool, the default one, whose NS records are these names in this order; no TLDs, no blacklists.
    pub fn of_one_pool(id: PoolId, nameservers: impl IntoIterator<Item = Name>) -> Self {
        let ns_records = (1..)
            .zip(nameservers)
            .map(|(priority, hostname)| NsRecord { hostname, priority });
        let pool = Pool {
            name: "default".to_owned(),
            description: None,
            project: None,
            attributes: BTreeMap::new(),
            ns_records: ns_records.collect(),
            nameservers: Vec::new(),
            targets: Vec::new(),
            also_notifies: Vec::new(),
            catalog_zone: None,
        };
        let mut registry = Self::new(RegistryOptions::new(id), []);
        registry.pools.insert(id, pool);
        registry
    }

    /// What is configured.
    pub const fn options(&self) -> &RegistryOptions {
        &self.options
    }

    /// The pool that zones go to when nothing else is said.
    pub const fn default_pool(&self) -> PoolId {
        self.options.default_pool
    }

    /// The TLDs.
    pub const fn tlds(&self) -> &Tlds {
        &self.tlds
    }

    /// The blacklist that forbids the name, if one does.
    pub fn blacklist_of(&self, name: &ZoneName) -> Option<ResourceId> {
        let hit = self.blacklists.iter().find(|(_, pattern)| pattern.matches(name));
        hit.map(|(id, _)| *id)
    }

    /// A pool.
    pub fn pool(&self, id: PoolId) -> Option<&Pool> {
        self.pools.get(&id)
    }

    /// All pools, in the order of their ids.
    pub fn pools(&self) -> impl Iterator<Item = (PoolId, &Pool)> {
        self.pools.iter().map(|(id, pool)| (*id, pool))
    }

    /// Whether a pool's catalog zone has this name.
    pub fn is_catalog(&self, name: &Name) -> bool {
        let mut catalogs = self.pools.values().filter_map(|pool| pool.catalog_zone.as_ref());
        catalogs.any(|catalog| catalog.name == *name)
    }

    /// Whether zones may be put in the pool as far as TSIG keys matter, see [`RegistryOptions::pool_key_required`].
    pub fn pool_has_key_it_needs(&self, id: PoolId) -> bool {
        !self.options.pool_key_required
            || id == self.options.default_pool
            || self.pools_with_key.contains(&id)
    }
}

/// The domains below which zones may be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tlds {
    /// By name key.
    keys: BTreeSet<Vec<u8>>,
}

impl Tlds {
    fn add(&mut self, name: &str) {
        // What was accepted once is a name; one that is none could hold no zone.
        if let Ok(name) = Name::parse(&format!("{}.", name.trim_end_matches('.'))) {
            self.keys.insert(name.to_key());
        }
    }

    /// Whether there are none, so that every name is allowed.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether the name is one.
    pub fn contains(&self, name: &Name) -> bool {
        self.keys.contains(&name.to_key())
    }

    /// Whether the name lies below one.
    pub fn holds(&self, name: &Name) -> bool {
        std::iter::successors(name.parent(), Name::parent).any(|above| self.contains(&above))
    }
}
