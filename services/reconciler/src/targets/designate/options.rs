//! The options of a `designate` target, under Designate's names.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use zonelog_central::http_client::http::Uri;
use zonelog_model::resource::OptionValue;

use super::DesignateConfig;
use crate::options::Unseal;
use crate::targets::options::{Given, missing, unknown};

/// What a target must say.
const NEEDED: [&str; 4] = ["auth_url", "username", "password", "project_name"];
/// What it may say besides.
const MORE: [&str; 7] = [
    "host",
    "port",
    "user_domain_name",
    "project_domain_name",
    "region_name",
    "service_type",
    "ca_cert",
];

/// A password: never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Wraps one.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

impl DesignateConfig {
    /// Reads the options. The error names the option and what it may be.
    pub(crate) fn read(
        options: &BTreeMap<String, OptionValue>,
        unseal: &Unseal,
        timeout: Duration,
    ) -> Result<Self, String> {
        let given = Given::new(options, unseal);
        let needed = |name| given.needed(name, "the other cloud's Keystone is asked with it");
        Ok(Self {
            identity: identity_of(&needed("auth_url")?)?,
            username: needed("username")?,
            password: Password::new(needed("password")?),
            project: needed("project_name")?,
            user_domain: given.text_or("user_domain_name", "Default")?,
            project_domain: given.text_or("project_domain_name", "Default")?,
            region: given.text("region_name")?,
            service_type: given.text_or("service_type", "dns")?,
            ca_file: given.text("ca_cert")?.map(Into::into),
            timeout,
        })
    }
}

/// Where version 3 of Keystone's API is, without a final slash.
fn identity_of(auth_url: &str) -> Result<String, String> {
    let wrong =
        |why: &str| format!("option auth_url: {auth_url:?} {why}, e.g. https://keystone.example.org/v3");
    let uri: Uri = auth_url.parse().map_err(|_| wrong("is no URL"))?;
    if uri.authority().is_none() || !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("is neither http:// nor https:// and a host"));
    }
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return Err(
            "option auth_url: it holds a user or a password; they have options of their own".to_owned(),
        );
    }
    let base = auth_url.trim_end_matches('/');
    Ok(match base.ends_with("/v3") {
        true => base.to_owned(),
        false => format!("{base}/v3"),
    })
}

/// What should be looked at, though it works.
pub(crate) fn remarks(options: &BTreeMap<String, OptionValue>) -> Vec<String> {
    let mut remarks = missing(options, &NEEDED);
    remarks.extend(unknown("designate", options, &[&NEEDED[..], &MORE].concat()));
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::options::map;

    const WHOLE: [(&str, &str); 4] = [
        ("auth_url", "https://keystone"),
        ("username", "zonelog"),
        ("password", "hidden"),
        ("project_name", "dns"),
    ];

    fn read(options: &[(&str, &str)]) -> Result<DesignateConfig, String> {
        DesignateConfig::read(&map(options), &Unseal::without_key(), Duration::from_secs(5))
    }

    #[test]
    fn the_defaults_are_designates() {
        let config = read(&WHOLE).unwrap();
        assert_eq!(config.identity, "https://keystone/v3");
        assert_eq!(
            (
                config.user_domain.as_str(),
                config.service_type.as_str(),
                &config.region
            ),
            ("Default", "dns", &None)
        );
        assert!(!format!("{config:?}").contains("hidden"));
    }

    #[test]
    fn what_is_missing_or_cannot_be_is_named() {
        for (index, (name, _)) in WHOLE.iter().enumerate() {
            let mut options = WHOLE.to_vec();
            options.remove(index);
            let error = read(&options).unwrap_err();
            assert!(error.contains(&format!("option {name} is missing")), "{error}");
            assert_eq!(remarks(&map(&options)).len(), 1);
        }
        for url in ["keystone", "ldap://keystone", "http://u:hidden@keystone"] {
            let options = [&[("auth_url", url)], &WHOLE[1..]].concat();
            let error = read(&options).unwrap_err();
            assert!(
                error.contains("option auth_url: ") && !error.contains("hidden"),
                "{error}"
            );
        }
        assert_eq!(
            remarks(&map(&[&WHOLE[..], &[("user_name", "x")]].concat())).len(),
            1
        );
    }
}
