//! What holds after any sequence of commands, whatever the clock does.
#![allow(clippy::unwrap_used, reason = "a test: what is not as expected panics")]

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;
use zonelog_dns::{LongSerial, OwnerName, Rdata, Rrtype, Ttl};
use zonelog_model::resource::Quotas;
use zonelog_model::scenario::{fixtures::*, resources::*};
use zonelog_model::zone::{
    ActorFacts, Command, CreateRecordset, CreateZone, DeleteRecordset, DeleteZone, Event, Facts, Patch,
    SchedulerFilter, UpdateRecordset, UpdateZone, Zone, ZoneSlice, apply, decide,
};
use zonelog_model::{PoolId, RecordsetId, Timestamp, stored};

const OWNERS: &[&str] = &[
    "@",
    "www",
    "WWW",
    "a.b",
    "*",
    "*.www",
    "_sip._tcp",
    "sub",
    "in.sub",
    "example.org.",
];
const TYPES: &[Rrtype] = &[
    Rrtype::A,
    Rrtype::AAAA,
    Rrtype::CNAME,
    Rrtype::MX,
    Rrtype::TXT,
    Rrtype::NS,
    Rrtype::SRV,
    Rrtype::SOA,
];

const PROJECTS: &[&str] = &["alpha", "beta", "gamma"];
const OTHER_POOL: PoolId = PoolId::new(Uuid::from_u128(0xb1));
const NAMESERVERS: &[&[&str]] = &[
    &["ns1.example.net.", "ns2.example.net."],
    &["ns2.example.net.", "ns1.example.net."],
    &["ns3.example.net."],
    &[],
];

/// Texts that may or may not be records of some type.
const TEXTS: &[&str] = &[
    "192.0.2.1",
    "192.0.2.2",
    "2001:db8::1",
    "2001:DB8:0::1",
    "host.example.net.",
    "HOST.example.net.",
    "ns.example.net.",
    "10 mail.example.net.",
    "0 5 5060 sip.example.net.",
    "\"some text\"",
    "",
];

/// A command and the seconds by which the clock moves before it.
type Step = (Command, i64, Around);

/// What a command meets: who acts, and which name servers the pools have.
#[derive(Clone, Debug)]
struct Around {
    actor: &'static str,
    all_projects: bool,
    nameservers: &'static [&'static str],
    child: bool,
}

impl Around {
    /// An operator, and nothing special.
    const OPERATOR: Self = Self {
        actor: "operators",
        all_projects: true,
        nameservers: NAMESERVERS[0],
        child: false,
    };

    fn facts(&self) -> Facts {
        let default = pool_resource(POOL, pool("default", self.nameservers.iter().copied()));
        let other = pool_resource(OTHER_POOL, pool("other", ["ns9.example.net."]));
        Facts {
            registry: registry([default, other], |options| {
                options.scheduler_filters = vec![SchedulerFilter::Random];
            }),
            actor: ActorFacts {
                project: project(self.actor),
                all_projects: self.all_projects,
            },
            child: self.child.then(|| zone_ref("sub.example.com.", "alpha")),
            quotas: Quotas {
                recordset_records: 3,
                zone_records: 12,
                zone_recordsets: 7,
                ..Quotas::UNLIMITED
            },
            ..facts()
        }
    }
}

fn any_around() -> impl Strategy<Value = Around> {
    (select(PROJECTS), prop::bool::weighted(0.7), select(NAMESERVERS)).prop_map(
        |(actor, all_projects, nameservers)| Around {
            actor,
            all_projects,
            nameservers,
            child: false,
        },
    )
}

fn any_ttl() -> impl Strategy<Value = Option<Ttl>> {
    prop_oneof![
        Just(None),
        select(vec![0, 60, 3600, i64::from(i32::MAX)]).prop_map(|seconds| Some(ttl(seconds)))
    ]
}

fn any_description() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        Just(Some("ours".to_owned())),
        Just(Some("x".repeat(161)))
    ]
}

fn patch<T: std::fmt::Debug + Clone>(values: impl Strategy<Value = T>) -> impl Strategy<Value = Patch<T>> {
    values.prop_flat_map(|value| prop_oneof![Just(Patch::Keep), Just(Patch::Set(value))])
}

