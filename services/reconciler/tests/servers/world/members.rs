//! The servers of a pool, and how they are told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use zonelog_dns::Name;
use zonelog_dns::tsig::Secret;
use zonelog_model::resource::{HostPort, NsRecord, OptionValue, Pool, PoolNameserver, PoolTarget};
use zonelog_reconciler::targets::{self, Bind9Config, RndcKey, TargetConfig, target_of};
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::pdns::Pdns;

pub(crate) async fn bind() -> Bind {
    Bind::start(BindOptions::default()).await.unwrap()
}

/// A server of a pool: where it is asked, and the options of the target that is told for it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) asked: SocketAddr,
    pub(crate) kind: &'static str,
    pub(crate) options: BTreeMap<String, String>,
}

impl Member {
    /// Sets an option.
    pub(crate) fn with(mut self, option: &str, value: &str) -> Self {
        self.options.insert(option.to_owned(), value.to_owned());
        self
    }
}

/// A BIND as a member.
pub(crate) fn server(bind: &Bind) -> Member {
    let member = Member {
        asked: bind.dns_address(),
        kind: "bind9",
        options: BTreeMap::new(),
    };
    member
        .with("rndc_host", &bind.rndc_address().ip().to_string())
        .with("rndc_port", &bind.rndc_address().port().to_string())
        .with("rndc_key_name", bind.rndc_key())
        .with("rndc_algorithm", bind.rndc_algorithm())
        .with("rndc_secret", bind.rndc_secret())
}

/// A PowerDNS as a member.
pub(crate) fn pdns4(pdns: &Pdns) -> Member {
    let member = Member {
        asked: pdns.dns_address(),
        kind: "pdns4",
        options: BTreeMap::new(),
    };
    member
        .with("api_endpoint", &pdns.api_endpoint())
        .with("api_token", Pdns::API_TOKEN)
}

/// A pool of these servers.
pub(crate) fn described(name: &str, members: &[Member]) -> Pool {
    Pool {
        name: name.to_owned(),
        description: None,
        project: None,
        attributes: BTreeMap::new(),
        ns_records: vec![NsRecord {
            hostname: Name::parse("ns1.example.net.").unwrap(),
            priority: 1,
        }],
        nameservers: members.iter().map(|member| nameserver(member.asked)).collect(),
        targets: members
            .iter()
            .map(|member| PoolTarget {
                kind: member.kind.to_owned(),
                description: None,
                tsigkey: None,
                masters: Vec::new(),
                options: member
                    .options
                    .iter()
                    .map(|(name, value)| (name.clone(), OptionValue::Plain(value.clone())))
                    .collect(),
            })
            .collect(),
        also_notifies: Vec::new(),
        catalog_zone: None,
    }
}

pub(crate) fn nameserver(address: SocketAddr) -> PoolNameserver {
    PoolNameserver {
        host: address.ip().to_string(),
        port: address.port(),
        tsigkey: None,
    }
}

pub(crate) fn place(address: SocketAddr) -> HostPort {
    HostPort {
        host: address.ip().to_string(),
        port: address.port(),
    }
}

/// How a BIND is told.
pub(crate) fn bind9(bind: &Bind) -> Bind9Config {
    Bind9Config {
        rndc_address: bind.rndc_address(),
        key: RndcKey {
            name: bind.rndc_key().to_owned(),
            algorithm: bind.rndc_algorithm().parse().unwrap(),
            secret: Secret::from_base64(bind.rndc_secret()).unwrap(),
        },
        timeout: Duration::from_secs(5),
        view: None,
        clean_zone_file: true,
    }
}

pub(crate) fn target(bind: &Bind) -> Arc<dyn targets::PoolTarget> {
    target_of("one", &TargetConfig::Bind9(bind9(bind)))
}
