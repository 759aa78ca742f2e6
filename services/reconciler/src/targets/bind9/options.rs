//! The options of a `bind9` target, under Designate's names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zonelog_dns::tsig::{KeyError, Secret};
use zonelog_model::resource::OptionValue;

use crate::options::Unseal;
use crate::targets::options::{Given, unknown};
use crate::targets::rndc::RndcKey;

/// Where rndc finds its key when nobody says: Debian's places, then others'.
const KEY_PLACES: [&str; 4] = [
    "/etc/bind/rndc.conf",
    "/etc/bind/rndc.key",
    "/etc/rndc.conf",
    "/etc/rndc.key",
];
/// The port of the control channel.
const RNDC_PORT: u16 = 953;
/// What a target may say, besides `host` and `port`.
const KNOWN: [&str; 13] = [
    "host",
    "port",
    "rndc_host",
    "rndc_port",
    "rndc_bin_path",
    "rndc_config_file",
    "rndc_key_file",
    "rndc_timeout",
    "view",
    "clean_zonefile",
    "rndc_key_name",
    "rndc_algorithm",
    "rndc_secret",
];

/// What a target says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bind9Options {
    /// Where the control channel listens.
    pub(crate) rndc_host: String,
    /// Its port.
    pub(crate) rndc_port: u16,
    /// How long to wait for it; `None`: as the reconciler's timings say.
    pub(crate) timeout: Option<Duration>,
    /// The view that zones are in.
    pub(crate) view: Option<String>,
    /// Whether a zone's file goes with the zone.
    pub(crate) clean_zone_file: bool,
    key: KeySource,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum KeySource {
    Given(RndcKey),
    File(PathBuf),
    Anywhere,
}

impl Bind9Options {
    /// Reads the options. The error names the option and what it may be.
    pub(crate) fn read(options: &BTreeMap<String, OptionValue>, unseal: &Unseal) -> Result<Self, String> {
        let given = Given::new(options, unseal);
        let view = given.text("view")?;
        if let Some(view) = &view
            && !view
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        {
            return Err(format!(
                "option view: {view:?} is no name of a view; letters, digits, -, _ and . make one"
            ));
        }
        let clean = given.truth("clean_zonefile", false)?;
        let timeout = given.seconds("rndc_timeout")?;
        let rndc_port = given.port("rndc_port", RNDC_PORT)?;
        given.port("port", 53)?;
        let key = match (
            given.text("rndc_secret")?,
            given.text("rndc_key_file")?,
            given.text("rndc_config_file")?,
        ) {
            (Some(secret), None, None) => KeySource::Given(RndcKey {
                name: given.text_or("rndc_key_name", "rndc-key")?,
                algorithm: given
                    .text_or("rndc_algorithm", "hmac-sha256")?
                    .parse()
                    .map_err(|error: KeyError| format!("option rndc_algorithm: {error}"))?,
                secret: Secret::from_base64(&secret)
                    .map_err(|error| format!("option rndc_secret: {error}"))?,
            }),
            (Some(_), ..) => {
                return Err(
                    "option rndc_secret stands for the key: leave rndc_key_file and rndc_config_file out"
                        .to_owned(),
                );
            }
            // rndc's -k goes before its -c.
            (None, Some(file), _) | (None, None, Some(file)) => KeySource::File(file.into()),
            (None, None, None) => KeySource::Anywhere,
        };
        Ok(Self {
            rndc_host: given.text_or("rndc_host", "127.0.0.1")?,
            rndc_port,
            timeout,
            view,
            clean_zone_file: clean,
            key,
        })
    }

    /// Reads the key.
    pub(crate) fn key(&self) -> Result<RndcKey, String> {
        match &self.key {
            KeySource::Given(key) => Ok(key.clone()),
            KeySource::File(path) => RndcKey::read(path, &self.rndc_host).map_err(|error| error.to_string()),
            KeySource::Anywhere => match KEY_PLACES.iter().map(Path::new).find(|path| path.exists()) {
                Some(path) => RndcKey::read(path, &self.rndc_host).map_err(|error| error.to_string()),
                None => Err(format!(
                    "there is no rndc key: give the target rndc_key_file or rndc_config_file (none of {} is there)",
                    KEY_PLACES.join(", ")
                )),
            },
        }
    }
}

/// What should be looked at, though it works.
pub(crate) fn remarks(options: &BTreeMap<String, OptionValue>) -> Vec<String> {
    let mut remarks = Vec::new();
    if options.contains_key("rndc_bin_path") {
        remarks
            .push("option rndc_bin_path is not used: Zonelog speaks to the rndc channel itself".to_owned());
    }
    remarks.extend(unknown("bind9", options, &KNOWN));
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::options::map;
    use zonelog_model::resource::Sealed;

    fn read(options: &[(&str, &str)]) -> Result<Bind9Options, String> {
        Bind9Options::read(&map(options), &Unseal::without_key())
    }

    #[test]
    fn the_defaults_are_designates() {
        let options = read(&[]).unwrap();
        assert_eq!(
            (options.rndc_host.as_str(), options.rndc_port),
            ("127.0.0.1", 953)
        );
        assert_eq!(
            (options.view, options.clean_zone_file, options.timeout),
            (None, false, None)
        );
    }

    #[test]
    fn options_that_cannot_be_are_named() {
        for (option, value) in [
            ("rndc_port", "many"),
            ("port", "70000"),
            ("rndc_timeout", "-1"),
            ("clean_zonefile", "perhaps"),
            ("view", "inside; };"),
            ("rndc_secret", "?"),
        ] {
            let error = read(&[(option, value)]).unwrap_err();
            assert!(error.starts_with(&format!("option {option}: ")), "{error}");
        }
        assert!(read(&[("rndc_secret", "c2Vj"), ("rndc_key_file", "/k")]).is_err());
    }

    #[test]
    fn a_sealed_option_needs_the_key() {
        let sealed = Sealed::new("v1:abcd".to_owned());
        let options = [("rndc_secret".to_owned(), OptionValue::Sealed(sealed))].into();
        let error = Bind9Options::read(&options, &Unseal::without_key()).unwrap_err();
        assert!(error.contains("secrets.key_file"), "{error}");
        let opened = Bind9Options::read(&options, &Unseal::new(|_, _| Ok("c2Vj".to_owned()))).unwrap();
        assert_eq!(opened.key().unwrap().name, "rndc-key");
    }

    #[test]
    fn what_is_not_used_is_said() {
        let remarks = remarks(&map(&[
            ("rndc_bin_path", "/usr/sbin/rndc"),
            ("rdnc_host", "a"),
            ("view", "v"),
        ]));
        assert_eq!(remarks.len(), 2);
        assert!(remarks.iter().any(|remark| remark.contains("rdnc_host")));
    }
}
