//! The state that a batch's commands see: what was loaded, and on top what the commands before them did.

mod around;
mod resources;

use std::collections::HashMap;

use zonelog_model::resource::Body;
use zonelog_model::zone::{self, ActorFacts, Command, Facts, Recordset, Share, Zone, ZoneSlice};
use zonelog_model::{ProjectId, RecordsetId, ZoneId, resource};

use crate::load::Loaded;
use crate::registry::KnownRegistry;
use around::Around;
use resources::Resources;

pub(crate) use around::Circumstances;

/// The recordsets that every zone has beside those that are counted: SOA and apex NS. An export has them too.
const ALWAYS_THERE: i64 = 2;

/// The state as far as the batch concerns it.
pub(crate) struct Overlay {
    zones: HashMap<ZoneId, Zone>,
    shares: HashMap<ZoneId, Vec<Share>>,
    /// Live recordsets by zone and the key of their owner name.
    recordsets: HashMap<(ZoneId, Vec<u8>), Vec<Recordset>>,
    /// Where in `recordsets` each stands.
    owners: HashMap<(ZoneId, RecordsetId), Vec<u8>>,
    /// What the rules ask of the world around a zone.
    around: Around,
    /// Resources, and the registry made from some of them.
    resources: Resources,
}

/// A slice taken out of the overlay, to be put back when the command is decided.
pub(crate) struct Taken {
    zone: ZoneId,
    /// The slice; after an accepted command, with its events applied.
    pub(crate) slice: ZoneSlice,
}

impl Overlay {
    pub(crate) fn new(mut loaded: Loaded, circumstances: Circumstances, registry: KnownRegistry) -> Self {
        let mut overlay = Self {
            zones: HashMap::with_capacity(loaded.zones.len()),
            shares: HashMap::new(),
            recordsets: HashMap::new(),
            owners: HashMap::new(),
            around: Around::new(&mut loaded, circumstances),
            resources: Resources::new(&mut loaded, registry),
        };
        for (zone, shares) in loaded.zones {
            if !shares.is_empty() {
                overlay.shares.insert(zone.id, shares);
            }
            overlay.zones.insert(zone.id, zone);
        }
        for (zone, recordset) in loaded.recordsets {
            let key = recordset.owner.to_key();
            overlay.owners.insert((zone, recordset.id), key.clone());
            overlay.recordsets.entry((zone, key)).or_default().push(recordset);
        }
        overlay
    }

    /// Takes the slice of a command out, so that nothing is copied.
    pub(crate) fn take(&mut self, command: &Command) -> Taken {
        let zone = command.zone();
        let owner_key = match command {
            Command::CreateRecordset(command) => Some(command.owner.to_key()),
            Command::UpdateRecordset(command) => self.owners.get(&(zone, command.recordset)).cloned(),
            Command::DeleteRecordset(command) => self.owners.get(&(zone, command.recordset)).cloned(),
            Command::TakeTransfer(command) => {
                let owners = command.changes.iter().map(|change| change.owner.to_key());
                return self.take_at(zone, owners);
            }
            _ if command.needs_apex() => self.zones.get(&zone).map(|zone| zone.name.to_key()),
            _ => None,
        };
        self.take_at(zone, owner_key)
    }

    /// Takes a zone out without any recordset.
    pub(crate) fn take_zone(&mut self, zone: ZoneId) -> Taken {
        self.take_at(zone, [])
    }

    fn take_at(&mut self, zone: ZoneId, owner_keys: impl IntoIterator<Item = Vec<u8>>) -> Taken {
        let mut recordsets = Vec::new();
        for key in owner_keys {
            recordsets.append(&mut self.recordsets.remove(&(zone, key)).unwrap_or_default());
        }
        Taken {
            zone,
            slice: ZoneSlice {
                zone: self.zones.remove(&zone),
                recordsets,
                shares: self.shares.remove(&zone).unwrap_or_default(),
            },
        }
    }

    /// Puts a slice back, changed or not.
    pub(crate) fn put_back(&mut self, taken: Taken) {
        let Taken { zone: id, slice } = taken;
        if let Some(zone) = slice.zone {
            self.zones.insert(id, zone);
        }
        if !slice.shares.is_empty() {
            self.shares.insert(id, slice.shares);
        }
        for recordset in slice.recordsets {
            let key = recordset.owner.to_key();
            self.owners.insert((id, recordset.id), key.clone());
            self.recordsets.entry((id, key)).or_default().push(recordset);
        }
    }

    /// Takes note of an event of a zone that was accepted, for the commands that follow.
    pub(crate) fn note_zone(&mut self, zone: ZoneId, event: &zone::Event) {
        if let zone::Event::ZoneTransferred { before, after } = event {
            self.give_recordsets(zone, before, after);
        }
        self.around.note(zone, event, self.zones.get(&zone));
        self.resources.note_zone(event);
    }

    /// The recordsets of a zone's owner go with the zone.
    fn give_recordsets(&mut self, zone: ZoneId, before: &ProjectId, after: &ProjectId) {
        let of_zone = self
            .recordsets
            .iter_mut()
            .filter(|((other, _), _)| *other == zone)
            .flat_map(|(_, recordsets)| recordsets);
        for recordset in of_zone.filter(|recordset| recordset.project == *before) {
            recordset.project.clone_from(after);
        }
    }

    /// The facts for a command whose slice was taken out.
    pub(crate) fn facts(&self, command: &Command, slice: &ZoneSlice, actor: ActorFacts) -> Facts {
        self.around
            .facts(command, slice, actor, self.resources.registry())
    }

    /// The resources.
    pub(crate) const fn resources(&self) -> &Resources {
        &self.resources
    }

    /// The facts for a command on a resource.
    pub(crate) fn resource_facts(&self, command: &resource::Command) -> resource::Facts {
        let mut facts = self.resources.facts(command, |zone| {
            let zone = self.zones.get(&zone).filter(|zone| !zone.deleted)?;
            Some(zone.project.clone())
        });
        if let resource::Command::Create {
            body: Body::ZoneExport(export),
            ..
        } = command
        {
            facts.quotas = self.around.quotas_of(&export.project);
            let zone = self.zones.get(&export.zone);
            facts.zone_recordsets = zone.map_or(0, |zone| zone.recordset_count + ALWAYS_THERE);
        }
        facts
    }

    /// Takes note of a resource that was made, changed or deleted, for the commands that follow.
    pub(crate) fn note_resource(&mut self, event: &resource::Event) {
        self.around.note_resource(event);
        self.resources.note(event);
    }

    /// What is known of the registry at the end of the batch.
    pub(crate) fn into_registry(self) -> KnownRegistry {
        self.resources.into_registry()
    }
}
