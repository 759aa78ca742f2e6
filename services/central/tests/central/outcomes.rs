//! What single commands answer and leave behind.

use zonelog_central::Scope;
use zonelog_dns::{Rrtype, Ttl};
use zonelog_model::zone::{Patch, Rejection};

use crate::setup::{
    AMY, BOB, World, create_recordset, create_zone, delete_recordset, delete_zone, image_at,
    update_recordset, update_zone, zone_in, zone_row,
};

#[tokio::test]
async fn what_a_caller_was_told_is_there_for_its_next_read() {
    let world = World::new().await;
    let created = world.accept(create_zone("Example.org.", AMY)).await;
    assert_eq!(
        (created.position, created.recordset.is_none(), created.replayed),
        (Some(3), true, false)
    );
    assert_eq!(zone_row(&world.client, created.zone.id).await, created.zone);

    let zone = created.zone.id;
    let text = r#""say \"hi\"" "and, {bye}""#;
    let made = world
        .accept(create_recordset(
            zone,
            "www.example.org.",
            Rrtype::TXT,
            &[text],
            AMY,
        ))
        .await;
    let recordset = made.recordset.clone().unwrap();
    assert_eq!(recordset.records[0].text(), text);
    assert_eq!(zone_row(&world.client, zone).await, made.zone);
    assert!(made.zone.serial > created.zone.serial);
    let image = image_at(&world.client, zone, made.zone.serial).await;
    assert_eq!(image.len(), 2, "the apex NS and the new one");

    let change = |command: &mut zonelog_model::zone::UpdateRecordset| {
        command.records = Patch::Set(vec!["\"new\"".into()]);
        command.ttl = Patch::Set(Some(Ttl::new(60).unwrap()));
    };
    let updated = world
        .accept(update_recordset(zone, recordset.id, change, AMY))
        .await;
    assert_eq!(
        updated.recordset.as_ref().map(|recordset| recordset.revision),
        Some(2)
    );
    assert_eq!(zone_row(&world.client, zone).await, updated.zone);

    let same = world
        .accept(update_recordset(zone, recordset.id, change, AMY))
        .await;
    assert_eq!((same.position, &same.zone), (None, &updated.zone));
    assert_eq!(same.recordset, updated.recordset);

    let gone = world.accept(delete_recordset(zone, recordset.id, AMY)).await;
    assert_eq!(
        gone.recordset, updated.recordset,
        "a deleted recordset is answered as it was"
    );
    assert_eq!(zone_row(&world.client, zone).await, gone.zone);
    assert_eq!(image_at(&world.client, zone, gone.zone.serial).await.len(), 1);
    assert_eq!(
        image_at(&world.client, zone, made.zone.serial).await,
        image,
        "an old serial is as it was"
    );

    let deleted = world.accept(delete_zone(zone, AMY)).await;
    assert!(deleted.zone.deleted);
    assert_eq!(zone_row(&world.client, zone).await, deleted.zone);
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn a_refusal_is_recorded_beside_the_log() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    let events = world.count("event").await;
    let refused = create_zone("example.org.", BOB);
    let rejection = world.reject(refused.clone()).await;
    assert_eq!(rejection.label(), "duplicate_zone");
    assert_eq!(world.count("event").await, events);
    let row = world
        .client
        .query_one(
            "select stream, command, label, message, project, actor->>'user', request_id from refusal",
            &[],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, uuid::Uuid>(0), zone_in(&refused).uuid());
    let text = |column| row.get::<_, String>(column);
    assert_eq!(
        [text(1), text(2), text(4), text(5)],
        ["create_zone", "duplicate_zone", BOB, "user-of-bob"]
    );
    assert_eq!(text(3), rejection.to_string());
    assert_eq!(Some(text(6)), refused.metadata.request_id);
    assert_eq!(zone_row(&world.client, zone.id).await, zone);
}

