//! Zones lent and given to other projects.

use futures_util::future::join_all;
use zonelog_central::{Accepted, Changed, Command, ExecuteError, Request, ids};
use zonelog_dns::Rrtype;
use zonelog_model::resource::{self, Body, Quotas, TransferRequest, TransferStatus};
use zonelog_model::transfer::AcceptTransfer;
use zonelog_model::zone::{self, AbandonZone, ShareZone, UnshareZone, Zone};
use zonelog_model::{ResourceId, ShareId, ZoneId};

use crate::setup::{
    AMY, BOB, World, central_with, create_recordset, create_zone, delete_recordset, keyed, project, request,
    zone_in, zone_row,
};

fn share(zone: ZoneId, share: ShareId) -> Request {
    let command = ShareZone {
        zone,
        share,
        target_project: project(BOB),
        project: project(AMY),
    };
    request(zone::Command::from(command), AMY)
}

fn unshare(zone: ZoneId, share: ShareId) -> Request {
    request(zone::Command::from(UnshareZone { zone, share }), AMY)
}

fn offer(world: &World, zone: &Zone, id: ResourceId) -> Request {
    let key = world
        .central
        .sealer()
        .seal("zone_transfer_request", "key", "ABCDEFGH");
    let body = Body::TransferRequest(TransferRequest {
        zone: zone.id,
        zone_name: zone.name.clone(),
        project: project(AMY),
        target_project: None,
        key: key.unwrap(),
        description: None,
        status: TransferStatus::Active,
    });
    request(resource::Command::Create { id, body }, AMY)
}

fn accept(zone: ZoneId, offer: ResourceId, key_fits: bool) -> Request {
    let command = AcceptTransfer {
        request: offer,
        accept: ids::resource_id(),
        zone,
        project: project(BOB),
        key_fits,
    };
    request(Command::from(command), BOB)
}

fn labels(results: &[Result<Accepted, ExecuteError>]) -> Vec<&str> {
    let label = |result: &Result<Accepted, ExecuteError>| match result {
        Ok(_) => "accepted",
        Err(ExecuteError::Rejected(rejection)) => rejection.label(),
        Err(error) => panic!("{error}"),
    };
    results.iter().map(label).collect()
}

fn www(zone: ZoneId, by: &str) -> Request {
    create_recordset(zone, "www.example.org.", Rrtype::A, &["192.0.2.1"], by)
}

