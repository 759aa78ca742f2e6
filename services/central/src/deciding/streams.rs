//! Decided events into the batch, each at the next version of its stream.

use std::sync::Arc;

use zonelog_model::resource::{self, Resource};
use zonelog_model::zone::{self, ZoneSlice};
use zonelog_model::{Event, Metadata, Position, Recorded, StreamId, ZoneId};
use zonelog_store::Appending;

use super::{Deciding, Refused};

impl Deciding {
    /// Appends the events of one change to a zone's stream, and applies them to the slice. Returns the position of the
    /// last.
    pub(super) fn append_zone(
        &mut self,
        appending: &mut Appending<'_>,
        zone: ZoneId,
        slice: &mut ZoneSlice,
        events: Vec<zone::Event>,
        metadata: &Arc<Metadata>,
    ) -> Result<Option<Position>, Refused> {
        let stream = StreamId::from(zone);
        let mut version = slice.zone.as_ref().map_or(0, |zone| zone.stream_version);
        let mut position = None;
        for (index, event) in events.into_iter().enumerate() {
            version += 1;
            if let Err(error) = zone::apply(slice, &event, self.now, version, index == 0) {
                self.inconsistent.insert(zone);
                return Err(Refused::Inconsistent(error.to_string()));
            }
            let recorded = appending.push(stream, version, Event::Zone(event), metadata, self.now);
            position = Some(recorded.position);
        }
        Ok(position)
    }

    /// Appends an event to a resource's stream. Returns the resource after it, a deleted one as it was, and the position.
    pub(super) fn append_resource(
        &mut self,
        appending: &mut Appending<'_>,
        event: resource::Event,
        metadata: &Arc<Metadata>,
    ) -> Result<(Resource, Position), Refused> {
        let shown = match &event {
            resource::Event::Created { resource } => resource.clone(),
            resource::Event::Changed { after, .. } => after.clone(),
            resource::Event::Deleted { before } => before.clone(),
        };
        let mut state = self.overlay.resources().get(shown.id).cloned();
        resource::apply(&mut state, &event).map_err(|error| Refused::Inconsistent(error.to_string()))?;
        let version = self.overlay.resources().version(shown.id) + 1;
        let recorded = appending.push(shown.id.into(), version, event.into(), metadata, self.now);
        Ok((shown, recorded.position))
    }

    /// Lets the commands that follow see the events of an accepted one.
    pub(super) fn note(&mut self, events: &[Recorded]) {
        for recorded in events {
            match &recorded.event {
                Event::Zone(event) => self.overlay.note_zone(ZoneId::new(recorded.stream.uuid()), event),
                Event::Resource(event) => self.overlay.note_resource(event),
            }
        }
    }
}
