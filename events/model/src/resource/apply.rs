//! What an event does to a resource: assignment, after a look whether it fits.

use thiserror::Error;

use super::body::Resource;
use super::event::Event;

/// An event that does not fit the state before it: the log or what was read from it is damaged.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("event {event} does not fit: {why}")]
pub struct Inconsistent {
    /// The event's type name.
    pub event: &'static str,
    /// What does not fit.
    pub why: &'static str,
}

/// Applies an event; on an error the state is as it was.
pub fn apply(state: &mut Option<Resource>, event: &Event) -> Result<(), Inconsistent> {
    let wrong = |why| {
        Err(Inconsistent {
            event: event.type_name(),
            why,
        })
    };
    match (event, state.as_ref()) {
        (Event::Created { .. }, Some(_)) => return wrong("the resource exists"),
        (Event::Changed { .. } | Event::Deleted { .. }, None) => return wrong("the resource does not exist"),
        (Event::Changed { before, .. } | Event::Deleted { before }, Some(present)) if before != present => {
            return wrong("the resource before is another");
        }
        (Event::Changed { before, after }, _) if before.id != after.id => {
            return wrong("before and after are different resources");
        }
        _ => {}
    }
    *state = match event {
        Event::Created { resource } => Some(resource.clone()),
        Event::Changed { after, .. } => Some(after.clone()),
        Event::Deleted { .. } => None,
    };
    Ok(())
}
