//! A log with its tables: events are appended and projected in one transaction, as Central does it.

use std::collections::{BTreeMap, HashMap};

use deadpool_postgres::Pool;
use futures_util::future::try_join_all;
use tokio_postgres::Client;
use uuid::Uuid;
use zonelog_dns::{LongSerial, Name, OwnerName, Rrtype, Ttl, ZoneName};
use zonelog_model::resource::{self, Body, NsRecord, PoolTarget, Resource};
use zonelog_model::zone::{self, Record, Recordset, Share, SoaTimers, Zone, ZoneKind, ZoneSlice};
use zonelog_model::{
    Actor, ChangeId, Door, Event, Metadata, PoolId, ProjectId, Recorded, RecordsetId, ResourceId, ShareId,
    StreamId, Timestamp, ZoneId, stored,
};
use zonelog_projections::inline::{InlineDelta, InlineWriter};
use zonelog_projections::listing::{Listing, PageRequest};
use zonelog_projections::rebuild::{Difference, compare, drop_shadow, rebuild};
use zonelog_projections::zone_state::{ZONE_COLUMNS, zone_from_row};
use zonelog_store::{Database, Feed};
use zonelog_test_parts::TestDatabase;

/// The pool of zones that are made here.
pub(crate) const POOL: Uuid = Uuid::from_u128(7);

pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) client: Client,
    pub(crate) pool: Pool,
    pub(crate) listing: Listing,
    pub(crate) slices: HashMap<ZoneId, ZoneSlice>,
    versions: HashMap<Uuid, i64>,
    writer: InlineWriter,
    position: i64,
    ids: u128,
}

