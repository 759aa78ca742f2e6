//! From a server as its pool describes it to one that can be worked on: names are looked up, options read, keys fetched.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use zonelog_dns::ZoneName;
use zonelog_dns::tsig::Key;
use zonelog_model::resource::HostPort;

use crate::options::{ReconcilerOptions, Timings};
use crate::targets::bind9::{Bind9Config, Bind9Options};
use crate::targets::designate::DesignateConfig;
use crate::targets::pdns4::Pdns4Config;
use crate::targets::{
    self, CatalogFollower, Identity, KINDS, Nsd4Channel, Nsd4Config, PoolTarget, TargetConfig, target_of,
};
use crate::topology::{ServerSpec, TargetSpec, shown};

/// Why a target of the kind `catalog` cannot be told anything.
const NO_CHANNEL: &str = "a target of kind catalog has no channel by which it could be told to transfer a zone anew: do so at \
                          the server itself (`rndc retransfer ZONE`, `knotc zone-retransfer ZONE`, `pdns_control retrieve \
                          ZONE`), or describe it in pools.yaml as a target of kind bind9, knot or pdns4 with the options of \
                          its control channel";

/// A server that can be worked on.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The key of its checkpoint; also its name in logs and metrics.
    pub name: String,
    /// How messages call it.
    pub label: String,
    /// Where it answers DNS over UDP; `None`: its targets are taken at their word.
    pub address: Option<SocketAddr>,
    /// What signs the questions to it.
    pub key: Option<Arc<Key>>,
    /// What signs questions to MiniDNS where it wants them signed and the target has no key.
    pub pool_key: Option<Arc<Key>>,
    /// Who is told for it.
    pub targets: Vec<Target>,
    /// Who gets a NOTIFY once it serves a change.
    pub also_notifies: Vec<SocketAddr>,
    /// By which it learns of its zones, if it does not learn of them one by one.
    pub catalog: Option<Arc<CatalogFollower>>,
}

/// Who is told for a server.
#[derive(Clone, Debug)]
pub struct Target {
    /// How.
    pub config: TargetConfig,
    /// The same, to be used: it keeps its connection.
    pub told: Arc<dyn PoolTarget>,
    /// Where it transfers zones from.
    pub masters: Arc<[SocketAddr]>,
    /// Where it takes NOTIFY.
    pub notify: Option<SocketAddr>,
    /// What signs its requests to its masters, and ours in its place.
    pub key: Option<Arc<Key>>,
    /// What signs NOTIFY to it.
    pub notify_key: Option<Arc<Key>>,
}

impl ServerConfig {
    /// Whether a NOTIFY holds it up while it is busy with zones that it was told of.
    pub fn is_held_up_by_notify(&self) -> bool {
        self.targets
            .iter()
            .any(|target| target.told.is_held_up_by_notify())
    }

    /// Whether another look at the same pool gave the same: nothing need be started over.
    pub fn is_same(&self, other: &Self) -> bool {
        let targets = |server: &Self| -> Vec<_> {
            let of = |target: &Target| {
                let keys = (target.key.clone(), target.notify_key.clone());
                (
                    target.config.clone(),
                    Arc::clone(&target.masters),
                    target.notify,
                    keys,
                )
            };
            server.targets.iter().map(of).collect()
        };
        let asked = |server: &Self| (server.address, server.key.clone(), server.pool_key.clone());
        asked(self) == asked(other) && targets(self) == targets(other)
    }
}

/// Prepares a server.
///
/// # Errors
/// What is wrong with the pool's description or with what it points to, and what to do.
pub async fn prepare(spec: &ServerSpec, options: &ReconcilerOptions) -> Result<ServerConfig, String> {
    let address = match &spec.asked {
        Some(asked) => Some(resolve(asked).await?),
        None => None,
    };
    let mut label = spec.label();
    if let (Some(asked), Some(address)) = (&spec.asked, address)
        && literal(&asked.host).is_none()
    {
        label = format!("{label} (at {address})");
    }
    let key = spec.key.clone().transpose()?;
    let mut targets = Vec::with_capacity(spec.targets.len());
    for target in &spec.targets {
        let prepared = prepare_target(&label, target, options).await.map(|mut prepared| {
            if prepared.notify == address && prepared.notify_key.is_none() {
                prepared.notify_key.clone_from(&key);
            }
            prepared
        });
        targets.push(prepared.map_err(|error| format!("target {}: {error}", target.kind))?);
    }
    let mut also_notifies = Vec::with_capacity(spec.also_notifies.len());
    for place in &spec.also_notifies {
        match resolve(place).await {
            Ok(address) => also_notifies.push(address),
            // What is merely told besides holds nothing up.
            Err(error) => {
                tracing::warn!(server = spec.name, %error, "a member of also_notifies is passed over")
            }
        }
    }
    let catalog = follower(spec, &label, (address, key.as_ref()), &targets, &options.timings)?;
    Ok(ServerConfig {
        name: spec.name.clone(),
        catalog,
        label,
        address,
        key,
        pool_key: spec.pool_key.clone(),
        targets,
        also_notifies,
    })
}

