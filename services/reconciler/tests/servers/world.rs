//! The real parts around a reconciler: a database, Central, MiniDNS, and BINDs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::process::Command as Process;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zonelog_central::{Accepted, Central, CentralOptions, Request, Scope, Sealer, clock, ids};
use zonelog_dns::tsig::Secret;
use zonelog_dns::{LongSerial, Name, OwnerName, Rrtype, Ttl, ZoneName};
use zonelog_mdns::secondary::{self, SecondaryOptions};
use zonelog_mdns::{MdnsOptions, MiniDns};
use zonelog_model::resource::{
    self, Body, Change, HostPort, NsRecord, OptionValue, Pool, PoolNameserver, PoolTarget, Quotas,
};
use zonelog_model::zone::{
    Command, CreateRecordset, CreateZone, DeleteZone, Limits, Record, RegistryOptions, Zone, ZoneKind,
};
use zonelog_model::{Actor, Door, Metadata, PoolId, Position, ProjectId, ZoneId};
use zonelog_projections::delivery::{self, Resync};
use zonelog_projections::status::{Status, zone_status_sql};
use zonelog_reconciler::plan::Observed;
use zonelog_reconciler::targets::{Bind9Config, RndcKey, TargetConfig};
use zonelog_reconciler::{ReconcilerOptions, Timings, Unseal, moves, probe, run};
use zonelog_store::Database;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::pdns::Pdns;
use zonelog_test_parts::{TestDatabase, eventually};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) central: Central,
    pub(crate) client: Client,
    pub(crate) master: SocketAddr,
    options: MdnsOptions,
    mdns: CancellationToken,
    shutdown: CancellationToken,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with_mdns(MdnsOptions::default()).await
    }

    /// With these options of MiniDNS; where it listens is not one of them.
    pub(crate) async fn with_mdns(mdns_options: MdnsOptions) -> Self {
        let database = TestDatabase::new().await;
        let shutdown = CancellationToken::new();
        let limits = Limits {
            default_ttl: Ttl::new(3_600).unwrap(),
            min_ttl: Ttl::new(0).unwrap(),
            max_zone_name_length: 255,
            max_recordset_name_length: 255,
        };
        let options = CentralOptions {
            quotas: Quotas::UNLIMITED,
            ..CentralOptions::new(limits, RegistryOptions::new(pool()), Sealer::ephemeral())
        };
        let central = Central::start(
            Database::new(database.url(), "central").unwrap(),
            options,
            shutdown.clone(),
        );
        let anywhere = "127.0.0.1:0".parse().unwrap();
        let (master, mdns) = serve(&mdns_options, &database, &central, anywhere, &shutdown).await;
        let client = database.client().await;
        let world = Self {
            database,
            central,
            client,
            master,
            options: mdns_options,
            mdns,
            shutdown,
        };
        world.make_pool(pool(), described("default", &[])).await;
        world
    }

    /// Makes a pool.
    pub(crate) async fn make_pool(&self, id: PoolId, pool: Pool) {
        let body = Body::Pool(Box::new(pool));
        self.submit(resource::Command::Create { id: id.into(), body })
            .await;
    }

    /// Describes a pool otherwise.
    pub(crate) async fn change_pool(&self, id: PoolId, pool: Pool) {
        let change = Change::Pool(Box::new(pool));
        self.submit(resource::Command::Update {
            id: id.into(),
            change,
        })
        .await;
    }

    /// Gives the default pool these servers.
    pub(crate) async fn serve_by(&self, members: &[Member]) {
        self.change_pool(pool(), described("default", members)).await;
    }

    /// What ends when the world does.
    pub(crate) fn until_dropped(&self) -> CancellationToken {
        self.shutdown.child_token()
    }

    /// Stops MiniDNS.
    pub(crate) async fn stop_minidns(&self) {
        self.mdns.cancel();
        let silent = async || {
            let patience = Duration::from_millis(100);
            let zone = ZoneName::parse("any.test.").unwrap();
            matches!(
                probe::soa(self.master, &zone, None, patience).await,
                Observed::Silent(_)
            )
        };
        eventually("MiniDNS is gone", PATIENCE, silent).await;
    }

    /// Starts MiniDNS where it was.
    pub(crate) async fn start_minidns(&mut self) {
        let (master, shutdown) = (self.master, &self.shutdown);
        let served = serve(&self.options, &self.database, &self.central, master, shutdown);
        self.mdns = served.await.1;
    }

    /// Executes a command on a zone as one project does.
    pub(crate) async fn execute(&self, command: Command) -> (Zone, Position) {
        let accepted = self.submit(command).await;
        (accepted.zone().unwrap().clone(), accepted.position.unwrap())
    }

    /// Executes a command as one project does.
    pub(crate) async fn submit(&self, command: impl Into<zonelog_central::Command>) -> Accepted {
        let project = ProjectId::new("amy").unwrap();
        let actor = Actor {
            user: "amy".into(),
            project,
            roles: Vec::new(),
            door: Door::Api,
        };
        let metadata = Metadata {
            actor,
            change_id: ids::change_id(),
            request_id: None,
            cause: None,
        };
        let request = Request {
            command: command.into(),
            metadata,
            scope: Scope::AllProjects,
            idempotency: None,
        };
        self.central.execute(request).await.unwrap()
    }

    pub(crate) async fn create_zone(&self, name: &str) -> Zone {
        self.create_zone_with(name, &[]).await
    }

    /// Creates a zone with these attributes.
    pub(crate) async fn create_zone_with(&self, name: &str, attributes: &[(&str, &str)]) -> Zone {
        let command = Command::CreateZone(CreateZone {
            zone: ids::zone_id(),
            soa_recordset: ids::recordset_id(),
            ns_recordset: ids::recordset_id(),
            name: ZoneName::parse(name).unwrap(),
            project: ProjectId::new("amy").unwrap(),
            kind: ZoneKind::Primary,
            email: "hostmaster@example.org".into(),
            ttl: None,
            description: None,
            attributes: attributes
                .iter()
                .map(|&(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            timers: self.central.soa_timers(),
            may_use_low_ttl: false,
            may_use_blacklisted: false,
            may_force_pool: false,
        });
        self.execute(command).await.0
    }

    /// Adds a record, and returns the zone after it.
    pub(crate) async fn add_record(&self, zone: &Zone, label: &str) -> Zone {
        let command = Command::CreateRecordset(CreateRecordset {
            zone: zone.id,
            recordset: ids::recordset_id(),
            owner: OwnerName::parse(&format!("{label}.{}", zone.name)).unwrap(),
            rrtype: Rrtype::A,
            ttl: None,
            records: vec![Record::parse(Rrtype::A, "192.0.2.1").unwrap()],
            description: None,
            project: ProjectId::new("amy").unwrap(),
            managed: false,
            managed_resource: None,
            may_use_low_ttl: false,
        });
        self.execute(command).await.0
    }

    pub(crate) async fn delete_zone(&self, zone: ZoneId) {
        self.delete(zone, false).await;
    }

    /// Deletes a zone, with its file when `hard`.
    pub(crate) async fn delete(&self, zone: ZoneId, hard: bool) {
        self.execute(Command::DeleteZone(DeleteZone {
            zone,
            delete_shares: false,
            hard,
        }))
        .await;
    }

    /// What the API would say of a zone.
    pub(crate) async fn status(&self, zone: ZoneId) -> Status {
        let sql = format!("select {} from zone z where id = $1", zone_status_sql("z", "100"));
        let row = self.client.query_one(&sql, &[&zone.uuid()]).await.unwrap();
        Status::from_label(row.get(0)).unwrap()
    }

    /// Makes every zone that is behind behind since a minute longer.
    pub(crate) async fn a_minute_passes(&self) {
        let older = "update server_zone set since = since - interval '1 minute'";
        self.client.execute(older, &[]).await.unwrap();
    }

    pub(crate) async fn until_active(&self, zone: ZoneId) {
        let active = async || self.status(zone).await == Status::Active;
        eventually(format!("{zone:?} is ACTIVE"), PATIENCE, active).await;
    }

    /// The errors of zones that are behind.
    pub(crate) async fn errors(&self) -> Vec<String> {
        let rows = self
            .client
            .query("select error from server_zone where error is not null", &[])
            .await;
        rows.unwrap().iter().map(|row| row.get(0)).collect()
    }

    pub(crate) async fn until_error(&self, words: &str) -> String {
        let says = async || self.errors().await.iter().any(|error| error.contains(words));
        eventually(format!("an error says {words:?}"), PATIENCE, says).await;
        self.errors()
            .await
            .into_iter()
            .find(|error| error.contains(words))
            .unwrap()
    }

    /// How many zones are behind, and how far behind the head the last checkpoint is.
    pub(crate) async fn backlog(&self) -> (i64, i64) {
        let sql = "select (select count(*) from server_zone), (select max(h.position - c.position) \
                   from server_checkpoint c, feed_head h where h.feed = 0)";
        let row = self.client.query_one(sql, &[]).await.unwrap();
        (row.get(0), row.get::<_, Option<i64>>(1).unwrap_or(i64::MAX))
    }

    /// Waits until nothing is left to do, and then compares every zone, record by record, and that deleted zones are gone.
    pub(crate) async fn until_converged(&self, servers: &[&Bind]) {
        let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.dns_address()).collect();
        self.until_converged_at(&addresses).await;
    }

    /// The same for servers of any kind.
    pub(crate) async fn until_converged_at(&self, servers: &[SocketAddr]) {
        let done = async || self.backlog().await == (0, 0);
        eventually("every server is at the log's head", PATIENCE, done).await;
        let rows = self.client.query(
            "select name, bool_and(deleted_position is not null) from zone group by name",
            &[],
        );
        for row in rows.await.unwrap() {
            let (name, deleted): (String, bool) = (row.get(0), row.get(1));
            for &server in servers {
                if deleted {
                    assert_eq!(look(server, &name).await, Observed::NotServing, "{name}");
                } else {
                    let ours = whole_zone(self.master, &name).await;
                    assert!(!ours.is_empty(), "MiniDNS has no {name}");
                    assert_eq!(whole_zone(server, &name).await, ours, "{name}");
                }
            }
        }
    }
}

