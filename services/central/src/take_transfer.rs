//! Transfers of secondary zones from their primaries, taken over: each one change-set at the primary's serial.
//!
//! Few changes are a command like others, in a batch with them. Many are a transaction of their own, written chunk by chunk
//! in memory bounded by the chunk. It waits for the log's head when all is written but the zone's own rows, as an import
//! does, if the zone was empty: then nobody else writes what it writes. Else it holds the head from its first chunk on, so
//! the changes must be at hand: nothing is waited for.

mod chunks;

use std::sync::Arc;

use zonelog_dns::LongSerial;
use zonelog_model::zone::{
    self, ActorFacts, Refresh, Rejection, RrsetChange, TakeTransfer, Transfer, Zone, ZoneSlice,
};
use zonelog_model::{Event, Metadata, Position, Recorded, Timestamp, ZoneId};
use zonelog_projections::inline::{InlineDelta, InlineWriter};
use zonelog_projections::zone_state::{GoesOn, VersionEnder, WriteError};
use zonelog_store::{BulkAppend, ChangeEncoder, StoreError};

use crate::import::write_limits;
use crate::load::Queries;
use crate::overlay::{Circumstances, Overlay};
use crate::request::{Accepted, Changed, ExecuteError, Request, Scope};
use crate::{Central, clock};
use chunks::{Chunk, Maker};

/// The most changes of one transfer that go in a batch with other commands.
const FEW: usize = 500;

impl Central {
    /// Takes over a transfer of a secondary zone. `changes` are in ascending order of the owner names' keys
    /// ([`zonelog_dns::Name::to_key`]), those of one owner name in ascending order of their types. Each tells an RRset as a
    /// whole; one that is so already is passed over. RRsets that are not told stay as they are: of a full transfer, those
    /// that are no more must be told too. The changes must not wait for anybody: while there are many and the zone
    /// is not empty, every other command waits.
    ///
    /// `metadata` names the primary in its cause; its door is [`zonelog_model::Door::Primary`]. With nothing to change
    /// (the zone is at the primary's serial) the answer has no position.
    ///
    /// # Errors
    /// [`Rejection::ZoneMovedOn`] when the zone is not at [`Transfer::expected`] any more: work it out anew. Others as
    /// [`Rejection`] says. After [`ExecuteError::Indeterminate`] the zone's serial tells.
    pub async fn take_transfer<I>(
        &self,
        transfer: Transfer,
        metadata: Metadata,
        changes: I,
    ) -> Result<Accepted, ExecuteError>
    where
        I: IntoIterator<Item = RrsetChange>,
        I::IntoIter: Send + 'static,
    {
        let mut changes = changes.into_iter();
        let first: Vec<RrsetChange> = changes.by_ref().take(FEW + 1).collect();
        if first.len() > FEW {
            let changes = first.into_iter().chain(changes);
            return self.take_many(transfer, metadata, changes).await;
        }
        let command = TakeTransfer {
            transfer,
            changes: first,
        };
        let request = Request {
            command: zone::Command::from(command).into(),
            metadata,
            scope: Scope::AllProjects,
            idempotency: None,
        };
        self.execute(request).await
    }

    async fn take_many<I: Iterator<Item = RrsetChange> + Send + 'static>(
        &self,
        transfer: Transfer,
        metadata: Metadata,
        changes: I,
    ) -> Result<Accepted, ExecuteError> {
        let change_id = metadata.change_id;
        let mut bulk = Bulk::connect(self).await.map_err(failed)?;
        // An error drops the connection, and with it the transaction.
        let written = bulk
            .write(self, &transfer, metadata, changes)
            .await
            .map_err(failed)?;
        let (zone, position) = match written {
            Written::Change(zone) => {
                let head = bulk.append.commit().await.map_err(|error| match error {
                    StoreError::Unavailable(_) => ExecuteError::Indeterminate,
                    other => ExecuteError::Failed(other),
                })?;
                self.writer.tell(head);
                (zone, Some(head))
            }
            Written::Nothing(zone) => {
                bulk.append.roll_back().await.map_err(failed)?;
                (zone, None)
            }
            Written::Rejected(rejection) => {
                bulk.append.roll_back().await.map_err(failed)?;
                return Err(ExecuteError::Rejected(Box::new(rejection.into())));
            }
        };
        Ok(Accepted {
            change_id,
            position,
            changed: Changed::Zone {
                zone: Box::new(zone),
                recordset: None,
                share: None,
            },
            replayed: false,
        })
    }
}

