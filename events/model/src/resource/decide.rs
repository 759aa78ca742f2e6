//! From a command on a resource to the event it becomes.

use super::body::{Body, Kind, Resource};
use super::change::changed;
use super::command::{Change, Command};
use super::event::Event;
use super::facts::Facts;
use super::rejection::Rejection;
use super::rules;
use crate::{ResourceId, Timestamp, Version};

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
        Command::Create { id, body } => create(present, version, *id, body, facts, now).map(Some),
        Command::Update { id, change } => update(present, version, *id, change, facts, now),
        Command::Delete { id, kind } => delete(present, *id, *kind, facts).map(Some),
    }
}

fn create(
    present: Option<&Resource>,
    version: Version,
    id: ResourceId,
    body: &Body,
    facts: &Facts,
    now: Timestamp,
) -> Result<Event, Rejection> {
    rules::body_is_valid(body)?;
    rules::body_can_be_created(body)?;
    match body {
        Body::TsigKey(key) => rules::named_resource_exists(key.scope, facts)?,
        Body::TransferRequest(request) => rules::zone_is_the_projects(&request.project, facts)?,
        Body::ZoneExport(_) => rules::zone_can_be_exported(facts)?,
        _ => {}
    }
    // Of one stream no two resources are made, but for quotas that were deleted.
    if let Some(other) = present.map(|present| present.id).or(facts.same_key) {
        return Err(Rejection::Duplicate {
            kind: body.kind(),
            other,
        });
    }
    Ok(Event::Created {
        resource: Resource::new(id, body.clone(), version, now),
    })
}

fn update(
    present: Option<&Resource>,
    version: Version,
    id: ResourceId,
    change: &Change,
    facts: &Facts,
    now: Timestamp,
) -> Result<Option<Event>, Rejection> {
    let before = known(present, id, change.kind())?;
    rules::body_can_change(&before.body)?;
    let body = changed(&before.body, change);
    if body == before.body {
        return Ok(None);
    }
    rules::change_is_valid(&body)?;
    if let (Body::TsigKey(old), Body::TsigKey(new)) = (&before.body, &body)
        && (old.scope, old.resource) != (new.scope, new.resource)
    {
        rules::named_resource_exists(new.scope, facts)?;
    }
    if let Some(other) = facts.same_key.filter(|other| *other != id)
        && body.unique_key() != before.body.unique_key()
    {
        return Err(Rejection::Duplicate {
            kind: change.kind(),
            other,
        });
    }
    let mut after = before.changed_to(body, now);
    after.stream_version = version + 1;
    Ok(Some(Event::Changed {
        before: before.clone(),
        after,
    }))
}

fn delete(present: Option<&Resource>, id: ResourceId, kind: Kind, facts: &Facts) -> Result<Event, Rejection> {
    let before = known(present, id, kind)?;
    if kind == Kind::Pool && facts.pool_has_zones {
        return Err(Rejection::PoolHasZones);
    }
    Ok(Event::Deleted {
        before: before.clone(),
    })
}

fn known(present: Option<&Resource>, id: ResourceId, kind: Kind) -> Result<&Resource, Rejection> {
    present
        .filter(|present| present.id == id && present.body.kind() == kind)
        .ok_or(Rejection::NotFound { kind, id })
}
