//! Zones move between pools, and follow their pool's NS records.

use uuid::Uuid;
use zonelog_model::PoolId;
use zonelog_model::resource::{self, Change};
use zonelog_model::zone::{self, MoveZone};

use crate::setup::{
    AMY, BOB, POOL, World, create_pool, create_zone, image_at, ns_record, pool, request, zone_row,
};

#[tokio::test]
async fn a_zone_moves_with_its_name_servers() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    let second = PoolId::new(Uuid::from_u128(8));
    world
        .central
        .execute(create_pool(second, "second"))
        .await
        .unwrap();
    let to = |pool| {
        let command = MoveZone {
            zone: zone.id,
            pool: Some(pool),
        };
        request(zone::Command::from(command), AMY)
    };
    assert_eq!(world.reject(to(POOL)).await.label(), "bad_request");
    let moved = world.accept(to(second)).await;
    assert_eq!(moved.zone.pool, second);
    assert_eq!(zone_row(&world.client, zone.id).await, moved.zone);
    assert!(moved.zone.serial > zone.serial);
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:#?}");
}

#[tokio::test]
async fn all_zones_of_a_pool_follow_its_ns_records() {
    let world = World::new().await;
    let mut zones = Vec::new();
    for number in 0..30 {
        let by = if number % 2 == 0 { AMY } else { BOB };
        zones.push(
            world
                .accept(create_zone(&format!("z{number}.org."), by))
                .await
                .zone,
        );
    }
    let mut changed = pool("default");
    changed.ns_records = vec![
        ns_record(("ns3.example.net.", 1)),
        ns_record(("ns1.example.net.", 2)),
    ];
    let id = POOL.into();
    let change = Change::Pool(Box::new(changed));
    let update = request(resource::Command::Update { id, change }, AMY);
    let metadata = update.metadata.clone();
    world.central.execute(update).await.unwrap();
    let mut seen = Vec::new();
    let rewritten = world
        .central
        .rewrite_nameservers(POOL, &metadata, |zones| seen.push(zones))
        .await
        .unwrap();
    assert_eq!((rewritten, seen.last()), (30, Some(&30)));
    let again = world.central.rewrite_nameservers(POOL, &metadata, |_| {}).await;
    assert_eq!(again.unwrap(), 0, "nothing is left to be done");
    for zone in zones {
        let now = zone_row(&world.client, zone.id).await;
        assert_eq!(now.primary_nameserver.to_string(), "ns3.example.net.");
        assert!(now.serial > zone.serial);
        let image = image_at(&world.client, zone.id, now.serial).await;
        let names: Vec<_> = image
            .values()
            .flat_map(|rrset| rrset.rdata.iter())
            .map(ToString::to_string)
            .collect();
        assert_eq!(names.len(), 2);
        assert!(names.contains(&"ns3.example.net.".to_owned()), "{names:?}");
    }
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:#?}");
}
