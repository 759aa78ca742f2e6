//! What the catalogs of pools show of zones that move between them (RFC 9432 §4.3.2), at any position of the log.

use std::collections::BTreeMap;

use uuid::Uuid;
use zonelog_dns::Name;
use zonelog_model::resource::{self, CatalogZone, Change, PoolNameserver};
use zonelog_model::zone::{AbandonZone, AdvanceMove, Command, MoveStep};
use zonelog_model::{PoolId, Position, ZoneId};
use zonelog_projections::catalog::{Catalog, MovedZone, moved_zone};
use zonelog_store::Database;

use crate::catalogs::{Reader, differences_lead_from_each_to_each, move_zone};
use crate::setup::{AMY, POOL, World, create_pool, delete_zone, pool, request};

const B: PoolId = PoolId::new(Uuid::from_u128(8));
const C: PoolId = PoolId::new(Uuid::from_u128(9));
const BARE: PoolId = PoolId::new(Uuid::from_u128(10));

/// Four pools: three with catalogs, a.cat to c.cat, and one without.
struct Pools {
    world: World,
    reader: Reader,
    /// What each catalog showed at each position at which it was looked at.
    seen: BTreeMap<PoolId, Vec<(Position, Vec<String>)>>,
}

impl Pools {
    async fn new(nameserver_of_all: Option<&str>) -> Self {
        let world = World::new().await;
        for (id, name) in [(B, "b"), (C, "c"), (BARE, "bare")] {
            world.central.execute(create_pool(id, name)).await.unwrap();
        }
        for (id, name) in [(POOL, "a"), (B, "b"), (C, "c")] {
            let mut described = pool(if id == POOL { "default" } else { name });
            described.nameservers = nameserver_of_all
                .map(|host| PoolNameserver {
                    host: host.to_owned(),
                    port: 53,
                    tsigkey: None,
                })
                .into_iter()
                .collect();
            described.catalog_zone = Some(CatalogZone {
                name: Name::parse(&format!("{name}.cat.")).unwrap(),
                refresh: 60,
                tsig_key: None,
                tsig_algorithm: None,
            });
            let change = Change::Pool(Box::new(described));
            let update = resource::Command::Update {
                id: id.into(),
                change,
            };
            world.central.execute(request(update, AMY)).await.unwrap();
        }
        let reader = Reader::of(&world);
        Self {
            world,
            reader,
            seen: BTreeMap::new(),
        }
    }

    /// What the catalogs show of zones, without labels: that of each pool in turn.
    async fn shown(&mut self) -> [Vec<String>; 3] {
        let catalogs = self.reader.catalogs().await;
        let mut all = Vec::new();
        for catalog in &catalogs {
            let rows = self.reader.at(catalog, catalog.position).await;
            let seen = self.seen.entry(catalog.pool).or_default();
            seen.push((catalog.position, rows.clone()));
            let of_zones = rows.iter().filter_map(|row| {
                let (before, after) = row.split_once(".zones.")?;
                let property = before.split_once('.').map_or("", |(property, _)| property);
                let (_, value) = after.split_once(" PTR ")?;
                Some(format!("{property}>{value}"))
            });
            all.push(of_zones.collect());
        }
        all.try_into().unwrap()
    }

    async fn moves(&mut self, zone: ZoneId, to: PoolId) -> [Vec<String>; 3] {
        self.world.accept(move_zone(zone, to)).await;
        self.shown().await
    }

    async fn advances(&mut self, zone: ZoneId, moved: &MovedZone, step: MoveStep) -> [Vec<String>; 3] {
        let command = Command::from(AdvanceMove {
            zone,
            before: moved.left,
            after: moved.pool,
            since: moved.since,
            step,
        });
        self.world.accept(request(command, AMY)).await;
        self.shown().await
    }

    async fn moved(&self, zone: ZoneId) -> Option<MovedZone> {
        let database = Database::new(self.world.database.url(), "reader").unwrap();
        let client = database.pool(1).get().await.unwrap();
        moved_zone(&client, zone).await.unwrap()
    }

    async fn departures(&self) -> i64 {
        self.world.count("zone_departure").await
    }

    /// No position's content ever changed, differences lead from each to each, and a rebuild makes the same.
    async fn are_what_the_log_says(&self) {
        let catalogs: Vec<Catalog> = self.reader.catalogs().await;
        for catalog in &catalogs {
            let seen = &self.seen[&catalog.pool];
            for (position, content) in seen {
                assert_eq!(
                    self.reader.at(catalog, *position).await,
                    *content,
                    "at {position}"
                );
            }
            differences_lead_from_each_to_each(&self.reader, catalog, seen).await;
        }
        let differences = self.world.compare().await;
        assert!(differences.is_empty(), "{differences:#?}");
    }
}

fn rows(rows: [&[&str]; 3]) -> [Vec<String>; 3] {
    rows.map(|rows| rows.iter().map(|&row| row.to_owned()).collect())
}

const HERE: &[&str] = &[">z.org."];
const GOES_TO_A: &[&str] = &[">z.org.", "coo>a.cat."];
const GOES_TO_B: &[&str] = &[">z.org.", "coo>b.cat."];
const GOES_TO_C: &[&str] = &[">z.org.", "coo>c.cat."];

