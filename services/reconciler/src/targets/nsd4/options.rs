//! The options of an `nsd4` target, under Designate's names.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use zonelog_model::resource::OptionValue;

use crate::options::Unseal;
use crate::targets::options::{Given, unknown};

/// The port of NSD's control channel.
const CONTROL_PORT: u16 = 8952;
/// How long an answer may take when nobody says.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What a target may say.
const KNOWN: [&str; 10] = [
    "host",
    "port",
    "certfile",
    "keyfile",
    "ca_certs",
    "verify_ssl",
    "check_hostname",
    "pattern",
    "control_socket",
    "timeout",
];

/// What a target says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nsd4Options {
    /// The path of its control socket; else it is told by TLS.
    pub(crate) socket: Option<PathBuf>,
    /// Where its control channel listens.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// Our certificate.
    pub(crate) certificate: PathBuf,
    /// Its key.
    pub(crate) key: PathBuf,
    /// Whom the server's certificate must be from, or be.
    pub(crate) authorities: PathBuf,
    /// Whether the server's certificate must be for `host`.
    pub(crate) check_hostname: bool,
    /// The pattern of the zones.
    pub(crate) pattern: String,
    /// How long to wait for an answer.
    pub(crate) timeout: Duration,
}

/// Reads the options.
pub(crate) fn read(options: &BTreeMap<String, OptionValue>, unseal: &Unseal) -> Result<Nsd4Options, String> {
    let given = Given::new(options, unseal);
    let file = |name: &str, default: &str| given.text_or(name, default).map(PathBuf::from);
    let pattern = given.text_or("pattern", "slave")?;
    if pattern.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format!(
            "option pattern: {pattern:?} is no name of a pattern: it has blanks"
        ));
    }
    given.truth("verify_ssl", true)?;
    Ok(Nsd4Options {
        socket: given.text("control_socket")?.map(PathBuf::from),
        host: given.text_or("host", "127.0.0.1")?,
        port: given.port("port", CONTROL_PORT)?,
        certificate: file("certfile", "/etc/nsd/nsd_control.pem")?,
        key: file("keyfile", "/etc/nsd/nsd_control.key")?,
        authorities: file("ca_certs", "/etc/nsd/nsd_server.pem")?,
        check_hostname: given.truth("check_hostname", false)?,
        pattern,
        timeout: given.seconds("timeout")?.unwrap_or(TIMEOUT),
    })
}

/// What should be looked at, though it works.
pub(crate) fn remarks(options: &BTreeMap<String, OptionValue>) -> Vec<String> {
    let mut remarks = unknown("nsd4", options, &KNOWN);
    if let Some(OptionValue::Plain(value)) = options.get("verify_ssl")
        && ["false", "no", "off", "0"].contains(&value.to_ascii_lowercase().as_str())
    {
        remarks.push(
            "option verify_ssl is not used: the server's certificate is always checked against ca_certs, by default \
             /etc/nsd/nsd_server.pem"
                .to_owned(),
        );
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::options::map;

    #[test]
    fn the_defaults_are_designates() {
        let options = read(&map(&[]), &Unseal::without_key()).unwrap();
        assert_eq!(
            (options.host.as_str(), options.port, options.pattern.as_str()),
            ("127.0.0.1", 8952, "slave")
        );
        assert_eq!(options.certificate, PathBuf::from("/etc/nsd/nsd_control.pem"));
    }

    #[test]
    fn options_that_cannot_be_are_named_and_unused_ones_remarked() {
        for (option, value) in [
            ("port", "x"),
            ("pattern", "a b"),
            ("timeout", "-1"),
            ("verify_ssl", "?"),
        ] {
            let error = read(&map(&[(option, value)]), &Unseal::without_key()).unwrap_err();
            assert!(error.starts_with(&format!("option {option}: ")), "{error}");
        }
        let remarks = remarks(&map(&[("verify_ssl", "False"), ("patern", "x"), ("host", "a")]));
        assert_eq!(remarks.len(), 2);
    }
}