impl World {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::new().await;
        let client = database.client().await;
        client.batch_execute(InlineWriter::SESSION).await.unwrap();
        let writer = InlineWriter::prepare(&client).await.unwrap();
        // As the API's connections are.
        let reading = Database::new(database.url(), "test").unwrap();
        let pool = reading
            .with_setting("plan_cache_mode", "force_generic_plan")
            .pool(4);
        Self {
            database,
            client,
            pool,
            listing: Listing::new(100),
            slices: HashMap::new(),
            versions: HashMap::new(),
            writer,
            position: 0,
            ids: 0x1000,
        }
    }

    pub(crate) async fn reader(&self) -> deadpool_postgres::Client {
        self.pool.get().await.unwrap()
    }

    pub(crate) fn id(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    pub(crate) fn now(&self) -> Timestamp {
        at(self.position)
    }

    /// Appends changes, each a list of events of streams, and projects all in one transaction.
    pub(crate) async fn append(&mut self, changes: Vec<Vec<(Uuid, Event)>>) -> i64 {
        let mut recorded = Vec::new();
        let now = self.now();
        for change in changes {
            let change_id = ChangeId::new(self.id());
            let actor = Actor {
                user: "amy".into(),
                project: project("p"),
                roles: Vec::new(),
                door: Door::Api,
            };
            let metadata = std::sync::Arc::new(Metadata {
                actor,
                change_id,
                request_id: None,
                cause: None,
            });
            let mut seen = std::collections::HashSet::new();
            for (stream, event) in change {
                self.position += 1;
                let version = self.versions.entry(stream).or_default();
                *version += 1;
                if let Event::Zone(event) = &event {
                    let slice = self.slices.entry(ZoneId::new(stream)).or_default();
                    zone::apply(slice, event, now, *version, seen.insert(stream)).unwrap();
                }
                recorded.push(Recorded {
                    position: self.position,
                    stream: StreamId::new(stream),
                    version: *version,
                    recorded_at: now,
                    metadata: std::sync::Arc::clone(&metadata),
                    event,
                });
            }
        }
        self.client.batch_execute("begin").await.unwrap();
        let insert = "insert into event (feed, position, stream, version, type, type_version, payload, project, actor, \
                      change_id, recorded_at) values (0, $1, $2, $3, $4, $5, $6::text::jsonb, $7, $8, $9, $10)";
        let insert = self.client.prepare(insert).await.unwrap();
        // All at once on one connection: sent one behind the other, answered together.
        try_join_all(recorded.iter().map(|event| {
            let (client, insert) = (&self.client, &insert);
            async move {
                let stored = stored::encode(&event.event);
                let metadata = &event.metadata;
                client
                    .execute(
                        insert,
                        &[
                            &event.position,
                            &event.stream.uuid(),
                            &event.version,
                            &stored.type_name,
                            &stored.type_version,
                            &stored.payload,
                            &metadata.actor.project.as_str(),
                            &stored::encode_actor(&metadata.actor),
                            &metadata.change_id.uuid(),
                            &event.recorded_at,
                        ],
                    )
                    .await
            }
        }))
        .await
        .unwrap();
        self.client
            .execute("update feed_head set position = $1", &[&self.position])
            .await
            .unwrap();
        let delta = InlineDelta::of(&recorded);
        self.writer.write(&self.client, &delta).await.unwrap();
        self.client.batch_execute("commit").await.unwrap();
        self.position
    }

    /// One change of one zone.
    pub(crate) async fn change(&mut self, zone: ZoneId, events: Vec<zone::Event>) -> i64 {
        let change = events.into_iter().map(|event| (zone.uuid(), Event::Zone(event)));
        self.append(vec![change.collect()]).await
    }

    /// One change of one resource.
    pub(crate) async fn resource(&mut self, event: resource::Event) -> i64 {
        let id = match &event {
            resource::Event::Created { resource } => resource.id,
            resource::Event::Changed { after, .. } => after.id,
            resource::Event::Deleted { before } => before.id,
        };
        self.append(vec![vec![(id.uuid(), event.into())]]).await
    }

    /// Makes a zone, and what it was made as.
    pub(crate) async fn zone(&mut self, name: &str, owner: &str) -> ZoneId {
        let zone = self.new_zone(name, owner);
        let id = zone.id;
        self.change(id, vec![zone::Event::ZoneCreated { zone }]).await;
        id
    }

    pub(crate) fn new_zone(&mut self, name: &str, owner: &str) -> Zone {
        let (id, soa) = (self.id(), self.id());
        Zone {
            id: ZoneId::new(id),
            name: ZoneName::parse(name).unwrap(),
            project: project(owner),
            pool: PoolId::new(POOL),
            kind: ZoneKind::Primary,
            email: "a@example.org".into(),
            ttl: Ttl::new(3600).unwrap(),
            description: None,
            attributes: BTreeMap::new(),
            primary_nameserver: Name::parse("ns1.example.net.").unwrap(),
            timers: SoaTimers {
                refresh: 1,
                retry: 2,
                expire: 3,
                minimum: 4,
            },
            serial: LongSerial::from_i64(100),
            soa_recordset: RecordsetId::new(soa),
            revision: 1,
            stream_version: 1,
            recordset_count: 0,
            record_count: 0,
            created_at: self.now(),
            updated_at: None,
            transferred_at: None,
            deleted: false,
        }
    }

    /// The zone as the rules have it.
    pub(crate) fn of(&self, zone: ZoneId) -> &Zone {
        self.slices[&zone].zone.as_ref().unwrap()
    }

    pub(crate) fn next_serial(&self, zone: ZoneId) -> LongSerial {
        LongSerial::from_i64(self.of(zone).serial.get() + 1)
    }

    pub(crate) fn new_recordset(&mut self, owner: &str, by: &str) -> Recordset {
        Recordset {
            id: RecordsetId::new(self.id()),
            owner: OwnerName::parse(owner).unwrap(),
            rrtype: Rrtype::A,
            ttl: None,
            records: vec![Record::parse(Rrtype::A, "192.0.2.1").unwrap()],
            description: None,
            managed: false,
            managed_resource: None,
            project: project(by),
            revision: 1,
            created_at: self.now(),
            updated_at: None,
        }
    }

    /// Makes a recordset.
    pub(crate) async fn recordset(&mut self, zone: ZoneId, owner: &str, by: &str) -> Recordset {
        let recordset = self.new_recordset(owner, by);
        let created = self.created(zone, &recordset);
        self.change(zone, vec![created]).await;
        recordset
    }

    pub(crate) fn created(&self, zone: ZoneId, recordset: &Recordset) -> zone::Event {
        zone::Event::RecordsetCreated {
            recordset: recordset.clone(),
            serial: Some(self.next_serial(zone)),
        }
    }

    /// Shares a zone.
    pub(crate) async fn share(&mut self, zone: ZoneId, with: &str) -> Share {
        let share = Share {
            id: ShareId::new(self.id()),
            target_project: project(with),
            project: self.of(zone).project.clone(),
            created_at: self.now(),
        };
        let event = zone::Event::ZoneShared { share: share.clone() };
        self.change(zone, vec![event]).await;
        share
    }

    pub(crate) fn transferred(&self, zone: ZoneId, to: &str) -> zone::Event {
        zone::Event::ZoneTransferred {
            before: self.of(zone).project.clone(),
            after: project(to),
        }
    }

    pub(crate) fn moved(&self, zone: ZoneId, pool: Uuid) -> zone::Event {
        zone::Event::ZoneMovedToPool {
            before: self.of(zone).pool,
            after: PoolId::new(pool),
            serial: Some(self.next_serial(zone)),
            coo: None,
        }
    }

    pub(crate) fn abandoned(&self, zone: ZoneId) -> zone::Event {
        let zone = self.of(zone).clone();
        zone::Event::ZoneAbandoned { zone }
    }

    pub(crate) fn deleted(&self, zone: ZoneId) -> zone::Event {
        let zone = self.of(zone).clone();
        zone::Event::ZoneDeleted { zone, hard: false }
    }

    /// Makes a pool whose targets are as many as told.
    pub(crate) async fn pool(&mut self, id: Uuid, targets: usize) -> Resource {
        let target = PoolTarget {
            kind: "bind9".into(),
            description: None,
            tsigkey: None,
            masters: Vec::new(),
            options: BTreeMap::new(),
        };
        let record = |name: &str, priority| NsRecord {
            hostname: Name::parse(name).unwrap(),
            priority,
        };
        let pool = resource::Pool {
            name: format!("pool {id}"),
            description: None,
            project: None,
            attributes: BTreeMap::new(),
            ns_records: vec![record("ns2.example.net.", 2), record("ns1.example.net.", 1)],
            nameservers: Vec::new(),
            targets: vec![target; targets],
            also_notifies: Vec::new(),
            catalog_zone: None,
        };
        self.create(ResourceId::new(id), Body::Pool(Box::new(pool))).await
    }

    /// Makes a resource.
    pub(crate) async fn create(&mut self, id: ResourceId, body: Body) -> Resource {
        let version = self.versions.get(&id.uuid()).copied().unwrap_or_default();
        let resource = Resource::new(id, body, version, self.now());
        let event = resource::Event::Created {
            resource: resource.clone(),
        };
        self.resource(event).await;
        resource
    }

    /// A server of a pool that serves all up to a position.
    pub(crate) async fn server(&self, name: &str, pool: Uuid, position: i64) {
        let register = "insert into server_checkpoint values ($1, $2, $3, now())
                        on conflict (server) do update set position = excluded.position";
        self.client
            .execute(register, &[&name, &pool, &position])
            .await
            .unwrap();
    }

    /// What differs between the live tables and those made anew from the log; and the zones' rows are what the rules have.
    pub(crate) async fn compare(&self) -> Vec<Difference> {
        for (id, slice) in &self.slices {
            let query = format!("select {ZONE_COLUMNS} from zone z where z.id = $1");
            let row = self.client.query_one(&query, &[&id.uuid()]).await.unwrap();
            assert_eq!(Some(&zone_from_row(&row, 0).unwrap()), slice.zone.as_ref());
        }
        let feed = Feed::new(&Database::new(self.database.url(), "test").unwrap());
        let owner = self.database.owner().await;
        let mut rebuilt = rebuild(&feed, &owner, "shadow", |_| {}).await.unwrap();
        let differences = compare(&feed, &owner, &mut rebuilt, 20).await.unwrap();
        drop_shadow(&owner, "shadow").await.unwrap();
        differences
    }

    pub(crate) async fn one<T: for<'a> tokio_postgres::types::FromSql<'a>>(&self, text: &str) -> T {
        self.client.query_one(text, &[]).await.unwrap().get(0)
    }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_700_000_000 + second, 0).unwrap()
}

pub(crate) fn project(id: &str) -> ProjectId {
    ProjectId::new(id).unwrap()
}

pub(crate) fn page(limit: i64) -> PageRequest {
    PageRequest {
        limit,
        marker: None,
        descending: false,
    }
}
