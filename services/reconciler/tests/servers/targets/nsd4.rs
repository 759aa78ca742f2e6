//! NSD, told through its control channel: by TLS, and by its socket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use zonelog_reconciler::targets::TargetConfig;
use zonelog_test_parts::nsd::{Nsd, NsdCertificates, NsdPattern};

use super::{Kind, Primary, as_prepared};
use crate::world::Member;

/// An NSD that is told by TLS, or by its socket.
pub(super) struct OfNsd4<const BY_TLS: bool>(pub(super) Nsd);

/// Certificates as `nsd-control-setup` makes them: NSD's own is the authority of the other.
fn certificates() -> NsdCertificates {
    let params = |name: &str| {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let mut server = params("nsd");
    server.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let server = CertifiedIssuer::self_signed(server, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let control = params("nsd-control").signed_by(&key, &server).unwrap();
    NsdCertificates {
        server: (server.pem(), server.key().serialize_pem()),
        control: (control.pem(), key.serialize_pem()),
    }
}

fn pattern(primary: &Primary) -> NsdPattern {
    let key = primary.key.as_ref();
    NsdPattern {
        primary: primary.address,
        key: key.map(|key| (key.name.into(), key.algorithm.into(), key.secret.into())),
    }
}

impl<const BY_TLS: bool> OfNsd4<BY_TLS> {
    fn file(&self, name: &str) -> PathBuf {
        self.0.folder().join(name)
    }

    /// With a certificate of ours from these files.
    fn known_by(&self, certificate: &str, key: &str) -> Member {
        let control = self.0.control_address();
        self.nameless()
            .with("host", &control.ip().to_string())
            .with("port", &control.port().to_string())
            .with("certfile", &self.file(certificate).to_string_lossy())
            .with("keyfile", &self.file(key).to_string_lossy())
            .with("ca_certs", &self.file("server.pem").to_string_lossy())
    }

    fn nameless(&self) -> Member {
        let member = Member {
            asked: self.0.dns_address(),
            kind: "nsd4",
            options: BTreeMap::new(),
        };
        member.with("pattern", "secondary")
    }
}

impl<const BY_TLS: bool> Kind for OfNsd4<BY_TLS> {
    async fn start(primary: &Primary) -> Self {
        let own = certificates();
        let started = Nsd::start_with_control(&pattern(primary), BY_TLS.then_some(&own)).await;
        let (server, others) = (Self(started.unwrap()), certificates().control);
        std::fs::write(server.file("other.pem"), others.0).unwrap();
        std::fs::write(server.file("other.key"), others.1).unwrap();
        server
    }

    fn dns_address(&self) -> SocketAddr {
        self.0.dns_address()
    }

    fn config(&self) -> TargetConfig {
        as_prepared(&self.member())
    }

    fn member(&self) -> Member {
        if BY_TLS {
            self.known_by("control.pem", "control.key")
        } else {
            self.nameless()
                .with("control_socket", &self.0.control_socket().to_string_lossy())
        }
    }

    fn with_wrong_key(&self) -> Option<(TargetConfig, &'static str)> {
        let member = self.known_by("other.pem", "other.key");
        BY_TLS.then(|| {
            (
                as_prepared(&member),
                "check that the target's certfile and keyfile",
            )
        })
    }

    fn secrets(&self) -> Vec<String> {
        let keys = ["control.key", "other.key"].map(|name| std::fs::read_to_string(self.file(name)));
        let second_line = |pem: String| pem.lines().nth(1).unwrap().to_owned();
        keys.into_iter().flatten().map(second_line).collect()
    }

    fn control(&self) -> String {
        if BY_TLS {
            self.0.control_address().to_string()
        } else {
            self.0.control_socket().to_string_lossy().into_owned()
        }
    }

    async fn add_by_hand(&self, zone: &str, _: SocketAddr) {
        let zone = zone.trim_end_matches('.');
        self.0.nsd_control(&["addzone", zone, "secondary"]).await.unwrap();
    }

    async fn masters_become(&mut self, primary: &Primary) {
        self.0.change_pattern(&pattern(primary)).await.unwrap();
    }

    async fn write_copies(&self) {
        self.0.nsd_control(&["write"]).await.unwrap();
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
