//! A zone and its recordsets as the rules see them.

use std::collections::BTreeMap;

use zonelog_dns::{LongSerial, Name, OwnerName, Rdata, RdataError, Rrset, Rrtype, Soa, Ttl, ZoneName};

use super::origin::{SoaFields, ZoneKind};
use crate::{PoolId, ProjectId, RecordsetId, ShareId, Timestamp, Version, ZoneId};

/// The timers of a zone's SOA, in seconds (RFC 1035 §3.3.13). They are chosen when the zone is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoaTimers {
    /// How often a secondary asks for the serial.
    pub refresh: u32,
    /// How soon it asks again after a failure.
    pub retry: u32,
    /// How long it serves without having reached a primary.
    pub expire: u32,
    /// The TTL of negative answers (RFC 2308).
    pub minimum: u32,
}

/// A zone without its recordsets: what every rule needs, whatever the zone's size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// The zone's id, and its stream's.
    pub id: ZoneId,
    /// The apex, in the spelling in which it was created.
    pub name: ZoneName,
    /// The owner.
    pub project: ProjectId,
    /// The pool whose servers serve it.
    pub pool: PoolId,
    /// Where its content comes from.
    pub kind: ZoneKind,
    /// The responsible person's address, as given; of a secondary zone what its primary's SOA says
    /// ([`zonelog_dns::mailbox_from_rname`]).
    pub email: String,
    /// The TTL of recordsets that have none of their own, and of the SOA.
    pub ttl: Ttl,
    /// Free text, up to 160 characters.
    pub description: Option<String>,
    /// Attributes given at creation.
    pub attributes: BTreeMap<String, String>,
    /// The MNAME of the SOA: the pool's first name server at creation; of a secondary zone, what its primary says.
    pub primary_nameserver: Name,
    /// The SOA's timers.
    pub timers: SoaTimers,
    /// The serial of the latest content.
    pub serial: LongSerial,
    /// The id under which the API shows the zone's SOA as a recordset.
    pub soa_recordset: RecordsetId,
    /// How many change-sets the zone has seen: 1 after its creation (the API's `version`).
    pub revision: i64,
    /// The version of the last event of its stream.
    pub stream_version: Version,
    /// How many recordsets it holds, the managed ones not counted.
    pub recordset_count: i64,
    /// How many records these hold together.
    pub record_count: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed, if ever.
    pub updated_at: Option<Timestamp>,
    /// For a secondary zone: when it was last transferred from its primary. A change of owner does not touch it.
    pub transferred_at: Option<Timestamp>,
    /// True once the zone was deleted or abandoned; its name servers may not know yet.
    pub deleted: bool,
}

/// A zone lent to another project, which may make recordsets in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Its id.
    pub id: ShareId,
    /// The project that the zone is shared with.
    pub target_project: ProjectId,
    /// Who shared it.
    pub project: ProjectId,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a managed recordset was made for, when that is a thing of another service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedResource {
    /// What made it, e.g. `ptr:floatingip`.
    pub kind: String,
    /// The thing's id.
    pub id: String,
    /// Its region, if it has one.
    pub region: Option<String>,
    /// The project that the thing belongs to.
    pub project: ProjectId,
}

impl Zone {
    /// What its SOA says besides the serial.
    pub fn soa_fields(&self) -> SoaFields {
        SoaFields {
            primary_nameserver: self.primary_nameserver.clone(),
            email: self.email.clone(),
            ttl: self.ttl,
            timers: self.timers,
        }
    }

    /// The SOA record at the zone's present serial. `rname` comes from `email`, checked when it was accepted.
    pub fn soa(&self) -> Result<Soa, zonelog_dns::EmailError> {
        Ok(Soa {
            mname: self.primary_nameserver.clone(),
            rname: zonelog_dns::rname_from_mailbox(&self.email)?,
            serial: self.serial.wire(),
            refresh: self.timers.refresh,
            retry: self.timers.retry,
            expire: self.timers.expire,
            minimum: self.timers.minimum,
        })
    }
}

/// One record of a recordset: the text as the user gave it (the API shows it back) and the record data it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    text: String,
    rdata: Rdata,
}

impl Record {
    /// Reads a record's text.
    pub fn parse(rrtype: Rrtype, text: &str) -> Result<Self, RdataError> {
        Ok(Self {
            rdata: Rdata::parse(rrtype, text)?,
            text: text.to_owned(),
        })
    }

    /// Reads a record's text as it was kept: a user's, or what [`Self::of`] wrote, for which the rules of the API are too
    /// narrow.
    pub fn kept(rrtype: Rrtype, text: &str) -> Result<Self, RdataError> {
        Self::parse(rrtype, text).or_else(|error| {
            let rdata = Rdata::parse_relative(rrtype, text, &Name::root()).map_err(|_| error)?;
            let text = text.to_owned();
            Ok(Self { text, rdata })
        })
    }

    /// The record of data that came by a zone transfer; its text is the presentation form.
    pub fn of(rdata: Rdata) -> Self {
        Self {
            text: rdata.to_string(),
            rdata,
        }
    }

    /// The text as given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The record data.
    pub fn rdata(&self) -> &Rdata {
        &self.rdata
    }
}

/// A recordset: an RRset (RFC 2181 §5) with an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recordset {
    /// The recordset's id.
    pub id: RecordsetId,
    /// The owner name, in the spelling given.
    pub owner: OwnerName,
    /// The type.
    pub rrtype: Rrtype,
    /// The TTL; `None` follows the zone's.
    pub ttl: Option<Ttl>,
    /// The records: no two with equal record data; may be empty (the recordset then makes no RR).
    pub records: Vec<Record>,
    /// Free text, up to 160 characters.
    pub description: Option<String>,
    /// Made by Zonelog itself (the apex NS); changed only with the edit-managed right.
    pub managed: bool,
    /// What it was made for, if it was made for something.
    pub managed_resource: Option<Box<ManagedResource>>,
    /// The project that made it.
    pub project: ProjectId,
    /// How many change-sets it has seen: 1 after its creation.
    pub revision: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed, if ever.
    pub updated_at: Option<Timestamp>,
}

impl Recordset {
    /// The RRset it makes in a zone whose default TTL is `zone_ttl`; `None` when it has no records.
    pub fn rrset(&self, zone_ttl: Ttl) -> Option<Rrset> {
        if self.records.is_empty() {
            return None;
        }
        let rdata = self.records.iter().map(|record| record.rdata.clone()).collect();
        Some(Rrset::new(
            self.owner.clone(),
            self.rrtype,
            self.ttl.unwrap_or(zone_ttl),
            rdata,
        ))
    }
}

/// The part of a zone that a command's rules read: never the whole zone, so that a command costs the same in a
/// zone of a million recordsets as in an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneSlice {
    /// The zone; `None` when it does not exist.
    pub zone: Option<Zone>,
    /// The live recordsets at the owner name concerned, and the one named by id, in any order, each once.
    pub recordsets: Vec<Recordset>,
    /// With whom the zone is shared.
    pub shares: Vec<Share>,
}