#[tokio::test]
async fn another_projects_zone_does_not_exist_unless_all_may_be_touched() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    for request in [
        create_recordset(zone.id, "www.example.org.", Rrtype::A, &["192.0.2.1"], BOB),
        update_zone(
            zone.id,
            |command| command.email = Patch::Set("b@example.org".into()),
            BOB,
        ),
        delete_zone(zone.id, BOB),
    ] {
        assert_eq!(
            world.reject(request).await,
            Rejection::ZoneNotFound(zone.id).into()
        );
    }
    let mut request = create_recordset(zone.id, "www.example.org.", Rrtype::A, &["192.0.2.1"], BOB);
    request.scope = Scope::AllProjects;
    world.accept(request).await;
}

#[tokio::test]
async fn the_hierarchy_is_seen_above_and_below() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    assert_eq!(
        world.reject(create_zone("sub.example.org.", BOB)).await.label(),
        "illegal_child"
    );
    let below = world.zone("a.b.example.org.").await;
    world.accept(create_zone("www.elsewhere.org.", AMY)).await;
    assert_eq!(
        world.reject(create_zone("elsewhere.org.", BOB)).await.label(),
        "illegal_parent"
    );
    assert_eq!(
        world.reject(delete_zone(zone.id, AMY)).await.label(),
        "zone_has_sub_zone"
    );
    let inside = create_recordset(zone.id, "x.a.b.example.org.", Rrtype::A, &["192.0.2.1"], AMY);
    assert_eq!(world.reject(inside).await.label(), "invalid_recordset_location");
    world
        .accept(create_recordset(
            zone.id,
            "b.example.org.",
            Rrtype::A,
            &["192.0.2.1"],
            AMY,
        ))
        .await;
    world
        .accept(create_recordset(
            below.id,
            "x.a.b.example.org.",
            Rrtype::A,
            &["192.0.2.1"],
            AMY,
        ))
        .await;
    world.accept(delete_zone(below.id, AMY)).await;
    world.accept(delete_zone(zone.id, AMY)).await;
}

#[tokio::test]
async fn a_zone_made_again_goes_on_from_the_serial_of_the_last_one() {
    let world = World::new().await;
    let first = world.zone("example.org.").await;
    // Steps within one second take the serial ahead of the clock.
    let mut last = first.serial;
    for host in 0..20 {
        let owner = format!("h{host}.example.org.");
        let made = world
            .accept(create_recordset(first.id, &owner, Rrtype::A, &["192.0.2.1"], AMY))
            .await;
        assert!(made.zone.serial > last);
        last = made.zone.serial;
    }
    world.accept(delete_zone(first.id, AMY)).await;
    let second = world.accept(create_zone("EXAMPLE.org.", BOB)).await.zone;
    assert!(second.serial > last, "{} is not past {last}", second.serial);
    world.accept(delete_zone(second.id, BOB)).await;
    let third = world.zone("example.org.").await;
    assert!(third.serial > second.serial);
    let images = image_at(&world.client, third.id, third.serial).await;
    assert_eq!(images.len(), 1, "nothing of the zones before");
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn recordsets_without_records_change_no_serial() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    let made = world
        .accept(create_recordset(zone.id, "www.example.org.", Rrtype::A, &[], AMY))
        .await;
    assert_eq!((made.zone.serial, made.position), (zone.serial, Some(4)));
    let recordset = made.recordset.unwrap().id;
    let fill = |command: &mut zonelog_model::zone::UpdateRecordset| {
        command.records = Patch::Set(vec!["192.0.2.1".into()]);
    };
    let filled = world
        .accept(update_recordset(zone.id, recordset, fill, AMY))
        .await;
    assert!(filled.zone.serial > zone.serial);
    assert_eq!(
        image_at(&world.client, zone.id, filled.zone.serial).await.len(),
        2
    );
    assert_eq!(image_at(&world.client, zone.id, zone.serial).await.len(), 1);
    let empty = |command: &mut zonelog_model::zone::UpdateRecordset| command.records = Patch::Set(Vec::new());
    world
        .accept(update_recordset(zone.id, recordset, empty, AMY))
        .await;
    world.accept(delete_recordset(zone.id, recordset, AMY)).await;
    assert!(world.compare().await.is_empty());
}
