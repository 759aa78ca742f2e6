//! A MiniDNS on a database of its own, zones written into the tables as the projection writes them, and clients.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a broken part fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zonelog_central::Unseal;
use zonelog_dns::{Name, OwnerName, Rdata, Rrtype, Serial, pack_rdata};
use zonelog_mdns::drain::{Ask, Drained, Part, RecordView, drain};
use zonelog_mdns::{MdnsOptions, MiniDns};
use zonelog_store::Database;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// By how many connections it answers.
pub(crate) const CONNECTIONS: usize = 8;

/// A MiniDNS that runs in the test's process until it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
    wake: watch::Sender<i64>,
}

impl Running {
    pub(crate) async fn start(url: &str, options: MdnsOptions) -> Self {
        let database = Database::new(url, "mdns").unwrap();
        let (wake, wakeups) = watch::channel(0);
        // What the tests write as sealed is in clear.
        let unseal = Unseal::new(|_, sealed| Ok(sealed.ciphertext().to_owned()));
        let mini = MiniDns::bind(options, &database, CONNECTIONS, wakeups)
            .await
            .unwrap();
        let mini = mini.with_secrets(unseal);
        let address = mini.local_addrs()[0];
        let shutdown = CancellationToken::new();
        let running = mini.run(shutdown.clone());
        let task = tokio::spawn(async move { running.await.unwrap() });
        Self {
            address,
            shutdown,
            task,
            wake,
        }
    }

    /// Tells that the log has a new head.
    pub(crate) fn wake(&self, position: i64) {
        self.wake.send_replace(position);
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

/// Options for tests: any free port, and a look at the log often enough without wake-ups.
pub(crate) fn options() -> MdnsOptions {
    MdnsOptions {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        poll_interval: Duration::from_millis(20),
        ..MdnsOptions::default()
    }
}

/// Something to do to an RRset: records with an own TTL or the zone's; none deletes it.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) owner: String,
    pub(crate) rrtype: Rrtype,
    pub(crate) ttl: Option<i32>,
    pub(crate) records: Vec<String>,
}

impl Change {
    pub(crate) fn new(owner: &str, rrtype: Rrtype, records: &[&str]) -> Self {
        let records = records.iter().map(|text| (*text).to_owned()).collect();
        Self {
            owner: owner.to_owned(),
            rrtype,
            ttl: None,
            records,
        }
    }
}

/// Writes a zone into the tables as the projection does, one transaction for each step.
pub(crate) struct ZoneWriter {
    client: Client,
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) serial: i64,
    live: BTreeMap<(Vec<u8>, u16), Uuid>,
    count: u128,
}

