//! What the reconciler is told: the pool, its servers, and how patient to be.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use zonelog_model::PoolId;

/// Everything that [`crate::run`] needs to know.
#[derive(Clone, Debug)]
pub struct ReconcilerOptions {
    /// The pool whose servers are kept at the log's head.
    pub pool: PoolConfig,
    /// How patient to be.
    pub timings: Timings,
    /// Under which name this reconciler holds its leases: for operators to read.
    pub holder: String,
}

/// A pool of name servers that serve the same zones.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// The pool's id.
    pub id: PoolId,
    /// How many percent of the servers must serve a change before it is ACTIVE. Read by the API, not here.
    pub threshold_percent: u8,
    /// Where MiniDNS listens, as the servers reach it.
    pub masters: Vec<SocketAddr>,
    /// The servers. Their names are unique: checkpoints are kept by name.
    pub servers: Vec<ServerConfig>,
}

/// One name server.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Its name: shown to operators, and the key of its checkpoint.
    pub name: String,
    /// Where it answers DNS over UDP.
    pub address: SocketAddr,
    /// How it is told about zones.
    pub target: TargetConfig,
}

/// How a server is told which zones to serve.
#[derive(Clone, Debug)]
pub enum TargetConfig {
    /// BIND 9 through its rndc channel; wants `allow-new-zones yes`.
    Bind9 {
        /// Where the rndc channel listens (`controls { inet ...; }`).
        rndc_address: SocketAddr,
        /// The key's name in the server's configuration: for messages, since it is never sent.
        key_name: String,
        /// The key's algorithm.
        algorithm: RndcAlgorithm,
        /// The key's secret.
        secret: RndcSecret,
    },
}

/// The algorithm of an rndc key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RndcAlgorithm {
    /// HMAC-MD5: of old installations.
    HmacMd5,
    /// HMAC-SHA-224.
    HmacSha224,
    /// HMAC-SHA-256: what `rndc-confgen` makes.
    HmacSha256,
    /// HMAC-SHA-384.
    HmacSha384,
    /// HMAC-SHA-512.
    HmacSha512,
}

impl RndcAlgorithm {
    const ALL: [Self; 5] = [
        Self::HmacMd5,
        Self::HmacSha224,
        Self::HmacSha256,
        Self::HmacSha384,
        Self::HmacSha512,
    ];

    /// The name in `named.conf`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::HmacMd5 => "hmac-md5",
            Self::HmacSha224 => "hmac-sha224",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }
}

impl fmt::Display for RndcAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl FromStr for RndcAlgorithm {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let lower = text.to_ascii_lowercase();
        let found = Self::ALL.into_iter().find(|algorithm| algorithm.label() == lower);
        found.ok_or_else(|| KeyError::Algorithm(text.to_owned()))
    }
}

/// The secret of an rndc key. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct RndcSecret(Vec<u8>);

impl RndcSecret {
    /// Reads it as `named.conf` and `rndc.key` have it.
    ///
    /// # Errors
    /// [`KeyError::Secret`] when it is not base64, or empty.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let octets = data_encoding::BASE64
            .decode(text.trim().as_bytes())
            .map_err(|_| KeyError::Secret)?;
        if octets.is_empty() {
            Err(KeyError::Secret)
        } else {
            Ok(Self(octets))
        }
    }

    /// The octets, for the HMAC.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for RndcSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RndcSecret(not shown)")
    }
}

/// Why an rndc key of the configuration cannot be one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No such algorithm.
    #[error(
        "{0:?} is no algorithm of an rndc key that Zonelog speaks: hmac-md5, hmac-sha224, hmac-sha256 (as \
         rndc-confgen makes them), hmac-sha384 or hmac-sha512"
    )]
    Algorithm(String),
    /// Not base64.
    #[error(
        "the secret of the rndc key is not base64; copy the quoted text behind `secret` in the server's rndc.key"
    )]
    Secret,
}

/// How patient the reconciler is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timings {
    /// How long a server may take for one zone until the zone is set aside (1.5 s).
    pub park_after: Duration,
    /// How long to wait for the answer to one DNS query (250 ms).
    pub query_timeout: Duration,
    /// How long to wait for the rndc channel, for each command (5 s).
    pub rndc_timeout: Duration,
    /// When NOTIFY is repeated, counted from the first (50, 200, 500 ms).
    pub notify_again: Vec<Duration>,
    /// The first pause before a zone that was set aside is tried again; it doubles with each failure (0.5 s).
    pub retry_first: Duration,
    /// The longest such pause (60 s).
    pub retry_most: Duration,
    /// The longest pause between two probes of a server that does not answer (2 s).
    pub probe_most: Duration,
    /// How many zones are worked on at once, for each server (64).
    pub concurrency: usize,
    /// How many events of the log are taken in one stretch; a longer one is worked off through the table of zones
    /// that are behind (1,000).
    pub stretch: i64,
    /// In what time the sweep asks a server for each of its zones (10 min).
    pub sweep_period: Duration,
    /// For how long a lease is held without being renewed (10 s).
    pub lease: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            park_after: Duration::from_millis(1_500),
            query_timeout: Duration::from_millis(250),
            rndc_timeout: Duration::from_secs(5),
            notify_again: [50, 200, 500].map(Duration::from_millis).to_vec(),
            retry_first: Duration::from_millis(500),
            retry_most: Duration::from_secs(60),
            probe_most: Duration::from_secs(2),
            concurrency: 64,
            stretch: 1_000,
            sweep_period: Duration::from_secs(600),
            lease: Duration::from_secs(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = RndcSecret::from_base64("c2VjcmV0IQ==").unwrap();
        assert_eq!(secret.octets(), b"secret!");
        assert_eq!(format!("{secret:?}"), "RndcSecret(not shown)");
    }

    #[test]
    fn a_key_that_is_none_is_told() {
        assert!(
            "hmac-sha1"
                .parse::<RndcAlgorithm>()
                .unwrap_err()
                .to_string()
                .contains("hmac-sha256")
        );
        assert_eq!("HMAC-SHA512".parse(), Ok(RndcAlgorithm::HmacSha512));
        assert_eq!(RndcSecret::from_base64("not base64"), Err(KeyError::Secret));
        assert_eq!(RndcSecret::from_base64(""), Err(KeyError::Secret));
    }
}
