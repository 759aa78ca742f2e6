//! The pool and its servers.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::loopback;

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
