//! The address by which a caller found us, which stands before every link.
//!
//! It is what the request says of itself. Where a proxy stands before the API and is believed, it is what the proxy says
//! the caller asked: `Forwarded` (RFC 7239) or, without it, `X-Forwarded-Proto`, `-Host` and `-Port`; and
//! `X-Forwarded-Prefix` in any case. Of several proxies the first counts, the one the caller spoke to.

use axum::http::header::{FORWARDED, HOST};
use axum::http::{HeaderMap, Uri};

/// What is known without the request's headers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own<'a> {
    /// `http` or `https`: what the listener speaks.
    pub(crate) scheme: &'a str,
    /// Host and port for a request that names none.
    pub(crate) host: &'a str,
    /// Whether a proxy is believed.
    pub(crate) proxied: bool,
}

/// Scheme, host, port and prefix: `https://dns.example.com/dns`, without a final slash.
pub(crate) fn base(headers: &HeaderMap, uri: &Uri, own: Own<'_>) -> String {
    let said = if own.proxied {
        Said::read(headers)
    } else {
        Said::default()
    };
    let scheme = said.scheme.unwrap_or(own.scheme);
    let host = said
        .host
        .or_else(|| text(headers, HOST.as_str()).filter(|host| is_host(host)))
        .or_else(|| uri.authority().map(|authority| authority.as_str()))
        .unwrap_or(own.host);
    let mut base = format!("{scheme}://{host}");
    let usual = if scheme == "https" { 443 } else { 80 };
    if let Some(port) = said.port.filter(|port| *port != usual && !has_port(host)) {
        base.push_str(&format!(":{port}"));
    }
    if let Some(prefix) = said.prefix {
        base.push_str(prefix);
    }
    base
}

#[derive(Default)]
struct Said<'a> {
    scheme: Option<&'static str>,
    host: Option<&'a str>,
    port: Option<u16>,
    prefix: Option<&'a str>,
}

impl<'a> Said<'a> {
    fn read(headers: &'a HeaderMap) -> Self {
        let mut said = Self::default();
        match text(headers, FORWARDED.as_str()) {
            Some(forwarded) => {
                for pair in first(forwarded).split(';') {
                    let Some((name, value)) = pair.split_once('=') else {
                        continue;
                    };
                    let value = value.trim().trim_matches('"');
                    match name.trim().to_ascii_lowercase().as_str() {
                        "proto" => said.scheme = scheme(value),
                        "host" => said.host = Some(value).filter(|host| is_host(host)),
                        _ => {}
                    }
                }
            }
            None => {
                let header = |name| text(headers, name).map(first);
                said.scheme = header("x-forwarded-proto").and_then(scheme);
                said.host = header("x-forwarded-host").filter(|host| is_host(host));
                said.port = header("x-forwarded-port").and_then(|port| port.parse().ok());
            }
        }
        said.prefix = text(headers, "x-forwarded-prefix")
            .map(|prefix| first(prefix).trim_end_matches('/'))
            .filter(|prefix| is_prefix(prefix));
        said
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn first(list: &str) -> &str {
    list.split(',').next().unwrap_or_default().trim()
}

fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"]
        .into_iter()
        .find(|scheme| scheme.eq_ignore_ascii_case(text))
}

/// Whether a text is a name or address with or without a port: it is repeated in links and a header.
fn is_host(host: &str) -> bool {
    let plain =
        |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    !host.is_empty() && host.bytes().all(plain)
}

fn is_prefix(prefix: &str) -> bool {
    let plain =
        |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_' | b'~' | b'/' | b'%');
    prefix.starts_with('/') && !prefix.contains("//") && prefix.bytes().all(plain)
}

fn has_port(host: &str) -> bool {
    // The colons of an IPv6 address are inside its brackets.
    host.rsplit(']').next().unwrap_or_default().contains(':')
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn found(proxied: bool, headers: &[(&str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::try_from(*value).unwrap(),
            );
        }
        let own = Own {
            scheme: "http",
            host: "127.0.0.1:9001",
            proxied,
        };
        base(&map, &Uri::from_static("/v2/zones"), own)
    }

    #[test]
    fn a_request_says_where_it_was_sent() {
        assert_eq!(found(false, &[]), "http://127.0.0.1:9001");
        assert_eq!(
            found(false, &[("host", "dns.example.com:80")]),
            "http://dns.example.com:80"
        );
        assert_eq!(found(false, &[("host", "a b\"<")]), "http://127.0.0.1:9001");
        let absolute = Uri::from_static("http://other:8/v2");
        let own = Own {
            scheme: "https",
            host: "x",
            proxied: false,
        };
        assert_eq!(base(&HeaderMap::new(), &absolute, own), "https://other:8");
    }

    #[test]
    fn a_proxy_is_heard_only_where_it_is_believed() {
        let headers = [
            ("host", "inside:9001"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "dns.example.com"),
            ("x-forwarded-prefix", "/dns"),
        ];
        assert_eq!(found(false, &headers), "http://inside:9001");
        assert_eq!(found(true, &headers), "https://dns.example.com/dns");
    }

    #[test]
    fn each_header_has_its_part() {
        for (headers, expected) in [
            (
                &[("x-forwarded-proto", "HTTPS, http"), ("host", "a")][..],
                "https://a",
            ),
            (&[("x-forwarded-host", "one, two"), ("host", "a")], "http://one"),
            (&[("x-forwarded-port", "8443"), ("host", "a")], "http://a:8443"),
            (
                &[
                    ("x-forwarded-port", "443"),
                    ("x-forwarded-proto", "https"),
                    ("host", "a"),
                ],
                "https://a",
            ),
            (&[("x-forwarded-port", "1"), ("host", "a:2")], "http://a:2"),
            (&[("x-forwarded-port", "1"), ("host", "[::1]")], "http://[::1]:1"),
            (
                &[("x-forwarded-port", "1"), ("host", "[::1]:2")],
                "http://[::1]:2",
            ),
            (
                &[
                    ("forwarded", "for=1.2.3.4;proto=https;host=b, proto=http;host=c"),
                    ("host", "a"),
                ],
                "https://b",
            ),
            (
                &[
                    ("forwarded", "Proto=https; Host=\"[::1]:5\""),
                    ("x-forwarded-host", "c"),
                ],
                "https://[::1]:5",
            ),
            (
                &[
                    ("forwarded", "nonsense"),
                    ("x-forwarded-host", "c"),
                    ("host", "a"),
                ],
                "http://a",
            ),
            (&[("x-forwarded-prefix", "/a/b/"), ("host", "a")], "http://a/a/b"),
            (&[("x-forwarded-prefix", "//evil"), ("host", "a")], "http://a"),
            (&[("x-forwarded-prefix", "evil"), ("host", "a")], "http://a"),
            (
                &[
                    ("x-forwarded-proto", "javascript"),
                    ("x-forwarded-host", "<b>"),
                    ("host", "a"),
                ],
                "http://a",
            ),
        ] {
            assert_eq!(found(true, headers), expected, "{headers:?}");
        }
    }
}
