//! The options of a `knot` target. Designate has none such; the names are Knot's own.

use std::collections::BTreeMap;
use std::time::Duration;

use zonelog_model::resource::OptionValue;

use super::KnotConfig;
use crate::options::Unseal;
use crate::targets::options::{Given, unknown};

/// Where Knot's control socket is when nobody says: its packages' place.
const CONTROL_SOCKET: &str = "/run/knot/knot.sock";
/// How long an answer may take when nobody says; a large configuration takes its time.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What a target may say.
const KNOWN: [&str; 7] = [
    "host",
    "port",
    "control_socket",
    "template",
    "remotes",
    "timeout",
    "clean_zonefile",
];

/// Reads the options.
pub(crate) fn read(options: &BTreeMap<String, OptionValue>, unseal: &Unseal) -> Result<KnotConfig, String> {
    let given = Given::new(options, unseal);
    given.port("port", 53)?;
    let remotes = given.text("remotes")?.unwrap_or_default();
    let remotes = remotes
        .split([',', ' '])
        .filter(|id| !id.is_empty())
        .map(str::to_owned)
        .collect();
    Ok(KnotConfig {
        socket: given.text_or("control_socket", CONTROL_SOCKET)?.into(),
        template: given.text("template")?,
        remotes,
        timeout: given.seconds("timeout")?.unwrap_or(TIMEOUT),
        clean_zone_file: given.truth("clean_zonefile", true)?,
    })
}

/// What should be looked at, though it works.
pub(crate) fn remarks(options: &BTreeMap<String, OptionValue>) -> Vec<String> {
    unknown("knot", options, &KNOWN)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::targets::options::map;

    #[test]
    fn options_are_read_and_wrong_ones_named() {
        let config = read(&map(&[]), &Unseal::without_key()).unwrap();
        assert_eq!(config.socket, PathBuf::from("/run/knot/knot.sock"));
        assert!(config.clean_zone_file && config.template.is_none() && config.remotes.is_empty());
        let config = read(&map(&[("remotes", "one, two")]), &Unseal::without_key()).unwrap();
        assert_eq!(config.remotes, ["one", "two"]);
        for (option, value) in [("timeout", "soon"), ("clean_zonefile", "perhaps"), ("port", "x")] {
            let error = read(&map(&[(option, value)]), &Unseal::without_key()).unwrap_err();
            assert!(error.starts_with(&format!("option {option}: ")), "{error}");
        }
        assert_eq!(remarks(&map(&[("control_scoket", "/x"), ("host", "a")])).len(), 1);
    }
}
