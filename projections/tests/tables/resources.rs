//! Lists and look-ups of resources; exports of past serials.

use futures_util::TryStreamExt;
use uuid::Uuid;
use zonelog_dns::ZoneName;
use zonelog_model::resource::{
    Body, Kind, QuotaOverrides, Resource, Sealed, Tld, TransferRequest, TransferStatus,
};
use zonelog_model::{ResourceId, ZoneId, zone};
use zonelog_projections::listing::{PageRequest, Pattern};
use zonelog_projections::resource::{self, ResourceError, ResourceList, ResourceSight, ResourceSort};
use zonelog_projections::transfer;

use crate::world::{World, page, project};

async fn tld(world: &mut World, name: &str, description: Option<&str>) -> Resource {
    let id = ResourceId::new(world.id());
    let body = Body::Tld(Tld {
        name: name.into(),
        description: description.map(Into::into),
    });
    world.create(id, body).await
}

async fn offer(world: &mut World, from: &str, to: Option<&str>) -> Resource {
    let id = ResourceId::new(world.id());
    let body = Body::TransferRequest(TransferRequest {
        zone: ZoneId::new(Uuid::from_u128(5)),
        zone_name: ZoneName::parse("a.test.").unwrap(),
        project: project(from),
        target_project: to.map(project),
        key: Sealed::new("v1:AAAA".into()),
        description: None,
        status: TransferStatus::Active,
    });
    world.create(id, body).await
}

async fn list(world: &World, wanted: ResourceList<'_>) -> Result<Vec<Resource>, ResourceError> {
    resource::list(&world.reader().await, &wanted).await
}

fn all(kind: Kind) -> ResourceList<'static> {
    ResourceList {
        kind,
        sight: ResourceSight::All,
        filters: Vec::new(),
        sort: ResourceSort::CreatedAt,
        page: page(20),
    }
}

#[tokio::test]
async fn resources_are_listed_filtered_and_paged() {
    let mut world = World::new().await;
    let com = tld(&mut world, "com", None).await;
    let org = tld(&mut world, "Org", Some("for all")).await;
    let net = tld(&mut world, "net", None).await;
    offer(&mut world, "p", None).await;
    assert_eq!(
        list(&world, all(Kind::Tld)).await.unwrap(),
        [com.clone(), org.clone(), net.clone()]
    );
    let named = |pattern: &str| ResourceList {
        filters: vec![("name", Pattern::parse(pattern))],
        ..all(Kind::Tld)
    };
    assert_eq!(
        list(&world, named("*O*")).await.unwrap(),
        [com.clone(), org.clone()]
    );
    assert_eq!(
        list(&world, named("org")).await.unwrap(),
        std::slice::from_ref(&org)
    );
    let by_name = |marker, descending| ResourceList {
        sort: ResourceSort::Field("name"),
        page: PageRequest {
            limit: 2,
            marker,
            descending,
        },
        ..all(Kind::Tld)
    };
    assert_eq!(
        list(&world, by_name(None, false)).await.unwrap(),
        [com.clone(), net.clone()]
    );
    let beyond = |last: &Resource, descending| by_name(Some(last.id.uuid()), descending);
    assert_eq!(
        list(&world, beyond(&net, false)).await.unwrap(),
        std::slice::from_ref(&org)
    );
    assert_eq!(list(&world, beyond(&org, false)).await.unwrap(), []);
    assert_eq!(
        list(&world, beyond(&org, true)).await.unwrap(),
        [net.clone(), com.clone()]
    );
    let unknown = list(&world, by_name(Some(Uuid::from_u128(3)), false)).await;
    assert!(matches!(unknown, Err(ResourceError::MarkerNotFound(_))));

    let client = world.reader().await;
    assert_eq!(
        resource::find(&client, Kind::Tld, net.id.uuid()).await.unwrap(),
        Some(net.clone())
    );
    assert_eq!(
        resource::find(&client, Kind::Pool, net.id.uuid()).await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_transfer_is_seen_by_who_offers_and_to_whom_it_is_offered() {
    let mut world = World::new().await;
    let open = offer(&mut world, "p", None).await;
    let to_q = offer(&mut world, "p", Some("q")).await;
    let from_q = offer(&mut world, "q", Some("r")).await;
    let seen = |sight| ResourceList {
        sight,
        ..all(Kind::TransferRequest)
    };
    let as_q = list(&world, seen(ResourceSight::ProjectOrTarget("q")))
        .await
        .unwrap();
    assert_eq!(as_q, [to_q.clone(), from_q.clone()]);
    let own = list(&world, seen(ResourceSight::Project("p"))).await.unwrap();
    assert_eq!(own, [open.clone(), to_q.clone()]);
    let everybodys = list(&world, seen(ResourceSight::All)).await.unwrap();
    assert_eq!(everybodys, [open, to_q, from_q]);
}

#[tokio::test]
async fn quotas_and_pools_are_found() {
    let mut world = World::new().await;
    let quotas = QuotaOverrides {
        project: project("p"),
        zones: Some(3),
        zone_recordsets: None,
        zone_records: Some(-1),
        recordset_records: None,
        api_export_size: None,
    };
    let id = ResourceId::of_quotas(&quotas.project);
    world.create(id, Body::Quotas(quotas.clone())).await;
    let pool = world.pool(Uuid::from_u128(9), 2).await;
    let client = world.reader().await;
    assert_eq!(resource::quotas(&client, "p").await.unwrap(), Some(quotas));
    assert_eq!(resource::quotas(&client, "q").await.unwrap(), None);
    assert_eq!(resource::pools(&client).await.unwrap(), [pool]);
}

#[tokio::test]
async fn a_zone_is_read_as_it_was_at_a_serial() {
    let mut world = World::new().await;
    let zone = world.zone("a.test.", "p").await;
    world.recordset(zone, "b.a.test.", "p").await;
    let first = world.recordset(zone, "a.a.test.", "p").await;
    let pinned = world.of(zone).serial;
    let serial = world.next_serial(zone);
    let ttl = zone::Event::ZoneTtlChanged {
        before: world.of(zone).ttl,
        after: zonelog_dns::Ttl::new(60).unwrap(),
        serial,
    };
    let gone = zone::Event::RecordsetDeleted {
        before: first,
        serial: Some(serial),
    };
    world.change(zone, vec![ttl, gone]).await;
    world.recordset(zone, "c.a.test.", "p").await;
    let client = world.reader().await;
    let read = async |serial| {
        let rows: Vec<_> = transfer::rows_at(&client, zone, serial)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        rows.iter()
            .map(|row| (row.owner().to_owned(), row.records().unwrap().join(" ")))
            .collect::<Vec<_>>()
    };
    let row = |owner: &str| (owner.to_owned(), "192.0.2.1".to_owned());
    assert_eq!(read(pinned).await, [row("a.a.test."), row("b.a.test.")]);
    assert_eq!(
        read(world.of(zone).serial).await,
        [row("b.a.test."), row("c.a.test.")]
    );
    let head = transfer::zone_at(&client, zone, pinned)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(
        (head.ttl, head.soa.serial, head.name.to_string()),
        (3600, pinned.wire(), "a.test.".to_owned())
    );
    let now = transfer::zone_at(&client, zone, world.of(zone).serial)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(now.ttl, 60);
    let never = transfer::zone_at(&client, zone, world.next_serial(zone))
        .await
        .unwrap();
    assert!(never.is_none());
}
