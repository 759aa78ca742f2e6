//! PowerDNS, told through its HTTP API.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio_rustls::TlsAcceptor;
use zonelog_central::http_client::HeaderValue;
use zonelog_dns::Serial;
use zonelog_reconciler::plan::Observed;
use zonelog_reconciler::probe::{self, Asked, Sockets};
use zonelog_reconciler::targets::{Pdns4Config, PoolTarget, TargetConfig, target_of};
use zonelog_test_parts::eventually;
use zonelog_test_parts::pdns::{Pdns, PdnsOptions};

use super::{Kind, Primary, TransferKey, primary_of, zone};
use crate::world::{Member, PATIENCE, Reconciler, World, look, pdns4, quick};

const ONE: &str = "one.test.";
/// A token that its API does not take.
const OTHER_TOKEN: &str = "token-of-another-server";

/// A PowerDNS that is told through its API.
pub(super) struct OfPdns4 {
    pdns: Pdns,
    key: Option<&'static str>,
}

impl OfPdns4 {
    fn target(&self) -> Pdns4Config {
        let mut token = HeaderValue::from_static(Pdns::API_TOKEN);
        token.set_sensitive(true);
        Pdns4Config {
            api: format!("{}/api/v1/servers/localhost", self.pdns.api_endpoint()),
            token,
            ca_file: None,
            tsigkey: self.key.map(|name| format!("{name}.")),
            timeout: PATIENCE,
        }
    }

