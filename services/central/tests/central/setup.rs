//! A database, a Central on it, commands, and the zone as the tables have it.

use std::collections::BTreeMap;

use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zonelog_central::{
    Accepted, Central, CentralOptions, ExecuteError, Idempotency, Rejection, Request, Scope, Sealer, ids,
};
use zonelog_dns::{LongSerial, Name, OwnerName, Rrset, Rrtype, Ttl, ZoneImage, ZoneName};
use zonelog_model::resource::{self, Body, NsRecord, Pool, Quotas};
use zonelog_model::zone::{
    Command, CreateRecordset, CreateZone, DeleteRecordset, DeleteZone, Limits, Patch, Record, Recordset,
    RegistryOptions, SoaTimers, UpdateRecordset, UpdateZone, Zone, ZoneKind,
};
use zonelog_model::{Actor, ChangeId, Door, Metadata, PoolId, Position, ProjectId, RecordsetId, ZoneId};
use zonelog_projections::rebuild::{Difference, compare, drop_shadow, rebuild};
use zonelog_projections::zone_state::{RECORDSET_COLUMNS, ZONE_COLUMNS, recordset_from_row, zone_from_row};
use zonelog_store::{Database, Feed};
use zonelog_test_parts::TestDatabase;

pub(crate) const AMY: &str = "amy";
pub(crate) const BOB: &str = "bob";

/// A fresh database with one Central.
pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) central: Central,
    pub(crate) client: Client,
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::new().await;
        let central = central(database.url());
        central.execute(create_pool(POOL, "default")).await.unwrap();
        let client = database.client().await;
        Self {
            database,
            central,
            client,
        }
    }

    /// What differs between the live tables and those made anew from the log.
    pub(crate) async fn compare(&self) -> Vec<Difference> {
        let feed = Feed::new(&Database::new(self.database.url(), "test").unwrap());
        let owner = self.database.owner().await;
        let mut rebuilt = rebuild(&feed, &owner, "shadow", |_| {}).await.unwrap();
        let differences = compare(&feed, &owner, &mut rebuilt, 20).await.unwrap();
        drop_shadow(&owner, "shadow").await.unwrap();
        differences
    }

    /// Executes a command on a zone that is accepted.
    pub(crate) async fn accept(&self, request: Request) -> Done {
        Done::of(self.central.execute(request).await.unwrap())
    }

    pub(crate) async fn reject(&self, request: Request) -> Rejection {
        match self.central.execute(request).await {
            Err(ExecuteError::Rejected(rejection)) => *rejection,
            other => panic!("not rejected: {other:?}"),
        }
    }

    /// A zone of Amy's.
    pub(crate) async fn zone(&self, name: &str) -> Zone {
        self.accept(create_zone(name, AMY)).await.zone
    }

    pub(crate) async fn count(&self, what: &str) -> i64 {
        self.client
            .query_one(&format!("select count(*) from {what}"), &[])
            .await
            .unwrap()
            .get(0)
    }
}

/// The answer to a command on a zone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Done {
    pub(crate) change_id: ChangeId,
    pub(crate) position: Option<Position>,
    pub(crate) zone: Zone,
    pub(crate) recordset: Option<Recordset>,
    pub(crate) replayed: bool,
}

impl Done {
    pub(crate) fn of(accepted: Accepted) -> Self {
        Self {
            change_id: accepted.change_id,
            position: accepted.position,
            zone: accepted.zone().unwrap().clone(),
            recordset: accepted.recordset().cloned(),
            replayed: accepted.replayed,
        }
    }
}

pub(crate) fn central(url: &str) -> Central {
    central_with(url, |_| {})
}

pub(crate) fn central_with(url: &str, change: impl FnOnce(&mut CentralOptions)) -> Central {
    let mut options = CentralOptions::new(limits(), RegistryOptions::new(POOL), Sealer::ephemeral());
    options.quotas = Quotas::UNLIMITED;
    change(&mut options);
    Central::start(
        Database::new(url, "test").unwrap(),
        options,
        CancellationToken::new(),
    )
}

pub(crate) fn limits() -> Limits {
    Limits {
        default_ttl: Ttl::new(3_600).unwrap(),
        min_ttl: Ttl::new(0).unwrap(),
        max_zone_name_length: 255,
        max_recordset_name_length: 255,
    }
}

/// The default pool.
pub(crate) const POOL: PoolId = PoolId::new(Uuid::from_u128(7));

/// A pool with two name servers.
pub(crate) fn pool(name: &str) -> Pool {
    let ns_records = [("ns1.example.net.", 1), ("ns2.example.net.", 2)];
    Pool {
        name: name.into(),
        description: None,
        project: None,
        attributes: BTreeMap::new(),
        ns_records: ns_records.map(ns_record).to_vec(),
        nameservers: Vec::new(),
        targets: Vec::new(),
        also_notifies: Vec::new(),
        catalog_zone: None,
    }
}

pub(crate) fn ns_record((hostname, priority): (&str, u16)) -> NsRecord {
    NsRecord {
        hostname: Name::parse(hostname).unwrap(),
        priority,
    }
}

pub(crate) fn create_pool(id: PoolId, name: &str) -> Request {
    let body = Body::Pool(Box::new(pool(name)));
    request(resource::Command::Create { id: id.into(), body }, AMY)
}

/// The request with an idempotency key.
pub(crate) fn keyed(request: Request, key: &str, digest: u8) -> Request {
    Request {
        idempotency: Some(Idempotency {
            key: key.into(),
            digest: [digest; 32],
        }),
        ..request
    }
}

pub(crate) fn project(id: &str) -> ProjectId {
    ProjectId::new(id).unwrap()
}