/// The id of a recordset that may exist.
fn any_recordset() -> impl Strategy<Value = RecordsetId> {
    prop_oneof![
        8 => (select(OWNERS), select(TYPES)).prop_map(|(owner, rrtype)| recordset_id(&owner.to_lowercase(), rrtype)),
        1 => select(vec![SOA, APEX_NS]),
    ]
}

fn create_recordset_command() -> impl Strategy<Value = Command> {
    let texts = prop::collection::vec(select(TEXTS), 0..4);
    (select(OWNERS), select(TYPES), texts, any_ttl(), any_description()).prop_map(
        |(owner, rrtype, texts, ttl, description)| {
            let texts = texts
                .into_iter()
                .filter(|text| Rdata::parse(rrtype, text).is_ok());
            CreateRecordset {
                recordset: recordset_id(&owner.to_lowercase(), rrtype),
                ttl,
                description,
                ..create_recordset(owner, rrtype, texts)
            }
            .into()
        },
    )
}

fn update_recordset_command() -> impl Strategy<Value = Command> {
    let texts = prop::collection::vec(select(TEXTS).prop_map(str::to_owned), 0..3);
    (
        any_recordset(),
        patch(any_ttl()),
        patch(texts),
        patch(any_description()),
        any::<bool>(),
    )
        .prop_map(|(recordset, ttl, records, description, may_edit_managed)| {
            UpdateRecordset {
                ttl,
                records,
                description,
                may_edit_managed,
                ..update_recordset(recordset)
            }
            .into()
        })
}

fn update_zone_command() -> impl Strategy<Value = Command> {
    let email = select(vec!["hostmaster@example.com", "a.b@example.com", "nobody"]).prop_map(str::to_owned);
    let ttl = any_ttl().prop_map(|some| some.unwrap_or(ttl(7)));
    (patch(email), patch(ttl), patch(any_description())).prop_map(|(email, ttl, description)| {
        UpdateZone {
            email,
            ttl,
            description,
            ..update_zone()
        }
        .into()
    })
}

fn any_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        12 => create_recordset_command(),
        12 => update_recordset_command(),
        6 => (any_recordset(), any::<bool>()).prop_map(|(recordset, may_edit_managed)| {
            DeleteRecordset { may_edit_managed, ..delete_recordset(recordset) }.into()
        }),
        4 => update_zone_command(),
        2 => (select(PROJECTS), any::<bool>()).prop_map(|(project, back)| {
            if back { unshare_zone(project).into() } else { share_zone(project).into() }
        }),
        2 => select(PROJECTS).prop_map(|project| transfer_zone(project).into()),
        2 => select(vec![None, Some(POOL), Some(OTHER_POOL)]).prop_map(|pool| move_zone(pool).into()),
        2 => Just(rewrite_nameservers().into()),
        1 => Just(CreateZone { description: Some("again".into()), ..create_zone("example.com.") }.into()),
    ]
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let clock = prop_oneof![
        4 => Just(0),
        4 => 1..100i64,
        2 => -100_000..100_000i64,
        1 => select(vec![-3_000_000_000, 2_147_483_646, 2_147_483_648, 2_147_483_649, 3_000_000_000]),
    ];
    prop::collection::vec((any_command(), clock, any_around()), 1..40)
}

/// Times of creation: long ago, today, where the low half of a serial turns, and beyond.
fn any_start() -> impl Strategy<Value = i64> {
    select(vec![
        0,
        1_700_000_000,
        (1 << 31) - 2,
        (1 << 32) - 3,
        (1 << 32) - 1,
        1 << 32,
        (1 << 33) - 2,
    ])
}

fn at(unix: i64) -> Timestamp {
    DateTime::from_timestamp(unix, 0).unwrap()
}

/// What the zone's servers answer, apart from the serial.
type Image = (
    String,
    String,
    u32,
    BTreeMap<(OwnerName, Rrtype), (Ttl, BTreeSet<Vec<u8>>)>,
);

