//! Servers that take their zones from the pool's catalog zone.

use std::net::SocketAddr;

use zonelog_dns::Name;
use zonelog_model::resource::{CatalogZone, Pool};
use zonelog_reconciler::targets::TargetConfig;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::knot::{Knot, KnotOptions};

use super::{Kind, Primary};
use crate::world::Member;

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
    let primaries = format!("{} port {};", primary.ip(), primary.port());
    let (mut members, mut zones) = (String::new(), String::new());
    for name in catalogs {
        members += &format!(
            "zone \"{name}\" default-primaries {{ {primaries} }} in-memory no min-update-interval 1; "
        );
        zones += &format!(
            "zone \"{name}\" {{ type secondary; file \"{name}.db\"; primaries {{ {primaries} }}; }};\n"
        );
    }
    BindOptions {
        options: format!("catalog-zones {{ {members} }};"),
        config: zones,
        ..BindOptions::default()
    }
}

/// A Knot DNS that follows a catalog of a primary.
pub(crate) async fn knot(catalog: &str, primary: SocketAddr) -> Knot {
    // The catalog is a zone of its configuration with two settings more.
    let zone = format!("{catalog}.\n    catalog-role: interpret\n    catalog-template: default");
    let zones = vec![zone];
    Knot::start(KnotOptions { primary, zones }).await.unwrap()
}

/// A server of a pool that is told of nothing.
pub(crate) fn follower(asked: SocketAddr) -> Member {
    Member {
        asked,
        kind: "catalog",
        options: [].into(),
    }
}

/// A BIND 9 that follows the catalog.
pub(super) struct OfBindByCatalog(Bind);

impl Kind for OfBindByCatalog {
    async fn start(primary: &Primary) -> Self {
        let options = bind_options(&[CATALOG], primary.address);
        Self(Bind::start(options).await.unwrap())
    }

    fn dns_address(&self) -> SocketAddr {
        self.0.dns_address()
    }

    fn config(&self) -> TargetConfig {
        TargetConfig::Catalog
    }

    fn member(&self) -> Member {
        follower(self.dns_address())
    }

    fn describe(&self, pool: &mut Pool) {
        pool.catalog_zone = Some(catalog_zone(CATALOG));
    }

    fn with_wrong_key(&self) -> Option<(TargetConfig, &'static str)> {
        None
    }

    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    fn control(&self) -> String {
        self.dns_address().to_string()
    }

    async fn add_by_hand(&self, _zone: &str, _primary: SocketAddr) {}

    async fn kill(&mut self) {
        self.0.kill().await.unwrap();
    }

    async fn wipe(&mut self) {
        self.0.wipe().await.unwrap();
    }

    async fn start_again(&mut self) {
        self.0.start_again().await.unwrap();
    }
}