pub(crate) fn request(command: impl Into<zonelog_central::Command>, by: &str) -> Request {
    let actor = Actor {
        user: format!("user-of-{by}"),
        project: project(by),
        roles: Vec::new(),
        door: Door::Api,
    };
    let metadata = Metadata {
        actor,
        change_id: ids::change_id(),
        request_id: Some(ids::request_id()),
        cause: None,
    };
    Request {
        command: command.into(),
        metadata,
        scope: Scope::Project,
        idempotency: None,
    }
}

pub(crate) fn create_zone(name: &str, by: &str) -> Request {
    let command = Command::CreateZone(CreateZone {
        zone: ids::zone_id(),
        soa_recordset: ids::recordset_id(),
        ns_recordset: ids::recordset_id(),
        name: ZoneName::parse(name).unwrap(),
        project: project(by),
        kind: ZoneKind::Primary,
        email: "hostmaster@example.org".into(),
        ttl: None,
        description: None,
        attributes: BTreeMap::from([("tier".into(), "\"gold\"".into())]),
        timers: SoaTimers {
            refresh: 3_550,
            retry: 600,
            expire: 86_400,
            minimum: 3_600,
        },
        may_use_low_ttl: false,
        may_use_blacklisted: false,
        may_force_pool: false,
    });
    request(command, by)
}

/// The zone that a request is about.
pub(crate) fn zone_in(request: &Request) -> ZoneId {
    match &request.command {
        zonelog_central::Command::Zone(command) => command.zone(),
        other => panic!("not on a zone: {other:?}"),
    }
}

pub(crate) fn update_zone(zone: ZoneId, change: impl FnOnce(&mut UpdateZone), by: &str) -> Request {
    let mut command = UpdateZone {
        zone,
        email: Patch::Keep,
        ttl: Patch::Keep,
        masters: Patch::Keep,
        description: Patch::Keep,
        may_use_low_ttl: false,
    };
    change(&mut command);
    request(Command::UpdateZone(command), by)
}

pub(crate) fn delete_zone(zone: ZoneId, by: &str) -> Request {
    request(
        Command::DeleteZone(DeleteZone {
            zone,
            delete_shares: false,
            hard: false,
        }),
        by,
    )
}

pub(crate) fn create_recordset(
    zone: ZoneId,
    owner: &str,
    rrtype: Rrtype,
    records: &[&str],
    by: &str,
) -> Request {
    let command = Command::CreateRecordset(CreateRecordset {
        zone,
        recordset: ids::recordset_id(),
        owner: OwnerName::parse(owner).unwrap(),
        rrtype,
        ttl: None,
        records: records
            .iter()
            .map(|text| Record::parse(rrtype, text).unwrap())
            .collect(),
        description: None,
        project: project(by),
        managed: false,
        managed_resource: None,
        may_use_low_ttl: false,
    });
    request(command, by)
}

pub(crate) fn update_recordset(
    zone: ZoneId,
    recordset: RecordsetId,
    change: impl FnOnce(&mut UpdateRecordset),
    by: &str,
) -> Request {
    let mut command = UpdateRecordset {
        zone,
        recordset,
        ttl: Patch::Keep,
        records: Patch::Keep,
        description: Patch::Keep,
        may_edit_managed: false,
        may_use_low_ttl: false,
    };
    change(&mut command);
    request(Command::UpdateRecordset(command), by)
}

pub(crate) fn delete_recordset(zone: ZoneId, recordset: RecordsetId, by: &str) -> Request {
    request(
        Command::DeleteRecordset(DeleteRecordset {
            zone,
            recordset,
            may_edit_managed: false,
        }),
        by,
    )
}

/// The zone's row.
pub(crate) async fn zone_row(client: &Client, zone: ZoneId) -> Zone {
    let query = format!("select {ZONE_COLUMNS} from zone z where z.id = $1");
    zone_from_row(&client.query_one(&query, &[&zone.uuid()]).await.unwrap(), 0).unwrap()
}

/// The zone's RRsets at a serial, as the tables say; without its SOA.
pub(crate) async fn image_at(client: &Client, zone: ZoneId, serial: LongSerial) -> ZoneImage {
    let rows = rrsets(
        client,
        zone,
        "v.since_serial <= $2 and (v.until_serial is null or v.until_serial > $2)",
        serial,
        serial,
    )
    .await;
    let count = rows.len();
    let image: ZoneImage = rows
        .into_iter()
        .map(|rrset| ((rrset.owner.clone(), rrset.rrtype), rrset))
        .collect();
    assert_eq!(
        image.len(),
        count,
        "two versions of one owner name and type are live at serial {serial}"
    );
    image
}

/// The RRsets of the versions that a condition on serials `$2` and `$3` picks, with the zone's TTL at `$2`.
pub(crate) async fn rrsets(
    client: &Client,
    zone: ZoneId,
    condition: &str,
    serial: LongSerial,
    other: LongSerial,
) -> Vec<Rrset> {
    let ttl = client
        .query_one(
            "select ttl from zone_serial where zone = $1 and serial = $2",
            &[&zone.uuid(), &serial.get()],
        )
        .await
        .unwrap();
    let ttl = Ttl::new(ttl.get::<_, i32>(0).into()).unwrap();
    let query = format!(
        "select {RECORDSET_COLUMNS} from recordset_version v
         where v.zone = $1 and {condition} and $3::bigint is not null"
    );
    let rows = client
        .query(&query, &[&zone.uuid(), &serial.get(), &other.get()])
        .await
        .unwrap();
    rows.iter()
        .filter_map(|row| recordset_from_row(row, 0).unwrap().rrset(ttl))
        .collect()
}
