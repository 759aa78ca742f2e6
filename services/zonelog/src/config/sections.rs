//! The sections of the configuration, their defaults, and what each key means.
//!
//! `ops/config/zonelog.toml` says the same to people; a test compares the two.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::DatabaseUrl;

/// `[database]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// The service's database. Without it `zonelog up` runs a PostgreSQL of its own in `data_dir`.
    pub url: Option<DatabaseUrl>,
    /// The same database as the role that owns the tables: for migrations alone.
    pub owner_url: Option<DatabaseUrl>,
    /// What `zonelog up` keeps: the private PostgreSQL and the administrator's token.
    pub data_dir: PathBuf,
    /// The most connections that each role reads with.
    pub read_connections: usize,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: None,
            owner_url: None,
            data_dir: "/var/lib/zonelog".into(),
            read_connections: 8,
        }
    }
}

/// Who may use the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Zonelog's own project-scoped tokens, sent as `X-Auth-Token`.
    Tokens,
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
    /// The largest body of a request, in bytes.
    pub max_body_bytes: usize,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: loopback(9001),
            auth: Auth::Tokens,
            base_url: None,
            max_body_bytes: 114_688,
        }
    }
}

/// `[minidns]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MiniDns {
    /// Addresses and ports, each for UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// The memory for rendered zones, in MiB.
    pub image_budget_mib: usize,
    /// The most TCP connections at a time.
    pub max_connections: usize,
    /// The most transfers at a time.
    pub max_transfers: usize,
}

impl Default for MiniDns {
    fn default() -> Self {
        Self {
            listen: vec![loopback(5354)],
            image_budget_mib: 256,
            max_connections: 1024,
            max_transfers: 64,
        }
    }
}

/// `[pool]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pool {
    /// The pool's id, as Designate's default pool has it.
    pub id: Uuid,
    /// How many percent of the servers must serve a change before it is ACTIVE.
    pub threshold_percent: u8,
    /// Where the servers reach MiniDNS. Empty: `minidns.listen`.
    pub masters: Vec<SocketAddr>,
    /// The names in the NS records of every zone.
    pub nameservers: Vec<Nameserver>,
    /// The DNS servers.
    pub servers: Vec<Server>,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            id: Uuid::from_u128(0x794c_cc2c_d751_44fe_b57f_8894_c9f5_c842),
            threshold_percent: 100,
            masters: Vec::new(),
            nameservers: vec![Nameserver::default()],
            servers: Vec::new(),
        }
    }
}

/// `[[pool.nameservers]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Nameserver {
    /// The absolute name.
    pub hostname: String,
    /// The lowest stands first, and in the SOA.
    pub priority: u16,
}

impl Nameserver {
    /// The name that stands in for one that nobody has set yet.
    pub const EXAMPLE: &str = "ns1.example.org.";
}

impl Default for Nameserver {
    fn default() -> Self {
        Self {
            hostname: Self::EXAMPLE.to_owned(),
            priority: 1,
        }
    }
}

/// What a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerType {
    /// BIND 9, its zones added and removed through rndc.
    Bind9,
}

/// The HMAC of a key (RFC 8945 §6 names them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// HMAC-MD5.
    HmacMd5,
    /// HMAC-SHA224.
    HmacSha224,
    /// HMAC-SHA256.
    HmacSha256,
    /// HMAC-SHA384.
    HmacSha384,
    /// HMAC-SHA512.
    HmacSha512,
}

impl Algorithm {
    /// The algorithm of a name as BIND writes it.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        Some(match name.as_str() {
            "hmac-md5" => Self::HmacMd5,
            "hmac-sha224" => Self::HmacSha224,
            "hmac-sha256" => Self::HmacSha256,
            "hmac-sha384" => Self::HmacSha384,
            "hmac-sha512" => Self::HmacSha512,
            _ => return None,
        })
    }

    /// Its name as BIND writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacMd5 => "hmac-md5",
            Self::HmacSha224 => "hmac-sha224",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }
}

/// `[[pool.servers]]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Its name in logs, metrics and checkpoints. A new name is a new server.
    pub name: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: ServerType,
    /// Where it answers DNS.
    pub address: SocketAddr,
    /// Where its control channel listens.
    pub rndc_address: SocketAddr,
    /// The key of the control channel, in the file that `rndc-confgen -a` writes.
    pub rndc_key_file: Option<PathBuf>,
    /// Instead of `rndc_key_file`: the key's name, ...
    pub rndc_key_name: Option<String>,
    /// ... its algorithm, ...
    pub rndc_algorithm: Option<Algorithm>,
    /// ... and a file with nothing but the secret in Base64.
    pub rndc_secret_file: Option<PathBuf>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: ServerType::Bind9,
            address: loopback(53),
            rndc_address: loopback(953),
            rndc_key_file: None,
            rndc_key_name: None,
            rndc_algorithm: None,
            rndc_secret_file: None,
        }
    }
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The TTL of a zone that is created without one, in seconds.
    pub default_ttl: u32,
    /// The lowest TTL that an ordinary user may set, in seconds.
    pub min_ttl: u32,
    /// The longest zone name, in characters with the final dot.
    pub max_zone_name_length: usize,
    /// The longest recordset name, likewise.
    pub max_recordset_name_length: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            default_ttl: 3600,
            min_ttl: 0,
            max_zone_name_length: 255,
            max_recordset_name_length: 255,
        }
    }
}

/// `[soa]`, all in seconds. REFRESH is drawn at random, so that secondaries do not all ask at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Soa {
    /// The least REFRESH.
    pub refresh_min: u32,
    /// The greatest REFRESH.
    pub refresh_max: u32,
    /// RETRY.
    pub retry: u32,
    /// EXPIRE.
    pub expire: u32,
    /// MINIMUM: how long an absence is cached (RFC 2308 §4).
    pub minimum: u32,
}

impl Default for Soa {
    fn default() -> Self {
        Self {
            refresh_min: 3500,
            refresh_max: 3600,
            retry: 600,
            expire: 86_400,
            minimum: 3600,
        }
    }
}

/// `[reconciler]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reconciler {
    /// How long to wait for the answer to one DNS query, in milliseconds.
    pub query_timeout_ms: u64,
    /// How long to wait for one rndc command, in milliseconds.
    pub rndc_timeout_ms: u64,
    /// How long a server may take for one zone until the zone is set aside, in milliseconds.
    pub park_after_ms: u64,
    /// The first pause before a zone that was set aside is tried again, in milliseconds; it doubles with each failure.
    pub retry_first_ms: u64,
    /// The longest such pause, in milliseconds.
    pub retry_most_ms: u64,
    /// How many zones are worked on at once, for each server.
    pub concurrency: usize,
    /// In what time the sweep asks a server for each of its zones, in seconds.
    pub sweep_period_seconds: u64,
}

impl Default for Reconciler {
    fn default() -> Self {
        Self {
            query_timeout_ms: 250,
            rndc_timeout_ms: 5000,
            park_after_ms: 1500,
            retry_first_ms: 500,
            retry_most_ms: 60_000,
            concurrency: 64,
            sweep_period_seconds: 600,
        }
    }
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// How a line is written.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`; also by part, as `info,zonelog_mdns=debug`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            level: "info".to_owned(),
        }
    }
}

/// `[metrics]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Address and port of `/metrics` and `/healthz`.
    pub listen: SocketAddr,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            listen: loopback(9102),
        }
    }
}

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}