impl ZoneWriter {
    pub(crate) async fn create(url: &str, id: u128, name: &str, serial: i64) -> Self {
        let client = zonelog_test_parts::postgres::connect(url).await;
        let id = Uuid::from_u128(id);
        let mut zone = Self {
            client,
            id,
            name: name.to_owned(),
            serial,
            live: BTreeMap::new(),
            count: 0,
        };
        zone.write(
            "insert into zone (id, name, name_key, project, pool, email, ttl, attributes, mname, refresh, retry, expire,
                               minimum, serial, soa_recordset, revision, stream_version, created_at, created_position,
                               content_position, pool_position)
             values ($1, $2, $3, 'p', $1, 'host@example.com', 3600, '{}', 'ns1.example.com.', 3600, 600, 86400, 300,
                     $4, $1, 1, 1, now(), (select position from feed_head), (select position from feed_head),
                     (select position from feed_head))",
            &[Change::new(name, Rrtype::NS, &["ns1.example.com.", "ns2.example.com."])],
            false,
        )
        .await;
        zone
    }

    /// Makes the next serial.
    pub(crate) async fn step(&mut self, changes: &[Change]) -> i64 {
        self.serial += 1;
        self.write(
            "update zone set serial = $4, content_position = (select position from feed_head)
             where id = $1 and ($2::text, $3::bytea) is not null",
            changes,
            false,
        )
        .await
    }

    /// Changes the zone's TTL: a step that is answered by the whole zone.
    pub(crate) async fn step_ttl(&mut self, ttl: i32) -> i64 {
        self.serial += 1;
        self.write(
            &format!(
                "update zone set serial = $4, ttl = {ttl}, content_position = (select position from feed_head)
                 where id = $1 and ($2::text, $3::bytea) is not null"
            ),
            &[],
            true,
        )
        .await
    }

    pub(crate) async fn delete(&mut self) {
        let sql = format!(
            "begin; update feed_head set position = position + 1;
             update zone set deleted_at = now(), deleted_position = (select position from feed_head),
                             content_position = (select position from feed_head) where id = '{}'; commit",
            self.id
        );
        self.client.batch_execute(&sql).await.unwrap();
    }

    async fn write(&mut self, zone_sql: &str, changes: &[Change], whole: bool) -> i64 {
        let transaction = self.client.transaction().await.unwrap();
        let row = transaction.query_one(
            "update feed_head set position = position + 1 returning position",
            &[],
        );
        let position: i64 = row.await.unwrap().get(0);
        let key = Name::parse(&self.name).unwrap().to_key();
        transaction
            .execute(zone_sql, &[&self.id, &self.name, &key, &self.serial])
            .await
            .unwrap();
        transaction
            .execute(
                "insert into zone_serial select id, serial, $2, now(), ttl, mname, email, refresh, retry, expire, minimum,
                                                $3 from zone where id = $1",
                &[&self.id, &position, &whole],
            )
            .await
            .unwrap();
        for change in changes {
            let owner = OwnerName::parse(&change.owner).unwrap();
            let rdata = change
                .records
                .iter()
                .map(|text| Rdata::parse(change.rrtype, text).unwrap());
            let mut rdata: Vec<Rdata> = rdata.collect();
            rdata.sort();
            rdata.dedup();
            let place = (owner.to_key(), change.rrtype.get());
            let recordset = match self.live.get(&place) {
                Some(recordset) => {
                    transaction
                        .execute(
                            "update recordset_version set until_serial = $3
                             where zone = $1 and recordset = $2 and until_serial is null",
                            &[&self.id, recordset, &self.serial],
                        )
                        .await
                        .unwrap();
                    *recordset
                }
                None => {
                    self.count += 1;
                    Uuid::from_u128(self.id.as_u128() << 64 | self.count)
                }
            };
            if rdata.is_empty() {
                self.live.remove(&place);
                continue;
            }
            transaction
                .execute(
                    "insert into recordset_version (zone, recordset, owner, owner_key, type, ttl, records, rdata, managed,
                                                    project, revision, created_at, since_serial)
                     values ($1, $2, $3, $4, $5, $6, $7, $8, false, 'p', 1, now(), $9)",
                    &[
                        &self.id,
                        &recordset,
                        &change.owner,
                        &place.0,
                        &i32::from(place.1),
                        &change.ttl,
                        &change.records,
                        &pack_rdata(&rdata),
                        &self.serial,
                    ],
                )
                .await
                .unwrap();
            self.live.insert(place, recordset);
        }
        transaction.commit().await.unwrap();
        self.serial
    }
}

/// A zone's records as text, canonical: owner in lower case, TTL, type, data in hexadecimal.
pub(crate) type Content = BTreeSet<String>;

/// A transfer as somebody who keeps zones sees it.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) drained: Drained,
    pub(crate) content: Content,
    pub(crate) deleted: Content,
    pub(crate) added: Content,
}

pub(crate) async fn transfer(server: SocketAddr, zone: &str, ask: Ask) -> Result<Received, std::io::Error> {
    let zone = Name::parse(zone).unwrap();
    tokio::task::spawn_blocking(move || {
        let (mut content, mut deleted, mut added) = (Content::new(), Content::new(), Content::new());
        let mut twice = None;
        let drained = drain(server, &zone, ask, PATIENCE, |part, record| {
            let text = text(record);
            let new = match part {
                // The SOA that opens and ends the transfer; its serial is compared apart.
                Part::Soa => true,
                Part::Content => content.insert(text.clone()),
                Part::Deleted => deleted.insert(text.clone()),
                Part::Added => added.insert(text.clone()),
            };
            if !new {
                twice = Some(text);
            }
        })?;
        assert_eq!(twice, None, "a record came twice");
        Ok(Received {
            drained,
            content,
            deleted,
            added,
        })
    })
    .await
    .unwrap()
}

