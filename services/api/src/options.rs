//! What an installation decides for its API.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use zonelog_model::ProjectId;

use crate::keystone::KeystoneOptions;
use crate::neutron::NeutronEndpoint;
use crate::rate_limit::RateLimit;
use crate::tls::TlsOptions;

/// Who may use the API.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one for a process")]
pub enum Auth {
    /// Whoever has one of Zonelog's own tokens, in `X-Auth-Token`.
    Tokens,
    /// Whoever has a token of this Keystone, or one of Zonelog's own.
    Keystone(KeystoneOptions),
    /// Everybody: `X-Auth-User-ID`, `X-Auth-Project-ID` and `X-Roles` are believed, and an admin is assumed without
    /// them. Only on a loopback address.
    None,
}

/// Where and how Neutron is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeutronOptions {
    /// One for each region; without any, the catalogue of the caller's token says where Neutron is.
    pub endpoints: Vec<NeutronEndpoint>,
    /// Which of a catalogue's endpoints is used: `public`, `internal` or `admin`.
    pub interface: String,
    /// Certificates (PEM) that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a region may take to answer.
    pub timeout: Duration,
}

impl Default for NeutronOptions {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            interface: "public".to_owned(),
            ca_file: None,
            timeout: Duration::from_secs(10),
        }
    }
}

/// What [`crate::Api::bind`] is given.
#[derive(Clone, Debug)]
pub struct ApiOptions {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who may use the API.
    pub auth: Auth,
    /// The URL before every link (`https://dns.example.com`), where a proxy stands before the API. Without it links
    /// follow the request's `Host`.
    pub base_url: Option<String>,
    /// The share of the pool's servers that must serve a change for it to be active, in percent.
    pub threshold_percent: u8,
    /// The largest body of a request, in bytes.
    pub max_body_bytes: usize,
    /// The most connections at a time; more wait in the listening socket's queue.
    pub max_connections: usize,
    /// How long a connection may take to send a request's headers, and stay idle between requests.
    pub header_timeout: Duration,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// How long a request may take in all.
    pub request_timeout: Duration,
    /// How long a stop waits for requests under way.
    pub stop_timeout: Duration,
    /// Connections to the database for reading.
    pub database_connections: usize,
    /// How long a token that was found (or not found) is remembered: a revocation takes effect within this time.
    pub token_memory: Duration,
    /// Whether `/admin` is there: reports, quotas and exports for operators (Designate, `enable_api_admin`).
    pub admin: bool,
    /// Whether a project must exist before quotas are set for it (Designate, `quotas_verify_project_id`).
    pub verify_quota_projects: bool,
    /// The largest master file of an import, in bytes; its JSON form is counted as it is sent. Four of this size may be on
    /// their way into memory at once.
    pub max_import_bytes: usize,
    /// Where floating IPs are asked for.
    pub neutron: NeutronOptions,
    /// The project that owns the reverse zones of floating IPs (Designate, `managed_resource_tenant_id`).
    pub managed_project: ProjectId,
    /// The responsible person's address in those zones (Designate, `managed_resource_email`).
    pub managed_email: String,
    /// While this file exists, `/healthcheck` says 503: takes the process out of a load balancer.
    pub disable_file: Option<PathBuf>,
    /// Rules in oslo.policy's language that go over Designate's defaults (`policy.yaml`), taken anew when it changes.
    pub policy_file: Option<PathBuf>,
    /// Whether a proxy's `Forwarded` and `X-Forwarded-*` are believed: only where every request comes through one.
    pub proxy_headers: bool,
    /// The origins whose pages browsers may let ask the API; `*` is everybody's.
    pub cors_origins: Vec<String>,
    /// The API is closed to everybody who does not have this role.
    pub maintenance_role: Option<String>,
    /// How fast each project may send requests.
    pub rate_limit: Option<RateLimit>,
    /// The listener speaks TLS with this certificate, and nothing else.
    pub tls: Option<TlsOptions>,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9001)),
            auth: Auth::Tokens,
            base_url: None,
            threshold_percent: 100,
            max_body_bytes: 114_688,
            max_connections: 1_024,
            header_timeout: Duration::from_secs(15),
            body_timeout: Duration::from_secs(20),
            request_timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(10),
            database_connections: 8,
            token_memory: Duration::from_secs(2),
            admin: false,
            verify_quota_projects: false,
            max_import_bytes: 64 * 1024 * 1024,
            neutron: NeutronOptions::default(),
            managed_project: ProjectId::nil(),
            managed_email: "hostmaster@example.com".to_owned(),
            disable_file: None,
            policy_file: None,
            proxy_headers: false,
            cors_origins: Vec::new(),
            maintenance_role: None,
            rate_limit: None,
            tls: None,
        }
    }
}
