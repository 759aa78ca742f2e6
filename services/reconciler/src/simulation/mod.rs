//! A deterministic simulation of reconcilers and servers: the rules that decide (`plan`, the tracker, the pauses) are the
//! real ones; the network, the clock, PostgreSQL's tables, MiniDNS and the servers are simulated. A schedule of losses,
//! crashes, restarts, lost disks, stopped processes and jumping clocks follows from its seed. When the faults are over,
//! every server must come to the log's head, with nothing left to plan.
//!
//! `SIMULATION_SEED=n` runs that one schedule; `SIMULATION_SCHEDULES=n` runs so many.

mod pass;
mod process;
mod random;
mod server;
mod tables;
mod world;

use world::World;

/// How many schedules a run of the tests takes.
const SCHEDULES: u64 = 10_000;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

#[test]
fn in_every_schedule_every_server_ends_at_the_head() {
    if let Some(seed) = number("SIMULATION_SEED") {
        return assert_eq!(World::new(seed).run(), Ok(()), "seed {seed}");
    }
    let schedules = number("SIMULATION_SCHEDULES").unwrap_or(SCHEDULES);
    let workers = std::thread::available_parallelism().map_or(1, |number| number.get() as u64);
    let failed: Vec<(u64, String)> = std::thread::scope(|scope| {
        let of = |worker| (worker..schedules).step_by(workers as usize);
        let run = move |worker| {
            of(worker)
                .filter_map(|seed| World::new(seed).run().err().map(|why| (seed, why)))
                .collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || run(worker)))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    let shown: Vec<_> = failed.iter().take(5).collect();
    assert!(
        failed.is_empty(),
        "{} of {schedules} schedules fail, the first (seed, why): {shown:#?}",
        failed.len()
    );
}

#[test]
fn a_schedule_follows_from_its_seed() {
    let end = |seed| {
        let mut world = World::new(seed);
        world.run().map(|()| (world.now, world.random.next()))
    };
    assert_eq!(end(7), end(7));
    assert_ne!(end(7), end(8));
}