fn image(slice: &ZoneSlice) -> Option<Image> {
    let zone = slice.zone.as_ref().filter(|zone| !zone.deleted)?;
    let rrsets = slice
        .recordsets
        .iter()
        .filter_map(|recordset| recordset.rrset(zone.ttl))
        .map(|rrset| {
            let data = rrset.rdata.iter().map(|rdata| rdata.wire().to_vec()).collect();
            ((rrset.owner, rrset.rrtype), (rrset.ttl, data))
        });
    Some((
        zone.soa().unwrap().rname.to_string(),
        zone.soa().unwrap().mname.to_string(),
        zone.ttl.get(),
        rrsets.collect(),
    ))
}

/// Just what the command's rules may see of the zone.
fn narrow(slice: &ZoneSlice, command: &Command) -> ZoneSlice {
    let (owner, id) = match command {
        Command::CreateRecordset(command) => (Some(&command.owner), Some(command.recordset)),
        Command::UpdateRecordset(command) => (None, Some(command.recordset)),
        Command::DeleteRecordset(command) => (None, Some(command.recordset)),
        _ => (None, None),
    };
    let apex = slice.zone.as_ref().map(|zone| OwnerName::from(zone.name.clone()));
    let apex = apex.filter(|_| command.needs_apex());
    let needed = slice.recordsets.iter().filter(|other| {
        Some(&other.owner) == owner || Some(other.id) == id || Some(&other.owner) == apex.as_ref()
    });
    ZoneSlice {
        zone: slice.zone.clone(),
        recordsets: needed.cloned().collect(),
        shares: slice.shares.clone(),
    }
}

fn apply_change(slice: &mut ZoneSlice, events: &[Event], now: Timestamp) -> Result<(), TestCaseError> {
    for (index, event) in events.iter().enumerate() {
        let version = slice.zone.as_ref().map_or(0, |zone| zone.stream_version) + 1;
        apply(slice, event, now, version, index == 0)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
    }
    Ok(())
}

fn check_serials(
    before: &ZoneSlice,
    after: &ZoneSlice,
    events: &[Event],
    now: i64,
) -> Result<(), TestCaseError> {
    let (Some(old), Some(new)) = (&before.zone, &after.zone) else {
        return Ok(());
    };
    let serials: BTreeSet<LongSerial> = events.iter().filter_map(Event::serial).collect();
    prop_assert!(serials.len() <= 1, "a change-set makes one serial: {:?}", serials);
    if serials.is_empty() {
        prop_assert_eq!(old.serial, new.serial);
        prop_assert!(
            new.deleted || image(before) == image(after),
            "content changed at one serial by {:?}",
            events
        );
    } else {
        prop_assert_eq!(new.serial, old.serial.next(now));
        prop_assert!(new.serial > old.serial, "{} after {}", new.serial, old.serial);
        prop_assert!(
            new.serial.wire().is_newer_than(old.serial.wire()),
            "{} after {}",
            new.serial,
            old.serial
        );
    }
    let expected = old.revision + i64::from(!events.is_empty());
    prop_assert_eq!(new.revision, expected, "a change-set moves the revision once");
    Ok(())
}

