//! From a pool, as the log has it, to the servers that are worked on. Pure.
//!
//! Designate lists a pool's name servers (who is asked) and its targets (who is told) apart. Here a server is who is asked
//! together with those who are told for it, found in this order:
//! 1. A target belongs to the name server whose `host` is the target's `host` or `rndc_host`, or stands in its
//!    `api_endpoint`; of several with that host, to the one whose port is the target's `port`.
//! 2. What is left is paired in the order of the file, if as many name servers as targets are left.
//! 3. Else each name server that is left is told by all targets that are left, or by all of the pool's if none is.
//! 4. A name server without any is told by the pool's catalog zone, if it has one.
//! 5. Targets that are left when every name server has its own are servers themselves: asked at their own `host` and
//!    `port` if they name one, and taken at their word if not.
//!
//! In a pool with a catalog zone, targets whose servers can follow one are not told of single zones.

use std::collections::{BTreeMap, BTreeSet};

use std::sync::Arc;

use uuid::Uuid;
use zonelog_central::tsig::TsigKeys;
use zonelog_dns::Name;
use zonelog_dns::tsig::Key;
use zonelog_model::PoolId;
use zonelog_model::resource::{HostPort, OptionValue, Pool, PoolTarget};

use crate::targets::CATALOG_KINDS;

/// The port of DNS (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;

/// The TSIG key that a description names: none, one that can be used, or why it cannot.
pub type NamedKey = Option<Result<Arc<Key>, String>>;

/// A server as its pool describes it: names not looked up, options not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSpec {
    /// The key of its checkpoint: its pool's id and where it is asked. The same after a restart, and wherever it stands in
    /// the pool's lists.
    pub name: String,
    /// Its pool.
    pub pool: PoolId,
    /// The pool's name, for messages.
    pub pool_name: String,
    /// Where it is asked; `None`: its targets are taken at their word.
    pub asked: Option<HostPort>,
    /// What signs the questions to it, and NOTIFY where its target has no key of its own.
    pub key: NamedKey,
    /// What signs questions to MiniDNS, where it wants them signed and the target has no key: a key of the pool.
    pub pool_key: Option<Arc<Key>>,
    /// Who is told.
    pub targets: Vec<TargetSpec>,
    /// Who gets a NOTIFY once it serves a change.
    pub also_notifies: Vec<HostPort>,
    /// Its pool's catalog zone (RFC 9432).
    pub catalog: Option<Name>,
}

/// A target as its pool describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSpec {
    /// The kind of backend.
    pub kind: String,
    /// Its options.
    pub options: BTreeMap<String, OptionValue>,
    /// Where it transfers zones from; empty: from MiniDNS.
    pub masters: Vec<HostPort>,
    /// Where it takes NOTIFY.
    pub notify: Option<HostPort>,
    /// Its server takes its zones from the pool's catalog zone, and it is told of none.
    pub by_catalog: bool,
    /// What signs NOTIFY to it, and its requests to its masters.
    pub key: NamedKey,
}

impl ServerSpec {
    /// How messages call it.
    pub fn label(&self) -> String {
        let pool = &self.pool_name;
        match (&self.asked, self.targets.first()) {
            (Some(asked), _) => format!("{} of pool {pool}", shown(asked)),
            (None, Some(target)) => format!("target {} of pool {pool}", identity(target)),
            (None, None) => format!("pool {pool}"),
        }
    }
}

