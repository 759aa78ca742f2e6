//! The state that a batch's commands see: what was loaded, and on top what the commands before them did.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use zonelog_dns::{LongSerial, Name};
use zonelog_model::zone::{
    Command, CreateRecordset, CreateZone, Facts, Limits, PoolFacts, Recordset, Zone, ZoneRef, ZoneSlice,
};
use zonelog_model::{ProjectId, RecordsetId, ZoneId};

use crate::load::Loaded;

/// The state as far as the batch concerns it.
pub(crate) struct Overlay {
    zones: HashMap<ZoneId, Zone>,
    /// Live recordsets by zone and the key of their owner name.
    recordsets: HashMap<(ZoneId, Vec<u8>), Vec<Recordset>>,
    /// Where in `recordsets` each stands.
    owners: HashMap<(ZoneId, RecordsetId), Vec<u8>>,
    /// Live zones by name key. It has all that the batch's names can meet, not all that there are.
    live: BTreeMap<Vec<u8>, ZoneRef>,
    last_serials: HashMap<Vec<u8>, LongSerial>,
    /// The facts of the last command: what commands have in common is not copied for each.
    facts: Facts,
}

/// A slice taken out of the overlay, to be put back when the command is decided.
pub(crate) struct Taken {
    zone: ZoneId,
    zone_existed: bool,
    owner_key: Option<Vec<u8>>,
    /// The slice; after an accepted command, with its events applied.
    pub(crate) slice: ZoneSlice,
}

impl Overlay {
    pub(crate) fn new(loaded: Loaded, limits: Limits, pool: PoolFacts) -> Self {
        let facts = Facts {
            pool,
            limits,
            same_name: None,
            parents: Vec::new(),
            child: None,
            last_serial: None,
        };
        let mut overlay = Self {
            zones: loaded.zones.into_iter().map(|zone| (zone.id, zone)).collect(),
            recordsets: HashMap::new(),
            owners: HashMap::new(),
            live: loaded
                .hierarchy
                .into_iter()
                .map(|zone| (zone.name.to_key(), zone))
                .collect(),
            last_serials: loaded.last_serials,
            facts,
        };
        for (zone, recordset) in loaded.recordsets {
            let key = recordset.owner.to_key();
            overlay.owners.insert((zone, recordset.id), key.clone());
            overlay.recordsets.entry((zone, key)).or_default().push(recordset);
        }
        overlay
    }

    /// The owner of a zone, if there is such a zone.
    pub(crate) fn project_of(&self, zone: ZoneId) -> Option<&ProjectId> {
        self.zones.get(&zone).map(|zone| &zone.project)
    }

    /// Takes the slice of a command out, so that nothing is copied.
    pub(crate) fn take(&mut self, command: &Command) -> Taken {
        let zone = command.zone();
        let owner_key = match command {
            Command::CreateZone(_) | Command::UpdateZone(_) | Command::DeleteZone(_) => None,
            Command::CreateRecordset(command) => Some(command.owner.to_key()),
            Command::UpdateRecordset(command) => self.owners.get(&(zone, command.recordset)).cloned(),
            Command::DeleteRecordset(command) => self.owners.get(&(zone, command.recordset)).cloned(),
        };
        let (recordsets, owner_key) = match owner_key {
            Some(key) => {
                let place = (zone, key);
                (self.recordsets.remove(&place).unwrap_or_default(), Some(place.1))
            }
            None => (Vec::new(), None),
        };
        let slice = ZoneSlice {
            zone: self.zones.remove(&zone),
            recordsets,
        };
        Taken {
            zone,
            zone_existed: slice.zone.is_some(),
            owner_key,
            slice,
        }
    }

    /// Puts a slice back, changed or not.
    pub(crate) fn put_back(&mut self, taken: Taken) {
        let Taken {
            zone: id,
            zone_existed,
            owner_key,
            slice,
        } = taken;
        if let Some(zone) = slice.zone {
            self.keep_hierarchy(&zone, zone_existed);
            self.zones.insert(id, zone);
        }
        // A new zone's apex NS recordset comes in a slice that was taken for no owner name.
        let owner_key =
            owner_key.or_else(|| slice.recordsets.first().map(|recordset| recordset.owner.to_key()));
        if let Some(key) = owner_key {
            for recordset in &slice.recordsets {
                self.owners.insert((id, recordset.id), key.clone());
            }
            self.recordsets
                .entry((id, key))
                .or_default()
                .extend(slice.recordsets);
        }
    }

    /// Keeps the hierarchy in step with a zone that was made or deleted.
    fn keep_hierarchy(&mut self, zone: &Zone, existed: bool) {
        if zone.deleted {
            let key = zone.name.to_key();
            if self.live.get(&key).is_some_and(|live| live.id == zone.id) {
                self.live.remove(&key);
            }
            let last = self.last_serials.entry(key).or_insert(zone.serial);
            *last = (*last).max(zone.serial);
        } else if !existed {
            let made = ZoneRef {
                id: zone.id,
                name: zone.name.clone(),
                project: zone.project.clone(),
            };
            self.live.insert(zone.name.to_key(), made);
        }
    }

    /// The facts for a command whose slice was taken out.
    pub(crate) fn facts(&mut self, command: &Command, slice: &ZoneSlice) -> &Facts {
        self.facts.same_name = None;
        self.facts.parents.clear();
        self.facts.child = None;
        self.facts.last_serial = None;
        match command {
            Command::CreateZone(command) => self.creation_facts(command),
            Command::DeleteZone(_) => {
                let below = slice
                    .zone
                    .as_ref()
                    .and_then(|zone| self.below(&zone.name.to_key(), |_| true));
                self.facts.child = below.cloned();
            }
            Command::CreateRecordset(command) => {
                let child = slice
                    .zone
                    .as_ref()
                    .and_then(|zone| self.child_above(command, zone));
                self.facts.child = child.cloned();
            }
            Command::UpdateZone(_) | Command::UpdateRecordset(_) | Command::DeleteRecordset(_) => {}
        }
        &self.facts
    }

    fn creation_facts(&mut self, command: &CreateZone) {
        let key = command.name.to_key();
        self.facts.same_name = self.live.get(&key).cloned();
        let above = command
            .name
            .ancestors()
            .filter_map(|name| self.live.get(&name.to_key()).cloned());
        self.facts.parents = above.collect();
        self.facts.child = self.below(&key, |zone| zone.project != command.project).cloned();
        self.facts.last_serial = self.last_serials.get(&key).copied();
    }

    fn below(&self, key: &[u8], counts: impl Fn(&ZoneRef) -> bool) -> Option<&ZoneRef> {
        self.live
            .range::<[u8], _>((Bound::Excluded(key), Bound::Unbounded))
            .take_while(|(other, _)| other.starts_with(key))
            .map(|(_, zone)| zone)
            .find(|zone| counts(zone))
    }

    /// The zone at or above the owner name that lies below the recordset's zone.
    fn child_above(&self, command: &CreateRecordset, zone: &Zone) -> Option<&ZoneRef> {
        let own: &Name = &zone.name;
        let names = std::iter::successors(Some(Name::clone(&command.owner)), Name::parent);
        let mut between = names.take_while(|name| name != own && name.is_at_or_below(own));
        between.find_map(|name| self.live.get(&name.to_key()))
    }
}
