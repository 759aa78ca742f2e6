//! The name servers that are provisioned, each by its own channel.

use std::net::SocketAddr;
use std::time::Duration;

use zonelog_central::http_client::HeaderValue;
use zonelog_reconciler::targets::{
    Bind9Config, KnotConfig, Nsd4Channel, Nsd4Config, Pdns4Config, RndcKey, TargetConfig,
};
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::knot::{Knot, KnotOptions};
use zonelog_test_parts::nsd::{Nsd, NsdPattern};
use zonelog_test_parts::pdns::{Pdns, PdnsOptions};

use crate::Result;
use crate::transfer::knot::CATALOG;

/// How long a channel may take for one answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The channels that are measured. By a catalog zone a BIND and a Knot learn of zones.
pub(super) const CHANNELS: [&str; 6] = ["bind9", "knot", "nsd4", "pdns4", "catalog-bind", "catalog-knot"];

/// Whether servers of this channel follow a catalog zone.
pub(super) fn follows_catalog(channel: &str) -> bool {
    channel.starts_with("catalog-")
}

/// A server that was just started and has no zones.
pub(super) enum Server {
    Bind9(Bind),
    Knot(Knot),
    Nsd4(Nsd),
    Pdns4(Pdns),
    /// A BIND and a Knot that follow the catalog zone [`CATALOG`].
    CatalogBind(Bind),
    CatalogKnot(Knot),
}

impl Server {
    /// Ends it. Its files are there until it is dropped.
    pub(super) async fn kill(&mut self) -> Result<()> {
        match self {
            Self::Bind9(bind) | Self::CatalogBind(bind) => bind.kill().await?,
            Self::Knot(knot) | Self::CatalogKnot(knot) => knot.kill().await?,
            Self::Nsd4(nsd) => nsd.kill().await?,
            Self::Pdns4(pdns) => pdns.kill().await?,
        }
        Ok(())
    }

    /// Starts one that is to transfer from `primary`.
    pub(super) async fn start(channel: &str, primary: SocketAddr) -> Result<Self> {
        match channel {
            "bind9" => Ok(Self::Bind9(Bind::start(BindOptions::default()).await?)),
            "knot" => Ok(Self::Knot(Knot::start_with_database().await?)),
            "nsd4" => {
                let pattern = NsdPattern { primary, key: None };
                Ok(Self::Nsd4(Nsd::start_with_control(&pattern, None).await?))
            }
            "pdns4" => Ok(Self::Pdns4(Pdns::start(PdnsOptions::default()).await?)),
            "catalog-bind" => {
                let primaries = format!("{} port {}", primary.ip(), primary.port());
                let options = BindOptions {
                    options: format!(
                        "catalog-zones {{ zone \"{CATALOG}\" default-primaries {{ {primaries}; }} in-memory no \
                         min-update-interval 0; }};"
                    ),
                    config: format!(
                        "zone \"{CATALOG}\" {{ type secondary; file \"catalog.db\"; primaries {{ {primaries}; }}; }};\n"
                    ),
                    ..BindOptions::default()
                };
                Ok(Self::CatalogBind(Bind::start(options).await?))
            }
            "catalog-knot" => {
                let zones = vec![format!(
                    "{CATALOG}\n    catalog-role: interpret\n    catalog-template: default"
                )];
                Ok(Self::CatalogKnot(
                    Knot::start(KnotOptions { primary, zones }).await?,
                ))
            }
            other => Err(format!("no server is provisioned by {other}").into()),
        }
    }

    /// Where it answers.
    pub(super) fn dns_address(&self) -> SocketAddr {
        match self {
            Self::Bind9(bind) => bind.dns_address(),
            Self::Knot(knot) => knot.dns_address(),
            Self::Nsd4(nsd) => nsd.dns_address(),
            Self::Pdns4(pdns) => pdns.dns_address(),
            Self::CatalogBind(bind) => bind.dns_address(),
            Self::CatalogKnot(knot) => knot.dns_address(),
        }
    }

    /// How it is told; one that follows a catalog is not.
    pub(super) fn config(&self) -> Result<Option<TargetConfig>> {
        Ok(Some(match self {
            Self::Bind9(bind) => TargetConfig::Bind9(Bind9Config {
                rndc_address: bind.rndc_address(),
                key: RndcKey {
                    name: bind.rndc_key().to_owned(),
                    algorithm: bind.rndc_algorithm().parse()?,
                    secret: zonelog_dns::tsig::Secret::from_base64(bind.rndc_secret())?,
                },
                timeout: PATIENCE,
                view: None,
                clean_zone_file: false,
            }),
            Self::Knot(knot) => TargetConfig::Knot(KnotConfig {
                socket: knot.control_socket(),
                template: None,
                remotes: Vec::new(),
                timeout: PATIENCE,
                clean_zone_file: true,
            }),
            Self::Nsd4(nsd) => TargetConfig::Nsd4(Nsd4Config {
                channel: Nsd4Channel::Socket(nsd.control_socket()),
                pattern: "secondary".to_owned(),
                timeout: PATIENCE,
            }),
            Self::Pdns4(pdns) => TargetConfig::Pdns4(Pdns4Config {
                api: format!("{}/api/v1/servers/localhost", pdns.api_endpoint()),
                token: HeaderValue::from_static(Pdns::API_TOKEN),
                ca_file: None,
                tsigkey: None,
                timeout: PATIENCE,
            }),
            Self::CatalogBind(_) | Self::CatalogKnot(_) => return Ok(None),
        }))
    }

    /// The default pool with this server alone, as `pools.yaml` has it.
    pub(super) fn pools_yaml(&self, master: SocketAddr) -> String {
        let (kind, options) = match self {
            Self::Bind9(bind) => (
                "bind9",
                format!(
                    "rndc_host: {}, rndc_port: {}, rndc_key_name: {}, rndc_algorithm: {}, rndc_secret: \"{}\"",
                    bind.rndc_address().ip(),
                    bind.rndc_address().port(),
                    bind.rndc_key(),
                    bind.rndc_algorithm(),
                    bind.rndc_secret()
                ),
            ),
            Self::Knot(knot) => (
                "knot",
                format!("control_socket: \"{}\"", knot.control_socket().display()),
            ),
            Self::Nsd4(nsd) => (
                "nsd4",
                format!(
                    "control_socket: \"{}\", pattern: secondary",
                    nsd.control_socket().display()
                ),
            ),
            Self::Pdns4(pdns) => (
                "pdns4",
                format!(
                    "api_endpoint: \"{}\", api_token: {}",
                    pdns.api_endpoint(),
                    Pdns::API_TOKEN
                ),
            ),
            Self::CatalogBind(_) | Self::CatalogKnot(_) => ("catalog", String::new()),
        };
        let catalog = if kind == "catalog" {
            format!("  catalog_zone: {{ catalog_zone_fqdn: {CATALOG} }}\n")
        } else {
            String::new()
        };
        let dns = self.dns_address();
        format!(
            "- name: default\n  id: 794ccc2c-d751-44fe-b57f-8894c9f5c842\n  description: Of a benchmark.\n  attributes: {{}}\n\
             \x20 ns_records:\n  - {{ hostname: ns1.example.org., priority: 1 }}\n\
             \x20 nameservers:\n  - {{ host: {}, port: {} }}\n\
             \x20 targets:\n  - type: {kind}\n    masters: [{{ host: {}, port: {} }}]\n    options: {{ {options} }}\n{catalog}",
            dns.ip(),
            dns.port(),
            master.ip(),
            master.port(),
        )
    }
}