/// Who follows the pool's catalog at this server, if it takes its zones from there.
fn follower(
    spec: &ServerSpec,
    label: &str,
    (asked, key): (Option<SocketAddr>, Option<&Arc<Key>>),
    targets: &[Target],
    timings: &Timings,
) -> Result<Option<Arc<CatalogFollower>>, String> {
    let (mut notify, mut masters) = (Vec::new(), Vec::new());
    let by_catalog = |target: &&Target| matches!(target.config, TargetConfig::Catalog(_));
    for target in targets.iter().filter(by_catalog) {
        notify.extend(target.notify.map(|address| (address, target.notify_key.clone())));
        masters.extend(target.masters.iter().map(|&master| (master, target.key.clone())));
    }
    let Some(name) = spec
        .catalog
        .as_ref()
        .filter(|_| targets.iter().any(|target| by_catalog(&target)))
    else {
        return Ok(None);
    };
    let name = ZoneName::parse(&name.to_string())
        .map_err(|error| format!("the pool's catalog zone {name} cannot be asked for: {error}"))?;
    notify.dedup();
    masters.dedup();
    Ok(Some(Arc::new(CatalogFollower::new(
        label,
        name,
        (asked, key.cloned()),
        (notify, masters),
        spec.pool_key.clone(),
        timings,
    ))))
}

/// How a target is told, as its options say.
async fn told_by(spec: &TargetSpec, options: &ReconcilerOptions) -> Result<TargetConfig, String> {
    Ok(match spec.kind.as_str() {
        "catalog" => {
            return Err(
                "its pool has no catalog_zone: give it one in pools.yaml and run `zonelog pool update`"
                    .to_owned(),
            );
        }
        "bind9" => {
            let read = Bind9Options::read(&spec.options, &options.unseal)?;
            let place = HostPort {
                host: read.rndc_host.clone(),
                port: read.rndc_port,
            };
            TargetConfig::Bind9(Bind9Config {
                rndc_address: resolve(&place).await?,
                key: read.key()?,
                timeout: read.timeout.unwrap_or(options.timings.rndc_timeout),
                view: read.view.clone(),
                clean_zone_file: read.clean_zone_file,
            })
        }
        "knot" => TargetConfig::Knot(targets::knot::options::read(&spec.options, &options.unseal)?),
        "nsd4" => {
            let read = targets::nsd4::options::read(&spec.options, &options.unseal)?;
            let channel = match &read.socket {
                Some(path) => Nsd4Channel::Socket(path.clone()),
                None => {
                    let (host, port) = (read.host.clone(), read.port);
                    Nsd4Channel::Tls {
                        address: resolve(&HostPort { host, port }).await?,
                        identity: Identity::read(&read)?,
                    }
                }
            };
            TargetConfig::Nsd4(Nsd4Config {
                channel,
                pattern: read.pattern,
                timeout: read.timeout,
            })
        }
        "pdns4" => TargetConfig::Pdns4(Pdns4Config::read(
            &spec.options,
            &options.unseal,
            options.timings.rndc_timeout,
        )?),
        "designate" => TargetConfig::Designate(DesignateConfig::read(
            &spec.options,
            &options.unseal,
            options.timings.rndc_timeout,
        )?),
        "fake" => TargetConfig::Fake,
        other => {
            return Err(format!(
                "{other:?} is no kind of target that this version of Zonelog can tell of zones (it can: {}); change it in \
                 pools.yaml and run `zonelog pool update`",
                KINDS.join(", ")
            ));
        }
    })
}

async fn prepare_target(
    label: &str,
    spec: &TargetSpec,
    options: &ReconcilerOptions,
) -> Result<Target, String> {
    let config = if !spec.by_catalog {
        told_by(spec, options).await?
    } else if spec.kind == "catalog" {
        TargetConfig::Catalog(Err(NO_CHANNEL.to_owned()))
    } else {
        // It follows the catalog all the same.
        let channel = told_by(spec, options).await;
        TargetConfig::Catalog(channel.map(Box::new).map_err(|error| {
            format!(
                "its target {} cannot be told to transfer a zone anew: {error}",
                spec.kind
            )
        }))
    };
    let masters = match (&config, spec.masters.as_slice()) {
        (TargetConfig::Fake, _) => Vec::new(),
        (_, []) => options.masters.clone(),
        (_, given) => {
            let mut masters = Vec::with_capacity(given.len());
            for master in given {
                masters.push(resolve(master).await?);
            }
            masters
        }
    };
    if masters.is_empty() && config != TargetConfig::Fake {
        return Err(
            "it has no masters: name the addresses of MiniDNS, as the server reaches them".to_owned(),
        );
    }
    let notify = match &spec.notify {
        Some(place) => Some(resolve(place).await?),
        None => None,
    };
    let key = spec.key.clone().transpose()?;
    Ok(Target {
        notify_key: key.clone(),
        key,
        told: target_of(label, &config),
        config,
        masters: masters.into(),
        notify,
    })
}

/// The first address of a host.
async fn resolve(place: &HostPort) -> Result<SocketAddr, String> {
    if let Some(address) = literal(&place.host) {
        return Ok(SocketAddr::new(address, place.port));
    }
    let host = place.host.trim_end_matches('.');
    let found = tokio::net::lookup_host((host, place.port)).await;
    let first = found.map(|mut addresses| addresses.next());
    match first {
        Ok(Some(address)) => Ok(address),
        Ok(None) => Err(format!("the host of {} has no address", shown(place))),
        Err(error) => Err(format!("the host of {} has no address: {error}", shown(place))),
    }
}

fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}
