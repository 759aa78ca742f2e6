//! Who sees which zones and recordsets.

use uuid::Uuid;
use zonelog_model::zone;
use zonelog_projections::listing::{
    ListingError, Pattern, RecordsetFilter, RecordsetSort, ShareSort, Sight, Within, ZoneFilter, ZoneSort,
};
use zonelog_projections::usage;

use crate::world::{POOL, World, page};

async fn names(world: &World, sight: Sight<'_>, pattern: Option<&str>) -> (Vec<String>, i64) {
    let filter = ZoneFilter {
        name: pattern.map(Pattern::parse),
        ..ZoneFilter::default()
    };
    let client = world.reader().await;
    let found = world
        .listing
        .zones(&client, sight, &filter, ZoneSort::Name, &page(20))
        .await
        .unwrap();
    (
        found.rows.iter().map(|zone| zone.name.clone()).collect(),
        found.total,
    )
}

#[tokio::test]
async fn a_shared_zone_is_seen_and_counted_by_both() {
    let mut world = World::new().await;
    let own = world.zone("own.test.", "friend").await;
    let lent = world.zone("lent.test.", "owner").await;
    let kept = world.zone("kept.test.", "owner").await;
    let friend = Sight::Project("friend");
    assert_eq!(names(&world, friend, None).await, (vec!["own.test.".into()], 1));
    let share = world.share(lent, "friend").await;

    let both = (vec!["lent.test.".to_owned(), "own.test.".into()], 2);
    assert_eq!(names(&world, friend, None).await, both);
    assert_eq!(
        names(&world, friend, Some("*t.test.")).await,
        (vec!["lent.test.".into()], 1)
    );
    assert_eq!(names(&world, Sight::Project("owner"), None).await.1, 2);
    assert_eq!(names(&world, Sight::AllProjects, None).await.1, 3);
    assert_eq!(names(&world, Sight::Project("stranger"), None).await.1, 0);

    let client = world.reader().await;
    let seen = |sight, zone: zonelog_model::ZoneId| {
        let (listing, client) = (&world.listing, &client);
        async move {
            let row = listing.zone(client, sight, zone.uuid()).await.unwrap()?;
            Some((row.shared, row.shared_with_caller))
        }
    };
    assert_eq!(seen(friend, lent).await, Some((true, true)));
    assert_eq!(seen(Sight::Project("owner"), lent).await, Some((true, false)));
    assert_eq!(seen(Sight::AllProjects, lent).await, Some((true, false)));
    assert_eq!(seen(Sight::Project("owner"), kept).await, Some((false, false)));
    assert_eq!(seen(friend, own).await, Some((false, false)));
    assert_eq!(seen(friend, kept).await, None);
    drop(client);

    world
        .change(lent, vec![zone::Event::ZoneUnshared { share }])
        .await;
    assert_eq!(names(&world, friend, None).await, (vec!["own.test.".into()], 1));
}

#[tokio::test]
async fn in_a_shared_zone_all_recordsets_are_seen_and_elsewhere_ones_own() {
    let mut world = World::new().await;
    let zone = world.zone("lent.test.", "owner").await;
    world.share(zone, "friend").await;
    world.recordset(zone, "a.lent.test.", "owner").await;
    let own = world.recordset(zone, "b.lent.test.", "friend").await;
    let client = world.reader().await;
    let list = |sight, within| {
        let (listing, client) = (&world.listing, &client);
        async move {
            let filter = RecordsetFilter::default();
            let found = listing
                .recordsets(client, sight, within, &filter, RecordsetSort::Name, &page(20))
                .await?;
            let names: Vec<_> = found.rows.iter().map(|row| row.name.clone()).collect();
            Ok::<_, ListingError>((names, found.total))
        }
    };
    let in_zone = Within::Zone(zone.uuid());
    let all = ["a.lent.test.", "b.lent.test.", "lent.test."]
        .map(str::to_owned)
        .to_vec();
    for sight in [
        Sight::Project("friend"),
        Sight::Project("owner"),
        Sight::AllProjects,
    ] {
        assert_eq!(list(sight, in_zone).await.unwrap(), (all.clone(), 3));
    }
    let stranger = list(Sight::Project("stranger"), in_zone).await;
    assert!(matches!(stranger, Err(ListingError::ZoneNotFound)));
    let (names, total) = list(Sight::Project("friend"), Within::AllZones).await.unwrap();
    assert_eq!((names, total), (vec!["b.lent.test.".to_owned()], 1));
    let get = |sight| {
        world
            .listing
            .recordset(&client, sight, zone.uuid(), own.id.uuid())
    };
    assert!(get(Sight::Project("friend")).await.unwrap().is_some());
    assert!(matches!(
        get(Sight::Project("stranger")).await,
        Err(ListingError::ZoneNotFound)
    ));
}

