//! From events to rows: pure.

use std::collections::HashMap;

use zonelog_model::resource::{self, Resource};
use zonelog_model::zone::Registry;
use zonelog_model::{Event, Position, Recorded};

/// What a stretch of the log does to the tables of resources: what each resource that it touched is at its end.
#[derive(Debug, Default, PartialEq)]
pub struct ResourceDelta<'a> {
    /// Resources that are there, and the position of their last event.
    pub(super) kept: Vec<(&'a Resource, Position)>,
    /// Every resource that the stretch touched.
    pub(super) touched: Vec<uuid::Uuid>,
    /// The last event of a resource that the rules of zones read.
    pub(super) registry: Option<Position>,
}

impl<'a> ResourceDelta<'a> {
    /// Folds events of the log, which follow each other. Events of zones are passed over.
    pub fn of(events: &'a [Recorded]) -> Self {
        let mut delta = Self::default();
        let mut last: HashMap<uuid::Uuid, Option<(&Resource, Position)>> = HashMap::new();
        for recorded in events {
            let Event::Resource(event) = &recorded.event else {
                continue;
            };
            let id = recorded.stream.uuid();
            let now = match event.as_ref() {
                resource::Event::Created { resource } => Some((resource, recorded.position)),
                resource::Event::Changed { after, .. } => Some((after, recorded.position)),
                resource::Event::Deleted { .. } => None,
            };
            if last.insert(id, now).is_none() {
                delta.touched.push(id);
            }
            if Registry::KINDS.contains(&event.kind()) {
                delta.registry = Some(recorded.position);
            }
        }
        delta.kept = delta
            .touched
            .iter()
            .filter_map(|id| last.get(id).copied().flatten())
            .collect();
        delta
    }

    /// Whether no row changes.
    pub fn is_empty(&self) -> bool {
        self.touched.is_empty()
    }
}