impl World {
    /// The one server's name.
    pub(crate) async fn server_name(&self) -> String {
        let sql = "select server from server_checkpoint";
        self.client.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Has every zone of the one server asked for, and transferred anew if wanted, as `zonelog server resync` does; how that
    /// went.
    pub(crate) async fn resync(&self, retransfer: bool) -> Resync {
        let (client, server) = (&self.client, self.server_name().await);
        let asked = delivery::ask_resync(client, &server, retransfer, clock::now());
        asked.await.unwrap();
        self.until_resynced().await
    }

    /// Waits for the end of the resync that was asked for last.
    pub(crate) async fn until_resynced(&self) -> Resync {
        let (server, mut last) = (self.server_name().await, None);
        eventually("the resync is done", PATIENCE, async || {
            last = delivery::control(&self.client, &server).await.unwrap().resync;
            last.as_ref().is_some_and(|resync| resync.done_at.is_some())
        })
        .await;
        last.unwrap()
    }

    /// Waits until a server gives every live zone as MiniDNS does, record by record.
    pub(crate) async fn until_same_content(&self, server: SocketAddr) {
        let rows = self
            .client
            .query("select name from zone where deleted_position is null", &[]);
        for row in rows.await.unwrap() {
            let name: String = row.get(0);
            eventually(format!("{name} is the same everywhere"), PATIENCE, async || {
                let ours = whole_zone(self.master, &name).await;
                !ours.is_empty() && whole_zone(server, &name).await == ours
            })
            .await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// A MiniDNS with the refreshes of secondary zones, and what stops it.
async fn serve(
    options: &MdnsOptions,
    database: &TestDatabase,
    central: &Central,
    listen: SocketAddr,
    shutdown: &CancellationToken,
) -> (SocketAddr, CancellationToken) {
    let options = MdnsOptions {
        listen: vec![listen],
        ..options.clone()
    };
    let connections = Database::new(database.url(), "mdns").unwrap().pool(8);
    let mdns = MiniDns::bind(options, connections, central.positions())
        .await
        .unwrap();
    let mdns = mdns.with_secrets(unseal());
    let (address, stop) = (mdns.local_addrs()[0], shutdown.child_token());
    tokio::spawn(secondary::run(
        SecondaryOptions::default(),
        central.clone(),
        Database::new(database.url(), "mdns").unwrap(),
        mdns.nudge(),
        central.positions(),
        stop.clone(),
    ));
    let serving = stop.clone();
    // What fills the queue of what is to be done at a time.
    let queue = secondary::run(
        SecondaryOptions::default(),
        central.clone(),
        Database::new(database.url(), "queue").unwrap(),
        mdns.nudge(),
        central.positions(),
        stop.clone(),
    );
    tokio::spawn(queue);
    tokio::spawn(async move { mdns.run(serving).await.unwrap() });
    (address, stop)
}

/// What the tests give as sealed is in clear.
fn unseal() -> Unseal {
    Unseal::new(|_, sealed| Ok(sealed.ciphertext().to_owned()))
}

pub(crate) fn pool() -> PoolId {
    PoolId::new(Uuid::from_u128(7))
}

pub(crate) async fn bind() -> Bind {
    Bind::start(BindOptions::default()).await.unwrap()
}

/// A server of a pool: where it is asked, and the options of the target that is told for it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) asked: SocketAddr,
    pub(crate) kind: &'static str,
    pub(crate) options: BTreeMap<String, String>,
}

impl Member {
    /// Sets an option.
    pub(crate) fn with(mut self, option: &str, value: &str) -> Self {
        self.options.insert(option.to_owned(), value.to_owned());
        self
    }
}

/// A BIND as a member.
pub(crate) fn server(bind: &Bind) -> Member {
    let member = Member {
        asked: bind.dns_address(),
        kind: "bind9",
        options: BTreeMap::new(),
    };
    member
        .with("rndc_host", &bind.rndc_address().ip().to_string())
        .with("rndc_port", &bind.rndc_address().port().to_string())
        .with("rndc_key_name", bind.rndc_key())
        .with("rndc_algorithm", bind.rndc_algorithm())
        .with("rndc_secret", bind.rndc_secret())
}

/// A PowerDNS as a member.
pub(crate) fn pdns4(pdns: &Pdns) -> Member {
    let member = Member {
        asked: pdns.dns_address(),
        kind: "pdns4",
        options: BTreeMap::new(),
    };
    member
        .with("api_endpoint", &pdns.api_endpoint())
        .with("api_token", Pdns::API_TOKEN)
}

/// A pool of these servers.
pub(crate) fn described(name: &str, members: &[Member]) -> Pool {
    Pool {
        name: name.to_owned(),
        description: None,
        project: None,
        attributes: BTreeMap::new(),
        ns_records: vec![NsRecord {
            hostname: Name::parse("ns1.example.net.").unwrap(),
            priority: 1,
        }],
        nameservers: members.iter().map(|member| nameserver(member.asked)).collect(),
        targets: members
            .iter()
            .map(|member| PoolTarget {
                kind: member.kind.to_owned(),
                description: None,
                tsigkey: None,
                masters: Vec::new(),
                options: member
                    .options
                    .iter()
                    .map(|(name, value)| (name.clone(), OptionValue::Plain(value.clone())))
                    .collect(),
            })
            .collect(),
        also_notifies: Vec::new(),
        catalog_zone: None,
    }
}

pub(crate) fn nameserver(address: SocketAddr) -> PoolNameserver {
    PoolNameserver {
        host: address.ip().to_string(),
        port: address.port(),
        tsigkey: None,
    }
}

pub(crate) fn place(address: SocketAddr) -> HostPort {
    HostPort {
        host: address.ip().to_string(),
        port: address.port(),
    }
}

/// How a BIND is told.
pub(crate) fn bind9(bind: &Bind) -> Bind9Config {
    Bind9Config {
        rndc_address: bind.rndc_address(),
        key: RndcKey {
            name: bind.rndc_key().to_owned(),
            algorithm: bind.rndc_algorithm().parse().unwrap(),
            secret: Secret::from_base64(bind.rndc_secret()).unwrap(),
        },
        timeout: Duration::from_secs(5),
        view: None,
        clean_zone_file: true,
    }
}

pub(crate) fn target(bind: &Bind) -> std::sync::Arc<dyn zonelog_reconciler::targets::PoolTarget> {
    zonelog_reconciler::targets::target_of("one", &TargetConfig::Bind9(bind9(bind)))
}

pub(crate) async fn look(server: SocketAddr, zone: &str) -> Observed {
    probe::soa(
        server,
        &ZoneName::parse(zone).unwrap(),
        None,
        Duration::from_secs(5),
    )
    .await
}

pub(crate) async fn until_serving(server: SocketAddr, zone: &str, serial: LongSerial) {
    let serving = async || look(server, zone).await == Observed::Serving(serial.wire());
    eventually(format!("{server} serves {zone} at {serial}"), PATIENCE, serving).await;
}

/// The zone as a transfer gives it, its lines sorted.
pub(crate) async fn whole_zone(server: SocketAddr, zone: &str) -> Vec<String> {
    let mut records = transferred(server, zone).await;
    records.sort();
    records
}

/// The zone as a transfer gives it, as lines of a master file: the SOA once, as the first. A transfer that the server broke
/// off (PowerDNS does, when its database is busy) is asked for again.
pub(crate) async fn transferred(server: SocketAddr, zone: &str) -> Vec<String> {
    for _ in 0..20 {
        let mut dig = Process::new("dig");
        dig.args(["+noall", "+answer", "+onesoa", "+nocrypto", "-p"])
            .arg(server.port().to_string());
        let output = dig
            .arg(format!("@{}", server.ip()))
            .args([zone, "AXFR"])
            .output()
            .await
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let records: Vec<String> = text
            .lines()
            .filter(|line| !line.starts_with(';') && !line.is_empty())
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        if !records.is_empty() {
            return records;
        }
        println!("{server} does not transfer {zone}: {text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Vec::new()
}

/// A reconciler in a runtime of its own, so that it can be killed at any point.
pub(crate) struct Reconciler {
    runtime: Option<Runtime>,
    role: Option<JoinHandle<()>>,
    shutdown: CancellationToken,
}

impl Reconciler {
    /// Gives the default pool these servers, and starts it.
    pub(crate) async fn start(world: &World, holder: &str, servers: &[Member], timings: Timings) -> Self {
        world.serve_by(servers).await;
        Self::with_pools_as_they_are(world, holder, timings)
    }

    pub(crate) fn with_pools_as_they_are(world: &World, holder: &str, timings: Timings) -> Self {
        Self::with_masters(world, holder, timings, vec![world.master])
    }

    /// The servers are to transfer from these addresses, behind which is MiniDNS.
    pub(crate) fn with_masters(
        world: &World,
        holder: &str,
        timings: Timings,
        masters: Vec<SocketAddr>,
    ) -> Self {
        let options = ReconcilerOptions {
            masters,
            unseal: unseal(),
            allow_hmac_md5: false,
            timings,
            holder: holder.to_owned(),
        };
        let database = Database::new(world.database.url(), "reconciler").unwrap();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let shutdown = CancellationToken::new();
        let (wakeups, stop) = (world.central.positions(), shutdown.clone());
        let moves = moves::run(
            options.clone(),
            world.central.clone(),
            database.clone(),
            wakeups.clone(),
            stop.clone(),
        );
        runtime.spawn(moves);
        let role = runtime.spawn(async move { run(options, database, wakeups, stop).await.unwrap() });
        Self {
            runtime: Some(runtime),
            role: Some(role),
            shutdown,
        }
    }

    /// Stops it in good order.
    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        self.role.take().unwrap().await.unwrap();
    }

    /// Ends it between two instructions: nothing is finished, nothing is given back.
    pub(crate) fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for Reconciler {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Not so patient, so that a test need not be.
pub(crate) fn quick() -> Timings {
    Timings {
        park_after: Duration::from_millis(800),
        query_timeout: Duration::from_millis(200),
        retry_first: Duration::from_millis(100),
        retry_most: Duration::from_secs(1),
        probe_most: Duration::from_millis(300),
        lease: Duration::from_secs(2),
        pools: Duration::from_millis(200),
        catalog_grace: Duration::from_millis(1_500),
        ..Timings::default()
    }
}