#[tokio::test]
async fn shares_are_listed_to_the_owner_all_and_to_a_target_its_own() {
    let mut world = World::new().await;
    let zone = world.zone("lent.test.", "owner").await;
    let (one, two) = (world.share(zone, "one").await, world.share(zone, "two").await);
    let client = world.reader().await;
    let (listing, id) = (&world.listing, zone.uuid());
    let list = async |target, filter: Option<&str>, request| {
        let filter = filter.map(Pattern::parse);
        let shares = listing.shares(
            &client,
            id,
            target,
            filter.as_ref(),
            ShareSort::CreatedAt,
            &request,
        );
        let shares = shares.await?;
        Ok::<_, ListingError>(shares.iter().map(|share| share.id).collect::<Vec<_>>())
    };
    let ids = [one.id.uuid(), two.id.uuid()];
    assert_eq!(list(None, None, page(20)).await.unwrap(), ids);
    assert_eq!(list(Some("two"), None, page(20)).await.unwrap(), ids[1..]);
    assert_eq!(list(None, Some("o*"), page(20)).await.unwrap(), ids[..1]);
    let mut second = page(20);
    second.marker = Some(ids[0]);
    assert_eq!(list(None, None, second).await.unwrap(), ids[1..]);
    second.marker = Some(ids[1]);
    assert!(list(None, None, second).await.unwrap().is_empty());
    second.marker = Some(Uuid::from_u128(1));
    assert!(matches!(
        list(None, None, second).await,
        Err(ListingError::MarkerNotFound(_))
    ));
    // One's own marker is not another's.
    second.marker = Some(ids[0]);
    assert!(list(Some("two"), None, second).await.is_err());
    assert_eq!(
        listing
            .share(&client, id, ids[0])
            .await
            .unwrap()
            .unwrap()
            .target_project,
        "one"
    );
    assert!(listing.share(&client, POOL, ids[0]).await.unwrap().is_none());
    assert!(listing.shared_with(&client, id, "one").await.unwrap());
    assert!(!listing.shared_with(&client, id, "owner").await.unwrap());
}

#[tokio::test]
async fn a_transfer_takes_the_owners_recordsets_along_and_no_others() {
    let mut world = World::new().await;
    let zone = world.zone("a.test.", "old").await;
    world.share(zone, "friend").await;
    world.recordset(zone, "own.a.test.", "old").await;
    world.recordset(zone, "lent.a.test.", "friend").await;
    let elsewhere = world.zone("b.test.", "old").await;
    world.recordset(elsewhere, "own.b.test.", "old").await;
    let event = world.transferred(zone, "new");
    world.change(zone, vec![event]).await;
    let client = world.reader().await;
    let own = |project| {
        let (listing, client) = (&world.listing, &client);
        async move {
            let filter = RecordsetFilter::default();
            let sight = Sight::Project(project);
            let (sort, page) = (RecordsetSort::Name, page(20));
            let found = listing.recordsets(client, sight, Within::AllZones, &filter, sort, &page);
            let found = found.await.unwrap();
            found.rows.into_iter().map(|row| row.name).collect::<Vec<_>>()
        }
    };
    assert_eq!(own("new").await, ["a.test.", "own.a.test."]);
    assert_eq!(own("old").await, ["b.test.", "own.b.test."]);
    assert_eq!(own("friend").await, ["lent.a.test."]);
    assert_eq!(usage::zones(&client, "new").await.unwrap(), 1);
    assert_eq!(usage::zones(&client, "old").await.unwrap(), 1);
    assert_eq!(usage::zones(&client, "nobody").await.unwrap(), 0);
    let event = world.transferred(elsewhere, "new");
    world.change(elsewhere, vec![event]).await;
    let tenants = usage::tenants(&client).await.unwrap();
    assert_eq!(tenants, [("new".to_owned(), 2)]);
    assert_eq!(
        usage::zone_names(&client, "new").await.unwrap(),
        ["a.test.", "b.test."]
    );
    let counts = usage::counts(&client).await.unwrap();
    assert_eq!((counts.zones, counts.records, counts.tenants), (2, 3, 1));
}

