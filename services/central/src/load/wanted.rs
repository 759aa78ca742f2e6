//! What a batch's commands need to be known, gathered from them; each thing once.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;
use zonelog_dns::Name;
use zonelog_model::resource::{self, Body, Kind, TsigScope};
use zonelog_model::transfer::AcceptTransfer;
use zonelog_model::zone::{self, Registry};

use crate::command::Command;
use crate::request::Request;

/// Keys into the tables.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) zones: HashSet<Uuid>,
    /// Zone and owner name.
    pub(super) owners: HashSet<(Uuid, Vec<u8>)>,
    /// Zones whose apex NS is wanted.
    pub(super) apexes: HashSet<Uuid>,
    /// Zone and recordset.
    pub(super) recordsets: HashSet<(Uuid, Uuid)>,
    /// Names that live zones may have.
    pub(super) names: HashSet<Vec<u8>>,
    /// Name and project of the zones to be made.
    pub(super) created: HashSet<(Vec<u8>, String)>,
    /// Zones that are to end.
    pub(super) ended: HashSet<Uuid>,
    /// How many commands delete a recordset.
    pub(super) recordset_deletions: i64,
    /// Shares that are to end.
    pub(super) unshared: HashSet<Uuid>,
    /// Project and idempotency key.
    pub(super) keys: HashSet<(String, String)>,
    /// Projects whose quotas and usage count.
    pub(super) projects: HashSet<String>,
    pub(super) resources: HashSet<Uuid>,
    /// Kind and unique key.
    pub(super) unique_keys: HashSet<(&'static str, String)>,
    /// Streams whose version is wanted.
    pub(super) streams: HashSet<Uuid>,
    /// Pools that are to be deleted.
    pub(super) pools_deleted: HashSet<Uuid>,
    /// Whether TLDs, blacklists or pools matter.
    pub(super) registry: bool,
    /// The ids of zones to be made, with their names.
    new_zones: HashMap<Uuid, Vec<u8>>,
}

impl Wanted {
    pub(super) fn of(batch: &[Request]) -> Self {
        let mut wanted = Self::default();
        for request in batch {
            match &request.command {
                Command::Zone(command) => wanted.zone(command),
                Command::Resource(command) => wanted.resource(command),
                Command::AcceptTransfer(command) => wanted.transfer(command),
                // Its id is new: whether it is in use already is told by its stream.
                Command::StartImport(command) => {
                    wanted.resources.insert(command.import.uuid());
                    wanted.streams.insert(command.import.uuid());
                }
            }
            if let Some(idempotency) = &request.idempotency {
                let project = request.metadata.actor.project.as_str().to_owned();
                wanted.keys.insert((project, idempotency.key.clone()));
            }
        }
        // A zone that the same batch makes and ends cannot be looked up by its id. No project's id is empty, so this
        // finds the zones below of all projects.
        let made_and_ended = wanted
            .new_zones
            .iter()
            .filter(|(zone, _)| wanted.ended.contains(*zone));
        wanted
            .created
            .extend(made_and_ended.map(|(_, key)| (key.clone(), String::new())));
        wanted
    }

    pub(super) fn of_one(command: &zone::Command) -> Self {
        let mut wanted = Self::default();
        wanted.zone(command);
        wanted
    }

    fn zone(&mut self, command: &zone::Command) {
        let zone = command.zone().uuid();
        self.zones.insert(zone);
        if command.needs_apex() {
            self.apexes.insert(zone);
        }
        match command {
            zone::Command::CreateZone(command) => {
                let key = command.name.to_key();
                self.names
                    .extend(command.name.ancestors().map(|name| name.to_key()));
                self.names.insert(key.clone());
                self.new_zones.insert(zone, key.clone());
                let project = command.project.as_str();
                self.projects.insert(project.to_owned());
                self.created.insert((key, project.to_owned()));
                self.registry = true;
            }
            zone::Command::DeleteZone(_) | zone::Command::AbandonZone(_) => {
                self.ended.insert(zone);
            }
            zone::Command::CreateRecordset(command) => {
                self.owners.insert((zone, command.owner.to_key()));
                // The zone's own name is not known yet: those above it are looked for too, and passed over.
                let mut above = Some(Name::clone(&command.owner));
                while let Some(name) = above.filter(|name| !name.is_root()) {
                    if !self.names.insert(name.to_key()) {
                        break;
                    }
                    above = name.parent();
                }
            }
            zone::Command::UpdateRecordset(command) => {
                self.recordsets.insert((zone, command.recordset.uuid()));
            }
            zone::Command::DeleteRecordset(command) => {
                self.recordsets.insert((zone, command.recordset.uuid()));
                self.recordset_deletions += 1;
            }
            zone::Command::UnshareZone(command) => {
                self.unshared.insert(command.share.uuid());
            }
            zone::Command::MoveZone(_) | zone::Command::RewriteNameservers(_) => self.registry = true,
            zone::Command::TakeTransfer(command) => {
                let owners = command.changes.iter().map(|change| change.owner.to_key());
                self.owners.extend(owners.map(|key| (zone, key)));
            }
            zone::Command::TransferZone(command) => {
                self.projects.insert(command.to.as_str().to_owned());
            }
            zone::Command::UpdateZone(_) | zone::Command::AdvanceMove(_) | zone::Command::ShareZone(_) => {}
        }
    }

    fn resource(&mut self, command: &resource::Command) {
        let id = command.id().uuid();
        self.resources.insert(id);
        self.registry |= Registry::KINDS.contains(&command.kind());
        match command {
            resource::Command::Create { body, .. } => {
                self.streams.insert(id);
                self.body(body);
            }
            resource::Command::Update { change, .. } => {
                self.unique_key(command.kind(), change.unique_key());
                if let resource::Change::TsigKey { resource, .. } = change
                    && let zone::Patch::Set(named) = resource
                {
                    self.zones.insert(*named);
                }
            }
            resource::Command::Delete { kind, .. } => {
                if *kind == Kind::Pool {
                    self.pools_deleted.insert(id);
                }
            }
        }
    }

    fn body(&mut self, body: &Body) {
        self.unique_key(body.kind(), body.unique_key());
        self.zones.extend(body.zone().map(|zone| zone.uuid()));
        if let Body::ZoneExport(export) = body {
            self.projects.insert(export.project.as_str().to_owned());
        }
        if let Body::TsigKey(key) = body
            && key.scope == TsigScope::Zone
        {
            self.zones.insert(key.resource);
        }
    }

    fn unique_key(&mut self, kind: Kind, key: Option<String>) {
        self.unique_keys.extend(key.map(|key| (kind.label(), key)));
    }

    fn transfer(&mut self, command: &AcceptTransfer) {
        self.zones.insert(command.zone.uuid());
        self.projects.insert(command.project.as_str().to_owned());
        self.resources.insert(command.request.uuid());
        self.resources.insert(command.accept.uuid());
    }
}
