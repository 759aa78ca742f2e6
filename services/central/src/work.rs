//! What the writer does with a batch of commands.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use futures_util::{join, try_join};
use tokio_postgres::Client;

use zonelog_model::zone::{self, Command, Limits, PoolFacts, Recordset, Rejection, Zone, ZoneSlice};
use zonelog_model::{Event, Position, StreamId, Timestamp, ZoneId};
use zonelog_projections::zone_state::{WriteError, ZoneStateDelta, ZoneStateWriter};
use zonelog_store::{Appending, BatchWork, StoreError};

use crate::clock;
use crate::load::{Loaded, Queries};
use crate::overlay::Overlay;
use crate::request::{Accepted, Request, Scope};
use crate::side_rows::{SideRowWriter, SideRows, StoredAnswer};

/// What became of a command.
pub(crate) enum Outcome {
    /// It is committed.
    Accepted(Box<Accepted>),
    /// A rule says no.
    Rejected(Box<Rejection>),
    /// Its idempotency key stands for another request.
    KeyReused,
    /// What the database holds does not fit together.
    Failed(StoreError),
}

/// The work of a batch, and what lives from one of its phases to the next.
pub(crate) struct CentralWork {
    limits: Limits,
    pool: PoolFacts,
    prepared: Option<Prepared>,
    loaded: Loaded,
    side_rows: SideRows,
}

/// The statements of the present connection.
struct Prepared {
    queries: Queries,
    zone_state: ZoneStateWriter,
    side_rows: SideRowWriter,
}

impl CentralWork {
    pub(crate) fn new(limits: Limits, pool: PoolFacts) -> Self {
        Self {
            limits,
            pool,
            prepared: None,
            loaded: Loaded::default(),
            side_rows: SideRows::default(),
        }
    }

    fn prepared(&self) -> Result<&Prepared, StoreError> {
        self.prepared
            .as_ref()
            .ok_or_else(|| StoreError::Unavailable("the statements are not prepared".into()))
    }
}

impl BatchWork for CentralWork {
    type Request = Request;
    type Answer = Outcome;

    async fn connected(&mut self, client: &Client) -> Result<(), StoreError> {
        self.prepared = None;
        client.batch_execute(ZoneStateWriter::SESSION).await?;
        let (queries, zone_state, side_rows) = try_join!(
            Queries::prepare(client),
            ZoneStateWriter::prepare(client),
            SideRowWriter::prepare(client),
        )?;
        self.prepared = Some(Prepared {
            queries,
            zone_state,
            side_rows,
        });
        Ok(())
    }

    async fn load(&mut self, client: &Client, batch: &[Request]) -> Result<(), StoreError> {
        self.loaded = self.prepared()?.queries.load(client, batch).await?;
        Ok(())
    }

    fn decide(
        &mut self,
        appending: &mut Appending<'_>,
        batch: &[Request],
    ) -> Result<Vec<Outcome>, StoreError> {
        let mut loaded = std::mem::take(&mut self.loaded);
        let mut deciding = Deciding {
            now: clock::now(),
            answers: std::mem::take(&mut loaded.answers),
            overlay: Overlay::new(loaded, self.limits, self.pool.clone()),
            inconsistent: HashSet::new(),
            side_rows: SideRows::default(),
        };
        let outcomes = batch
            .iter()
            .map(|request| deciding.outcome(appending, request))
            .collect();
        self.side_rows = deciding.side_rows;
        Ok(outcomes)
    }

    async fn write(&mut self, appending: &Appending<'_>) -> Result<(), StoreError> {
        let (client, events) = (appending.client(), appending.events());
        let prepared = self.prepared()?;
        let delta = ZoneStateDelta::of(events);
        let (zone_state, side_rows) = join!(
            prepared.zone_state.write(client, &delta),
            prepared.side_rows.write(client, &self.side_rows),
        );
        zone_state.map_err(|error| match error {
            WriteError::Sql(error) => error.into(),
            inconsistent @ WriteError::Inconsistent { .. } => StoreError::Corrupt {
                position: events.first().map_or(0, |first| first.position),
                problem: inconsistent.to_string(),
            },
        })?;
        Ok(side_rows?)
    }

    fn rolled_back(&mut self) {
        self.loaded = Loaded::default();
        self.side_rows = SideRows::default();
    }
}

/// A batch being decided, command by command.
struct Deciding {
    /// One time for the whole batch.
    now: Timestamp,
    overlay: Overlay,
    /// First answers to idempotency keys, of earlier batches and of this one.
    answers: HashMap<(String, String), StoredAnswer>,
    /// Zones whose events did not fit what was loaded: nothing more is decided for them.
    inconsistent: HashSet<ZoneId>,
    side_rows: SideRows,
}

