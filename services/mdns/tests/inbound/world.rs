//! A database, Central, MiniDNS and the refreshes of secondary zones, in the test's process.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use zonelog_central::{Accepted, Central, CentralOptions, Request, Scope, Sealer, Unseal, ids};
use zonelog_dns::{Name, Ttl, ZoneName};
use zonelog_mdns::secondary::client::ClientOptions;
use zonelog_mdns::secondary::stream::StreamLimits;
use zonelog_mdns::secondary::timers::TimerBounds;
use zonelog_mdns::secondary::{self, SecondaryOptions};
use zonelog_mdns::{MdnsOptions, MiniDns};
use zonelog_model::resource::{
    self, Body, HostPort, Kind, NsRecord, Pool, Quotas, TsigAlgorithm, TsigKey, TsigScope,
};
use zonelog_model::zone::{
    Command, CreateZone, DeleteZone, Limits, Patch, RegistryOptions, UpdateZone, Zone, ZoneKind,
};
use zonelog_model::{Actor, Door, Metadata, PoolId, ProjectId, ZoneId};
use zonelog_store::Database;
use zonelog_test_parts::{TestDatabase, eventually};

use crate::support::{self, PATIENCE, soa_serial};

const POOL: PoolId = PoolId::new(uuid::Uuid::from_u128(77));

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) central: Central,
    pub(crate) client: Client,
    pub(crate) address: SocketAddr,
    options: SecondaryOptions,
    mdns: MdnsOptions,
    running: Option<Running>,
    _central: tokio_util::sync::DropGuard,
}

