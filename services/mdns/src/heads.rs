//! The zones we serve and where each stands, in memory: what SOA queries are answered from. The pools' catalog zones are
//! among them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use zonelog_dns::{LongSerial, Name};
use zonelog_model::{PoolId, ZoneId};
use zonelog_projections::catalog::Catalog;
use zonelog_projections::transfer::ZoneHead;

use crate::chunk::SoaRecord;

/// A zone at its latest serial.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// The zone.
    pub(crate) zone: ZoneId,
    /// The pool that serves it.
    pub(crate) pool: PoolId,
    /// The serial.
    pub(crate) serial: LongSerial,
    /// The SOA at that serial.
    pub(crate) soa: SoaRecord,
    /// It is no zone of the log but a pool's catalog (RFC 9432).
    pub(crate) catalog: Option<Arc<Catalog>>,
    /// Its primary is elsewhere.
    pub(crate) secondary: bool,
    /// There is something to serve: a secondary zone has nothing before its first transfer.
    pub(crate) loaded: bool,
}

impl Head {
    /// The head that was read.
    pub(crate) fn new(head: &ZoneHead) -> Self {
        let soa = SoaRecord {
            apex: head.name.wire().into(),
            ttl: head.ttl,
            rdata: head.soa.to_rdata(),
        };
        Self {
            zone: head.zone,
            pool: head.pool,
            serial: head.serial,
            soa,
            catalog: None,
            secondary: head.secondary,
            loaded: head.loaded,
        }
    }

    /// Whether it is transferred to those alone who sign with a key of its pool: a catalog that was given a key.
    pub(crate) fn needs_key(&self) -> bool {
        let catalog = self.catalog.as_ref();
        catalog.is_some_and(|catalog| catalog.zone.tsig_key.is_some())
    }

    /// The head of a pool's catalog. Its TTL has no meaning (RFC 9432 §4.1).
    pub(crate) fn of_catalog(catalog: Catalog) -> Self {
        let serial = catalog.serial();
        let soa = SoaRecord {
            apex: catalog.zone.name.wire().into(),
            ttl: 0,
            rdata: catalog.soa(serial).to_rdata(),
        };
        Self {
            zone: catalog.id(),
            pool: catalog.pool,
            serial,
            soa,
            catalog: Some(Arc::new(catalog)),
            secondary: false,
            loaded: true,
        }
    }
}

/// All heads, by the apex in lower case.
#[derive(Debug, Default)]
pub(crate) struct Heads {
    /// `None` until they were read for the first time.
    table: RwLock<Option<Table>>,
    /// The pools' catalogs. A zone with the name of one is not served.
    catalogs: RwLock<Table>,
    /// The secondary zones that must not be served any more.
    expired: RwLock<HashSet<ZoneId>>,
}

/// Heads by the apex's wire form in lower case.
pub(crate) type Table = HashMap<Box<[u8]>, Arc<Head>>;

/// What is known of a name.
pub(crate) enum Found {
    /// The heads were not read yet.
    NotYet,
    /// We do not serve it.
    Nothing,
    /// The zone.
    Zone(Arc<Head>),
}

impl Heads {
    /// The zone with this apex.
    pub(crate) fn at(&self, apex: &Name) -> Found {
        self.lookup(std::iter::once(apex.clone()))
    }

    /// The nearest zone at or above a name.
    pub(crate) fn enclosing(&self, name: &Name) -> Found {
        self.lookup(std::iter::successors(Some(name.clone()), Name::parent))
    }

    fn lookup(&self, names: impl Iterator<Item = Name>) -> Found {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let Some(table) = table.as_ref() else {
            return Found::NotYet;
        };
        let catalogs = self.catalogs.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = names.filter_map(|name| {
            let name = name.to_lowercase();
            catalogs.get(name.wire()).or_else(|| table.get(name.wire()))
        });
        found
            .next()
            .map_or(Found::Nothing, |head| Found::Zone(Arc::clone(head)))
    }

    /// Puts all catalogs in place of what was known.
    pub(crate) fn replace_catalogs(&self, catalogs: Vec<Catalog>) {
        let catalogs = catalogs
            .into_iter()
            .map(|catalog| {
                let name = catalog.zone.name.to_lowercase();
                (name.wire().into(), Arc::new(Head::of_catalog(catalog)))
            })
            .collect();
        *self.catalogs.write().unwrap_or_else(PoisonError::into_inner) = catalogs;
    }

    /// Whether a zone must not be served: nothing was transferred yet, or no primary was heard of for too long.
    pub(crate) fn is_expired(&self, head: &Head) -> bool {
        let expired = || {
            self.expired
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .contains(&head.zone)
        };
        head.secondary && (!head.loaded || expired())
    }

    /// Notes which secondary zones must not be served any more.
    pub(crate) fn expire(&self, zones: impl IntoIterator<Item = ZoneId>) {
        let zones = zones.into_iter().collect();
        *self.expired.write().unwrap_or_else(PoisonError::into_inner) = zones;
    }

    /// Puts all heads in place of what was known.
    pub(crate) fn replace(&self, heads: Table) {
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Some(heads);
    }

    /// Takes in what changed, in the order of the log. Returns how many zones are served.
    pub(crate) fn apply<'a>(&self, changed: impl IntoIterator<Item = &'a ZoneHead>) -> usize {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let Some(table) = table.as_mut() else { return 0 };
        for head in changed {
            enter(table, head);
        }
        table.len()
    }
}

/// Enters one head. A deleted zone leaves, unless another has its name already.
pub(crate) fn enter(table: &mut Table, head: &ZoneHead) {
    let name = head.name.to_lowercase();
    if !head.deleted {
        table.insert(name.wire().into(), Arc::new(Head::new(head)));
    } else if table.get(name.wire()).is_some_and(|held| held.zone == head.zone) {
        table.remove(name.wire());
    }
}
