//! Signed requests (RFC 8945), by real clients: dig, and BIND, Knot and NSD as secondaries.
#![allow(clippy::unwrap_used, reason = "a broken part fails the test")]

mod support;

use std::net::SocketAddr;

use support::{
    Change, PATIENCE, Running, ZoneWriter, assert_same, axfr, notify, options, question, rcode, soa_serial,
    udp, until_serial,
};
use tokio::process::Command;
use uuid::Uuid;
use zonelog_dns::tsig::{self, Algorithm, Failure, Key, Secret};
use zonelog_dns::{Name, Rrtype};
use zonelog_mdns::MdnsOptions;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::knot::{Knot, KnotOptions};
use zonelog_test_parts::nsd::{Nsd, NsdOptions};
use zonelog_test_parts::{TestDatabase, TransferKey, eventually};

const ZONE: &str = "signed.test.";
const OTHER: &str = "other.test.";
const SECRET: &str = "dGhlIHNlY3JldCBvZiB0aGUgdHNpZyB0ZXN0cw==";
const KEY: TransferKey = TransferKey {
    name: "transfer-key",
    algorithm: "hmac-sha256",
    secret: SECRET,
};
const NOT_AUTHORITATIVE: u8 = 9;

/// Writes a key as the projection does, its secret in clear.
async fn make_key(database: &TestDatabase, name: &str, algorithm: &str, scope: &str, resource: u128) {
    let (id, resource) = (Uuid::from_u128(rand_of(name)), Uuid::from_u128(resource));
    let sql = format!(
        r#"begin; update feed_head set position = position + 1;
           insert into resource (id, kind, name_key, body, revision, stream_version, created_at, position)
           values ('{id}', 'tsigkey', '{name}', '{{"name": "{name}", "algorithm": "{algorithm}", "secret": "{SECRET}",
                   "scope": "{scope}", "resource": "{resource}"}}', 1, 1, now(), (select position from feed_head));
           update registry_head set position = (select position from feed_head); commit"#
    );
    database.client().await.batch_execute(&sql).await.unwrap();
}

/// A number of its own for each name.
fn rand_of(name: &str) -> u128 {
    name.bytes()
        .fold(7, |number, octet| number * 257 + u128::from(octet))
}

async fn delete_key(database: &TestDatabase, name: &str) {
    let sql = format!(
        "begin; update feed_head set position = position + 1; delete from resource where name_key = '{name}';
         update registry_head set position = (select position from feed_head); commit"
    );
    database.client().await.batch_execute(&sql).await.unwrap();
}

/// What dig says, signing with `ALGORITHM:NAME:SECRET`.
async fn dig(server: SocketAddr, key: &str, arguments: &[&str]) -> String {
    let port = server.port().to_string();
    let output = Command::new("dig")
        .args([
            "@127.0.0.1",
            "-p",
            &port,
            "+tries=1",
            "+time=5",
            "+norecurse",
            "-y",
            key,
        ])
        .args(arguments)
        .output()
        .await
        .unwrap();
    [output.stdout, output.stderr]
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .concat()
}

/// How many messages a transfer had, by dig's last line: `;; XFR size: 7 records (messages 1, bytes 300)`.
fn messages(output: &str) -> usize {
    let size = output
        .split_once("(messages ")
        .map(|(_, rest)| rest.split(',').next().unwrap_or_default());
    size.and_then(|size| size.parse().ok()).unwrap_or(0)
}

/// RRsets of 64 long texts each: some 16 KiB, one message of a transfer.
fn long(numbers: std::ops::Range<usize>) -> Vec<Change> {
    let change = |number: usize| {
        let texts: Vec<String> = (0..64)
            .map(|text| format!("\"{:0>250}\"", number * 100 + text))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        Change::new(&format!("t{number}.{ZONE}"), Rrtype::TXT, &texts)
    };
    numbers.map(change).collect()
}

/// Only signed requests are answered.
fn strict() -> MdnsOptions {
    MdnsOptions {
        query_enforce_tsig: true,
        ..options()
    }
}