    /// Asks its API as an operator does.
    async fn curl(&self, method: &str, path: &str, body: &str) -> String {
        let url = format!("{}/api/v1/servers/localhost{path}", self.pdns.api_endpoint());
        let token = format!("X-API-Key: {}", Pdns::API_TOKEN);
        let mut curl = Command::new("curl");
        curl.args([
            "-sS",
            "--fail-with-body",
            "-X",
            method,
            "-H",
            &token,
            "-d",
            body,
            &url,
        ]);
        let output = curl.output().await.unwrap();
        assert!(output.status.success(), "{method} {path}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Kind for OfPdns4 {
    async fn start(primary: &Primary) -> Self {
        let key = primary.key.as_ref();
        let of = |text: &str| text.to_owned();
        let options = PdnsOptions {
            tsig_keys: key
                .map(|key| (of(key.name), of(key.algorithm), of(key.secret)))
                .into_iter()
                .collect(),
            ..PdnsOptions::default()
        };
        Self {
            pdns: Pdns::start(options).await.unwrap(),
            key: key.map(|key| key.name),
        }
    }

    fn dns_address(&self) -> SocketAddr {
        self.pdns.dns_address()
    }

    fn config(&self) -> TargetConfig {
        TargetConfig::Pdns4(self.target())
    }

    fn member(&self) -> Member {
        pdns4(&self.pdns)
    }

    fn with_wrong_key(&self) -> Option<(TargetConfig, &'static str)> {
        let mut token = HeaderValue::from_static(OTHER_TOKEN);
        token.set_sensitive(true);
        let config = Pdns4Config {
            token,
            ..self.target()
        };
        Some((TargetConfig::Pdns4(config), "compare api_token"))
    }

    fn secrets(&self) -> Vec<String> {
        vec![Pdns::API_TOKEN.to_owned(), OTHER_TOKEN.to_owned()]
    }

    fn control(&self) -> String {
        self.pdns.api_address().to_string()
    }

    async fn add_by_hand(&self, zone: &str, primary: SocketAddr) {
        let body =
            format!(r#"{{"name": "{zone}", "kind": "Slave", "masters": ["{primary}"], "nameservers": []}}"#);
        self.curl("POST", "/zones", &body).await;
        self.curl("PUT", &format!("/zones/{zone}/axfr-retrieve"), "")
            .await;
    }

    async fn kill(&mut self) {
        self.pdns.kill().await.unwrap();
    }

    async fn wipe(&mut self) {
        self.pdns.wipe().await.unwrap();
    }

    async fn start_again(&mut self) {
        self.pdns.start_again().await.unwrap();
    }
}

fn target(config: Pdns4Config) -> Arc<dyn PoolTarget> {
    target_of("one", &TargetConfig::Pdns4(config))
}

async fn until_served(server: SocketAddr, serial: u32) {
    let served = async || look(server, ONE).await == Observed::Serving(Serial::new(serial));
    eventually(format!("{server} serves {serial}"), PATIENCE, served).await;
}

/// Whoever deleted it first would take it off the network until the transfer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zone_with_records_of_its_own_is_served_until_the_transfer_replaces_them() {
    let (_bind, primary) = primary_of(&[ONE.into()], 5, None).await;
    let server = OfPdns4::start(&primary).await;
    let soa = r#"{"name": "one.test.", "type": "SOA", "ttl": 60, "records": [{"content": "ns. h. 2026112301 60 60 600 60"}]}"#;
    let body = format!(
        r#"{{"name": "one.test.", "kind": "Native", "soa_edit_api": "OFF", "nameservers": ["ns.other."], "rrsets": [{soa}]}}"#
    );
    server.curl("POST", "/zones", &body).await;
    server
        .curl(
            "PUT",
            "/zones/one.test./metadata/ALSO-NOTIFY",
            r#"{"kind": "ALSO-NOTIFY", "metadata": ["192.0.2.9"]}"#,
        )
        .await;
    // A serial newer than any of the new primary's.
    until_served(server.dns_address(), 2_026_112_301).await;
    let (at, stop) = (server.dns_address(), Arc::new(AtomicBool::new(false)));
    let watching = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move {
            while !stop.load(Ordering::Relaxed) {
                let seen = look(at, ONE).await;
                let expected = [2_026_112_301, 5].map(|serial| Observed::Serving(Serial::new(serial)));
                assert!(expected.contains(&seen), "{seen:?}");
            }
        }
    });
    target(server.target())
        .ensure_zone(&zone(ONE, &primary))
        .await
        .unwrap();
    until_served(at, 5).await;
    stop.store(true, Ordering::Relaxed);
    watching.await.unwrap();
    // What others set on it is still there, and ours is beside it.
    let metadata = "select kind, content from domainmetadata where kind not like 'SOA%' order by kind";
    assert_eq!(
        server.pdns.sql(metadata).await.unwrap(),
        "ALSO-NOTIFY|192.0.2.9\nIXFR|1"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_wants_a_key_gets_the_one_that_the_target_names() {
    let key = TransferKey {
        name: "transfer-key",
        algorithm: "hmac-sha256",
        secret: "dHJhbnNmZXIga2V5IG9mIGEgdGVzdCAzMiBieXRlcyE=",
    };
    let (_bind, primary) = primary_of(&[ONE.into()], 5, Some(key.clone())).await;
    let server = OfPdns4::start(&primary).await;
    let one = zone(ONE, &primary);
    // By a key that PowerDNS does not have: what to make there is said, and once it is made the zone follows.
    let other = Pdns4Config {
        tsigkey: Some("later-key.".to_owned()),
        ..server.target()
    };
    let missing = target(other);
    for _ in 0..2 {
        let error = missing.ensure_zone(&one).await.unwrap_err().to_string();
        assert!(
            error.contains("later-key.") && error.contains("tsigkey_name"),
            "{error}"
        );
    }
    let same = format!(
        r#"{{"name": "later-key", "algorithm": "hmac-sha256", "key": "{}"}}"#,
        key.secret
    );
    server.curl("POST", "/tsigkeys", &same).await;
    missing.ensure_zone(&one).await.unwrap();
    let keys = "select content from domainmetadata where kind = 'AXFR-MASTER-TSIG'";
    assert_eq!(server.pdns.sql(keys).await.unwrap(), "later-key.");
    // The primary does not know that name. By the right one:
    let right = target(server.target());
    let started = Instant::now();
    // As the reconciler does while the server stays behind.
    while look(server.dns_address(), ONE).await != Observed::Serving(Serial::new(5)) {
        assert!(started.elapsed() < PATIENCE / 2, "{}", server.pdns.log());
        right.ensure_zone(&one).await.unwrap();
    }
    assert_eq!(server.pdns.sql(keys).await.unwrap(), format!("{}.", key.name));
}

/// Speaks TLS in front of the API, with a certificate that is written to `folder`; its address.
async fn behind_tls(to: SocketAddr, folder: &Path) -> SocketAddr {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("ca.pem"), cert.pem()).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (inward, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // Who does not trust the certificate breaks off here.
                let mut inward = acceptor.accept(inward).await?;
                let mut outward = TcpStream::connect(to).await?;
                tokio::io::copy_bidirectional(&mut inward, &mut outward).await
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_certificate_of_the_api_is_always_checked() {
    let (_bind, primary) = primary_of(&[ONE.into()], 5, None).await;
    let server = OfPdns4::start(&primary).await;
    let (folder, strange) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let front = behind_tls(server.pdns.api_address(), folder.path()).await;
    behind_tls(server.pdns.api_address(), strange.path()).await;
    let trusting = |ca_file: Option<&Path>| {
        target(Pdns4Config {
            api: format!("https://{front}/api/v1/servers/localhost"),
            ca_file: ca_file.map(|folder| folder.join("ca.pem")),
            ..server.target()
        })
    };
    let one = zone(ONE, &primary);
    for ca_file in [None, Some(strange.path())] {
        let error = trusting(ca_file).ensure_zone(&one).await.unwrap_err().to_string();
        assert!(
            error.contains("certificate") && error.contains("api_ca_cert"),
            "{error}"
        );
    }
    trusting(Some(folder.path())).ensure_zone(&one).await.unwrap();
    until_served(server.dns_address(), 5).await;
    // A file that is not there yet is an error of its time alone.
    let file = folder.path().join("ca.pem");
    let text = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let target = trusting(Some(folder.path()));
    let error = target.remove_zone(&one.name, true).await.unwrap_err().to_string();
    assert!(
        error.contains("ca.pem") && error.contains("api_ca_cert"),
        "{error}"
    );
    std::fs::write(&file, text).unwrap();
    target.remove_zone(&one.name, true).await.unwrap();
}

#[tokio::test]
async fn an_api_that_does_not_answer_or_is_another_is_told_with_what_to_check() {
    let (_bind, primary) = primary_of(&[ONE.into()], 5, None).await;
    let server = OfPdns4::start(&primary).await;
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let short = Duration::from_millis(300);
    let at = |api: String| {
        target(Pdns4Config {
            api,
            timeout: short,
            ..server.target()
        })
    };
    let one = zone(ONE, &primary);
    let cases = [
        (
            format!("http://{}", mute.local_addr().unwrap()),
            "no answer within 0.3 s",
        ),
        (
            format!("{}/elsewhere", server.pdns.api_endpoint()),
            "check api_endpoint",
        ),
    ];
    for (api, words) in cases {
        let target = at(api.clone());
        for error in [
            target.ensure_zone(&one).await.unwrap_err().to_string(),
            target.remove_zone(&one.name, true).await.unwrap_err().to_string(),
        ] {
            assert!(error.contains(words) && error.contains(&api), "{error}");
        }
    }
    // Nobody waits longer for a turn than for an answer.
    let waiting = at(format!("http://{}", mute.local_addr().unwrap()));
    let started = Instant::now();
    let errors = join_all((0..20).map(|_| waiting.ensure_zone(&one))).await;
    assert!(errors.iter().all(Result::is_err));
    assert!(started.elapsed() < PATIENCE / 6, "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_come_as_differences() {
    let world = World::new().await;
    let options = PdnsOptions {
        config: "loglevel=6".to_owned(),
        ..PdnsOptions::default()
    };
    let server = OfPdns4 {
        pdns: Pdns::start(options).await.unwrap(),
        key: None,
    };
    let _reconciler = Reconciler::start(&world, "a", &[server.member()], quick()).await;
    let zone = world.create_zone(ONE).await;
    world.until_active(zone.id).await;
    let before = server.pdns.log().len();
    let zone = world.add_record(&zone, "www").await;
    world.until_active(zone.id).await;
    world.until_converged_at(&[server.dns_address()]).await;
    let log = server.pdns.log().split_off(before);
    assert!(
        log.contains("IXFR-in zone") && !log.contains("AXFR-in zone"),
        "{log}"
    );
}

/// PowerDNS keeps an answer that was on its way during a transfer, from before it, for 20 seconds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_outlived_a_transfer_is_forgotten() {
    let world = World::new().await;
    let options = PdnsOptions {
        config: "cache-ttl=600\nquery-cache-ttl=0\nnegquery-cache-ttl=0".to_owned(),
        ..PdnsOptions::default()
    };
    let server = OfPdns4 {
        pdns: Pdns::start(options).await.unwrap(),
        key: None,
    };
    let address = server.dns_address();
    let _reconciler = Reconciler::start(&world, "a", &[server.member()], quick()).await;
    let zone = world.create_zone(ONE).await;
    world.until_active(zone.id).await;
    let now = zone.serial.wire();
    assert_eq!(look(address, ONE).await, Observed::Serving(now));
    // Its database is changed beside it, so it keeps the answer from before it is changed back.
    let change = async |from: Serial, to: Serial| {
        let change = "update records set content = replace(content, ' {from} ', ' {to} ') where type = 'SOA'";
        let change = change.replace("{from}", &from.to_string());
        server
            .pdns
            .sql(&change.replace("{to}", &to.to_string()))
            .await
            .unwrap();
    };
    let before = Serial::new(1);
    change(now, before).await;
    server.curl("PUT", "/cache/flush?domain=one.test.", "").await;
    assert_eq!(look(address, ONE).await, Observed::Serving(before));
    change(before, now).await;
    assert_eq!(look(address, ONE).await, Observed::Serving(before));
    let name = zone.name.clone();
    let past_cache = probe::soa_asked(
        &Sockets::default(),
        address,
        &name,
        Asked::PastCache,
        None,
        PATIENCE,
    )
    .await;
    assert_eq!(past_cache, Observed::Serving(now));
    let transfers = || server.pdns.log().matches("XFR-in zone").count();
    let transfers_before = transfers();
    let resync = world.resync(false).await;
    assert_eq!((resync.failed, resync.error), (0, None));
    until_served(address, now.get()).await;
    assert_eq!(transfers(), transfers_before, "{}", server.pdns.log());
}
