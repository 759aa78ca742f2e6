//! The events and rows of a transfer, chunk by chunk.

use std::collections::HashMap;

use zonelog_dns::{OwnerName, Rrtype};
use zonelog_model::zone::{self, Recordset, Refresh, Rejection, RrsetChange};
use zonelog_model::{Event, RecordsetId, Version, ZoneId};
use zonelog_projections::zone_state::{EncodedVersions, GoesOn, VersionRows};
use zonelog_store::{ChangeEncoder, EncodedEvents, StoreError};

/// Some of a transfer's changes, ready to be sent.
pub(super) struct Chunk {
    pub(super) events: EncodedEvents,
    /// Recordsets whose live versions end.
    pub(super) ended: Vec<RecordsetId>,
    pub(super) made: EncodedVersions,
}

/// Makes the chunks. Needs no connection, so that it can run elsewhere.
pub(super) struct Maker {
    zone: ZoneId,
    refresh: Refresh,
    encoder: ChangeEncoder,
    /// Of the last event.
    version: Version,
    rows: VersionRows,
}

impl Maker {
    /// `encoder` has the change's first event, which has `version`.
    pub(super) fn new(zone: ZoneId, refresh: Refresh, encoder: ChangeEncoder, version: Version) -> Self {
        Self {
            zone,
            refresh,
            encoder,
            version,
            rows: VersionRows::default(),
        }
    }

    /// Decides and encodes the next changes. `present` are the live recordsets at their owner names.
    pub(super) fn chunk(
        mut self,
        changes: Vec<RrsetChange>,
        present: Vec<Recordset>,
    ) -> Result<Result<(Chunk, Self), Rejection>, StoreError> {
        let present: HashMap<(OwnerName, Rrtype), Recordset> = present
            .into_iter()
            .map(|recordset| ((recordset.owner.clone(), recordset.rrtype), recordset))
            .collect();
        let serial = self.refresh.serial();
        let mut ended = Vec::new();
        for change in changes {
            let place = (change.owner.clone(), change.rrtype);
            let event = match self.refresh.rrset(change, present.get(&place)) {
                Ok(Some(event)) => event,
                Ok(None) => continue,
                Err(rejection) => return Ok(Err(rejection)),
            };
            self.version += 1;
            let event = Event::Zone(event);
            let recorded = self.encoder.push(self.zone.into(), self.version, event)?;
            let Event::Zone(event) = &recorded.event else {
                continue;
            };
            let made = match event {
                zone::Event::RecordsetCreated { recordset, .. } => Some(recordset),
                zone::Event::RecordsetChanged { before, after, .. } => {
                    ended.push(before.id);
                    Some(after)
                }
                zone::Event::RecordsetDeleted { before, .. } => {
                    ended.push(before.id);
                    None
                }
                _ => None,
            };
            if let Some(recordset) = made {
                self.rows.push(self.zone, recordset, serial)?;
            }
        }
        let chunk = Chunk {
            events: self.encoder.take(),
            ended,
            made: self.rows.take(),
        };
        Ok(Ok((chunk, self)))
    }

    /// How the change-set went on after its first event, if the zone's owner may have what it has become.
    pub(super) fn finish(self) -> Result<GoesOn, Rejection> {
        let (recordsets, records) = self.refresh.finish()?;
        Ok(GoesOn {
            zone: self.zone,
            version: self.version,
            position: self.encoder.last(),
            recordsets,
            records,
        })
    }
}