pub(crate) async fn axfr(server: SocketAddr, zone: &str) -> Received {
    transfer(server, zone, Ask::Axfr).await.unwrap()
}

pub(crate) async fn ixfr(server: SocketAddr, zone: &str, serial: i64) -> Received {
    transfer(server, zone, Ask::Ixfr(Serial::new(serial as u32)))
        .await
        .unwrap()
}

fn text(record: RecordView<'_>) -> String {
    let owner = Name::from_wire(&record.owner()).unwrap().to_lowercase();
    let mut data = record.expanded_rdata();
    // Names in the data of these types have no case (RFC 4034 §6.2), and some servers change it.
    if matches!(record.rrtype, 2 | 5 | 12 | 15 | 33) {
        data.make_ascii_lowercase();
    }
    let data: String = data.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("{owner} {} {} {data}", record.ttl, record.rrtype)
}

/// Fails when two contents differ, and shows only where.
pub(crate) fn assert_same(left: &Content, right: &Content, what: &str) {
    let (only_left, only_right): (Vec<_>, Vec<_>) =
        (left.difference(right).collect(), right.difference(left).collect());
    assert!(
        left == right,
        "{what}: only left {only_left:#?}, only right {only_right:#?}"
    );
}

/// Sends a packet over UDP and waits for the answer.
pub(crate) async fn udp(server: SocketAddr, packet: &[u8], wait: Duration) -> Option<Vec<u8>> {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server).await.unwrap();
    socket.send(packet).await.unwrap();
    let mut answer = vec![0; 65536];
    let length = tokio::time::timeout(wait, socket.recv(&mut answer))
        .await
        .ok()?
        .ok()?;
    answer.truncate(length);
    Some(answer)
}

/// A question with id 0x1234.
pub(crate) fn question(name: &str, qtype: u16) -> Vec<u8> {
    let mut packet = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    packet.extend_from_slice(Name::parse(name).unwrap().wire());
    packet.extend_from_slice(&qtype.to_be_bytes());
    packet.extend_from_slice(&[0, 1]);
    packet
}

/// A request for what changed since a serial.
pub(crate) fn ixfr_question(name: &str, serial: i64) -> Vec<u8> {
    let mut packet = question(name, 251);
    packet[9] = 1;
    packet.extend_from_slice(&[0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0]);
    packet.extend_from_slice(&(serial as u32).to_be_bytes());
    packet.extend_from_slice(&[0; 16]);
    packet
}

/// The response code of an answer.
pub(crate) fn rcode(answer: &[u8]) -> u8 {
    answer[3] & 0xf
}

/// How many records are in its answer section.
pub(crate) fn answers(answer: &[u8]) -> u16 {
    u16::from_be_bytes([answer[6], answer[7]])
}

/// The serial a server shows for a zone, if it has one.
pub(crate) async fn soa_serial(server: SocketAddr, zone: &str) -> Option<u32> {
    serial_of(&udp(server, &question(zone, 6), Duration::from_millis(500)).await?)
}

/// The serial of the SOA in an answer.
pub(crate) fn serial_of(answer: &[u8]) -> Option<u32> {
    let message = hickory_proto::op::Message::from_vec(answer).ok()?;
    message.answers.iter().find_map(|record| match &record.data {
        hickory_proto::rr::RData::SOA(soa) => Some(soa.serial),
        _ => None,
    })
}

/// Waits until a server shows a serial for the zone.
pub(crate) async fn until_serial(server: SocketAddr, zone: &str, serial: i64) {
    let what = format!("{server} serves {zone} at serial {serial}");
    zonelog_test_parts::eventually(what, PATIENCE, async || {
        soa_serial(server, zone).await == Some(serial as u32)
    })
    .await;
}

/// Tells a secondary that the zone changed (RFC 1996).
pub(crate) async fn notify(server: SocketAddr, zone: &str) {
    let mut packet = question(zone, 6);
    packet[2] = 0x24;
    udp(server, &packet, Duration::from_millis(200)).await;
}
