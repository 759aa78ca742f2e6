//! Servers that take their zones from the pool's catalog zone.

use std::net::SocketAddr;

use zonelog_dns::Name;
use zonelog_model::resource::{CatalogZone, Pool};
use zonelog_reconciler::targets::TargetConfig;
use zonelog_test_parts::TransferKey;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::knot::{Knot, KnotOptions};
use zonelog_test_parts::pdns::{Pdns, PdnsOptions};

use super::knot::told;
use super::{Kind, Primary};
use crate::world::{Member, pdns4, server};

/// The name of the default pool's catalog.
pub(crate) const CATALOG: &str = "catalog.example";

/// The catalog zone of a pool. Its refresh is so long that nobody follows it without a NOTIFY.
pub(crate) fn catalog_zone(name: &str) -> CatalogZone {
    CatalogZone {
        name: Name::parse(&format!("{name}.")).unwrap(),
        refresh: 3_600,
        tsig_key: None,
        tsig_algorithm: None,
    }
}

/// The configuration of a BIND that follows catalogs of a primary.
pub(crate) fn bind_options(catalogs: &[&str], primary: SocketAddr) -> BindOptions {
    bind_options_with_key(catalogs, primary, None)
}

/// The same, of one that signs its requests for the catalogs, and only for them, with a key.
pub(crate) fn bind_options_with_key(
    catalogs: &[&str],
    primary: SocketAddr,
    key: Option<&TransferKey>,
) -> BindOptions {
    let primaries = format!("{} port {}", primary.ip(), primary.port());
    let (mut members, mut zones, mut by_key) = (String::new(), String::new(), String::new());
    if let Some(TransferKey {
        name,
        algorithm,
        secret,
    }) = key
    {
        zones = format!("key \"{name}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};\n");
        by_key = format!(" key \"{name}\"");
    }
    for name in catalogs {
        members += &format!(
            "zone \"{name}\" default-primaries {{ {primaries}; }} in-memory no min-update-interval 1; "
        );
        zones += &format!(
            "zone \"{name}\" {{ type secondary; file \"{name}.db\"; primaries {{ {primaries}{by_key}; }}; }};\n"
        );
    }
    BindOptions {
        options: format!("catalog-zones {{ {members} }};"),
        config: zones,
        ..BindOptions::default()
    }
}

/// A Knot DNS that follows catalogs of a primary, and signs its requests with a key if it is given one.
pub(crate) async fn knot(catalogs: &[&str], primary: SocketAddr, key: Option<TransferKey>) -> Knot {
    // A catalog is a zone of its configuration with two settings more.
    let zones = catalogs
        .iter()
        .map(|catalog| format!("{catalog}.\n    catalog-role: interpret\n    catalog-template: default"))
        .collect();
    Knot::start_with_key(KnotOptions { primary, zones }, key)
        .await
        .unwrap()
}

/// A PowerDNS that consumes catalogs of a primary, and signs its requests for them, and only for them, with a key if it is
/// given one. By itself it takes up new members once a minute.
pub(crate) async fn pdns(catalogs: &[&str], primary: SocketAddr, key: Option<TransferKey>) -> Pdns {
    let mut database = String::new();
    for catalog in catalogs {
        database += &format!(
            "insert into domains (name, type, master) values ('{catalog}', 'CONSUMER', '{primary}');\n"
        );
        if let Some(TransferKey { name, .. }) = &key {
            database += &format!(
                "insert into domainmetadata (domain_id, kind, content)
                 select id, 'AXFR-MASTER-TSIG', '{name}' from domains where name = '{catalog}';\n"
            );
        }
    }
    let options = PdnsOptions {
        tsig_keys: key
            .into_iter()
            .map(|key| {
                (
                    key.name.to_owned(),
                    key.algorithm.to_owned(),
                    key.secret.to_owned(),
                )
            })
            .collect(),
        database,
        config: "xfr-cycle-interval=1".to_owned(),
    };
    Pdns::start(options).await.unwrap()
}

/// A server of a pool that is told of nothing.
pub(crate) fn follower(asked: SocketAddr) -> Member {
    Member {
        asked,
        kind: "catalog",
        options: [].into(),
    }
}

/// A server that follows the catalog.
pub(super) trait Follower: Send + Sized {
    async fn start(primary: SocketAddr) -> Self;
    fn dns_address(&self) -> SocketAddr;
    /// How it may be told what no catalog says.
    fn member(&self) -> Member;
    async fn kill(&mut self);
    async fn wipe(&mut self);
    async fn start_again(&mut self);
}

macro_rules! follower {
    ($server:ty, $start:expr, $member:expr) => {
        impl Follower for $server {
            async fn start(primary: SocketAddr) -> Self {
                $start(primary).await
            }

            fn dns_address(&self) -> SocketAddr {
                self.dns_address()
            }

            fn member(&self) -> Member {
                $member(self)
            }

            async fn kill(&mut self) {
                self.kill().await.unwrap();
            }

            async fn wipe(&mut self) {
                self.wipe().await.unwrap();
            }

            async fn start_again(&mut self) {
                self.start_again().await.unwrap();
            }
        }
    };
}

follower!(
    Bind,
    async |primary| Bind::start(bind_options(&[CATALOG], primary)).await.unwrap(),
    server
);
follower!(Knot, async |primary| knot(&[CATALOG], primary, None).await, told);
follower!(Pdns, async |primary| pdns(&[CATALOG], primary, None).await, pdns4);

/// A server in a pool with a catalog.
pub(super) struct ByCatalog<F>(F);

impl<F: Follower> Kind for ByCatalog<F> {
    async fn start(primary: &Primary) -> Self {
        Self(F::start(primary.address).await)
    }

    fn dns_address(&self) -> SocketAddr {
        self.0.dns_address()
    }

    fn config(&self) -> TargetConfig {
        TargetConfig::Catalog(Err("only in a pool".to_owned()))
    }

    /// It is told of no zone, though it might be.
    fn member(&self) -> Member {
        self.0.member()
    }

    fn describe(&self, pool: &mut Pool) {
        pool.catalog_zone = Some(catalog_zone(CATALOG));
    }

    fn control(&self) -> String {
        self.dns_address().to_string()
    }

    async fn kill(&mut self) {
        self.0.kill().await;
    }

    async fn wipe(&mut self) {
        self.0.wipe().await;
    }

    async fn start_again(&mut self) {
        self.0.start_again().await;
    }
}
