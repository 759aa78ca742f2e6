//! From a command on a resource to the event it becomes.

use super::body::{Body, Kind, Resource};
use super::command::{Change, Command};
use super::event::Event;
use super::facts::Facts;
use super::rejection::Rejection;
use crate::{Timestamp, Version};

/// Decides a command. `version` is that of the stream's last event, 0 for a new stream: quotas that were deleted and
/// are set again go on in the same stream. No event means that there is nothing to change.
pub fn decide(
    present: Option<&Resource>,
    version: Version,
    command: &Command,
    facts: &Facts,
    now: Timestamp,
) -> Result<Option<Event>, Rejection> {
    match command {
        Command::Create { id, body } => {
            if let Some(other) = present.map(|present| present.id).or(facts.same_key) {
                return Err(Rejection::Duplicate {
                    kind: body.kind(),
                    other,
                });
            }
            Ok(Some(Event::Created {
                resource: Resource {
                    id: *id,
                    body: body.clone(),
                    revision: 1,
                    stream_version: version + 1,
                    created_at: now,
                    updated_at: None,
                },
            }))
        }
        Command::Update { id, change } => {
            let before = known(present, *id, change.kind())?;
            let body = changed(&before.body, change);
            if body == before.body {
                return Ok(None);
            }
            let after = Resource {
                body,
                revision: before.revision + 1,
                stream_version: version + 1,
                updated_at: Some(now),
                ..before.clone()
            };
            Ok(Some(Event::Changed {
                before: before.clone(),
                after,
            }))
        }
        Command::Delete { id, kind } => Ok(Some(Event::Deleted {
            before: known(present, *id, *kind)?.clone(),
        })),
    }
}

fn known(present: Option<&Resource>, id: crate::ResourceId, kind: Kind) -> Result<&Resource, Rejection> {
    present
        .filter(|present| present.id == id && present.body.kind() == kind)
        .ok_or(Rejection::NotFound { kind, id })
}

fn changed(body: &Body, change: &Change) -> Body {
    match (body, change) {
        (Body::Pool(_), Change::Pool(pool)) => Body::Pool(pool.clone()),
        _ => body.clone(),
    }
}
