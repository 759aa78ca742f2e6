//! Random histories, always the same for a seed, and the laws that hold in each of them.

use std::collections::{BTreeMap, HashMap};

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use zonelog_central::{Central, ExecuteError, Request};
use zonelog_dns::{LongSerial, Rrtype, Ttl, ZoneImage, difference};
use zonelog_model::zone::{Command, Patch, Zone};
use zonelog_model::{RecordsetId, ZoneId};

use crate::setup::{
    AMY, BOB, Done, World, create_recordset, create_zone, delete_recordset, delete_zone, image_at, rrsets,
    update_recordset, update_zone, zone_row,
};

/// Names close to each other, so that rules are met and names are used again.
const ZONES: [&str; 4] = [
    "example.org.",
    "sub.example.org.",
    "Example.com.",
    "deep.sub.example.org.",
];
const HOSTS: [&str; 10] = [
    "", "www.", "WWW.", "mail.", "x.sub.", "a.", "b.", "c.b.", "*.", "_d.",
];

/// What is known of the world while a history is made up.
#[derive(Default)]
pub(crate) struct Author {
    zones: Vec<(ZoneId, String)>,
    recordsets: Vec<(ZoneId, RecordsetId, Rrtype)>,
    /// The latest answer about each zone.
    pub(crate) latest: HashMap<ZoneId, Zone>,
    pub(crate) accepted: usize,
    pub(crate) refused: usize,
}

impl Author {
    /// Executes `rounds` rounds of up to 12 commands at a time, shared out among the Centrals.
    pub(crate) async fn write(&mut self, centrals: &[&Central], random: &mut StdRng, rounds: usize) {
        for _ in 0..rounds {
            let requests: Vec<_> = (0..random.random_range(1..=12))
                .map(|_| self.command(random))
                .collect();
            let commands: Vec<_> = requests
                .iter()
                .map(|request| match &request.command {
                    zonelog_central::Command::Zone(command) => command.clone(),
                    other => panic!("not on a zone: {other:?}"),
                })
                .collect();
            let results = join_all(
                requests
                    .into_iter()
                    .enumerate()
                    .map(|(index, request)| centrals[index % centrals.len()].execute(request)),
            );
            for (command, result) in commands.iter().zip(results.await) {
                match result {
                    Ok(accepted) => self.learn(command, Done::of(accepted)),
                    Err(ExecuteError::Rejected(_)) => self.refused += 1,
                    Err(error) => panic!("{command:?}: {error:?}"),
                }
            }
        }
    }

    fn learn(&mut self, command: &Command, accepted: Done) {
        self.accepted += 1;
        let zone = accepted.zone;
        if let Command::CreateZone(_) = command {
            self.zones.push((zone.id, zone.name.to_string()));
        }
        if let (Command::CreateRecordset(_), Some(recordset)) = (command, &accepted.recordset) {
            self.recordsets.push((zone.id, recordset.id, recordset.rrtype));
        }
        // Most of what is gone is forgotten; the rest is asked for in vain.
        let forget = !self.accepted.is_multiple_of(8);
        match command {
            Command::DeleteZone(_) if forget => {
                self.zones.retain(|(id, _)| *id != zone.id);
                self.recordsets.retain(|(id, ..)| *id != zone.id);
            }
            Command::DeleteRecordset(command) if forget => {
                self.recordsets.retain(|(_, id, _)| *id != command.recordset);
            }
            _ => {}
        }
        let latest = self.latest.entry(zone.id).or_insert_with(|| zone.clone());
        if latest.stream_version < zone.stream_version {
            *latest = zone;
        }
    }

    fn command(&self, random: &mut StdRng) -> Request {
        let by = if random.random_bool(0.9) { AMY } else { BOB };
        let (zone, name) = match self.zones.choose(random) {
            Some(known) if random.random_bool(0.9) => known.clone(),
            _ => return create_zone(ZONES.choose(random).unwrap(), by),
        };
        let ttl = Ttl::new([60, 300, 3_600][random.random_range(0..3)]).unwrap();
        match random.random_range(0..100) {
            0..45 => {
                let owner = format!("{}{name}", HOSTS.choose(random).unwrap());
                let rrtype = *[Rrtype::A, Rrtype::TXT, Rrtype::CNAME, Rrtype::MX]
                    .choose(random)
                    .unwrap();
                let texts = records(rrtype, random);
                create_recordset(
                    zone,
                    &owner,
                    rrtype,
                    &texts.iter().map(String::as_str).collect::<Vec<_>>(),
                    by,
                )
            }
            45..90 => {
                let Some((zone, recordset, rrtype)) = self.recordsets.choose(random).copied() else {
                    return create_zone(ZONES.choose(random).unwrap(), by);
                };
                if random.random_bool(0.25) {
                    return delete_recordset(zone, recordset, by);
                }
                let texts = records(rrtype, random);
                let what = random.random_range(0..4);
                let change = |command: &mut zonelog_model::zone::UpdateRecordset| match what {
                    0 => command.description = Patch::Set(Some(format!("{ttl}"))),
                    1 => command.ttl = Patch::Set((ttl.get() != 60).then_some(ttl)),
                    _ => command.records = Patch::Set(texts),
                };
                update_recordset(zone, recordset, change, by)
            }
            90..93 => update_zone(zone, |command| command.ttl = Patch::Set(ttl), by),
            93..96 => update_zone(
                zone,
                |command| command.email = Patch::Set(format!("h{ttl}@example.org")),
                by,
            ),
            96..98 => update_zone(
                zone,
                |command| command.description = Patch::Set(Some(format!("{ttl}"))),
                by,
            ),
            _ => delete_zone(zone, by),
        }
    }
}