fn failed(error: StoreError) -> ExecuteError {
    match error {
        StoreError::Unavailable(why) => ExecuteError::Unavailable(why),
        other => ExecuteError::Failed(other),
    }
}

/// The zone, and what begins a change of it.
type Begun = Result<(Zone, Option<(Refresh, zone::Event)>), Rejection>;

/// A connection for one transaction of many changes.
struct Bulk {
    append: BulkAppend,
    inline: InlineWriter,
    queries: Queries,
    ender: VersionEnder,
    /// The log's last position before the change.
    head: Position,
}

/// What the transaction holds before its commit.
enum Written {
    /// The change, after which the zone is this.
    Change(Zone),
    /// Nothing: the zone is at the primary's serial.
    Nothing(Zone),
    /// A part of what a rule refused.
    Rejected(Rejection),
}

impl Bulk {
    async fn connect(central: &Central) -> Result<Self, StoreError> {
        let append = BulkAppend::connect(&write_limits(&central.database)).await?;
        let client = append.client();
        client.batch_execute(InlineWriter::SESSION).await?;
        let inline = InlineWriter::prepare(client).await?;
        let queries = Queries::prepare(client).await?;
        let ender = VersionEnder::prepare(client).await?;
        Ok(Self {
            append,
            inline,
            queries,
            ender,
            head: 0,
        })
    }

