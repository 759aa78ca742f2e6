//! The pools of DNS servers. What they are stands in the log; `zonelog pool update` puts it there.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[pools]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pools {
    /// A `pools.yaml` as Designate has it, relative to the configuration's folder: taken up at a start that finds no pool in
    /// the log, and what `zonelog pool update` reads where it is given no other.
    pub file: Option<PathBuf>,
    /// How many percent of a pool's servers must serve a change before it is ACTIVE.
    pub threshold_percent: u8,
    /// Where targets that name no masters reach MiniDNS. Empty: `minidns.listen`.
    pub masters: Vec<SocketAddr>,
}

impl Default for Pools {
    fn default() -> Self {
        Self {
            file: None,
            threshold_percent: 100,
            masters: Vec::new(),
        }
    }
}
