//! A batch being decided, command by command, each over what those before it did.

mod streams;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use zonelog_model::resource::{self, Body, ImportStatus, Kind, Resource, ZoneImport};
use zonelog_model::transfer::{AcceptTransfer, TransferDecision, TransferRejection, decide_transfer};
use zonelog_model::zone::{self, ActorFacts, Recordset, Share, TransferZone, ZoneSlice};
use zonelog_model::{Metadata, Position, Timestamp, ZoneId};
use zonelog_store::{Appending, StoreError};

use crate::answer::StoredAnswer;
use crate::command::{Command, StartImport};
use crate::overlay::Overlay;
use crate::request::{Accepted, Changed, Rejection, Request, Scope};
use crate::side_rows::SideRows;

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

/// Why a command has no effect.
enum Refused {
    /// A rule says no.
    Rejected(Rejection),
    /// What was loaded does not fit together, in words.
    Inconsistent(String),
}

impl<R: Into<Rejection>> From<R> for Refused {
    fn from(rejection: R) -> Self {
        Self::Rejected(rejection.into())
    }
}

/// See the module.
pub(crate) struct Deciding {
    /// One time for the whole batch.
    now: Timestamp,
    overlay: Overlay,
    /// First answers to idempotency keys, of earlier batches and of this one.
    answers: HashMap<(String, String), StoredAnswer>,
    /// Zones whose events did not fit what was loaded: nothing more is decided for them.
    inconsistent: HashSet<ZoneId>,
    side_rows: SideRows,
}

/// What a command did: what to show for it, and the position of its last event.
type Done = (Changed, Option<Position>);

impl Deciding {
    pub(crate) fn new(
        now: Timestamp,
        overlay: Overlay,
        answers: HashMap<(String, String), StoredAnswer>,
    ) -> Self {
        Self {
            now,
            overlay,
            answers,
            inconsistent: HashSet::new(),
            side_rows: SideRows::default(),
        }
    }

    /// What the batch leaves: the state after it, and what is to be written beside the log.
    pub(crate) fn finish(self) -> (Overlay, SideRows) {
        (self.overlay, self.side_rows)
    }

    /// Decides a request; a retried one gets its first answer.
    pub(crate) fn outcome(&mut self, appending: &mut Appending<'_>, request: &Request) -> Outcome {
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
        let pushed = appending.events().len();
        let metadata = Arc::new(request.metadata.clone());
        let done = match &request.command {
            Command::Zone(command) => self.zone(appending, request, command, &metadata),
            Command::Resource(command) => self.resource(appending, request, command, &metadata),
            Command::AcceptTransfer(command) => self.transfer(appending, request, command, &metadata),
            Command::StartImport(command) => self.start_import(appending, command, &metadata),
        };
        match done {
            Ok((changed, position)) => Outcome::Accepted(Box::new(Accepted {
                change_id: request.metadata.change_id,
                position,
                changed,
                replayed: false,
            })),
            Err(Refused::Rejected(rejection)) => {
                self.side_rows.refuse(request, &rejection, self.now);
                Outcome::Rejected(Box::new(rejection))
            }
            Err(Refused::Inconsistent(problem)) => {
                appending.truncate(pushed);
                Outcome::Failed(StoreError::Corrupt {
                    position: appending.next_position(),
                    problem,
                })
            }
        }
    }

    fn zone(
        &mut self,
        appending: &mut Appending<'_>,
        request: &Request,
        command: &zone::Command,
        metadata: &Arc<Metadata>,
    ) -> Result<Done, Refused> {
        let id = command.zone();
        self.is_consistent(id)?;
        let mut taken = self.overlay.take(command);
        let facts = self.overlay.facts(command, &taken.slice, actor(request));
        let events = match zone::decide(&taken.slice, command, &facts, self.now) {
            Ok(events) => events,
            Err(rejection) => {
                self.overlay.put_back(taken);
                return Err(rejection.into());
            }
        };
        let recordset = recordset_of(command, &taken.slice).cloned();
        let share = share_of(command, &taken.slice).cloned();
        let pushed = appending.events().len();
        let position = self.append_zone(appending, id, &mut taken.slice, events, metadata)?;
        let zone = taken.slice.zone.clone();
        let zone = zone.ok_or_else(|| Refused::Inconsistent("an accepted command left no zone".into()))?;
        let recordset = recordset_of(command, &taken.slice).cloned().or(recordset);
        let share = share_of(command, &taken.slice).cloned().or(share);
        self.overlay.put_back(taken);
        self.note(&appending.events()[pushed..]);
        let changed = Changed::Zone {
            zone: Box::new(zone),
            recordset: recordset.map(Box::new),
            share,
        };
        Ok((changed, position))
    }

    fn resource(
        &mut self,
        appending: &mut Appending<'_>,
        request: &Request,
        command: &resource::Command,
        metadata: &Arc<Metadata>,
    ) -> Result<Done, Refused> {
        let (id, kind) = (command.id(), command.kind());
        let present = self.overlay.resources().get(id).cloned();
        if present
            .as_ref()
            .is_some_and(|present| is_anothers(present, request))
        {
            return Err(resource::Rejection::NotFound { kind, id }.into());
        }
        let version = self.overlay.resources().version(id);
        let facts = self.overlay.resource_facts(command);
        let event = resource::decide(present.as_ref(), version, command, &facts, self.now)?;
        let Some(event) = event else {
            let unchanged = present.ok_or(resource::Rejection::NotFound { kind, id })?;
            return Ok((Changed::Resource(Box::new(unchanged)), None));
        };
        let pushed = appending.events().len();
        let (changed, position) = self.append_resource(appending, event, metadata)?;
        if kind == Kind::ZoneImport && matches!(command, resource::Command::Delete { .. }) {
            self.side_rows.drop_import(id);
        }
        self.note(&appending.events()[pushed..]);
        Ok((Changed::Resource(Box::new(changed)), Some(position)))
    }