fn check_state(slice: &ZoneSlice) -> Result<(), TestCaseError> {
    let Some(zone) = &slice.zone else { return Ok(()) };
    let counted: Vec<_> = slice
        .recordsets
        .iter()
        .filter(|recordset| !recordset.managed)
        .collect();
    let records: usize = counted.iter().map(|recordset| recordset.records.len()).sum();
    prop_assert_eq!(zone.recordset_count, i64::try_from(counted.len()).unwrap());
    prop_assert_eq!(zone.record_count, i64::try_from(records).unwrap());
    prop_assert!(counted.len() <= 7 && records <= 12, "more than the quotas allow");
    let shared_with: BTreeSet<_> = slice.shares.iter().map(|share| &share.target_project).collect();
    prop_assert_eq!(shared_with.len(), slice.shares.len(), "two shares with a project");
    prop_assert!(!shared_with.contains(&zone.project), "a share with the owner");
    let mut types: BTreeMap<&OwnerName, Vec<Rrtype>> = BTreeMap::new();
    for recordset in &slice.recordsets {
        prop_assert!(
            recordset.owner.is_in(&zone.name),
            "{} is outside",
            recordset.owner
        );
        types.entry(&recordset.owner).or_default().push(recordset.rrtype);
        let data: BTreeSet<_> = recordset.records.iter().map(|record| record.rdata()).collect();
        prop_assert_eq!(
            data.len(),
            recordset.records.len(),
            "equal records in {:?}",
            recordset
        );
        prop_assert!(recordset.rrtype != Rrtype::CNAME || recordset.records.len() < 2);
    }
    for (owner, types) in &types {
        let distinct: BTreeSet<_> = types.iter().collect();
        prop_assert_eq!(
            distinct.len(),
            types.len(),
            "two recordsets of a type at {}",
            owner
        );
        prop_assert!(
            !types.contains(&Rrtype::CNAME) || types.len() == 1,
            "{}: a CNAME beside {:?}",
            owner,
            types
        );
    }
    let apex = OwnerName::from(zone.name.clone());
    prop_assert!(zone.deleted || types.get(&apex).is_some_and(|types| types.contains(&Rrtype::NS)));
    prop_assert!(
        !types
            .get(&apex)
            .is_some_and(|types| types.contains(&Rrtype::CNAME))
    );
    Ok(())
}

fn check_stored(events: &[Event]) -> Result<(), TestCaseError> {
    for event in events {
        let event = zonelog_model::Event::from(event.clone());
        let kept = stored::encode(&event);
        let read = stored::decode(kept.type_name, kept.type_version, &kept.payload);
        prop_assert_eq!(
            read.map_err(|error| TestCaseError::fail(error.to_string()))?,
            event
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn every_sequence_of_commands_keeps_the_laws(start in any_start(), steps in any_steps()) {
        let (mut slice, mut now) = (ZoneSlice::default(), start);
        let first = (Command::from(create_zone("example.com.")), 0, Around::OPERATOR);
        let with_shares = DeleteZone { delete_shares: true, ..delete_zone() };
        let last = (Command::from(with_shares), 1, Around::OPERATOR);
        for (command, seconds, mut around) in std::iter::once(first).chain(steps).chain([last]) {
            now = (now + seconds).max(0);
            around.child = matches!(command, Command::CreateRecordset(_));
            let facts = around.facts();
            let decided = decide(&slice, &command, &facts, at(now));
            prop_assert_eq!(&decided, &decide(&narrow(&slice, &command), &command, &facts, at(now)),
                "more than the slice decides {:?}", command);
            let Ok(events) = decided else { continue };
            let before = slice.clone();
            apply_change(&mut slice, &events, at(now))?;
            check_serials(&before, &slice, &events, now)?;
            check_state(&slice)?;
            check_stored(&events)?;
            if matches!(command, Command::UpdateZone(_) | Command::UpdateRecordset(_) | Command::DeleteZone(_) | Command::RewriteNameservers(_)) {
                prop_assert_eq!(decide(&slice, &command, &facts, at(now)), Ok(vec![]), "again: {:?}", command);
            }
        }
        prop_assert!(slice.zone.is_some_and(|zone| zone.deleted));
    }

    #[test]
    fn any_text_is_stored_as_it_is(texts in prop::collection::vec("(?s).{0,40}", 4), hard: bool) {
        let [email, description, key, value] = texts.try_into().unwrap();
        let attributes = [(key, value)].into();
        let zone = Zone { email: email.clone(), description: Some(description), attributes, ..zone("example.com.") };
        let read = stored::zone_from_value(&stored::zone_to_value(&zone));
        prop_assert_eq!(read.as_ref(), Ok(&zone));
        let changed = Event::ZoneEmailChanged { before: zone.email.clone(), after: email, serial: zone.serial };
        check_stored(&[changed, Event::ZoneDeleted { zone, hard }])?;
    }

    #[test]
    fn reading_stored_events_never_panics(
        type_name in select(stored::TYPES),
        version in -1..4i16,
        payload in "\\PC{0,200}",
    ) {
        prop_assert!(stored::decode(type_name.0, version, &payload).is_err());
    }
}