/// The servers of a pool. `keys`: those of the installation.
pub fn servers(id: PoolId, pool: &Pool, keys: &TsigKeys) -> Vec<ServerSpec> {
    let mut names = BTreeSet::new();
    let (told, alone) = assign(pool);
    let named = |key: Option<Uuid>| key.map(|key| keys.with_id(key));
    let pool_key = keys.of_pool(id);
    let catalog = pool.catalog_zone.as_ref().map(|zone| zone.name.clone());
    let spec = |name, asked: Option<HostPort>, key: Option<Uuid>, told: &[usize]| {
        let mut targets: Vec<TargetSpec> = told
            .iter()
            .map(|&index| {
                let described = &pool.targets[index];
                target(pool, described, asked.as_ref(), named(described.tsigkey))
            })
            .collect();
        if targets.is_empty() && catalog.is_some() {
            targets.push(by_catalog_alone(asked.clone()));
        }
        ServerSpec {
            name,
            key: named(key),
            pool_key: pool_key.clone(),
            pool: id,
            pool_name: pool.name.clone(),
            targets,
            asked,
            also_notifies: pool.also_notifies.clone(),
            catalog: catalog.clone(),
        }
    };
    let mut servers = Vec::new();
    for (nameserver, targets) in pool.nameservers.iter().zip(&told) {
        let asked = HostPort {
            host: nameserver.host.clone(),
            port: nameserver.port,
        };
        let name = format!("{}/{}", id.uuid(), shown(&asked));
        if names.insert(name.clone()) {
            servers.push(spec(name, Some(asked), nameserver.tsigkey, targets));
        }
    }
    for index in alone {
        let asked = own_address(&pool.targets[index]).map(|(host, port)| HostPort {
            host,
            port: port.unwrap_or(DNS_PORT),
        });
        let key = pool.targets[index].tsigkey;
        let described = target(pool, &pool.targets[index], asked.as_ref(), None);
        let stem = match &asked {
            Some(asked) => format!("{}/{}", id.uuid(), shown(asked)),
            None => format!("{}/target/{}", id.uuid(), identity(&described)),
        };
        let mut name = stem.clone();
        let mut number = 1;
        while !names.insert(name.clone()) {
            number += 1;
            name = format!("{stem}#{number}");
        }
        servers.push(spec(name, asked, key, &[index]));
    }
    servers
}

/// Who is told for each name server, and which targets are servers themselves.
fn assign(pool: &Pool) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut told = vec![Vec::new(); pool.nameservers.len()];
    let mut left = Vec::new();
    for (index, target) in pool.targets.iter().enumerate() {
        match nameserver_of(pool, target) {
            Some(nameserver) => told[nameserver].push(index),
            None => left.push(index),
        }
    }
    let waiting: Vec<usize> = (0..told.len()).filter(|&index| told[index].is_empty()).collect();
    if waiting.is_empty() {
        return (told, left);
    }
    if waiting.len() == left.len() {
        for (nameserver, target) in waiting.into_iter().zip(left) {
            told[nameserver].push(target);
        }
    } else {
        let all = if left.is_empty() {
            (0..pool.targets.len()).collect()
        } else {
            left
        };
        for nameserver in waiting {
            told[nameserver].clone_from(&all);
        }
    }
    (told, Vec::new())
}

/// The one name server that has a target's host.
fn nameserver_of(pool: &Pool, target: &PoolTarget) -> Option<usize> {
    let hosts = [
        plain(&target.options, "host").map(str::to_owned),
        plain(&target.options, "rndc_host").map(str::to_owned),
        plain(&target.options, "api_endpoint").and_then(host_of_url),
    ];
    for host in hosts.into_iter().flatten() {
        let with_host: Vec<usize> = (0..pool.nameservers.len())
            .filter(|&index| same_host(&pool.nameservers[index].host, &host))
            .collect();
        if let [only] = with_host.as_slice() {
            return Some(*only);
        }
        let port = dns_port(target);
        let exact = with_host
            .into_iter()
            .find(|&index| Some(pool.nameservers[index].port) == port);
        if exact.is_some() {
            return exact;
        }
    }
    None
}

/// The target of a name server that has none, in a pool with a catalog zone.
fn by_catalog_alone(notify: Option<HostPort>) -> TargetSpec {
    TargetSpec {
        kind: "catalog".to_owned(),
        options: BTreeMap::new(),
        masters: Vec::new(),
        notify,
        key: None,
        by_catalog: true,
    }
}

fn target(pool: &Pool, target: &PoolTarget, asked: Option<&HostPort>, key: NamedKey) -> TargetSpec {
    let notify = match (own_address(target), asked) {
        (Some((host, Some(port))), _) => Some(HostPort { host, port }),
        (Some((host, None)), Some(asked)) if same_host(&asked.host, &host) => Some(asked.clone()),
        (Some((host, None)), _) => Some(HostPort { host, port: DNS_PORT }),
        (None, asked) => asked.cloned(),
    };
    TargetSpec {
        kind: target.kind.clone(),
        options: target.options.clone(),
        masters: target.masters.clone(),
        notify,
        by_catalog: pool.catalog_zone.is_some() && CATALOG_KINDS.contains(&target.kind.as_str()),
        key,
    }
}

/// The `host` and `port` of a target's options: where it answers DNS itself.
fn own_address(target: &PoolTarget) -> Option<(String, Option<u16>)> {
    let host = plain(&target.options, "host")?.to_owned();
    Some((host, dns_port(target)))
}

