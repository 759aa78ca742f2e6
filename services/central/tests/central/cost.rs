//! What a command costs does not depend on the size of the zone.

use std::time::{Duration, Instant};

use zonelog_dns::Rrtype;
use zonelog_model::ZoneId;
use zonelog_model::zone::{Patch, UpdateRecordset};

use crate::setup::{AMY, World, create_recordset, delete_recordset, update_recordset};

/// How many recordsets the large zone has.
const RECORDSETS: i32 = 1_000_000;

#[tokio::test]
async fn a_command_on_a_large_zone_costs_what_it_costs_on_an_empty_one() {
    let world = World::new().await;
    let empty = world.zone("empty.org.").await.id;
    let large = world.zone("large.org.").await.id;
    // The statements are prepared by now, with tables that are almost empty: the case in which plans go wrong.
    fill(&world, large).await;
    let (mut in_empty, mut in_large) = (Vec::new(), Vec::new());
    // In turns, so that whatever else the machine does meets both.
    for host in 0..150 {
        in_empty.push(three_commands(&world, empty, &format!("new{host}.empty.org.")).await);
        in_large.push(three_commands(&world, large, &format!("new{host}.large.org.")).await);
    }
    let (in_empty, in_large) = (median(in_empty), median(in_large));
    let ratio = in_large.as_secs_f64() / in_empty.as_secs_f64();
    assert!(
        ratio < 3.0,
        "three commands took {in_empty:?} on the empty zone and {in_large:?} on the large one"
    );
}

async fn three_commands(world: &World, zone: ZoneId, owner: &str) -> Duration {
    let begun = Instant::now();
    let made = world
        .accept(create_recordset(zone, owner, Rrtype::A, &["192.0.2.1"], AMY))
        .await;
    let recordset = made.recordset.unwrap().id;
    let change = |command: &mut UpdateRecordset| command.records = Patch::Set(vec!["192.0.2.2".into()]);
    world.accept(update_recordset(zone, recordset, change, AMY)).await;
    world.accept(delete_recordset(zone, recordset, AMY)).await;
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Puts live versions into the projection's table directly, as if they had come with the zone: a million commands would
/// take minutes, and what is measured reads the tables, never the log behind them.
async fn fill(world: &World, zone: ZoneId) {
    let owner = world.database.owner().await;
    owner
        .execute(
            "insert into recordset_version (zone, recordset, owner, owner_key, type, records, rdata, managed, project,
                                            revision, created_at, since_serial)
             select z.id, gen_random_uuid(), 'h' || i || '.large.org.',
                    z.name_key || convert_to('h' || i, 'UTF8') || '\\x00'::bytea, 1, '{192.0.2.1}',
                    '\\x0004c0000201'::bytea, false, z.project, 1, z.created_at, z.serial
             from zone z, generate_series(1, $2::integer) as i
             where z.id = $1",
            &[&zone.uuid(), &RECORDSETS],
        )
        .await
        .unwrap();
}
