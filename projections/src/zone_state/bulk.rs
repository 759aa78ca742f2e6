//! A change-set that makes or changes much of a zone, written in chunks: the same rows that [`super::ZoneStateDelta`] and
//! its writer make of it at once, in memory bounded by the chunk.
//!
//! The first events, which are the zone's own, go through the delta as always; told how the change-set goes on
//! ([`GoesOn`]). The versions that the recordsets that follow make are rows for COPY ([`VersionRows`]), those that end are
//! ended before ([`VersionEnder`]).

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};
use zonelog_dns::LongSerial;
use zonelog_model::zone::Recordset;
use zonelog_model::{Position, RecordsetId, Version, ZoneId};
use zonelog_store::{CopyRows, EncodedRows, StoreError};

use super::ZoneStateDelta;
use super::rows;
use super::write::{WriteError, run};

const COPY: &str = "
    copy recordset_version (zone, recordset, owner, owner_key, type, ttl, records, rdata, description, managed, project,
                            revision, created_at, updated_at, since_serial)
    from stdin (format binary)";

const END: &str = "
    update recordset_version v set until_serial = $2
    from unnest($3::uuid[]) as u (recordset)
    where v.recordset = u.recordset and v.zone is not distinct from $1 and v.until_serial is null";

const TYPES: &[Type] = &[
    Type::UUID,
    Type::UUID,
    Type::TEXT,
    Type::BYTEA,
    Type::INT4,
    Type::INT4,
    Type::TEXT_ARRAY,
    Type::BYTEA,
    Type::TEXT,
    Type::BOOL,
    Type::TEXT,
    Type::INT8,
    Type::TIMESTAMPTZ,
    Type::TIMESTAMPTZ,
    Type::INT8,
];

/// New live versions of recordsets that were made for nothing in particular.
#[derive(Debug)]
pub struct VersionRows(CopyRows);

/// Versions in the form in which they are sent.
#[derive(Debug)]
pub struct EncodedVersions(EncodedRows);

impl Default for VersionRows {
    fn default() -> Self {
        Self(CopyRows::new(TYPES))
    }
}

impl VersionRows {
    /// Adds the version that the creation of a recordset at a serial makes.
    pub fn push(&mut self, zone: ZoneId, recordset: &Recordset, since: LongSerial) -> Result<(), StoreError> {
        let records: Vec<&str> = recordset.records.iter().map(|record| record.text()).collect();
        self.0.push(&[
            &zone.uuid(),
            &recordset.id.uuid(),
            &recordset.owner.to_string(),
            &recordset.owner.to_key(),
            &i32::from(recordset.rrtype.get()),
            &recordset.ttl.map(rows::ttl),
            &records,
            &rows::packed(&recordset.records),
            &recordset.description,
            &recordset.managed,
            &recordset.project.as_str(),
            &recordset.revision,
            &recordset.created_at,
            &recordset.updated_at,
            &since.get(),
        ])
    }

    /// Takes the rows added since the last time.
    pub fn take(&mut self) -> EncodedVersions {
        EncodedVersions(std::mem::take(self).0.finish())
    }
}

impl EncodedVersions {
    /// Writes them in the client's open transaction.
    pub async fn write(self, client: &Client) -> Result<(), StoreError> {
        self.0.copy(client, COPY).await
    }
}

/// Ends live versions of recordsets.
pub struct VersionEnder(Statement);

impl VersionEnder {
    /// Prepares the statement.
    pub async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
        client.prepare(END).await.map(Self)
    }

    /// Ends the live versions of these recordsets of a zone at a serial, in the client's open transaction.
    pub async fn end(
        &self,
        client: &Client,
        zone: ZoneId,
        until: LongSerial,
        recordsets: &[RecordsetId],
    ) -> Result<(), WriteError> {
        let ids = rows::column(recordsets, |recordset| recordset.uuid());
        run(
            client,
            &self.0,
            "recordset_version",
            recordsets.len(),
            &[&zone.uuid(), &until.get(), &ids],
        )
        .await
    }
}

/// How a change-set goes on whose first events a delta was made of: with more events of recordsets at the same serial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoesOn {
    /// The zone.
    pub zone: ZoneId,
    /// The version of the last event of its stream.
    pub version: Version,
    /// The position of that event, as [`zonelog_model::Recorded::after`] means it until that is called here.
    pub position: Position,
    /// By how much what follows changes the number of recordsets, none of them managed.
    pub recordsets: i64,
    /// By how much it changes the number of their records.
    pub records: i64,
}

impl GoesOn {
    /// The same, when `head` is the last position before the change.
    #[must_use]
    pub fn after(self, head: Position) -> Self {
        Self {
            position: head + self.position,
            ..self
        }
    }
}

impl ZoneStateDelta<'_> {
    /// Takes what follows into account in the zone's own rows.
    #[must_use]
    pub fn going_on(mut self, with: GoesOn) -> Self {
        for step in &mut self.steps {
            for zone in step.zones.iter_mut().filter(|zone| zone.id == with.zone) {
                zone.stream_version = with.version;
                zone.content_position = Some(with.position);
                zone.recordsets += with.recordsets;
                zone.records += with.records;
            }
            for serial in step.serials.iter_mut().filter(|serial| serial.zone == with.zone) {
                serial.position = with.position;
            }
        }
        self
    }
}
