//! The stored form of who asked. The project stands beside it, in a column of its own.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{BadValue, DecodeError};
use super::{to_value, value};
use crate::{Actor, Door};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredActor {
    user: String,
    roles: Vec<String>,
    door: String,
}

/// The stored form of an actor: `{"user", "roles", "door"}`.
pub fn encode_actor(actor: &Actor) -> Value {
    to_value(&StoredActor {
        user: actor.user.clone(),
        roles: actor.roles.clone(),
        door: actor.door.label().to_owned(),
    })
}

/// Reads an actor's stored form and its project.
pub fn decode_actor(actor: &Value, project: &str) -> Result<Actor, DecodeError> {
    let stored = StoredActor::deserialize(actor).map_err(|error| DecodeError::shape("actor", &error))?;
    let door =
        Door::from_label(&stored.door).ok_or_else(|| BadValue::new("door", &stored.door, "not a door"));
    let project = value::project("project", project);
    Ok(Actor {
        user: stored.user,
        project: project.map_err(|bad| bad.within("actor"))?,
        roles: stored.roles,
        door: door.map_err(|bad| bad.within("actor"))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProjectId;
    use serde_json::json;

    #[test]
    fn actors_are_read_back() {
        for door in [Door::Api, Door::Operator] {
            let actor = Actor {
                user: "amy".into(),
                project: ProjectId::new("p1").unwrap(),
                roles: vec!["member".into(), "reader".into()],
                door,
            };
            let stored = encode_actor(&actor);
            assert_eq!(
                stored,
                json!({"user": "amy", "roles": ["member", "reader"], "door": door.label()})
            );
            assert_eq!(decode_actor(&stored, "p1").unwrap(), actor);
        }
    }

    #[test]
    fn damaged_actors_are_named() {
        let bad_door =
            decode_actor(&json!({"user": "amy", "roles": [], "door": "window"}), "p1").unwrap_err();
        assert_eq!(
            bad_door.to_string(),
            r#"a stored actor is damaged: door "window": not a door"#
        );
        let no_user = decode_actor(&json!({"roles": [], "door": "api"}), "p1").unwrap_err();
        assert_eq!(
            no_user.to_string(),
            "a stored actor is damaged: missing field `user`"
        );
        assert!(decode_actor(&json!({"user": "amy", "roles": [], "door": "api"}), "").is_err());
    }
}
