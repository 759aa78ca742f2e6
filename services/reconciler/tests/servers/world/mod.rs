//! The real parts around a reconciler: a database, Central and MiniDNS; the servers of the pools; and what all of them serve.

mod content;
mod members;
mod process;

use std::net::SocketAddr;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zonelog_central::{Accepted, Central, CentralOptions, Request, Scope, Sealer, clock, ids};
use zonelog_dns::{OwnerName, Rrtype, Ttl, ZoneName};
use zonelog_mdns::secondary::{self, SecondaryOptions};
use zonelog_mdns::{MdnsOptions, MiniDns};
use zonelog_model::resource::{self, Body, Change, Pool, Quotas};
use zonelog_model::zone::{
    Command, CreateRecordset, CreateZone, DeleteZone, Limits, Record, RegistryOptions, Zone, ZoneKind,
};
use zonelog_model::{Actor, Door, Metadata, PoolId, Position, ProjectId, ZoneId};
use zonelog_projections::delivery::{self, Resync};
use zonelog_projections::status::{Status, zone_status_sql};
use zonelog_reconciler::Unseal;
use zonelog_reconciler::plan::Observed;
use zonelog_reconciler::probe::{self, Sockets};
use zonelog_store::Database;
use zonelog_test_parts::{TestDatabase, eventually};

pub(crate) use content::{look, transferred, until_serving, whole_zone};
pub(crate) use members::{Member, bind, bind9, described, pdns4, place, server, target};
pub(crate) use process::{Reconciler, quick};

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
                probe::soa(&Sockets::default(), self.master, &zone, None, patience).await,
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
    let connections = Database::new(database.url(), "mdns").unwrap();
    let mdns = MiniDns::bind(options, &connections, 8, central.positions())
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