/// The `port` of a target's options. That of an `nsd4` target is its control channel's.
fn dns_port(target: &PoolTarget) -> Option<u16> {
    if target.kind == "nsd4" {
        return None;
    }
    plain(&target.options, "port")?.parse().ok()
}

fn plain<'a>(options: &'a BTreeMap<String, OptionValue>, name: &str) -> Option<&'a str> {
    match options.get(name) {
        Some(OptionValue::Plain(value)) => Some(value),
        _ => None,
    }
}

/// Which target it is, in words that stay the same: its kind, and where it is told.
fn identity(target: &TargetSpec) -> String {
    let of = |name| plain(&target.options, name);
    if let Some(socket) = of("control_socket") {
        return format!("{}@{socket}", target.kind);
    }
    let place = match (
        of("rndc_host"),
        of("rndc_port"),
        of("api_endpoint"),
        &target.notify,
    ) {
        (None, None, Some(endpoint), _) => endpoint.to_owned(),
        (None, None, None, Some(notify)) => shown(notify),
        (None, None, None, None) => return target.kind.clone(),
        (host, port, ..) => format!("{}:{}", host.unwrap_or("127.0.0.1"), port.unwrap_or("953")),
    };
    format!("{}@{place}", target.kind)
}

/// The host of `https://host:port/path`.
fn host_of_url(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit('@').next()?;
    let host = match authority.strip_prefix('[') {
        Some(address) => address.split(']').next()?,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then(|| host.to_owned())
}

fn same_host(one: &str, other: &str) -> bool {
    let bare = |host: &str| host.trim_end_matches('.').to_ascii_lowercase();
    bare(one) == bare(other)
}

/// `host:port`, an IPv6 address in brackets.
pub(crate) fn shown(place: &HostPort) -> String {
    let HostPort { host, port } = place;
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use zonelog_model::resource::PoolNameserver;

    use super::*;

    fn pool(nameservers: &[(&str, u16)], targets: &[&[(&str, &str)]]) -> Pool {
        Pool {
            name: "default".to_owned(),
            description: None,
            project: None,
            attributes: BTreeMap::new(),
            ns_records: Vec::new(),
            nameservers: nameservers
                .iter()
                .map(|&(host, port)| PoolNameserver {
                    host: host.to_owned(),
                    port,
                    tsigkey: None,
                })
                .collect(),
            targets: targets
                .iter()
                .map(|options| PoolTarget {
                    kind: "bind9".to_owned(),
                    description: None,
                    tsigkey: None,
                    masters: Vec::new(),
                    options: options
                        .iter()
                        .map(|&(name, value)| (name.to_owned(), OptionValue::Plain(value.to_owned())))
                        .collect(),
                })
                .collect(),
            also_notifies: Vec::new(),
            catalog_zone: None,
        }
    }

    /// The ports of the targets told for each server, by the server's name without its pool.
    fn told(pool: &Pool) -> Vec<(String, Vec<String>)> {
        servers(PoolId::new(Uuid::nil()), pool, &TsigKeys::default())
            .into_iter()
            .map(|server| {
                let name = server.name.split_once('/').unwrap().1.to_owned();
                let ports = server
                    .targets
                    .iter()
                    .map(|target| plain(&target.options, "rndc_port").unwrap_or("-").to_owned())
                    .collect();
                (name, ports)
            })
            .collect()
    }

    fn expect(pool: &Pool, expected: &[(&str, &[&str])]) {
        let expected: Vec<(String, Vec<String>)> = expected
            .iter()
            .map(|(name, ports)| {
                (
                    (*name).to_owned(),
                    ports.iter().map(|&port| port.to_owned()).collect(),
                )
            })
            .collect();
        assert_eq!(told(pool), expected);
    }

    #[test]
    fn a_target_belongs_to_the_name_server_with_its_host() {
        let pool = pool(
            &[("192.0.2.1", 53), ("ns2.Example.org.", 53), ("2001:db8::3", 53)],
            &[
                &[("rndc_port", "3"), ("api_endpoint", "http://[2001:db8::3]:8081/")],
                &[("rndc_port", "2"), ("rndc_host", "NS2.example.org")],
                &[("rndc_port", "1"), ("host", "192.0.2.1")],
            ],
        );
        expect(
            &pool,
            &[
                ("192.0.2.1:53", &["1"]),
                ("ns2.Example.org.:53", &["2"]),
                ("[2001:db8::3]:53", &["3"]),
            ],
        );
    }

    #[test]
    fn on_one_host_the_port_tells_and_else_the_order() {
        let by_port = pool(
            &[("127.0.0.1", 5301), ("127.0.0.1", 5302)],
            &[
                &[("rndc_port", "2"), ("host", "127.0.0.1"), ("port", "5302")],
                &[("rndc_port", "1"), ("host", "127.0.0.1"), ("port", "5301")],
            ],
        );
        expect(
            &by_port,
            &[("127.0.0.1:5301", &["1"]), ("127.0.0.1:5302", &["2"])],
        );
        let by_order = pool(
            &[("127.0.0.1", 5301), ("127.0.0.1", 5302)],
            &[
                &[("rndc_port", "1"), ("rndc_host", "127.0.0.1")],
                &[("rndc_port", "2"), ("rndc_host", "127.0.0.1")],
            ],
        );
        expect(
            &by_order,
            &[("127.0.0.1:5301", &["1"]), ("127.0.0.1:5302", &["2"])],
        );
    }

    #[test]
    fn one_target_may_feed_several_name_servers() {
        let one_for_all = pool(&[("a", 53), ("b", 53)], &[&[("rndc_port", "1")]]);
        expect(&one_for_all, &[("a:53", &["1"]), ("b:53", &["1"])]);
        let of_one_of_them = pool(&[("a", 53), ("b", 53)], &[&[("rndc_port", "1"), ("host", "a")]]);
        expect(&of_one_of_them, &[("a:53", &["1"]), ("b:53", &["1"])]);
    }

    #[test]
    fn a_target_without_a_name_server_is_a_server_itself() {
        let beside = pool(
            &[("a", 53)],
            &[
                &[("rndc_port", "1"), ("host", "a")],
                &[("rndc_port", "2"), ("host", "b")],
            ],
        );
        expect(&beside, &[("a:53", &["1"]), ("b:53", &["2"])]);
        let alone = pool(&[], &[&[("rndc_port", "1")], &[("rndc_port", "1")], &[]]);
        expect(
            &alone,
            &[
                ("target/bind9@127.0.0.1:1", &["1"]),
                ("target/bind9@127.0.0.1:1#2", &["1"]),
                ("target/bind9", &["-"]),
            ],
        );
    }

    #[test]
    fn names_do_not_depend_on_the_order_of_the_file() {
        let one = pool(&[("a", 53), ("b", 5353)], &[]);
        let other = pool(&[("b", 5353), ("a", 53), ("a", 53)], &[]);
        let names = |pool: &Pool| {
            told(pool)
                .into_iter()
                .map(|(name, _)| name)
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(names(&one), names(&other));
    }

    #[test]
    fn in_a_pool_with_a_catalog_servers_that_can_follow_it_are_told_of_no_zones() {
        let mut pool = pool(&[("a", 53), ("b", 53)], &[&[("host", "a")], &[("host", "b")]]);
        pool.targets[1].kind = "nsd4".to_owned();
        let told = |pool: &Pool| -> Vec<(String, bool)> {
            let servers = servers(PoolId::new(Uuid::nil()), pool, &TsigKeys::default());
            let targets = servers.iter().flat_map(|server| &server.targets);
            targets
                .map(|target| (target.kind.clone(), target.by_catalog))
                .collect()
        };
        let of =
            |one: &str, by: bool, other: &str, too: bool| vec![(one.to_owned(), by), (other.to_owned(), too)];
        assert_eq!(told(&pool), of("bind9", false, "nsd4", false));
        pool.catalog_zone = Some(zonelog_model::resource::CatalogZone {
            name: Name::parse("catalog.example.").unwrap(),
            refresh: 60,
            tsig_key: None,
            tsig_algorithm: None,
        });
        assert_eq!(told(&pool), of("bind9", true, "nsd4", false));
        pool.targets.clear();
        assert_eq!(told(&pool), of("catalog", true, "catalog", true));
    }

    #[test]
    fn notify_goes_where_the_target_takes_it() {
        let notify = |options: &[(&str, &str)]| {
            let pool = pool(&[("a", 5300)], &[options]);
            servers(PoolId::new(Uuid::nil()), &pool, &TsigKeys::default())[0].targets[0]
                .notify
                .clone()
                .map(|at| shown(&at))
        };
        assert_eq!(notify(&[]).as_deref(), Some("a:5300"));
        assert_eq!(notify(&[("host", "a")]).as_deref(), Some("a:5300"));
        assert_eq!(notify(&[("host", "hidden")]).as_deref(), Some("hidden:53"));
        assert_eq!(
            notify(&[("host", "hidden"), ("port", "54")]).as_deref(),
            Some("hidden:54")
        );
    }
}
