//! Short builders: the zone `example.com.` of project `alpha`, in a pool with two name servers.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;
use zonelog_dns::{LongSerial, Name, OwnerName, Rrtype, Ttl, ZoneName};

use crate::zone::{
    AbandonZone, ActorFacts, CreateRecordset, CreateZone, DeleteRecordset, DeleteZone, Facts, Limits,
    MoveZone, Patch, Record, Recordset, Registry, RewriteNameservers, Share, ShareZone, SoaTimers,
    TransferZone, UnshareZone, UpdateRecordset, UpdateZone, Zone, ZoneKind, ZoneRef,
};
use crate::{PoolId, ProjectId, RecordsetId, ShareId, Timestamp, ZoneId};

/// The zone's id.
pub const ZONE: ZoneId = ZoneId::new(Uuid::from_u128(0xa0));
/// The id of its SOA.
pub const SOA: RecordsetId = RecordsetId::new(Uuid::from_u128(0xa1));
/// The id of its apex NS recordset.
pub const APEX_NS: RecordsetId = RecordsetId::new(Uuid::from_u128(0xa2));
/// The pool's id.
pub const POOL: PoolId = PoolId::new(Uuid::from_u128(0xb0));
/// The id of some other zone.
pub const OTHER_ZONE: ZoneId = ZoneId::new(Uuid::from_u128(0xc0));

/// When scenarios begin: 2026-01-01T00:00:00Z.
#[track_caller]
pub fn start() -> Timestamp {
    time("2026-01-01T00:00:00Z")
}

/// A time, as RFC 3339 writes it.
#[track_caller]
pub fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The serial so many steps after the one of a zone that is made at [`start`].
pub fn serial(steps: i64) -> LongSerial {
    LongSerial::from_i64(start().timestamp() + steps)
}

/// A zone name.
#[track_caller]
pub fn zone_name(text: &str) -> ZoneName {
    ZoneName::parse(text).expect("a zone name")
}

/// An absolute name.
#[track_caller]
pub fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

/// An owner name: absolute with a final dot, else below `example.com.`; `@` is `example.com.` itself.
#[track_caller]
pub fn owner(text: &str) -> OwnerName {
    let absolute = match text {
        "@" => "example.com.".to_owned(),
        _ if text.ends_with('.') => text.to_owned(),
        _ => format!("{text}.example.com."),
    };
    OwnerName::from_name(Name::parse(&absolute).expect("an owner name"))
}

/// A TTL of so many seconds.
#[track_caller]
pub fn ttl(seconds: i64) -> Ttl {
    Ttl::new(seconds).expect("a TTL")
}

/// A project's id.
#[track_caller]
pub fn project(id: &str) -> ProjectId {
    ProjectId::new(id).expect("a project id")
}

/// Records of a type.
#[track_caller]
pub fn records<'a>(rrtype: Rrtype, texts: impl IntoIterator<Item = &'a str>) -> Vec<Record> {
    let record = |text| Record::parse(rrtype, text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    texts.into_iter().map(record).collect()
}

/// The id that the builders below give to the recordset of an owner name and type.
#[track_caller]
pub fn recordset_id(owner_name: &str, rrtype: Rrtype) -> RecordsetId {
    let text = format!("{} {rrtype}", owner(owner_name));
    RecordsetId::new(Uuid::from_u128(fnv(&text)))
}

/// FNV-1a over 128 bits: the same text gives the same id in every run.
pub(super) fn fnv(text: &str) -> u128 {
    text.bytes()
        .fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, octet| {
            (hash ^ u128::from(octet)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        })
}

/// The timers of the zone's SOA.
pub const fn timers() -> SoaTimers {
    SoaTimers {
        refresh: 3547,
        retry: 600,
        expire: 86_400,
        minimum: 3600,
    }
}

/// A default TTL of 3600 s, no lowest TTL, names of up to 255 octets; no other zones.
#[track_caller]
pub fn facts() -> Facts {
    let registry = Registry::of_one_pool(POOL, ["ns1.example.net.", "ns2.example.net."].map(name));
    let limits = Limits {
        default_ttl: ttl(3600),
        min_ttl: ttl(0),
        max_zone_name_length: 255,
        max_recordset_name_length: 255,
    };
    Facts::new(Arc::new(registry), limits, actor("alpha"))
}

/// Someone of a project, who acts for that project alone.
#[track_caller]
pub fn actor(id: &str) -> ActorFacts {
    ActorFacts {
        project: project(id),
        all_projects: false,
    }
}

/// Another zone, as facts tell of it.
#[track_caller]
pub fn zone_ref(name: &str, owner: &str) -> ZoneRef {
    ZoneRef {
        id: OTHER_ZONE,
        name: zone_name(name),
        project: project(owner),
    }
}

/// The zone that [`create_zone`] makes at [`start`].
#[track_caller]
pub fn zone(name: &str) -> Zone {
    Zone {
        id: ZONE,
        name: zone_name(name),
        project: project("alpha"),
        pool: POOL,
        kind: ZoneKind::Primary,
        email: "hostmaster@example.com".into(),
        ttl: ttl(3600),
        description: None,
        attributes: BTreeMap::new(),
        primary_nameserver: self::name("ns1.example.net."),
        timers: timers(),
        serial: serial(0),
        soa_recordset: SOA,
        revision: 1,
        stream_version: 1,
        recordset_count: 0,
        record_count: 0,
        created_at: start(),
        updated_at: None,
        transferred_at: None,
        deleted: false,
    }
}

/// The apex NS recordset that [`create_zone`] makes at [`start`].
#[track_caller]
pub fn apex_ns(zone: &str) -> Recordset {
    Recordset {
        id: APEX_NS,
        managed: true,
        ..recordset(zone, Rrtype::NS, ["ns1.example.net.", "ns2.example.net."])
    }
}

/// The recordset that [`create_recordset`] makes at [`start`].
#[track_caller]
pub fn recordset<'a>(
    owner_name: &str,
    rrtype: Rrtype,
    texts: impl IntoIterator<Item = &'a str>,
) -> Recordset {
    Recordset {
        id: recordset_id(owner_name, rrtype),
        owner: owner(owner_name),
        rrtype,
        ttl: None,
        records: records(rrtype, texts),
        description: None,
        managed: false,
        managed_resource: None,
        project: project("alpha"),
        revision: 1,
        created_at: start(),
        updated_at: None,
    }
}

