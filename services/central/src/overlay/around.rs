//! The facts about a zone's surroundings: the hierarchy, quotas and usage, shares in use.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use zonelog_dns::{LongSerial, Name};
use zonelog_model::resource::{self, Body, QuotaOverrides, Quotas};
use zonelog_model::zone::{
    ActorFacts, Command, CreateRecordset, CreateZone, Event, Facts, Limits, Registry, UnshareZone, Zone,
    ZoneRef, ZoneSlice,
};
use zonelog_model::{ProjectId, ZoneId};

use crate::ids;
use crate::load::Loaded;
use crate::options::CentralOptions;

/// What is the same for all batches.
#[derive(Clone, Debug)]
pub(crate) struct Circumstances {
    /// The installation's limits.
    pub(crate) limits: Limits,
    /// The quotas of projects without their own.
    pub(crate) quotas: Quotas,
    /// A project without quotas.
    pub(crate) managed_project: Option<ProjectId>,
}

impl Circumstances {
    /// As configured.
    pub(crate) fn of(options: &CentralOptions) -> Self {
        Self {
            limits: options.limits,
            quotas: options.quotas,
            managed_project: options.managed_project.clone(),
        }
    }
}

/// See the module.
pub(super) struct Around {
    circumstances: Circumstances,
    /// Live zones by name key. It has all that the batch's names can meet, not all that there are.
    live: BTreeMap<Vec<u8>, ZoneRef>,
    /// Of the zones in `live` those that matter as parents: with whom they are shared.
    shared: HashSet<(ZoneId, ProjectId)>,
    last_serials: HashMap<Vec<u8>, LongSerial>,
    quotas: HashMap<ProjectId, QuotaOverrides>,
    /// Live zones of the projects that are to get one.
    usage: HashMap<ProjectId, i64>,
    /// Recordsets of projects in the zones whose shares with them are to end.
    share_use: HashMap<(ZoneId, ProjectId), i64>,
}

impl Around {
    pub(super) fn new(loaded: &mut Loaded, circumstances: Circumstances) -> Self {
        let hierarchy = std::mem::take(&mut loaded.hierarchy).into_iter();
        let quotas = std::mem::take(&mut loaded.quotas).into_iter();
        let share_use = std::mem::take(&mut loaded.share_use).into_iter();
        Self {
            circumstances,
            live: hierarchy.map(|zone| (zone.name.to_key(), zone)).collect(),
            shared: loaded.shared.drain(..).collect(),
            last_serials: std::mem::take(&mut loaded.last_serials),
            quotas: quotas.map(|quotas| (quotas.project.clone(), quotas)).collect(),
            usage: loaded.usage.drain(..).collect(),
            share_use: share_use
                .map(|(zone, project, recordsets)| ((zone, project), recordsets))
                .collect(),
        }
    }

    /// The facts for a command on a zone.
    pub(super) fn facts(
        &self,
        command: &Command,
        slice: &ZoneSlice,
        actor: ActorFacts,
        registry: &Arc<Registry>,
    ) -> Facts {
        let mut facts = Facts::new(Arc::clone(registry), self.circumstances.limits, actor);
        let zone = slice.zone.as_ref();
        match command {
            Command::CreateZone(command) => self.creation_facts(&mut facts, command),
            Command::DeleteZone(_) | Command::AbandonZone(_) => {
                let below = zone.and_then(|zone| self.below(&zone.name.to_key(), |_| true));
                facts.child = below.cloned();
            }
            Command::CreateRecordset(command) => {
                let child = zone.and_then(|zone| self.child_above(command, zone));
                facts.child = child.cloned();
                self.owner_facts(&mut facts, zone);
            }
            Command::UpdateRecordset(_) | Command::TakeTransfer(_) => self.owner_facts(&mut facts, zone),
            Command::UnshareZone(command) => self.share_facts(&mut facts, command, slice),
            Command::TransferZone(command) => self.recipient_facts(&mut facts, &command.to),
            Command::MoveZone(_) => facts.random = ids::random(),
            Command::UpdateZone(_)
            | Command::DeleteRecordset(_)
            | Command::ShareZone(_)
            | Command::AdvanceMove(_)
            | Command::RewriteNameservers(_) => {}
        }
        facts
    }

    fn creation_facts(&self, facts: &mut Facts, command: &CreateZone) {
        let key = command.name.to_key();
        facts.same_name = self.live.get(&key).cloned();
        let above = command
            .name
            .ancestors()
            .filter_map(|name| self.live.get(&name.to_key()).cloned());
        facts.parents = above.collect();
        facts.parent_is_shared = facts
            .parents
            .first()
            .is_some_and(|parent| self.shared.contains(&(parent.id, command.project.clone())));
        facts.child = self.below(&key, |zone| zone.project != command.project).cloned();
        facts.last_serial = self.last_serials.get(&key).copied();
        facts.random = ids::random();
        self.recipient_facts(facts, &command.project);
    }

