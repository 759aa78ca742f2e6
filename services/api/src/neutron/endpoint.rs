//! Where Neutron is.

use std::str::FromStr;

use thiserror::Error;

/// A region's Neutron as the configuration names it: `region|url`, as in Designate's `[network_api:neutron] endpoints`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeutronEndpoint {
    /// The region.
    pub region: String,
    /// Its address, with or without the version's path.
    pub url: String,
}

/// Not of the form `region|url`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{0:?} is not of the form region|url, with a region of letters, digits, '.', '-' and '_' and an http or https URL"
)]
pub struct BadEndpoint(String);

impl FromStr for NeutronEndpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Self, BadEndpoint> {
        let parts = text
            .split_once('|')
            .map(|(region, url)| (region.trim(), url.trim()));
        let fits = |(region, url): &(&str, &str)| {
            is_region(region) && (url.starts_with("http://") || url.starts_with("https://"))
        };
        match parts.filter(fits) {
            Some((region, url)) => Ok(Self {
                region: region.to_owned(),
                url: url.to_owned(),
            }),
            None => Err(BadEndpoint(text.to_owned())),
        }
    }
}

/// Whether a text can be a region in the key of a floating IP.
pub(crate) fn is_region(text: &str) -> bool {
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_');
    (1..=100).contains(&text.len()) && text.bytes().all(allowed)
}

/// A Neutron that is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Endpoint {
    pub(crate) region: String,
    pub(crate) url: String,
}

impl Endpoint {
    /// The address of the collection of floating IPs.
    pub(super) fn floating_ips(&self) -> String {
        let base = self.url.trim_end_matches('/');
        match base.ends_with("/v2.0") {
            true => format!("{base}/floatingips"),
            false => format!("{base}/v2.0/floatingips"),
        }
    }
}

impl From<&NeutronEndpoint> for Endpoint {
    fn from(configured: &NeutronEndpoint) -> Self {
        Self {
            region: configured.region.clone(),
            url: configured.url.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_written_as_designate_writes_it() {
        let endpoint: NeutronEndpoint = "RegionOne|http://net.example.com:9696".parse().unwrap();
        assert_eq!(endpoint.region, "RegionOne");
        assert_eq!(
            Endpoint::from(&endpoint).floating_ips(),
            "http://net.example.com:9696/v2.0/floatingips"
        );
        let versioned: NeutronEndpoint = "r | https://net/networking/v2.0/".parse().unwrap();
        assert_eq!(
            Endpoint::from(&versioned).floating_ips(),
            "https://net/networking/v2.0/floatingips"
        );
        for text in ["", "http://a", "a|b", "|http://a", "a b|http://a", "a:b|http://a"] {
            assert!(text.parse::<NeutronEndpoint>().is_err(), "{text}");
        }
    }
}
