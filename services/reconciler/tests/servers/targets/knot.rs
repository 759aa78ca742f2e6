//! Knot DNS, told through its control socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use zonelog_reconciler::targets::{KnotConfig, TargetConfig};
use zonelog_test_parts::knot::Knot;

use super::{Kind, Primary};
use crate::world::Member;

/// A Knot with a configuration database.
pub(super) struct OfKnot(pub(super) Knot);

/// A Knot as a member of a pool.
pub(super) fn told(knot: &Knot) -> Member {
    let member = Member {
        asked: knot.dns_address(),
        kind: "knot",
        options: BTreeMap::new(),
    };
    member.with("control_socket", &knot.control_socket().to_string_lossy())
}

impl Kind for OfKnot {
    async fn start(_: &Primary) -> Self {
        Self(Knot::start_with_database().await.unwrap())
    }

    fn dns_address(&self) -> SocketAddr {
        self.0.dns_address()
    }

    fn config(&self) -> TargetConfig {
        TargetConfig::Knot(KnotConfig {
            socket: self.0.control_socket(),
            template: None,
            remotes: Vec::new(),
            timeout: Duration::from_secs(10),
            clean_zone_file: true,
        })
    }

    fn member(&self) -> Member {
        told(&self.0)
    }

    fn control(&self) -> String {
        self.0.control_socket().to_string_lossy().into_owned()
    }

    async fn add_by_hand(&self, zone: &str, primary: SocketAddr) {
        let address = format!("{}@{}", primary.ip(), primary.port());
        let zone_master = format!("zone[{zone}].master");
        for arguments in [
            &["conf-begin"][..],
            &["conf-set", "remote[by-hand]"],
            &["conf-set", "remote[by-hand].address", &address],
            &["conf-set", &format!("zone[{zone}]")],
            &["conf-set", &zone_master, "by-hand"],
            &["conf-commit"],
        ] {
            self.0.knotc(arguments).await.unwrap();
        }
    }

    async fn write_copies(&self) {
        self.0.knotc(&["-b", "zone-flush"]).await.unwrap();
    }

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