    /// The quotas and the number of zones of who is to get a zone.
    fn recipient_facts(&self, facts: &mut Facts, project: &ProjectId) {
        facts.quotas = self.quotas_of(project);
        facts.project_zones = self.usage.get(project).copied().unwrap_or_default();
    }

    fn owner_facts(&self, facts: &mut Facts, zone: Option<&Zone>) {
        if let Some(zone) = zone {
            facts.quotas = self.quotas_of(&zone.project);
        }
    }

    fn share_facts(&self, facts: &mut Facts, command: &UnshareZone, slice: &ZoneSlice) {
        let share = slice.shares.iter().find(|share| share.id == command.share);
        let (Some(share), Some(zone)) = (share, &slice.zone) else {
            return;
        };
        let target = &share.target_project;
        facts.child = self
            .below(&zone.name.to_key(), |zone| zone.project == *target)
            .cloned();
        let recordsets = self.share_use.get(&(zone.id, target.clone()));
        facts.target_has_recordsets = recordsets.is_some_and(|count| *count > 0);
    }

    /// What a project may have.
    pub(super) fn quotas_of(&self, project: &ProjectId) -> Quotas {
        if self.circumstances.managed_project.as_ref() == Some(project) {
            return Quotas::UNLIMITED;
        }
        let default = self.circumstances.quotas;
        self.quotas.get(project).map_or(default, |own| default.with(own))
    }

    /// Takes note of an accepted event; `zone` is the zone after it.
    pub(super) fn note(&mut self, id: ZoneId, event: &Event, zone: Option<&Zone>) {
        match event {
            Event::ZoneCreated { zone } => {
                self.count(&zone.project, 1);
                let made = ZoneRef {
                    id,
                    name: zone.name.clone(),
                    project: zone.project.clone(),
                };
                self.live.insert(zone.name.to_key(), made);
            }
            Event::ZoneDeleted { zone, .. } | Event::ZoneAbandoned { zone } => {
                self.count(&zone.project, -1);
                let key = zone.name.to_key();
                if self.live.get(&key).is_some_and(|live| live.id == id) {
                    self.live.remove(&key);
                }
                let last = self.last_serials.entry(key).or_insert(zone.serial);
                *last = (*last).max(zone.serial);
            }
            Event::ZoneTransferred { before, after } => {
                self.count(before, -1);
                self.count(after, 1);
                if let Some(live) = zone.and_then(|zone| self.live.get_mut(&zone.name.to_key())) {
                    live.project.clone_from(after);
                }
            }
            Event::ZoneShared { share } => {
                self.shared.insert((id, share.target_project.clone()));
                // A project that sees a zone from now on has nothing in it yet.
                self.share_use
                    .entry((id, share.target_project.clone()))
                    .or_default();
            }
            Event::ZoneUnshared { share } => {
                self.shared.remove(&(id, share.target_project.clone()));
            }
            Event::RecordsetCreated { recordset, .. } => self.count_share_use(id, &recordset.project, 1),
            Event::RecordsetDeleted { before, .. } => self.count_share_use(id, &before.project, -1),
            Event::ZoneTtlChanged { .. }
            | Event::ZoneEmailChanged { .. }
            | Event::ZoneDescriptionChanged { .. }
            | Event::ZoneMovedToPool { .. }
            | Event::ZoneMoveAdvanced { .. }
            | Event::ZonePrimaryNameserverChanged { .. }
            | Event::ZoneMastersChanged { .. }
            | Event::ZoneRefreshedFromPrimary { .. }
            | Event::RecordsetChanged { .. } => {}
        }
    }

    /// Takes note of an accepted event of a resource.
    pub(super) fn note_resource(&mut self, event: &resource::Event) {
        match event {
            resource::Event::Created { resource } | resource::Event::Changed { after: resource, .. } => {
                if let Body::Quotas(quotas) = &resource.body {
                    self.quotas.insert(quotas.project.clone(), quotas.clone());
                }
            }
            resource::Event::Deleted { before } => {
                if let Body::Quotas(quotas) = &before.body {
                    self.quotas.remove(&quotas.project);
                }
            }
        }
    }

    /// Projects that get no zone in this batch are not counted.
    fn count(&mut self, project: &ProjectId, difference: i64) {
        if let Some(zones) = self.usage.get_mut(project) {
            *zones += difference;
        }
    }

    fn count_share_use(&mut self, zone: ZoneId, project: &ProjectId, difference: i64) {
        if self.share_use.is_empty() {
            return;
        }
        if let Some(recordsets) = self.share_use.get_mut(&(zone, project.clone())) {
            *recordsets += difference;
        }
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
