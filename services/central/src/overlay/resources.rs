//! The resources that a batch's commands see, and the registry made from all that matter to zones.

use std::collections::HashMap;
use std::sync::Arc;

use zonelog_model::resource::{Body, Command, Event, Facts, Kind, Resource, TsigScope};
use zonelog_model::zone::{self, Patch, Registry};
use zonelog_model::{PoolId, ProjectId, ResourceId, Version, ZoneId};

use crate::load::Loaded;
use crate::registry::KnownRegistry;

/// See the module.
pub(crate) struct Resources {
    present: HashMap<ResourceId, Resource>,
    /// Who has the unique keys that the batch gives.
    unique_keys: HashMap<(&'static str, String), ResourceId>,
    /// Versions of the streams that the batch begins, or goes on with after a deletion.
    versions: HashMap<ResourceId, Version>,
    /// Zones of the pools that the batch deletes.
    pool_zones: HashMap<PoolId, i64>,
    registry: KnownRegistry,
}

impl Resources {
    pub(super) fn new(loaded: &mut Loaded, registry: KnownRegistry) -> Self {
        let resources = loaded.resources.drain(..);
        let unique_keys = loaded.unique_keys.drain();
        Self {
            present: resources.map(|resource| (resource.id, resource)).collect(),
            unique_keys: unique_keys
                .filter_map(|((kind, key), id)| Some(((Kind::from_label(&kind)?.label(), key), id)))
                .collect(),
            versions: std::mem::take(&mut loaded.stream_versions),
            pool_zones: loaded.pool_zones.drain(..).collect(),
            registry,
        }
    }

    /// A resource.
    pub(crate) fn get(&self, id: ResourceId) -> Option<&Resource> {
        self.present.get(&id)
    }

    /// The version of a resource's stream.
    pub(crate) fn version(&self, id: ResourceId) -> Version {
        let present = self.present.get(&id).map(|resource| resource.stream_version);
        present
            .or_else(|| self.versions.get(&id).copied())
            .unwrap_or_default()
    }

    /// The facts for a command. `owner_of` tells who owns a zone that is live.
    pub(crate) fn facts(&self, command: &Command, owner_of: impl Fn(ZoneId) -> Option<ProjectId>) -> Facts {
        let mut facts = Facts::default();
        let present = self.present.get(&command.id());
        let key = match command {
            Command::Create { body, .. } => body.unique_key(),
            Command::Update { change, .. } => change.unique_key(),
            Command::Delete { .. } => None,
        };
        facts.same_key = key
            .and_then(|key| self.unique_keys.get(&(command.kind().label(), key)))
            .copied()
            .filter(|other| *other != command.id());
        facts.pool_has_zones = self
            .pool_zones
            .get(&PoolId::new(command.id().uuid()))
            .is_some_and(|zones| *zones > 0);
        if let Command::Create { body, .. } = command {
            facts.zone_owner = body.zone().and_then(&owner_of);
        }
        if let Some((scope, named)) = named_by_key(command, present) {
            facts.named_resource_exists = match scope {
                TsigScope::Pool => self.registry.current().pool(PoolId::new(named)).is_some(),
                TsigScope::Zone => owner_of(ZoneId::new(named)).is_some(),
            };
        }
        facts
    }

    /// Takes note of an accepted event.
    pub(super) fn note(&mut self, event: &Event) {
        let (before, after) = match event {
            Event::Created { resource } => (None, Some(resource)),
            Event::Changed { before, after } => (Some(before), Some(after)),
            Event::Deleted { before } => (Some(before), None),
        };
        if let Some(before) = before {
            if let Some(key) = before.body.unique_key() {
                self.unique_keys.remove(&(before.body.kind().label(), key));
            }
            self.present.remove(&before.id);
            self.versions.insert(before.id, before.stream_version + 1);
        }
        if let Some(after) = after {
            if let Some(key) = after.body.unique_key() {
                self.unique_keys
                    .insert((after.body.kind().label(), key), after.id);
            }
            self.versions.insert(after.id, after.stream_version);
            self.present.insert(after.id, after.clone());
        }
        self.registry.note(event);
    }

    /// Takes note of an accepted event of a zone.
    pub(super) fn note_zone(&mut self, event: &zone::Event) {
        if self.pool_zones.is_empty() {
            return;
        }
        let mut count = |pool: PoolId, difference: i64| {
            if let Some(zones) = self.pool_zones.get_mut(&pool) {
                *zones += difference;
            }
        };
        match event {
            zone::Event::ZoneCreated { zone } => count(zone.pool, 1),
            zone::Event::ZoneDeleted { zone, .. } | zone::Event::ZoneAbandoned { zone } => {
                count(zone.pool, -1)
            }
            zone::Event::ZoneMovedToPool { before, after, .. } => {
                count(*before, -1);
                count(*after, 1);
            }
            _ => {}
        }
    }

    /// The registry as the commands before made it.
    pub(super) fn registry(&self) -> &Arc<Registry> {
        self.registry.current()
    }

    pub(super) fn into_registry(self) -> KnownRegistry {
        self.registry
    }
}

/// The pool or zone that a TSIG key would be for.
fn named_by_key(command: &Command, present: Option<&Resource>) -> Option<(TsigScope, uuid::Uuid)> {
    use zonelog_model::resource::Change;
    match command {
        Command::Create {
            body: Body::TsigKey(key),
            ..
        } => Some((key.scope, key.resource)),
        Command::Update {
            change: Change::TsigKey { scope, resource, .. },
            ..
        } => {
            let Body::TsigKey(before) = &present?.body else {
                return None;
            };
            let scope = match scope {
                Patch::Set(scope) => *scope,
                Patch::Keep => before.scope,
            };
            let resource = match resource {
                Patch::Set(resource) => *resource,
                Patch::Keep => before.resource,
            };
            Some((scope, resource))
        }
        _ => None,
    }
}