    fn transfer(
        &mut self,
        appending: &mut Appending<'_>,
        request: &Request,
        command: &AcceptTransfer,
        metadata: &Arc<Metadata>,
    ) -> Result<Done, Refused> {
        let id = command.zone;
        self.is_consistent(id)?;
        let offer = self.overlay.resources().get(command.request).cloned();
        let mut taken = self.overlay.take_zone(id);
        let as_given = zone::Command::from(TransferZone {
            zone: id,
            to: command.project.clone(),
        });
        let facts = self.overlay.facts(&as_given, &taken.slice, actor(request));
        let decision = decide_transfer(offer.as_ref(), &taken.slice, command, &facts, self.now);
        let TransferDecision {
            zone,
            request,
            accept,
        } = match decision {
            Ok(decision) => decision,
            Err(rejection) => {
                self.overlay.put_back(taken);
                return Err(as_of_one_family(rejection).into());
            }
        };
        let pushed = appending.events().len();
        self.append_zone(appending, id, &mut taken.slice, zone, metadata)?;
        let zone = taken.slice.zone.clone();
        let zone = zone.ok_or_else(|| Refused::Inconsistent("a transfer left no zone".into()))?;
        self.overlay.put_back(taken);
        let (request, _) = self.append_resource(appending, request, metadata)?;
        let (accept, position) = self.append_resource(appending, accept, metadata)?;
        self.note(&appending.events()[pushed..]);
        let changed = Changed::Transfer {
            zone: Box::new(zone),
            request: Box::new(request),
            accept: Box::new(accept),
        };
        Ok((changed, Some(position)))
    }

    fn start_import(
        &mut self,
        appending: &mut Appending<'_>,
        command: &StartImport,
        metadata: &Arc<Metadata>,
    ) -> Result<Done, Refused> {
        let id = command.import;
        let create = resource::Command::Create {
            id,
            body: Body::ZoneImport(ZoneImport {
                project: command.project.clone(),
                status: ImportStatus::Pending,
                message: None,
                zone: None,
            }),
        };
        let present = self.overlay.resources().get(id).cloned();
        let version = self.overlay.resources().version(id);
        let facts = self.overlay.resource_facts(&create);
        let event = resource::decide(present.as_ref(), version, &create, &facts, self.now)?;
        let event = event.ok_or_else(|| Refused::Inconsistent("a new import changes nothing".into()))?;
        let pushed = appending.events().len();
        let (import, position) = self.append_resource(appending, event, metadata)?;
        self.side_rows.import(command, self.now);
        self.note(&appending.events()[pushed..]);
        Ok((Changed::Resource(Box::new(import)), Some(position)))
    }

    fn is_consistent(&self, zone: ZoneId) -> Result<(), Refused> {
        if self.inconsistent.contains(&zone) {
            return Err(Refused::Inconsistent(format!(
                "zone {zone} does not fit its events"
            )));
        }
        Ok(())
    }
}

fn actor(request: &Request) -> ActorFacts {
    ActorFacts {
        project: request.metadata.actor.project.clone(),
        all_projects: request.scope == Scope::AllProjects,
    }
}

/// Tasks are their project's own. What belongs to the installation, and quotas, are for who a policy lets.
fn is_anothers(present: &Resource, request: &Request) -> bool {
    let is_task = matches!(
        present.body.kind(),
        Kind::TransferRequest | Kind::TransferAccept | Kind::ZoneImport | Kind::ZoneExport
    );
    is_task
        && request.scope == Scope::Project
        && present
            .body
            .project()
            .is_some_and(|project| *project != request.metadata.actor.project)
}

/// A zone's own rule that refuses a transfer is that rule, and not one of transfers.
fn as_of_one_family(rejection: TransferRejection) -> Rejection {
    match rejection {
        TransferRejection::Zone(rejection) => rejection.into(),
        other => other.into(),
    }
}

/// The recordset that a command is about, if the slice holds it.
fn recordset_of<'a>(command: &zone::Command, slice: &'a ZoneSlice) -> Option<&'a Recordset> {
    let id = match command {
        zone::Command::CreateRecordset(command) => command.recordset,
        zone::Command::UpdateRecordset(command) => command.recordset,
        zone::Command::DeleteRecordset(command) => command.recordset,
        _ => return None,
    };
    slice.recordsets.iter().find(|recordset| recordset.id == id)
}

/// The share that a command is about, if the slice holds it.
fn share_of<'a>(command: &zone::Command, slice: &'a ZoneSlice) -> Option<&'a Share> {
    let id = match command {
        zone::Command::ShareZone(command) => command.share,
        zone::Command::UnshareZone(command) => command.share,
        _ => return None,
    };
    slice.shares.iter().find(|share| share.id == id)
}
