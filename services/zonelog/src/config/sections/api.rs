//! The REST API.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::loopback;

/// Who may use the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Zonelog's own project-scoped tokens, sent as `X-Auth-Token`.
    Tokens,
    /// The tokens of the cloud's Keystone (`[keystone]`), and Zonelog's own.
    Keystone,
    /// Everybody who reaches the port: on loopback only.
    None,
}

/// `[api]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// Address and port of the REST API.
    pub listen: SocketAddr,
    /// Who may use it.
    pub auth: Auth,
    /// The URL before every link, where a proxy stands before the API. Without it links follow the request.
    pub base_url: Option<String>,
    /// Whether a proxy's `Forwarded` and `X-Forwarded-*` are believed: only where every request comes through one.
    pub proxy_headers: bool,
    /// The largest body of a request, in bytes; of an import: `import.max_bytes`.
    pub max_body_bytes: usize,
    /// The most connections at a time.
    pub max_connections: usize,
    /// Rules in oslo.policy's language (`policy.yaml`) that go over Designate's defaults; taken anew when the file changes.
    pub policy_file: Option<PathBuf>,
    /// Whether `/admin` is there: reports, quotas and exports for operators.
    pub admin: bool,
    /// The origins whose pages browsers may let ask the API; `*` is everybody's.
    pub cors_origins: Vec<String>,
    /// While it is set, the API is closed to everybody without this role.
    pub maintenance_role: Option<String>,
    /// While this file exists, `/healthcheck` says 503: takes the process out of a load balancer.
    pub disable_file: Option<PathBuf>,
    /// How many requests a second each project may send in the long run; 0: as many as it likes.
    pub rate_limit_per_second: u32,
    /// How many it may send at once after a pause; 0: as many as in a second.
    pub rate_limit_burst: u32,
    /// The listener speaks TLS with this certificate (PEM; those between it and an authority behind it), ...
    pub tls_certificate_file: Option<PathBuf>,
    /// ... and this private key (PEM).
    pub tls_key_file: Option<PathBuf>,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: loopback(9001),
            auth: Auth::Tokens,
            base_url: None,
            proxy_headers: false,
            max_body_bytes: 114_688,
            max_connections: 1024,
            policy_file: None,
            admin: false,
            cors_origins: Vec::new(),
            maintenance_role: None,
            disable_file: None,
            rate_limit_per_second: 0,
            rate_limit_burst: 0,
            tls_certificate_file: None,
            tls_key_file: None,
        }
    }
}

/// `[neutron]`: whose floating IPs the reverse records are for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Neutron {
    /// One for each region, as `REGION|URL`. Empty: the catalogue of the caller's token says where Neutron is.
    pub endpoints: Vec<String>,
    /// Which of a catalogue's endpoints is used: `public`, `internal` or `admin`.
    pub interface: String,
    /// Certificates (PEM) that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a region may take to answer, in seconds.
    pub timeout_seconds: u64,
}

impl Default for Neutron {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            interface: "public".to_owned(),
            ca_file: None,
            timeout_seconds: 10,
        }
    }
}