fn records(rrtype: Rrtype, random: &mut StdRng) -> Vec<String> {
    let most = if rrtype == Rrtype::CNAME { 1 } else { 3 };
    let count = random.random_range(0..=most);
    let record = |number: u8| match rrtype {
        Rrtype::A => format!("192.0.2.{number}"),
        Rrtype::TXT => format!(r#""number {number} \" \\ {{,}}""#),
        Rrtype::CNAME => format!("target{number}.example.net."),
        _ => format!("{number} mail.example.net."),
    };
    (0..count).map(|_| record(random.random_range(0..6))).collect()
}

pub(crate) fn random(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed)
}

#[tokio::test]
async fn rebuild_equals_live() {
    for seed in 0..4 {
        let world = World::new().await;
        let mut author = Author::default();
        author.write(&[&world.central], &mut random(seed), 60).await;
        assert!(
            author.accepted > 100 && author.refused > 20,
            "{} {}",
            author.accepted,
            author.refused
        );
        let differences = world.compare().await;
        assert!(differences.is_empty(), "seed {seed}: {differences:#?}");
        for (id, zone) in &author.latest {
            assert_eq!(
                &zone_row(&world.client, *id).await,
                zone,
                "seed {seed}: the answer is what the table says"
            );
        }
    }
}

#[tokio::test]
async fn rebuild_equals_live_with_two_writers() {
    let world = World::new().await;
    let other = crate::setup::central(world.database.url());
    Author::default()
        .write(&[&world.central, &other], &mut random(77), 80)
        .await;
    let differences = world.compare().await;
    assert!(differences.is_empty(), "{differences:#?}");
    // Along the log, a zone's serials strictly grow.
    let unsorted =
        "select count(*) from (select serial, lag(serial) over (partition by zone order by position) as
                    before from zone_serial) s where before >= serial";
    assert_eq!(
        world
            .client
            .query_one(unsorted, &[])
            .await
            .unwrap()
            .get::<_, i64>(0),
        0
    );
}

#[tokio::test]
async fn a_serial_names_one_content() {
    let world = World::new().await;
    let (mut author, mut random) = (Author::default(), random(11));
    let mut seen: BTreeMap<(ZoneId, LongSerial), ZoneImage> = BTreeMap::new();
    for _ in 0..40 {
        author.write(&[&world.central], &mut random, 1).await;
        for (id, zone) in &author.latest {
            let image = image_at(&world.client, *id, zone.serial).await;
            seen.entry((*id, zone.serial)).or_insert(image);
        }
    }
    assert!(seen.len() > 40);
    for ((zone, serial), image) in &seen {
        assert_eq!(
            &image_at(&world.client, *zone, *serial).await,
            image,
            "{zone} at {serial}"
        );
    }
}

#[tokio::test]
async fn a_difference_leads_from_one_image_to_the_other() {
    let world = World::new().await;
    let (mut author, mut random) = (Author::default(), random(5));
    author.write(&[&world.central], &mut random, 60).await;
    let mut checked = 0;
    for id in author.latest.keys() {
        let rows = world
            .client
            .query(
                "select serial, whole from zone_serial where zone = $1 order by serial",
                &[&id.uuid()],
            )
            .await
            .unwrap();
        let serials: Vec<_> = rows
            .iter()
            .map(|row| (LongSerial::from_i64(row.get(0)), row.get::<_, bool>(1)))
            .collect();
        for _ in 0..40 {
            let (one, two) = (
                random.random_range(0..serials.len()),
                random.random_range(0..serials.len()),
            );
            let (from, to) = (one.min(two), one.max(two));
            if serials[from + 1..=to].iter().any(|(_, whole)| *whole) {
                continue;
            }
            let (a, b) = (serials[from].0, serials[to].0);
            let gone = "v.until_serial > $2 and v.until_serial <= $3 and v.since_serial <= $2";
            let come = "v.since_serial > $3 and v.since_serial <= $2 and
                        (v.until_serial is null or v.until_serial > $2)";
            let gone = rrsets(&world.client, *id, gone, a, b).await;
            let come = rrsets(&world.client, *id, come, b, a).await;
            let mut image = image_at(&world.client, *id, a).await;
            difference(&gone, &come).apply(&mut image).unwrap();
            assert_eq!(
                image,
                image_at(&world.client, *id, b).await,
                "{id} from {a} to {b}"
            );
            checked += usize::from(from != to);
        }
    }
    assert!(checked > 20, "{checked} differences");
}
