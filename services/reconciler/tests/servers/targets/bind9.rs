//! BIND 9, told through its rndc channel.

use std::net::SocketAddr;

use tokio::process::Command;
use zonelog_dns::tsig::Secret;
use zonelog_reconciler::targets::{Bind9Config, RndcKey, TargetConfig};
use zonelog_test_parts::bind::{Bind, BindOptions};

use super::{Kind, Primary};
use crate::world::{Member, bind9, server};

/// A secret that its rndc key does not have.
const OTHER_SECRET: &str = "b3RoZXIgc2VjcmV0IG9mIGEgdGVzdA==";

/// A BIND 9 that is told through its rndc channel.
pub(super) struct OfBind9(Bind);

impl Kind for OfBind9 {
    async fn start(primary: &Primary) -> Self {
        let config = primary.key.as_ref().map(|key| {
            format!(
                "key \"{}\" {{ algorithm {}; secret \"{}\"; }};\n",
                key.name, key.algorithm, key.secret
            )
        });
        let options = BindOptions {
            config: config.unwrap_or_default(),
            ..BindOptions::default()
        };
        Self(Bind::start(options).await.unwrap())
    }

    fn dns_address(&self) -> SocketAddr {
        self.0.dns_address()
    }

    fn config(&self) -> TargetConfig {
        TargetConfig::Bind9(bind9(&self.0))
    }

    fn member(&self) -> Member {
        server(&self.0)
    }

    fn with_wrong_key(&self) -> Option<(TargetConfig, &'static str)> {
        let good = bind9(&self.0);
        let key = RndcKey {
            secret: Secret::from_base64(OTHER_SECRET).unwrap(),
            ..good.key.clone()
        };
        let config = TargetConfig::Bind9(Bind9Config { key, ..good });
        Some((config, "compare algorithm and secret"))
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.0.rndc_secret().to_owned(), OTHER_SECRET.to_owned()]
    }

    fn control(&self) -> String {
        self.0.rndc_address().to_string()
    }

    async fn add_by_hand(&self, zone: &str, primary: SocketAddr) {
        let file = self.0.folder().join("rndc.conf");
        let text = format!(
            "key \"{name}\" {{ algorithm {}; secret \"{}\"; }};\noptions {{ default-key \"{name}\"; default-server {}; \
             default-port {}; }};\n",
            self.0.rndc_algorithm(),
            self.0.rndc_secret(),
            self.0.rndc_address().ip(),
            self.0.rndc_address().port(),
            name = self.0.rndc_key(),
        );
        std::fs::write(&file, text).unwrap();
        let settings = format!(
            "{{ type secondary; file \"by-hand.{zone}db\"; primaries {{ {} port {}; }}; }};",
            primary.ip(),
            primary.port()
        );
        let mut rndc = Command::new("rndc");
        rndc.arg("-c").arg(&file).args(["addzone", zone, &settings]);
        let output = rndc.output().await.unwrap();
        assert!(output.status.success(), "{output:?}");
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
