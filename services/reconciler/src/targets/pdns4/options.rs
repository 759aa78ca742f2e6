//! The options of a `pdns4` target, under Designate's names.

use std::collections::BTreeMap;
use std::net::IpAddr;

use zonelog_central::http_client::HeaderValue;
use zonelog_central::http_client::http::Uri;
use zonelog_model::resource::OptionValue;

use super::Pdns4Config;
use crate::options::Unseal;
use crate::targets::options::{Given, missing, unknown};

/// What a target may say.
const KNOWN: [&str; 6] = [
    "host",
    "port",
    "api_endpoint",
    "api_token",
    "api_ca_cert",
    "tsigkey_name",
];
/// What an `api_endpoint` may end in besides the server's address.
const API_PATHS: [&str; 3] = ["/servers/localhost", "/v1", "/api"];

impl Pdns4Config {
    /// Reads the options. The error names the option and what it may be.
    pub(crate) fn read(
        options: &BTreeMap<String, OptionValue>,
        unseal: &Unseal,
        timeout: std::time::Duration,
    ) -> Result<Self, String> {
        let given = Given::new(options, unseal);
        let endpoint = given.needed(
            "api_endpoint",
            "the address of PowerDNS's webserver, e.g. http://192.0.2.1:8081",
        )?;
        let token = given.needed("api_token", "the `api-key` of PowerDNS's settings")?;
        // The value itself is not for an error message.
        let mut token = HeaderValue::from_str(&token)
            .map_err(|_| "option api_token: it has octets that no HTTP header field can carry".to_owned())?;
        token.set_sensitive(true);
        let tsigkey = match given.text("tsigkey_name")? {
            None => None,
            Some(name) => Some(key_id(&name).ok_or_else(|| {
                format!("option tsigkey_name: {name:?} is no name of a key; it is what `pdnsutil list-tsig-keys` shows")
            })?),
        };
        Ok(Self {
            api: api_of(&endpoint)?,
            token,
            ca_file: given.text("api_ca_cert")?.map(Into::into),
            tsigkey,
            timeout,
        })
    }
}

/// Where the server's resources are, without a final slash.
fn api_of(endpoint: &str) -> Result<String, String> {
    let wrong = |why: &str| format!("option api_endpoint: {endpoint:?} {why}, e.g. http://192.0.2.1:8081");
    let uri: Uri = endpoint.parse().map_err(|_| wrong("is no URL"))?;
    let authority = uri.authority().ok_or_else(|| wrong("is no whole URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("is neither http:// nor https://"));
    }
    if authority.as_str().contains('@') {
        return Err(
            "option api_endpoint: it holds a user or a password; PowerDNS's API takes its api_token alone"
                .to_owned(),
        );
    }
    if uri.query().is_some() {
        return Err(wrong("has a query"));
    }
    let mut base = endpoint.trim_end_matches('/');
    for path in API_PATHS {
        base = base.strip_suffix(path).unwrap_or(base).trim_end_matches('/');
    }
    Ok(format!("{base}/api/v1/servers/localhost"))
}

/// A key's id: its name in lower case with a final dot.
pub(super) fn key_id(name: &str) -> Option<String> {
    let bare = name.trim_end_matches('.').to_ascii_lowercase();
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (!bare.is_empty() && bare.chars().all(fits)).then(|| format!("{bare}."))
}

/// What should be looked at, though it works.
pub(crate) fn remarks(options: &BTreeMap<String, OptionValue>) -> Vec<String> {
    let mut remarks = missing(options, &["api_endpoint", "api_token"]);
    if let Some(OptionValue::Plain(endpoint)) = options.get("api_endpoint")
        && let Ok(uri) = endpoint.parse::<Uri>()
        && uri.scheme_str() == Some("http")
        && !uri.host().is_some_and(is_this_machine)
    {
        remarks.push(
            "option api_endpoint is not https: everyone on the way can read api_token. Put a TLS proxy before PowerDNS's \
             webserver, and name its certificate's authority in api_ca_cert unless the system trusts it"
                .to_owned(),
        );
    }
    remarks.extend(unknown("pdns4", options, &KNOWN));
    remarks
}

fn is_this_machine(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse();
    host == "localhost" || literal.is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::targets::options::map;

    fn read(options: &[(&str, &str)]) -> Result<Pdns4Config, String> {
        Pdns4Config::read(&map(options), &Unseal::without_key(), Duration::from_secs(5))
    }

    #[test]
    fn the_endpoint_may_be_written_in_any_way() {
        for endpoint in [
            "https://ns1:8081",
            "https://ns1:8081/",
            "https://ns1:8081/api",
            "https://ns1:8081/api/v1",
            "https://ns1:8081/api/v1/servers/localhost/",
        ] {
            let config = read(&[("api_endpoint", endpoint), ("api_token", "secret")]).unwrap();
            assert_eq!(config.api, "https://ns1:8081/api/v1/servers/localhost");
        }
        let below = read(&[("api_endpoint", "https://a/dns/one"), ("api_token", "t")]).unwrap();
        assert_eq!(below.api, "https://a/dns/one/api/v1/servers/localhost");
    }

    #[test]
    fn options_that_cannot_be_are_named_and_the_token_is_not_shown() {
        let token = ("api_token", "hidden-token\n");
        for (options, words) in [
            (&[("api_token", "t")][..], "option api_endpoint is missing"),
            (&[("api_endpoint", "http://a")], "option api_token is missing"),
            (
                &[("api_endpoint", "ns1:8081"), ("api_token", "t")],
                "option api_endpoint: ",
            ),
            (
                &[("api_endpoint", "ftp://a"), ("api_token", "t")],
                "neither http:// nor https://",
            ),
            (
                &[("api_endpoint", "http://u:p@a"), ("api_token", "t")],
                "takes its api_token alone",
            ),
            (&[("api_endpoint", "http://a"), token], "option api_token: "),
            (
                &[
                    ("api_endpoint", "http://a"),
                    ("api_token", "t"),
                    ("tsigkey_name", "a/b"),
                ],
                "option tsigkey_name: ",
            ),
        ] {
            let error = read(options).unwrap_err();
            assert!(error.contains(words) && !error.contains("hidden"), "{error}");
        }
        let config = read(&[("api_endpoint", "http://a"), ("api_token", "hidden")]).unwrap();
        assert!(!format!("{config:?}").contains("hidden"));
    }

    #[test]
    fn a_key_is_named_with_or_without_its_dot() {
        for name in ["Transfer-Key", "transfer-key."] {
            let options = [
                ("api_endpoint", "http://a"),
                ("api_token", "t"),
                ("tsigkey_name", name),
            ];
            assert_eq!(read(&options).unwrap().tsigkey.as_deref(), Some("transfer-key."));
        }
    }

    #[test]
    fn a_token_that_can_be_read_on_its_way_is_remarked() {
        let of = |endpoint| remarks(&map(&[("api_endpoint", endpoint), ("api_token", "t")])).len();
        assert_eq!(of("http://192.0.2.1:8081"), 1);
        for fine in [
            "https://192.0.2.1:8081",
            "http://127.0.0.1:8081",
            "http://[::1]:8081",
            "http://localhost:8081",
        ] {
            assert_eq!(of(fine), 0, "{fine}");
        }
        assert_eq!(remarks(&map(&[("api_key", "t")])).len(), 3);
    }
}