struct Running {
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// Options with which a test need not wait.
pub(crate) fn quick() -> SecondaryOptions {
    SecondaryOptions {
        client: ClientOptions {
            answer: Duration::from_millis(500),
            idle: Duration::from_millis(500),
            transfer: Duration::from_secs(5),
            limits: StreamLimits {
                records: 10_000,
                octets: 8 << 20,
            },
        },
        timers: TimerBounds {
            shortest: Duration::from_millis(500),
            first_retry: Duration::from_millis(100),
            ..TimerBounds::default()
        },
        poll_interval: Duration::from_millis(50),
        ..SecondaryOptions::default()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(quick()).await
    }

    pub(crate) async fn with(options: SecondaryOptions) -> Self {
        Self::with_mdns(options, support::options()).await
    }

    pub(crate) async fn with_mdns(options: SecondaryOptions, mdns: MdnsOptions) -> Self {
        let database = TestDatabase::new().await;
        let limits = Limits {
            default_ttl: Ttl::new(3_600).unwrap(),
            min_ttl: Ttl::new(0).unwrap(),
            max_zone_name_length: 255,
            max_recordset_name_length: 255,
        };
        let central_options = CentralOptions {
            quotas: Quotas::UNLIMITED,
            ..CentralOptions::new(limits, RegistryOptions::new(POOL), Sealer::ephemeral())
        };
        let shutdown = CancellationToken::new();
        let central = Central::start(
            Database::new(database.url(), "central").unwrap(),
            central_options,
            shutdown.clone(),
        );
        let client = database.client().await;
        let mut world = Self {
            database,
            central,
            client,
            address: "127.0.0.1:0".parse().unwrap(),
            options,
            mdns,
            running: None,
            _central: shutdown.drop_guard(),
        };
        let pool = Pool {
            name: "default".to_owned(),
            description: None,
            project: None,
            attributes: BTreeMap::new(),
            ns_records: vec![NsRecord {
                hostname: Name::parse("ns1.pool.test.").unwrap(),
                priority: 1,
            }],
            nameservers: Vec::new(),
            targets: Vec::new(),
            also_notifies: Vec::new(),
            catalog_zone: None,
        };
        let body = Body::Pool(Box::new(pool));
        world
            .submit(resource::Command::Create {
                id: POOL.into(),
                body,
            })
            .await;
        world.start().await;
        world
    }

    /// Starts MiniDNS and the refreshes, where they were.
    pub(crate) async fn start(&mut self) {
        let shutdown = CancellationToken::new();
        let database = Database::new(self.database.url(), "mdns").unwrap();
        let options = MdnsOptions {
            listen: vec![self.address],
            ..self.mdns.clone()
        };
        let wakeups = self.central.positions();
        let mini = MiniDns::bind(options, &database, 8, wakeups.clone())
            .await
            .unwrap()
            .with_secrets(Unseal::with(self.central.sealer().clone()));
        self.address = mini.local_addrs()[0];
        let refreshes = secondary::run(
            self.options.clone(),
            self.central.clone(),
            database,
            mini.nudge(),
            wakeups,
            shutdown.clone(),
        );
        let serving = mini.run(shutdown.clone());
        let tasks = vec![
            tokio::spawn(refreshes),
            tokio::spawn(async move { serving.await.unwrap() }),
        ];
        self.running = Some(Running { shutdown, tasks });
    }

    /// Stops both, and waits until they have ended.
    pub(crate) async fn stop(&mut self) {
        let Running { shutdown, tasks } = self.running.take().unwrap();
        shutdown.cancel();
        for task in tasks {
            task.await.unwrap();
        }
    }

    pub(crate) async fn submit(&self, command: impl Into<zonelog_central::Command>) -> Accepted {
        let request = Request {
            command: command.into(),
            metadata: Metadata {
                actor: Actor {
                    user: "amy".into(),
                    project: project(),
                    roles: Vec::new(),
                    door: Door::Api,
                },
                change_id: ids::change_id(),
                request_id: None,
                cause: None,
            },
            scope: Scope::AllProjects,
            idempotency: None,
        };
        self.central.execute(request).await.unwrap()
    }

    pub(crate) async fn create(&self, name: &str, kind: ZoneKind) -> Zone {
        let created = self
            .submit(Command::CreateZone(CreateZone {
                zone: ids::zone_id(),
                soa_recordset: ids::recordset_id(),
                ns_recordset: ids::recordset_id(),
                name: ZoneName::parse(name).unwrap(),
                project: project(),
                kind,
                email: "hostmaster@example.org".into(),
                ttl: None,
                description: None,
                attributes: BTreeMap::new(),
                timers: self.central.soa_timers(),
                may_use_low_ttl: false,
                may_use_blacklisted: false,
                may_force_pool: false,
            }))
            .await;
        created.zone().unwrap().clone()
    }

    /// A zone that is transferred from these addresses.
    pub(crate) async fn secondary(&self, name: &str, masters: &[SocketAddr]) -> Zone {
        let masters = masters.iter().map(|address| host_port(*address)).collect();
        self.create(name, ZoneKind::Secondary { masters }).await
    }

    /// A zone with a key, which is there before its primary was asked once.
    pub(crate) async fn create_keyed(&self, name: &str, master: SocketAddr, key: &str, secret: &str) -> Zone {
        let nobody = "127.0.0.1:1".parse().unwrap();
        let zone = self.secondary(name, &[nobody]).await;
        self.zone_key(zone.id, key, secret).await;
        self.change_masters(zone.id, master).await;
        zone
    }

    /// Gives a zone another master.
    pub(crate) async fn change_masters(&self, zone: ZoneId, master: SocketAddr) {
        let command = UpdateZone {
            zone,
            email: Patch::Keep,
            ttl: Patch::Keep,
            description: Patch::Keep,
            masters: Patch::Set(vec![host_port(master)]),
            may_use_low_ttl: false,
        };
        self.submit(Command::UpdateZone(command)).await;
    }

    pub(crate) async fn delete(&self, zone: ZoneId) {
        let command = DeleteZone {
            zone,
            delete_shares: false,
            hard: false,
        };
        self.submit(Command::DeleteZone(command)).await;
    }

    /// Gives a zone a TSIG key of hmac-sha256.
    pub(crate) async fn zone_key(&self, zone: ZoneId, name: &str, secret: &str) {
        let sealed = self
            .central
            .sealer()
            .seal(Kind::TsigKey.label(), "secret", secret)
            .unwrap();
        let key = TsigKey {
            name: name.to_owned(),
            algorithm: TsigAlgorithm::HmacSha256,
            secret: sealed,
            scope: TsigScope::Zone,
            resource: zone.uuid(),
        };
        self.submit(resource::Command::Create {
            id: ids::resource_id(),
            body: Body::TsigKey(key),
        })
        .await;
    }

    /// Waits until MiniDNS shows a serial.
    pub(crate) async fn serves(&self, zone: &str, serial: u32) {
        support::until_serial(self.address, zone, serial.into()).await;
    }

    /// Waits until MiniDNS answers SERVFAIL.
    pub(crate) async fn serves_nothing(&self, zone: &str) {
        eventually(format!("{zone} is answered SERVFAIL"), PATIENCE, async || {
            self.rcode(zone).await == Some(2)
        })
        .await;
    }

    /// The response code to a question for the SOA.
    pub(crate) async fn rcode(&self, zone: &str) -> Option<u8> {
        let question = support::question(zone, 6);
        let answer = support::udp(self.address, &question, Duration::from_millis(500)).await?;
        Some(support::rcode(&answer))
    }

    /// Waits until MiniDNS has what the primary has, and compares the zones whole.
    pub(crate) async fn equals(&self, zone: &str, primary: SocketAddr) {
        let what = format!("{zone} is at its primary's serial");
        eventually(what, PATIENCE, async || {
            let theirs = soa_serial(primary, zone).await;
            theirs.is_some() && soa_serial(self.address, zone).await == theirs
        })
        .await;
        let ours = support::axfr(self.address, zone).await;
        let theirs = support::axfr(primary, zone).await;
        support::assert_same(&ours.content, &theirs.content, "MiniDNS and the primary");
    }

    /// Compares a zone's records without the SOA, as the tests' clients write them.
    pub(crate) async fn equals_records(&self, zone: &str, records: &[&str]) {
        let held = support::axfr(self.address, zone).await.content;
        let held: Vec<&str> = held.iter().map(String::as_str).collect();
        assert_eq!(held, records);
    }

    /// The causes of what came into a zone from its primary, each change-set once, in order.
    pub(crate) async fn causes(&self, zone: ZoneId) -> Vec<String> {
        let rows = self
            .client
            .query(
                "select cause from event where stream = $1 and actor ->> 'door' = 'primary'
                 group by change_id, cause order by min(position)",
                &[&zone.uuid()],
            )
            .await
            .unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// What went wrong last with a zone.
    pub(crate) async fn error(&self, zone: ZoneId) -> Option<String> {
        let row = self
            .client
            .query_opt(
                "select error from secondary_status where zone = $1",
                &[&zone.uuid()],
            )
            .await
            .unwrap();
        row.and_then(|row| row.get(0))
    }

    /// Waits until a refresh failed for a reason that contains this.
    pub(crate) async fn fails(&self, zone: ZoneId, why: &str) {
        let last = RefCell::new(None);
        let what = fmt::from_fn(|f| write!(f, "a refresh failed for {why:?}, but {:?}", last.borrow()));
        eventually(&what, PATIENCE, async || {
            let error = self.error(zone).await;
            let failed = error.as_deref().is_some_and(|error| error.contains(why));
            last.replace(error);
            failed
        })
        .await;
    }

    /// Waits until no refresh of a zone is under way or due; how often it was asked for at once, and begun.
    pub(crate) async fn refreshes(&self, zone: ZoneId) -> Refreshes {
        let found = RefCell::new(None);
        eventually(format!("no refresh of {zone} is under way"), PATIENCE, async || {
            let row = self
                .client
                .query_opt(
                    "select d.wakes, d.claim from deadline d
                     join deadline_head h on true join feed_head f on f.feed = h.feed and f.position = h.position
                     where d.kind = 'secondary_refresh' and d.subject = $1 and d.claimed_until is null and d.due_at > now()",
                    &[&zone.uuid()],
                )
                .await
                .unwrap();
            found.replace(row.map(|row| Refreshes { asked_for: row.get(0), begun: row.get(1) }));
            found.borrow().is_some()
        })
        .await;
        found.into_inner().unwrap()
    }

    /// Waits until a zone is at a serial, whatever MiniDNS shows of it.
    pub(crate) async fn holds(&self, zone: ZoneId, serial: i64) {
        eventually(format!("{zone} is at serial {serial}"), PATIENCE, async || {
            let sql = "select serial from zone where id = $1";
            let row = self.client.query_one(sql, &[&zone.uuid()]).await.unwrap();
            row.get::<_, i64>(0) == serial
        })
        .await;
    }
}

/// What there was of refreshes of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refreshes {
    pub(crate) asked_for: i64,
    pub(crate) begun: i64,
}

pub(crate) fn host_port(address: SocketAddr) -> HostPort {
    HostPort {
        host: address.ip().to_string(),
        port: address.port(),
    }
}

fn project() -> ProjectId {
    ProjectId::new("amy").unwrap()
}

/// A master file with a SOA of quick timers, and some records.
pub(crate) fn master_file(zone: &str, serial: u32, records: &str) -> String {
    format!(
        "$ORIGIN {zone}\n$TTL 300\n@ SOA ns.elsewhere.test. host.elsewhere.test. {serial} 3600 1 86400 60\n\
         @ NS ns.elsewhere.test.\n{records}"
    )
}
