//! From the shape of an older type version to the present one, a version at a time.

use serde_json::Value;

use super::DecodeError;

/// The step from one version of an event's payload to the next.
pub(super) struct Upcast {
    /// The event's type.
    pub(super) type_name: &'static str,
    /// The version that the step reads; it makes the next.
    pub(super) from: i16,
    /// Changes the payload; the error says what is damaged in it.
    pub(super) step: fn(&mut Value) -> Result<(), String>,
}

/// The steps of all types. Every type is at its first version today, so there are none.
pub(super) const UPCASTS: &[Upcast] = &[];

/// The payload in the version `to`, as JSON text.
pub(super) fn upcast(
    steps: &[Upcast],
    type_name: &str,
    type_version: i16,
    to: i16,
    payload: &str,
) -> Result<String, DecodeError> {
    let unknown = || DecodeError::UnknownVersion {
        type_name: type_name.to_owned(),
        type_version,
        present: to,
    };
    if type_version > to {
        return Err(unknown());
    }
    let mut value: Value =
        serde_json::from_str(payload).map_err(|error| DecodeError::shape(type_name, &error))?;
    for version in type_version..to {
        let upcast = steps
            .iter()
            .find(|upcast| upcast.type_name == type_name && upcast.from == version);
        let upcast = upcast.ok_or_else(unknown)?;
        (upcast.step)(&mut value).map_err(|reason| DecodeError::Shape {
            what: type_name.to_owned(),
            reason,
        })?;
    }
    Ok(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: &[Upcast] = &[
        Upcast {
            type_name: "lamp_lit",
            from: 1,
            step: |payload| {
                payload["watts"] = 40.into();
                Ok(())
            },
        },
        Upcast {
            type_name: "lamp_lit",
            from: 2,
            step: |payload| {
                let watts = payload["watts"].take().as_i64().ok_or("watts is not a number")?;
                payload["milliwatts"] = (watts * 1000).into();
                payload.as_object_mut().ok_or("not an object")?.remove("watts");
                Ok(())
            },
        },
    ];

    #[test]
    fn each_version_goes_through_every_later_step() {
        assert_eq!(
            upcast(STEPS, "lamp_lit", 1, 3, "{}").unwrap(),
            r#"{"milliwatts":40000}"#
        );
        assert_eq!(
            upcast(STEPS, "lamp_lit", 2, 3, r#"{"watts":2}"#).unwrap(),
            r#"{"milliwatts":2000}"#
        );
    }

    #[test]
    fn versions_that_nobody_wrote_are_refused() {
        for version in [i16::MIN, -1, 0, 4, i16::MAX] {
            let error = upcast(STEPS, "lamp_lit", version, 3, "{}").unwrap_err();
            assert!(
                matches!(error, DecodeError::UnknownVersion { .. }),
                "{version}: {error}"
            );
        }
    }

    #[test]
    fn damage_that_a_step_finds_is_told() {
        let error = upcast(STEPS, "lamp_lit", 2, 3, r#"{"watts":"many"}"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a stored lamp_lit is damaged: watts is not a number"
        );
        let error = upcast(STEPS, "lamp_lit", 2, 3, "{").unwrap_err();
        assert!(matches!(error, DecodeError::Shape { .. }), "{error}");
    }
}