#[tokio::test]
async fn an_abandoned_zone_is_gone_at_once() {
    let mut world = World::new().await;
    let (zone, kept) = (world.zone("a.test.", "p").await, world.zone("b.test.", "p").await);
    world.server("ns1", POOL, 0).await;
    let event = world.abandoned(zone);
    world.change(zone, vec![event]).await;
    let event = world.deleted(kept);
    world.change(kept, vec![event]).await;
    // A deleted zone is there until its servers have let it go.
    assert_eq!(
        names(&world, Sight::Project("p"), None).await,
        (vec!["b.test.".into()], 1)
    );
    let client = world.reader().await;
    let get = |zone: zonelog_model::ZoneId| world.listing.zone(&client, Sight::AllProjects, zone.uuid());
    assert!(get(zone).await.unwrap().is_none());
    assert!(get(kept).await.unwrap().is_some());
    assert_eq!(usage::zones(&client, "p").await.unwrap(), 0);
}

#[tokio::test]
async fn nameservers_are_those_of_the_pool_by_priority() {
    let mut world = World::new().await;
    let zone = world.zone("a.test.", "p").await;
    let client = world.reader().await;
    let get = |sight| world.listing.nameservers(&client, sight, zone.uuid());
    assert_eq!(get(Sight::Project("p")).await.unwrap(), Some(Vec::new()));
    world.pool(POOL, 1).await;
    let get = |sight| world.listing.nameservers(&client, sight, zone.uuid());
    let found = get(Sight::Project("p")).await.unwrap().unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|record| (record.priority, record.hostname.to_string()))
        .collect();
    assert_eq!(
        found,
        [
            (1, "ns1.example.net.".to_owned()),
            (2, "ns2.example.net.".to_owned())
        ]
    );
    assert_eq!(get(Sight::Project("q")).await.unwrap(), None);
}

#[tokio::test]
async fn recordsets_of_floating_ips_are_found_by_their_ids() {
    let mut world = World::new().await;
    let zone = world.zone("2.0.192.in-addr.arpa.", "managed").await;
    for (number, kind) in [(1, "ptr:floatingip"), (2, "ptr:floatingip"), (3, "other")] {
        let mut recordset = world.new_recordset(&format!("{number}.2.0.192.in-addr.arpa."), "managed");
        recordset.managed = true;
        recordset.managed_resource = Some(Box::new(zone::ManagedResource {
            kind: kind.into(),
            id: format!("fip-{number}"),
            region: Some("north".into()),
            project: crate::world::project("p"),
        }));
        let event = world.created(zone, &recordset);
        world.change(zone, vec![event]).await;
    }
    let client = world.reader().await;
    let ids = ["fip-2", "fip-3", "fip-4"];
    let found = world
        .listing
        .managed_recordsets(&client, "ptr:floatingip", &ids)
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].id.as_str(), found[0].region.as_deref()),
        ("fip-2", Some("north"))
    );
    assert_eq!(found[0].recordset.name, "2.2.0.192.in-addr.arpa.");
    assert_eq!(world.of(zone).recordset_count, 0);
    assert!(world.compare().await.is_empty());
}
