//! Which zones are a pool's, at any position of the log, and what its catalog zone shows of them.

use futures_util::TryStreamExt;
use uuid::Uuid;
use zonelog_central::Request;
use zonelog_dns::{Name, Rdata, unpack_rdata};
use zonelog_model::resource::{self, CatalogZone, Change};
use zonelog_model::zone::{self, AbandonZone, Command, MoveZone};
use zonelog_model::{PoolId, Position, ZoneId};
use zonelog_projections::catalog::{self, Catalog, serial_at};
use zonelog_projections::transfer::TransferRow;
use zonelog_schema::MIGRATIONS;
use zonelog_store::Database;

use crate::setup::{AMY, POOL, World, create_pool, create_zone, delete_zone, pool, request, zone_in};

const OTHER: PoolId = PoolId::new(Uuid::from_u128(8));
const NAME: &str = "Catalog.example.";

/// Gives a pool a catalog zone.
fn with_catalog(id: PoolId, name: &str, refresh: u32) -> Request {
    let mut described = pool(if id == POOL { "default" } else { "other" });
    described.catalog_zone = Some(CatalogZone {
        name: Name::parse(name).unwrap(),
        refresh,
        tsig_key: None,
        tsig_algorithm: None,
    });
    let change = Change::Pool(Box::new(described));
    request(
        resource::Command::Update {
            id: id.into(),
            change,
        },
        AMY,
    )
}

fn in_group(name: &str, group: &str) -> Request {
    let mut request = create_zone(name, AMY);
    if let zonelog_central::Command::Zone(Command::CreateZone(zone)) = &mut request.command {
        zone.attributes.insert("catalog_group".into(), group.into());
    }
    request
}

pub(crate) fn move_zone(zone: ZoneId, to: PoolId) -> Request {
    let pool = Some(to);
    request(zone::Command::from(MoveZone { zone, pool }), AMY)
}

pub(crate) struct Reader(deadpool_postgres::Pool);

impl Reader {
    pub(crate) fn of(world: &World) -> Self {
        Self(Database::new(world.database.url(), "reader").unwrap().pool(1))
    }

    /// The catalogs, in the order of their names.
    pub(crate) async fn catalogs(&self) -> Vec<Catalog> {
        let client = self.0.get().await.unwrap();
        let catalogs = catalog::catalogs(&client).await.unwrap();
        let mut catalogs: Vec<Catalog> = catalogs.into_iter().map(Result::unwrap).collect();
        catalogs.sort_by_key(|catalog| catalog.zone.name.to_key());
        catalogs
    }

    async fn one(&self) -> Catalog {
        self.catalogs().await.remove(0)
    }

    pub(crate) async fn at(&self, catalog: &Catalog, position: Position) -> Vec<String> {
        let client = self.0.get().await.unwrap();
        let rows = catalog::rows_at(&client, catalog, position).await.unwrap();
        let rows: Vec<TransferRow> = rows.try_collect().await.unwrap();
        assert!(rows.is_sorted_by_key(|row| (row.owner_key().to_vec(), row.rrtype().get())));
        rows.iter().map(shown).collect()
    }

    pub(crate) async fn difference(&self, catalog: &Catalog, from: Position, to: Position) -> Vec<String> {
        let client = self.0.get().await.unwrap();
        let rows = catalog::difference(&client, catalog, from, to, 1_000).await;
        let rows: Vec<TransferRow> = rows.unwrap().try_collect().await.unwrap();
        let sign = |row: &TransferRow| if row.part() == 1 { "+" } else { "-" };
        rows.iter()
            .map(|row| format!("{}{}", sign(row), shown(row)))
            .collect()
    }
}

fn shown(row: &TransferRow) -> String {
    assert_eq!(Name::parse(row.owner()).unwrap().to_key(), row.owner_key());
    let rdata = unpack_rdata(row.rdata()).next().unwrap();
    let rdata = Rdata::from_wire(row.rrtype(), rdata).unwrap();
    format!("{} {} {rdata}", row.owner(), row.rrtype())
}

fn member(zone: ZoneId, name: &str) -> String {
    format!("{}.zones.{NAME} PTR {name}", zone.uuid())
}

fn fixed() -> Vec<String> {
    vec![format!("{NAME} NS invalid."), format!("version.{NAME} TXT \"2\"")]
}

/// The whole life of members: each step is in the catalog at its position, and no position's content ever changes.
#[tokio::test]
async fn the_catalog_at_every_position_is_what_the_log_made_it() {
    let world = World::new().await;
    let reader = Reader::of(&world);
    world.central.execute(create_pool(OTHER, "other")).await.unwrap();
    let early = world.zone("early.org.").await;
    assert_eq!(reader.catalogs().await, []);
    world.central.execute(with_catalog(POOL, NAME, 60)).await.unwrap();
    let first = reader.one().await;
    assert_eq!((first.pool, first.position), (POOL, first.described));
    assert_eq!(first.soa(first.serial()).refresh, 60);
    let mut seen = vec![(
        first.position,
        [fixed(), vec![member(early.id, "early.org.")]].concat(),
    )];
    assert_eq!(reader.at(&first, first.position).await, seen[0].1);
    let mut members = vec![(early.id, "early.org.", None::<&str>)];
    let group = in_group("In-Group.org.", "gold");
    let grouped = zone_in(&group);
    #[expect(
        clippy::type_complexity,
        reason = "a command, and what it does to the members"
    )]
    let steps: Vec<(Request, Box<dyn Fn(&mut Vec<_>)>)> = vec![
        (
            group,
            Box::new(move |members: &mut Vec<_>| members.push((grouped, "In-Group.org.", Some("gold")))),
        ),
        (
            move_zone(early.id, OTHER),
            Box::new(move |members| members.retain(|(zone, ..)| *zone != early.id)),
        ),
        (
            move_zone(early.id, POOL),
            Box::new(move |members| members.push((early.id, "early.org.", None))),
        ),
        (
            delete_zone(grouped, AMY),
            Box::new(move |members| members.retain(|(zone, ..)| *zone != grouped)),
        ),
        // Its servers keep it.
        (
            request(zone::Command::from(AbandonZone { zone: early.id }), AMY),
            Box::new(|_| {}),
        ),
    ];
    for (command, step) in steps {
        let before = reader.one().await.position;
        let accepted = world.accept(command).await;
        step(&mut members);
        let now = reader.one().await;
        assert!(now.position >= before && now.position <= accepted.position.unwrap());
        seen.push((now.position, expected(&members)));
    }
    // The name that was abandoned is another zone's from now on.
    let again = world.zone("early.org.").await;
    let last = reader.one().await;
    seen.push((last.position, expected(&[(again.id, "early.org.", None)])));
    for (position, content) in &seen {
        assert_eq!(reader.at(&last, *position).await, *content, "at {position}");
    }
    differences_lead_from_each_to_each(&reader, &last, &seen).await;
    // Away and back is no change.
    assert_eq!(
        reader.difference(&last, seen[1].0, seen[3].0).await,
        Vec::<String>::new()
    );
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:#?}");
}