#[tokio::test]
async fn a_share_lends_a_zone_and_ends_when_it_is_not_used() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    let id = ids::share_id();
    let made = www(zone.id, BOB);
    let Command::Zone(zone::Command::CreateRecordset(recordset)) = &made.command else {
        unreachable!()
    };
    let recordset = recordset.recordset;
    let sub = create_zone("sub.example.org.", BOB);
    let sub_id = zone_in(&sub);
    let results = join_all(
        [
            www(zone.id, BOB),
            share(zone.id, id),
            made,
            unshare(zone.id, id),
            delete_recordset(zone.id, recordset, BOB),
            sub,
            unshare(zone.id, id),
            crate::setup::delete_zone(sub_id, BOB),
            unshare(zone.id, id),
            www(zone.id, BOB),
        ]
        .map(|request| world.central.execute(request)),
    )
    .await;
    assert_eq!(
        labels(&results),
        [
            "zone_not_found",
            "accepted",
            "accepted",
            "shared_zone_has_recordsets",
            "accepted",
            "accepted",
            "shared_zone_has_sub_zone",
            "accepted",
            "accepted",
            "zone_not_found",
        ]
    );
    let shared = results[1].as_ref().unwrap().share().unwrap();
    assert_eq!(shared.id, id);
    assert_eq!(results[8].as_ref().unwrap().share(), Some(shared), "as it was");

    // The same by what is read from the tables, one by one.
    let id = ids::share_id();
    world.accept(share(zone.id, id)).await;
    let made = world.accept(www(zone.id, BOB)).await.recordset.unwrap();
    let rejection = world.reject(unshare(zone.id, id)).await;
    assert_eq!(rejection.label(), "shared_zone_has_recordsets");
    world.accept(delete_recordset(zone.id, made.id, BOB)).await;
    let sub = world.accept(create_zone("sub.example.org.", BOB)).await.zone;
    let rejection = world.reject(unshare(zone.id, id)).await;
    assert_eq!(rejection.label(), "shared_zone_has_sub_zone");
    world.accept(crate::setup::delete_zone(sub.id, BOB)).await;
    world.accept(unshare(zone.id, id)).await;
    assert_eq!(world.reject(www(zone.id, BOB)).await.label(), "zone_not_found");
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn an_accepted_offer_moves_the_zone_and_what_its_owner_made() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    world.accept(www(zone.id, AMY)).await;
    let id = ids::resource_id();
    world.central.execute(offer(&world, &zone, id)).await.unwrap();
    assert_eq!(
        world.reject(accept(zone.id, id, false)).await.label(),
        "invalid_key"
    );
    let accepting = keyed(accept(zone.id, id, true), "k", 1);
    let again = keyed(accept(zone.id, id, true), "k", 1);
    let done = world.central.execute(accepting).await.unwrap();
    let Changed::Transfer {
        zone: given,
        request,
        accept: acceptance,
    } = &done.changed
    else {
        panic!("{done:?}")
    };
    assert_eq!(given.project, project(BOB));
    assert_eq!(zone_row(&world.client, zone.id).await, **given);
    assert!(
        matches!(&request.body, Body::TransferRequest(request) if request.status == TransferStatus::Complete)
    );
    assert!(matches!(&acceptance.body, Body::TransferAccept(accept) if accept.request == id));
    let changes = "event where change_id = (select change_id from event where type = 'zone_transferred')";
    assert_eq!(world.count(changes).await, 3, "one change of three streams");
    assert_eq!(
        world
            .count("recordset_version where project = 'amy' and until_serial is null")
            .await,
        0
    );

    let replayed = world.central.execute(again).await.unwrap();
    assert!(replayed.replayed);
    assert_eq!(
        (&replayed.changed, replayed.position),
        (&done.changed, done.position)
    );
    assert_eq!(
        world.reject(accept(zone.id, id, true)).await.label(),
        "invalid_zone_transfer_request"
    );
    assert_eq!(world.reject(www(zone.id, AMY)).await.label(), "zone_not_found");
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn what_changed_hands_in_a_batch_is_the_new_owners_for_its_next_commands() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    let made = world.accept(www(zone.id, AMY)).await.recordset.unwrap();
    let id = ids::resource_id();
    let results = join_all(
        [
            offer(&world, &zone, id),
            accept(zone.id, id, true),
            delete_recordset(zone.id, made.id, AMY),
            create_zone("sub.example.org.", AMY),
            delete_recordset(zone.id, made.id, BOB),
            create_zone("sub.example.org.", BOB),
            offer(&world, &zone, ids::resource_id()),
        ]
        .map(|request| world.central.execute(request)),
    )
    .await;
    assert_eq!(
        labels(&results),
        [
            "accepted",
            "accepted",
            "zone_not_found",
            "illegal_child",
            "accepted",
            "accepted",
            "zone_not_found",
        ]
    );
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:#?}");
}

#[tokio::test]
async fn an_offer_is_accepted_within_the_quota_alone() {
    let world = World::new().await;
    let narrow = central_with(world.database.url(), |options| {
        options.quotas = Quotas {
            zones: 1,
            ..Quotas::UNLIMITED
        };
    });
    let mut offers = Vec::new();
    for name in ["a.org.", "b.org."] {
        let zone = world.zone(name).await;
        let id = ids::resource_id();
        world.central.execute(offer(&world, &zone, id)).await.unwrap();
        offers.push((zone.id, id));
    }
    let accepted = offers
        .iter()
        .map(|(zone, id)| narrow.execute(accept(*zone, *id, true)));
    let results = join_all(accepted).await;
    assert_eq!(labels(&results), ["accepted", "over_quota"]);
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn an_abandoned_zone_is_gone_and_its_name_free() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    let abandon = zone::Command::from(AbandonZone { zone: zone.id });
    let gone = world.accept(request(abandon, AMY)).await;
    assert!(gone.zone.deleted);
    let again = world.zone("example.org.").await;
    assert!(again.serial > zone.serial);
    assert!(world.compare().await.is_empty());
}

#[tokio::test]
async fn a_task_is_its_projects_own() {
    let world = World::new().await;
    let zone = world.zone("example.org.").await;
    let id = ids::resource_id();
    world.central.execute(offer(&world, &zone, id)).await.unwrap();
    let kind = resource::Kind::TransferRequest;
    let delete = |by| request(resource::Command::Delete { id, kind }, by);
    assert_eq!(
        world.reject(delete(BOB)).await.label(),
        "zone_transfer_request_not_found"
    );
    let refused = world.client.query_one("select command from refusal", &[]).await;
    assert_eq!(
        refused.unwrap().get::<_, String>(0),
        "delete_zone_transfer_request"
    );
    world.central.execute(delete(AMY)).await.unwrap();
}
