//! The REST API.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::loopback;

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