fn expected(members: &[(ZoneId, &str, Option<&str>)]) -> Vec<String> {
    let mut members = members.to_vec();
    members.sort_by_key(|(zone, ..)| zone.uuid());
    let rows = members.iter().flat_map(|&(zone, name, group)| {
        let group = group.map(|group| format!("group.{}.zones.{NAME} TXT \"{group}\"", zone.uuid()));
        [member(zone, name)].into_iter().chain(group)
    });
    fixed().into_iter().chain(rows).collect()
}

pub(crate) async fn differences_lead_from_each_to_each(
    reader: &Reader,
    catalog: &Catalog,
    seen: &[(Position, Vec<String>)],
) {
    for (from, before) in seen {
        for (to, after) in seen.iter().filter(|(to, _)| to >= from) {
            let mut content = before.clone();
            for change in reader.difference(catalog, *from, *to).await {
                match change.split_at(1) {
                    ("-", row) => {
                        let at = content.iter().position(|held| held == row).unwrap();
                        content.remove(at);
                    }
                    (_, row) => content.push(row.to_owned()),
                }
            }
            let (mut content, mut after) = (content, after.clone());
            content.sort();
            after.sort();
            assert_eq!(content, after, "{from} to {to}");
        }
    }
}

/// Describing a pool otherwise makes a serial, and no difference reaches back over it.
#[tokio::test]
async fn each_pool_has_its_own_catalog_and_serials() {
    let world = World::new().await;
    let reader = Reader::of(&world);
    world.central.execute(create_pool(OTHER, "other")).await.unwrap();
    world.central.execute(with_catalog(POOL, NAME, 60)).await.unwrap();
    world
        .central
        .execute(with_catalog(OTHER, "other.example.", 60))
        .await
        .unwrap();
    let zone = world.zone("one.org.").await;
    let catalogs = reader.catalogs().await;
    let [first, other] = catalogs.as_slice() else {
        panic!("{catalogs:?}")
    };
    assert_eq!((first.pool, other.pool), (POOL, OTHER));
    assert!(first.position > first.described && other.position == other.described);
    assert_ne!(first.id(), other.id());
    assert_eq!(first.serial(), serial_at(first.position));
    assert_eq!(reader.at(other, other.position).await.len(), 2);
    world.accept(move_zone(zone.id, OTHER)).await;
    let moved = reader.catalogs().await;
    assert_eq!(moved[0].position, moved[1].position);
    assert_eq!(
        reader.at(&moved[1], moved[1].position).await[2],
        format!("{}.zones.other.example. PTR one.org.", zone.id.uuid())
    );
    world.central.execute(with_catalog(POOL, NAME, 30)).await.unwrap();
    let changed = reader.one().await;
    assert_eq!((changed.position, changed.zone.refresh), (changed.described, 30));
    assert!(changed.position > moved[0].position);
    assert!(world.compare().await.is_empty());
}

/// An installation that had zones before there were catalogs has their members after the migration.
#[tokio::test]
async fn the_migration_makes_the_members_that_the_log_tells_of() {
    let world = World::new().await;
    world.central.execute(create_pool(OTHER, "other")).await.unwrap();
    let mut zones = Vec::new();
    for number in 0..6 {
        zones.push(world.zone(&format!("z{number}.org.")).await.id);
    }
    world.accept(in_group("g.org.", "gold")).await;
    for (zone, to) in [
        (zones[0], OTHER),
        (zones[0], POOL),
        (zones[1], OTHER),
        (zones[2], OTHER),
    ] {
        world.accept(move_zone(zone, to)).await;
    }
    world.accept(delete_zone(zones[2], AMY)).await;
    world.accept(delete_zone(zones[3], AMY)).await;
    for zone in [zones[4], zones[5]] {
        world
            .accept(request(zone::Command::from(AbandonZone { zone }), AMY))
            .await;
    }
    world.zone("z5.org.").await;
    world.zone("z3.org.").await;
    assert_eq!(world.count("catalog_member").await, 13);
    let migration = MIGRATIONS
        .iter()
        .find(|migration| migration.name == "catalog")
        .unwrap();
    let fill = &migration.sql[migration.sql.find("insert into").unwrap()..];
    let owner = world.database.owner().await;
    owner
        .batch_execute(&format!("delete from catalog_member; {fill}"))
        .await
        .unwrap();
    assert_eq!(world.count("catalog_member").await, 13);
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:#?}");
}
