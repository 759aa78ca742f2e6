//! Name filters with wildcards, in lists so large that their names are searched in memory.

use std::collections::BTreeMap;

use uuid::Uuid;
use zonelog_model::{Event, ZoneId, zone};
use zonelog_projections::listing::{
    PageRequest, Pattern, RecordsetFilter, RecordsetSort, Sight, Within, ZoneFilter, ZoneSort,
};

use crate::world::{World, page};

/// More than PostgreSQL would be asked to search.
const MANY: usize = 6_000;

async fn large_zone(world: &mut World) -> ZoneId {
    let zone = world.zone("large.test.", "p").await;
    let mut events = Vec::new();
    for number in 0..MANY {
        let recordset = world.new_recordset(&format!("Host-{number}.large.test."), "p");
        events.push(world.created(zone, &recordset));
    }
    world.change(zone, events).await;
    zone
}

async fn find(
    world: &World,
    zone: ZoneId,
    filter: RecordsetFilter,
    sort: RecordsetSort,
    page: PageRequest,
) -> (Vec<String>, i64) {
    let client = world.reader().await;
    let within = Within::Zone(zone.uuid());
    let found = world
        .listing
        .recordsets(&client, Sight::Project("p"), within, &filter, sort, &page)
        .await
        .unwrap();
    (found.rows.into_iter().map(|row| row.name).collect(), found.total)
}

fn named(pattern: &str) -> RecordsetFilter {
    RecordsetFilter {
        name: Some(Pattern::parse(pattern)),
        ..RecordsetFilter::default()
    }
}

#[tokio::test]
async fn recordsets_are_found_as_they_are_now() {
    let mut world = World::new().await;
    let zone = large_zone(&mut world).await;
    let by_creation = RecordsetSort::CreatedAt;
    let name = |number: usize| format!("Host-{number}.large.test.");
    let twenty = page(20);
    let found = find(&world, zone, named("*OST-599*"), by_creation, twenty).await;
    let mut expected: Vec<_> = [599].into_iter().chain(5990..6000).map(name).collect();
    assert_eq!(found, (expected.clone(), 11));

    // Created and deleted since the names were read.
    let new = world.recordset(zone, "post-599.large.test.", "p").await;
    let gone = world.slices[&zone]
        .recordsets
        .iter()
        .find(|row| row.owner.to_string() == name(599));
    let gone = gone.unwrap().clone();
    let serial = Some(world.next_serial(zone));
    let event = zone::Event::RecordsetDeleted { before: gone, serial };
    world.change(zone, vec![event]).await;
    let mut expected = expected.split_off(1);
    expected.push(new.owner.to_string());
    let found = find(&world, zone, named("*ost-599*"), by_creation, twenty).await;
    assert_eq!(found, (expected.clone(), 11));

    // By pages, in both directions.
    let mut seen = Vec::new();
    let mut request = page(3);
    loop {
        let client = world.reader().await;
        let within = Within::Zone(zone.uuid());
        let filter = named("*ost-599*");
        let found = world
            .listing
            .recordsets(
                &client,
                Sight::Project("p"),
                within,
                &filter,
                by_creation,
                &request,
            )
            .await
            .unwrap();
        let Some(last) = found.rows.last() else { break };
        request.marker = Some(last.id);
        seen.extend(found.rows.into_iter().map(|row| row.name));
    }
    assert_eq!(seen, expected);
    request.marker = None;
    request.descending = true;
    expected.reverse();
    let found = find(&world, zone, named("*ost-599*"), by_creation, request).await;
    assert_eq!(found, (expected[..3].to_vec(), 11));

    // In another order, and with another filter.
    let (rows, total) = find(&world, zone, named("*-599*"), RecordsetSort::Name, page(1)).await;
    assert_eq!((rows, total), (vec![name(5990)], 11));
    let mut narrow = named("*-599*");
    narrow.r#type = Some(Pattern::parse("AAAA"));
    assert_eq!(
        find(&world, zone, narrow, by_creation, twenty).await,
        (Vec::new(), 0)
    );
    // The SOA's name fits too.
    let (rows, total) = find(&world, zone, named("*large*"), by_creation, twenty).await;
    assert_eq!((rows.len(), total), (20, i64::try_from(MANY).unwrap() + 1));
    assert_eq!(rows[0], "large.test.");
    // Much is found in an order that is not the names': PostgreSQL looks.
    let (rows, total) = find(&world, zone, named("*host*"), RecordsetSort::Name, page(1)).await;
    assert_eq!((rows, total), (vec![name(0)], i64::try_from(MANY).unwrap() - 1));
}

#[tokio::test]
async fn zones_are_found_as_they_are_now() {
    let mut world = World::new().await;
    let mut zones: BTreeMap<String, Uuid> = BTreeMap::new();
    let mut changes = Vec::new();
    for number in 0..MANY {
        let zone = world.new_zone(&format!("zone-{number}.test."), "p");
        zones.insert(zone.name.to_string(), zone.id.uuid());
        changes.push(vec![(
            zone.id.uuid(),
            Event::Zone(zone::Event::ZoneCreated { zone }),
        )]);
    }
    world.append(changes).await;
    let lent = world.zone("lent-5990.test.", "q").await;
    world.share(lent, "p").await;
    let find = async |world: &World, sight: Sight<'_>, pattern: &str| {
        let client = world.reader().await;
        let filter = ZoneFilter {
            name: Some(Pattern::parse(pattern)),
            ..ZoneFilter::default()
        };
        let found = world
            .listing
            .zones(&client, sight, &filter, ZoneSort::CreatedAt, &page(5))
            .await
            .unwrap();
        (
            found.rows.into_iter().map(|row| row.name).collect::<Vec<_>>(),
            found.total,
        )
    };
    let p = Sight::Project("p");
    let both = ["zone-5990.test.", "lent-5990.test."].map(str::to_owned).to_vec();
    assert_eq!(find(&world, p, "*5990*").await, (both.clone(), 2));
    assert_eq!(find(&world, Sight::AllProjects, "*5990*").await, (both, 2));
    assert_eq!(find(&world, Sight::Project("q"), "*5990*").await.1, 1);
    let new = world.zone("new-5990.test.", "p").await;
    assert_eq!(find(&world, p, "*5990*").await.1, 3);
    assert_eq!(find(&world, Sight::AllProjects, "*5990*").await.1, 3);
    // One goes to another project, one is abandoned.
    let old = ZoneId::new(zones["zone-5990.test."]);
    let event = world.transferred(old, "q");
    world.change(old, vec![event]).await;
    assert_eq!(find(&world, p, "*5990*").await.1, 2);
    assert_eq!(find(&world, Sight::AllProjects, "*5990*").await.1, 3);
    let event = world.abandoned(new);
    world.change(new, vec![event]).await;
    assert_eq!(
        find(&world, p, "*5990*").await,
        (vec!["lent-5990.test.".to_owned()], 1)
    );
    assert_eq!(find(&world, Sight::AllProjects, "*5990*").await.1, 2);
}