#[tokio::test]
async fn a_catalog_shows_where_a_zone_is_going_until_the_move_is_over() {
    let mut pools = Pools::new(None).await;
    let zone = pools.world.zone("z.org.").await.id;
    assert_eq!(pools.shown().await, rows([HERE, &[], &[]]));
    assert_eq!(pools.moves(zone, B).await, rows([GOES_TO_B, HERE, &[]]));
    let first = pools.moved(zone).await.unwrap();
    assert_eq!((first.left, first.pool, first.until), (POOL, B, None));
    assert_eq!(first.shown_since, Some(first.since));
    // The old pool's servers have nothing to withdraw yet.
    assert_eq!(pools.departures().await, 0);
    assert_eq!(
        pools.advances(zone, &first, MoveStep::Over).await,
        rows([&[], HERE, &[]])
    );
    assert_eq!(pools.departures().await, 1);
    // Twice is once.
    assert_eq!(
        pools.advances(zone, &first, MoveStep::Over).await,
        rows([&[], HERE, &[]])
    );

    // On to a third before the second move is over: both say where it is.
    assert_eq!(pools.moves(zone, POOL).await, rows([HERE, GOES_TO_A, &[]]));
    let second = pools.moved(zone).await.unwrap();
    assert_eq!(pools.moves(zone, C).await, rows([GOES_TO_C, GOES_TO_C, HERE]));
    // What was seen of the move before does not end this one.
    let stale = MovedZone { pool: C, ..second };
    assert_eq!(
        pools.advances(zone, &stale, MoveStep::Over).await,
        rows([GOES_TO_C, GOES_TO_C, HERE])
    );
    for left in 0..2 {
        let moved = pools.moved(zone).await.unwrap();
        assert_eq!(moved.until, None, "{left} left");
        pools.advances(zone, &moved, MoveStep::Over).await;
    }
    assert_eq!(pools.shown().await, rows([&[], &[], HERE]));

    // Back before it is over, and over to where there is no catalog.
    assert_eq!(pools.moves(zone, POOL).await, rows([HERE, &[], GOES_TO_A]));
    assert_eq!(pools.moves(zone, C).await, rows([GOES_TO_C, &[], HERE]));
    assert_eq!(pools.moves(zone, BARE).await, rows([&[], &[], &[]]));
    assert_eq!(pools.moves(zone, POOL).await, rows([HERE, &[], &[]]));
    pools.are_what_the_log_says().await;
}

#[tokio::test]
async fn a_zone_that_goes_away_on_its_way_goes_from_all_catalogs() {
    let mut pools = Pools::new(None).await;
    let zone = pools.world.zone("z.org.").await.id;
    pools.moves(zone, B).await;
    let moved = pools.moved(zone).await.unwrap();
    pools.world.accept(delete_zone(zone, AMY)).await;
    assert_eq!(pools.shown().await, rows([&[], &[], &[]]));
    assert_eq!(pools.departures().await, 1);
    assert_eq!(pools.moved(zone).await, None);
    let command = Command::from(AdvanceMove {
        zone,
        before: moved.left,
        after: moved.pool,
        since: moved.since,
        step: MoveStep::Over,
    });
    pools.world.reject(request(command, AMY)).await;
    // Its name again; and one that is left to the servers of the pool that it came to.
    let zone = pools.world.zone("z.org.").await.id;
    assert_eq!(pools.moves(zone, B).await, rows([GOES_TO_B, HERE, &[]]));
    pools
        .world
        .accept(request(Command::from(AbandonZone { zone }), AMY))
        .await;
    assert_eq!(pools.shown().await, rows([&[], HERE, &[]]));
    pools.world.zone("z.org.").await;
    assert_eq!(pools.shown().await[0], HERE);
    pools.are_what_the_log_says().await;
}

#[tokio::test]
async fn where_a_server_is_in_both_pools_the_new_catalog_waits() {
    let mut pools = Pools::new(Some("ns.example.net.")).await;
    let zone = pools.world.zone("z.org.").await.id;
    assert_eq!(pools.moves(zone, B).await, rows([GOES_TO_B, &[], &[]]));
    let moved = pools.moved(zone).await.unwrap();
    assert_eq!((moved.shown_since, moved.hidden_at), (None, None));
    assert_eq!(
        pools.advances(zone, &moved, MoveStep::Shown).await,
        rows([GOES_TO_B, HERE, &[]])
    );
    assert_eq!(
        pools.advances(zone, &moved, MoveStep::Over).await,
        rows([&[], HERE, &[]])
    );
    assert_eq!(
        pools.advances(zone, &moved, MoveStep::Hidden).await,
        rows([&[], &[], &[]])
    );
    let hidden = pools.moved(zone).await.unwrap();
    assert_eq!((hidden.hidden, hidden.shown_since), (1, None));
    assert!(hidden.hidden_at > hidden.until && hidden.until.is_some());
    assert_eq!(
        pools.advances(zone, &moved, MoveStep::Shown).await,
        rows([&[], HERE, &[]])
    );
    // Once more, for those who know it from before.
    assert_eq!(
        pools.advances(zone, &moved, MoveStep::Shown).await,
        rows([&[], HERE, &[]])
    );
    // Where it is shown still, it need not wait.
    assert_eq!(pools.moves(zone, POOL).await, rows([&[], GOES_TO_A, &[]]));
    assert_eq!(pools.moves(zone, B).await, rows([&[], HERE, &[]]));
    pools.are_what_the_log_says().await;
}