impl Deciding {
    fn outcome(&mut self, appending: &mut Appending<'_>, request: &Request) -> Outcome {
        let Some(idempotency) = &request.idempotency else {
            return self.execute(appending, request);
        };
        let place = (
            request.metadata.actor.project.as_str().to_owned(),
            idempotency.key.clone(),
        );
        if let Some(first) = self.answers.get(&place) {
            if first.digest != idempotency.digest {
                return Outcome::KeyReused;
            }
            return match first.replay() {
                Ok(accepted) => Outcome::Accepted(Box::new(accepted)),
                Err(damage) => {
                    let what = format!("the answer kept for the idempotency key {:?}", place.1);
                    Outcome::Failed(StoreError::decode(what, damage))
                }
            };
        }
        let outcome = self.execute(appending, request);
        if let Outcome::Accepted(accepted) = &outcome {
            let answer = StoredAnswer::new(idempotency, accepted);
            self.side_rows.keep(&place.0, &place.1, &answer, self.now);
            self.answers.insert(place, answer);
        }
        outcome
    }

    fn execute(&mut self, appending: &mut Appending<'_>, request: &Request) -> Outcome {
        let command = &request.command;
        if self.inconsistent.contains(&command.zone()) {
            let problem = format!("zone {} does not fit its events", command.zone());
            return Outcome::Failed(StoreError::Corrupt {
                position: appending.head(),
                problem,
            });
        }
        if self.is_out_of_scope(request) {
            return self.refused(request, Rejection::ZoneNotFound(command.zone()));
        }
        let mut taken = self.overlay.take(command);
        let facts = self.overlay.facts(command, &taken.slice);
        let events = match zone::decide(&taken.slice, command, facts, self.now) {
            Ok(events) => events,
            Err(rejection) => {
                self.overlay.put_back(taken);
                return self.refused(request, rejection);
            }
        };
        let before = recordset_of(command, &taken.slice).cloned();
        let pushed = appending.events().len();
        match self.append(appending, request, &mut taken.slice, events) {
            Ok((zone, position)) => {
                let recordset = recordset_of(command, &taken.slice).cloned().or(before);
                self.overlay.put_back(taken);
                let change_id = request.metadata.change_id;
                Outcome::Accepted(Box::new(Accepted {
                    change_id,
                    position,
                    zone,
                    recordset,
                    replayed: false,
                }))
            }
            Err(problem) => {
                appending.truncate(pushed);
                self.inconsistent.insert(command.zone());
                Outcome::Failed(StoreError::Corrupt {
                    position: appending.next_position(),
                    problem,
                })
            }
        }
    }

    /// Appends the events of one change, and applies them to the slice. Returns the zone after it, and the position of
    /// the last event; the error says what does not fit.
    fn append(
        &self,
        appending: &mut Appending<'_>,
        request: &Request,
        slice: &mut ZoneSlice,
        events: Vec<zone::Event>,
    ) -> Result<(Zone, Option<Position>), String> {
        let stream = StreamId::from(request.command.zone());
        let metadata = Arc::new(request.metadata.clone());
        let mut version = slice.zone.as_ref().map_or(0, |zone| zone.stream_version);
        let mut position = None;
        for (index, event) in events.into_iter().enumerate() {
            version += 1;
            zone::apply(slice, &event, self.now, version, index == 0).map_err(|error| error.to_string())?;
            position = Some(
                appending
                    .push(stream, version, Event::Zone(event), &metadata, self.now)
                    .position,
            );
        }
        let zone = slice.zone.clone().ok_or("an accepted command left no zone")?;
        Ok((zone, position))
    }

    /// Another project's zone does not exist for a caller of project scope.
    fn is_out_of_scope(&self, request: &Request) -> bool {
        let is_new = matches!(request.command, Command::CreateZone(_));
        request.scope == Scope::Project
            && !is_new
            && self
                .overlay
                .project_of(request.command.zone())
                .is_some_and(|project| *project != request.metadata.actor.project)
    }

    fn refused(&mut self, request: &Request, rejection: Rejection) -> Outcome {
        self.side_rows.refuse(request, &rejection, self.now);
        Outcome::Rejected(Box::new(rejection))
    }
}

/// The recordset that a command is about, if the slice holds it.
fn recordset_of<'a>(command: &Command, slice: &'a ZoneSlice) -> Option<&'a Recordset> {
    let id = match command {
        Command::CreateZone(_) | Command::UpdateZone(_) | Command::DeleteZone(_) => return None,
        Command::CreateRecordset(command) => command.recordset,
        Command::UpdateRecordset(command) => command.recordset,
        Command::DeleteRecordset(command) => command.recordset,
    };
    slice.recordsets.iter().find(|recordset| recordset.id == id)
}