    async fn write<I: Iterator<Item = RrsetChange> + Send + 'static>(
        &mut self,
        central: &Central,
        transfer: &Transfer,
        metadata: Metadata,
        mut changes: I,
    ) -> Result<Written, StoreError> {
        self.append.begin().await?;
        let now = clock::now();
        let mut found = self.begin(central, transfer, &metadata, now).await?;
        // A secondary zone holds no managed recordsets, so that all are counted.
        let is_empty = matches!(&found, Ok((zone, _)) if zone.recordset_count == 0);
        if !is_empty {
            self.head = self.append.lock().await?;
            found = self.begin(central, transfer, &metadata, now).await?;
        }
        let (zone, begun) = match &found {
            Ok((zone, Some(begun))) => (zone.clone(), begun.clone()),
            Ok((zone, None)) => return Ok(Written::Nothing(zone.clone())),
            Err(rejection) => return Ok(Written::Rejected(rejection.clone())),
        };
        let (refresh, first) = begun;
        let mut encoder = ChangeEncoder::new(&Arc::new(metadata.clone()), now);
        let version = zone.stream_version + 1;
        let first = encoder.push(zone.id.into(), version, Event::Zone(first))?;
        let serial = refresh.serial();
        let mut maker = Maker::new(zone.id, refresh, encoder, version);
        let size = central.options.imports.chunk.max(1);
        let mut pending = None;
        loop {
            let wanted: Vec<RrsetChange> = changes.by_ref().take(size).collect();
            if wanted.is_empty() {
                break;
            }
            let present = match is_empty {
                true => Vec::new(),
                false => {
                    let keys = wanted.iter().map(|change| change.owner.to_key()).collect();
                    self.queries
                        .recordsets_at(self.append.client(), zone.id, keys)
                        .await?
                }
            };
            // The chunk is made while the one before it is written.
            let making = tokio::task::spawn_blocking(move || maker.chunk(wanted, present));
            if let Some(chunk) = pending.take() {
                self.write_chunk(chunk, zone.id, serial).await?;
            }
            let made = making
                .await
                .map_err(|panic| StoreError::Undecided(panic.to_string()))??;
            match made {
                Ok((chunk, on)) => (pending, maker) = (Some(chunk), on),
                Err(rejection) => return Ok(Written::Rejected(rejection)),
            }
        }
        if let Some(chunk) = pending {
            self.write_chunk(chunk, zone.id, serial).await?;
        }
        if is_empty {
            self.head = self.append.lock().await?;
            let present = self.begin(central, transfer, &metadata, now).await?;
            if present != found {
                return Ok(Written::Rejected(match present {
                    Err(rejection) => rejection,
                    Ok((zone, _)) => Rejection::ZoneMovedOn {
                        expected: transfer.expected,
                        present: zone.serial,
                    },
                }));
            }
        }
        let goes_on = match maker.finish() {
            Ok(goes_on) => goes_on.after(self.head),
            Err(rejection) => return Ok(Written::Rejected(rejection)),
        };
        let first = first.after(self.head);
        self.project(&first, goes_on).await?;
        after(zone, &first, goes_on).map(Written::Change)
    }

    /// The zone as it is, and what begins the change; `None` if there is nothing to change.
    async fn begin(
        &self,
        central: &Central,
        transfer: &Transfer,
        metadata: &Metadata,
        now: Timestamp,
    ) -> Result<Begun, StoreError> {
        let command = zone::Command::from(TakeTransfer {
            transfer: transfer.clone(),
            changes: Vec::new(),
        });
        let loaded = self.queries.load_for(self.append.client(), &command).await?;
        let circumstances = Circumstances::of(&central.options);
        let mut overlay = Overlay::new(loaded, circumstances, central.registry.known());
        let taken = overlay.take(&command);
        let actor = ActorFacts {
            project: metadata.actor.project.clone(),
            all_projects: true,
        };
        let facts = overlay.facts(&command, &taken.slice, actor);
        let Some(zone) = taken.slice.zone else {
            return Ok(Err(Rejection::ZoneNotFound(transfer.zone)));
        };
        Ok(Refresh::begin(&zone, transfer, facts.quotas, now).map(|begun| (zone, begun)))
    }

    async fn write_chunk(
        &mut self,
        chunk: Chunk,
        zone: ZoneId,
        serial: LongSerial,
    ) -> Result<(), StoreError> {
        self.append.stage(chunk.events).await?;
        let client = self.append.client();
        // An ended version makes room for the next one of the same owner name and type.
        let ended = self.ender.end(client, zone, serial, &chunk.ended).await;
        ended.map_err(|error| self.unfit(error))?;
        chunk.made.write(client).await
    }

    /// Writes the zone's own rows.
    async fn project(&self, first: &Recorded, goes_on: GoesOn) -> Result<(), StoreError> {
        let first = std::slice::from_ref(first);
        let delta = InlineDelta::of(first).going_on(goes_on);
        let written = self.inline.write(self.append.client(), &delta).await;
        written.map_err(|error| self.unfit(error))
    }

    fn unfit(&self, error: WriteError) -> StoreError {
        match error {
            WriteError::Sql(error) => error.into(),
            inconsistent @ WriteError::Inconsistent { .. } => StoreError::Corrupt {
                position: self.head + 1,
                problem: inconsistent.to_string(),
            },
        }
    }
}

/// The zone after the change.
fn after(zone: Zone, first: &Recorded, goes_on: GoesOn) -> Result<Zone, StoreError> {
    let mut slice = ZoneSlice {
        zone: Some(zone),
        ..ZoneSlice::default()
    };
    let unfit = |problem: String| StoreError::Corrupt {
        position: first.position,
        problem,
    };
    if let Event::Zone(event) = &first.event {
        zone::apply(&mut slice, event, first.recorded_at, first.version, true)
            .map_err(|error| unfit(error.to_string()))?;
    }
    let zone = slice.zone.ok_or_else(|| unfit("the zone is gone".to_owned()))?;
    Ok(Zone {
        stream_version: goes_on.version,
        recordset_count: zone.recordset_count + goes_on.recordsets,
        record_count: zone.record_count + goes_on.records,
        ..zone
    })
}