async fn until_known(mini: &Running, key: &str) {
    let known = async || {
        dig(mini.address, key, &[ZONE, "SOA"])
            .await
            .contains("status: NOERROR")
    };
    eventually(format!("{key} is known"), PATIENCE, known).await;
}

fn now() -> u64 {
    zonelog_central::clock::now().timestamp() as u64
}

fn key(name: &str, algorithm: &str) -> Key {
    Key {
        name: Name::parse(&format!("{name}.")).unwrap(),
        algorithm: algorithm.parse().unwrap(),
        secret: Secret::from_base64(SECRET).unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dig_signs_with_every_algorithm() {
    let database = TestDatabase::new().await;
    ZoneWriter::create(database.url(), 1, ZONE, 10).await;
    for algorithm in Algorithm::ALL {
        make_key(&database, algorithm.label(), algorithm.label(), "POOL", 1).await;
    }
    let allowing = MdnsOptions {
        allow_hmac_md5: true,
        ..strict()
    };
    let mini = Running::start(database.url(), allowing).await;
    for algorithm in Algorithm::ALL {
        let key = format!("{algorithm}:{algorithm}:{SECRET}");
        until_known(&mini, &key).await;
        for transport in ["+notcp", "+tcp"] {
            let said = dig(mini.address, &key, &[transport, ZONE, "SOA"]).await;
            assert!(
                said.contains("status: NOERROR") && said.contains("NOERROR 0"),
                "{algorithm}: {said}"
            );
            assert!(!said.contains("verify"), "{algorithm}: {said}");
        }
        let said = dig(mini.address, &key, &[ZONE, "AXFR"]).await;
        assert!(
            messages(&said) > 0 && !said.contains("verify"),
            "{algorithm}: {said}"
        );
    }
    mini.stop().await;
    // hmac-md5 is used only where it is allowed.
    let mini = Running::start(database.url(), strict()).await;
    until_known(&mini, &format!("hmac-sha1:hmac-sha1:{SECRET}")).await;
    let said = dig(
        mini.address,
        &format!("hmac-md5:hmac-md5:{SECRET}"),
        &[ZONE, "SOA"],
    )
    .await;
    assert!(said.contains("NOTAUTH") && said.contains("BADKEY"), "{said}");
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_signature_is_told() {
    let database = TestDatabase::new().await;
    ZoneWriter::create(database.url(), 1, ZONE, 10).await;
    make_key(&database, "transfer-key", "hmac-sha256", "POOL", 1).await;
    let mini = Running::start(database.url(), options()).await;
    let good = format!("hmac-sha256:transfer-key:{SECRET}");
    until_known(&mini, &good).await;
    for (key, error) in [
        ("hmac-sha256:transfer-key:d3Jvbmc=".to_owned(), "BADSIG"),
        (format!("hmac-sha256:no-such-key:{SECRET}"), "BADKEY"),
        (format!("hmac-sha512:transfer-key:{SECRET}"), "BADKEY"),
    ] {
        for arguments in [["+notcp", ZONE, "SOA"], ["+tcp", ZONE, "SOA"]] {
            let said = dig(mini.address, &key, &arguments).await;
            assert!(
                said.contains("status: NOTAUTH") && said.contains(error),
                "{key}: {said}"
            );
        }
        let said = dig(mini.address, &key, &[ZONE, "AXFR"]).await;
        assert_eq!(messages(&said), 0, "{key}: {said}");
    }
    // A truncated MAC is not accepted, and the refusal is signed (RFC 8945 §5.2.4).
    for key in ["hmac-sha256-128:transfer-key", "hmac-sha256-240:transfer-key"] {
        for transport in ["+notcp", "+tcp"] {
            let said = dig(
                mini.address,
                &format!("{key}:{SECRET}"),
                &[transport, ZONE, "SOA"],
            )
            .await;
            assert!(
                said.contains("status: NOTAUTH") && said.contains("BADTRUNC"),
                "{key}: {said}"
            );
        }
        let said = dig(mini.address, &format!("{key}:{SECRET}"), &[ZONE, "AXFR"]).await;
        assert_eq!(messages(&said), 0, "{key}: {said}");
    }
    // A clock that goes wrong: the answer is signed, and has the server's time in it (RFC 8945 §5.2.3).
    let key = key("transfer-key", "hmac-sha256");
    for clock in [now() - 1000, now() + 1000] {
        let mut packet = question(ZONE, 6);
        let mac = tsig::sign(&mut packet, &key, clock, None);
        let answer = udp(mini.address, &packet, PATIENCE).await.unwrap();
        let signed = tsig::read(&answer).unwrap().unwrap();
        assert_eq!((rcode(&answer), signed.error()), (NOT_AUTHORITATIVE, 18));
        assert!(signed.server_time().unwrap().abs_diff(now()) < 60);
        assert!(signed.verify(&key, clock, Some(&mac)).is_ok());
        assert_eq!(signed.verify(&key, now(), Some(&mac)), Err(Failure::BadTime));
    }
    // Cut short, and twice: neither is a signature.
    let mut packet = question(ZONE, 6);
    tsig::sign(&mut packet, &key, now(), None);
    let answer = udp(mini.address, &packet[..packet.len() - 3], PATIENCE)
        .await
        .unwrap();
    assert_eq!(rcode(&answer), 1);
    tsig::sign(&mut packet, &key, now(), None);
    let answer = udp(mini.address, &packet, PATIENCE).await.unwrap();
    assert_eq!(rcode(&answer), 1);
    mini.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_for_its_pool_or_its_zone_alone() {
    let database = TestDatabase::new().await;
    // Each in a pool of its own, with the zone's number.
    ZoneWriter::create(database.url(), 1, ZONE, 10).await;
    ZoneWriter::create(database.url(), 2, OTHER, 20).await;
    make_key(&database, "pool-key", "hmac-sha256", "POOL", 1).await;
    make_key(&database, "zone-key", "hmac-sha256", "ZONE", 1).await;
    let mini = Running::start(database.url(), strict()).await;
    for name in ["pool-key", "zone-key"] {
        let key = format!("hmac-sha256:{name}:{SECRET}");
        until_known(&mini, &key).await;
        for arguments in [[OTHER, "SOA"], [OTHER, "NS"], ["no.test.", "SOA"]] {
            let said = dig(mini.address, &key, &arguments).await;
            // The refusal is signed.
            assert!(
                said.contains("status: REFUSED") && said.contains("NOERROR 0"),
                "{arguments:?}: {said}"
            );
        }
        let said = dig(mini.address, &key, &[OTHER, "AXFR"]).await;
        assert_eq!(messages(&said), 0, "{said}");
        let said = dig(mini.address, &key, &[ZONE, "AXFR"]).await;
        assert!(messages(&said) > 0, "{said}");
    }
    // Without a signature nothing is answered here.
    let answer = udp(mini.address, &question(ZONE, 6), PATIENCE).await.unwrap();
    assert_eq!(rcode(&answer), 5);
    // A key that is deleted is not known any more.
    delete_key(&database, "pool-key").await;
    let key = format!("hmac-sha256:pool-key:{SECRET}");
    let forgotten = async || dig(mini.address, &key, &[ZONE, "SOA"]).await.contains("BADKEY");
    eventually("the key is forgotten", PATIENCE, forgotten).await;
    mini.stop().await;
}

/// A MiniDNS that answers signed requests alone, one that answers all, and a zone of more than 100 messages.
struct Long {
    database: TestDatabase,
    zone: ZoneWriter,
    strict: Running,
    open: Running,
}

impl Long {
    async fn start() -> Self {
        let database = TestDatabase::new().await;
        let mut zone = ZoneWriter::create(database.url(), 1, ZONE, 10).await;
        zone.step(&long(0..130)).await;
        make_key(&database, KEY.name, KEY.algorithm, "POOL", 1).await;
        let strict = Running::start(database.url(), strict()).await;
        let open = Running::start(database.url(), options()).await;
        until_serial(open.address, ZONE, zone.serial).await;
        until_known(&strict, &Self::dig_key()).await;
        Self {
            database,
            zone,
            strict,
            open,
        }
    }

    fn dig_key() -> String {
        format!("{}:{}:{SECRET}", KEY.algorithm, KEY.name)
    }

    /// The secondary follows a difference of more than 100 messages, and a small one.
    async fn is_followed_by(&mut self, secondary: SocketAddr) {
        for changes in [Vec::new(), long(200..320), long(7..8)] {
            if !changes.is_empty() {
                self.zone.step(&changes).await;
            }
            let serial = self.zone.serial;
            until_serial(self.open.address, ZONE, serial).await;
            eventually(format!("{ZONE} at serial {serial}"), PATIENCE, async || {
                notify(secondary, ZONE).await;
                soa_serial(secondary, ZONE).await == Some(serial as u32)
            })
            .await;
            let (ours, theirs) = (axfr(self.open.address, ZONE).await, axfr(secondary, ZONE).await);
            assert_same(&ours.content, &theirs.content, &format!("at serial {serial}"));
        }
    }

    async fn stop(self) {
        self.strict.stop().await;
        self.open.stop().await;
        drop(self.database);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dig_verifies_transfers_of_more_than_a_hundred_messages() {
    let mut long_zone = Long::start().await;
    let key = Long::dig_key();
    let said = dig(long_zone.strict.address, &key, &[ZONE, "AXFR"]).await;
    assert!(
        messages(&said) > 100 && !said.contains("verify"),
        "{}",
        &said[said.len() - 500..]
    );
    let before = long_zone.zone.serial;
    let after = long_zone.zone.step(&long(200..320)).await;
    until_serial(long_zone.open.address, ZONE, after).await;
    let asked = format!("IXFR={before}");
    let ixfr = async || dig(long_zone.strict.address, &key, &[ZONE, &asked]).await;
    let newer = async || ixfr().await.contains(&format!(" {after} "));
    eventually("the difference is served", PATIENCE, newer).await;
    let said = ixfr().await;
    assert!(
        messages(&said) > 100 && !said.contains("verify"),
        "{}",
        &said[said.len() - 500..]
    );
    assert!(
        !said.contains(&format!("t1.{ZONE}")),
        "a difference was asked for"
    );
    long_zone.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bind_follows_a_primary_that_wants_signatures() {
    let mut zone = Long::start().await;
    let (
        address,
        TransferKey {
            name,
            algorithm,
            secret,
        },
    ) = (zone.strict.address, KEY);
    let config = format!(
        "key \"{name}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};\n\
         zone \"{ZONE}\" {{ type secondary; file \"signed.db\"; \
         primaries {{ {} port {} key \"{name}\"; }}; }};",
        address.ip(),
        address.port()
    );
    let bind = Bind::start(BindOptions {
        config,
        ..BindOptions::default()
    });
    let bind = bind.await.unwrap();
    zone.is_followed_by(bind.dns_address()).await;
    assert!(bind.log().contains("TSIG 'transfer-key'"), "{}", bind.log());
    zone.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn knot_follows_a_primary_that_wants_signatures() {
    let mut zone = Long::start().await;
    let options = KnotOptions {
        primary: zone.strict.address,
        zones: vec![ZONE.to_owned()],
    };
    let knot = Knot::start_with_key(options, Some(KEY)).await.unwrap();
    zone.is_followed_by(knot.dns_address()).await;
    assert!(knot.log().contains("IXFR, incoming"), "{}", knot.log());
    zone.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nsd_follows_a_primary_that_wants_signatures() {
    let mut zone = Long::start().await;
    let options = NsdOptions {
        primary: zone.strict.address,
        zones: vec![ZONE.to_owned()],
    };
    let nsd = Nsd::start_with_key(options, Some(KEY)).await.unwrap();
    zone.is_followed_by(nsd.dns_address()).await;
    zone.stop().await;
}