/// Makes a zone.
#[track_caller]
pub fn create_zone(name: &str) -> CreateZone {
    CreateZone {
        zone: ZONE,
        soa_recordset: SOA,
        ns_recordset: APEX_NS,
        name: zone_name(name),
        project: project("alpha"),
        kind: ZoneKind::Primary,
        email: "hostmaster@example.com".into(),
        ttl: None,
        description: None,
        attributes: BTreeMap::new(),
        timers: timers(),
        may_use_low_ttl: false,
        may_use_blacklisted: false,
        may_force_pool: false,
    }
}

/// Changes nothing of the zone: to be filled in.
pub const fn update_zone() -> UpdateZone {
    UpdateZone {
        zone: ZONE,
        email: Patch::Keep,
        ttl: Patch::Keep,
        description: Patch::Keep,
        masters: Patch::Keep,
        may_use_low_ttl: false,
    }
}

/// Deletes the zone.
pub const fn delete_zone() -> DeleteZone {
    DeleteZone {
        zone: ZONE,
        delete_shares: false,
        hard: false,
    }
}

/// Makes a recordset.
#[track_caller]
pub fn create_recordset<'a>(
    owner_name: &str,
    rrtype: Rrtype,
    texts: impl IntoIterator<Item = &'a str>,
) -> CreateRecordset {
    CreateRecordset {
        zone: ZONE,
        recordset: recordset_id(owner_name, rrtype),
        owner: owner(owner_name),
        rrtype,
        ttl: None,
        records: records(rrtype, texts),
        description: None,
        project: project("alpha"),
        managed: false,
        managed_resource: None,
        may_use_low_ttl: false,
    }
}

/// Changes nothing of a recordset: to be filled in.
pub const fn update_recordset(recordset: RecordsetId) -> UpdateRecordset {
    UpdateRecordset {
        zone: ZONE,
        recordset,
        ttl: Patch::Keep,
        records: Patch::Keep,
        description: Patch::Keep,
        may_edit_managed: false,
        may_use_low_ttl: false,
    }
}

/// Deletes a recordset.
pub const fn delete_recordset(recordset: RecordsetId) -> DeleteRecordset {
    DeleteRecordset {
        zone: ZONE,
        recordset,
        may_edit_managed: false,
    }
}

/// The share that [`share_zone`] makes with a project at [`start`].
#[track_caller]
pub fn share(target: &str) -> Share {
    Share {
        id: share_id(target),
        target_project: project(target),
        project: project("alpha"),
        created_at: start(),
    }
}

/// The id that the builders give to the share with a project.
pub fn share_id(target: &str) -> ShareId {
    ShareId::new(Uuid::from_u128(fnv(target)))
}

/// Shares the zone with a project.
#[track_caller]
pub fn share_zone(target: &str) -> ShareZone {
    ShareZone {
        zone: ZONE,
        share: share_id(target),
        target_project: project(target),
        project: project("alpha"),
    }
}

/// Takes the share with a project back.
pub fn unshare_zone(target: &str) -> UnshareZone {
    UnshareZone {
        zone: ZONE,
        share: share_id(target),
    }
}

/// Abandons the zone.
pub const fn abandon_zone() -> AbandonZone {
    AbandonZone { zone: ZONE }
}

/// Moves the zone to a pool.
pub const fn move_zone(pool: Option<PoolId>) -> MoveZone {
    MoveZone { zone: ZONE, pool }
}

/// Brings the zone's name servers up to its pool's.
pub const fn rewrite_nameservers() -> RewriteNameservers {
    RewriteNameservers { zone: ZONE }
}

/// Gives the zone to a project.
#[track_caller]
pub fn transfer_zone(to: &str) -> TransferZone {
    TransferZone {
        zone: ZONE,
        to: project(to),
    }
}

/// A patch that sets a list of texts.
pub fn set_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Patch<Vec<String>> {
    Patch::Set(texts.into_iter().map(str::to_owned).collect())
}
