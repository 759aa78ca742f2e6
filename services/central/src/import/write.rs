//! A parsed import into the log and its projections, as one transaction in chunks. The log's head is held when all is written
//! but the zone's own rows.

use std::sync::Arc;

use tokio::sync::mpsc;
use zonelog_model::resource::{self, Body, ImportStatus, Resource, ZoneImport};
use zonelog_model::zone::import::{Import, message, success};
use zonelog_model::zone::{self, ActorFacts, CreateZone, Facts, ZoneKind};
use zonelog_model::{Event, Metadata, Position, Recorded, ResourceId, Timestamp};
use zonelog_projections::inline::{InlineDelta, InlineWriter};
use zonelog_projections::zone_state::{EncodedVersions, GoesOn, VersionRows, WriteError};
use zonelog_store::{BulkAppend, ChangeEncoder, Database, EncodedEvents, StoreError};

use super::claim::Claim;
use super::parse::ParsedZone;
use crate::load::Queries;
use crate::overlay::{Circumstances, Overlay};
use crate::{Central, clock, ids};

/// How many chunks wait encoded for the one that is being written.
const CHUNKS_AHEAD: usize = 2;

/// What writes imports.
pub(super) struct Importer<'a> {
    pub(super) central: &'a Central,
    /// With the limits of a connection that holds the log's head.
    database: Database,
}

/// A transaction that holds the log's head, with its statements and what was found under the lock.
struct Locked {
    append: BulkAppend,
    inline: InlineWriter,
    head: Position,
    resource: Resource,
    import: ZoneImport,
}

/// Some of a zone's recordsets, ready to be sent.
struct Chunk {
    events: EncodedEvents,
    versions: EncodedVersions,
}

/// What is known once all chunks were made.
struct Total {
    goes_on: GoesOn,
    encoder: ChangeEncoder,
}

/// A zone of which all is written but its own rows.
struct Staged {
    /// The zone's own events.
    first: Vec<Recorded>,
    total: Total,
}

impl<'a> Importer<'a> {
    pub(super) fn new(central: &'a Central, database: Database) -> Self {
        Self { central, database }
    }

    /// Makes the zone, or says in the import why not.
    pub(super) async fn write(&self, claim: Claim, parsed: ParsedZone) -> Result<(), StoreError> {
        let (mut append, inline, queries) = self.connect().await?;
        append.begin().await?;
        let Some((_, import)) = pending(&append, &queries, claim.import).await? else {
            append.roll_back().await?;
            return self.forget(claim.import).await;
        };
        let create = create_zone(&claim, &import, &parsed, self.central);
        let actor = ActorFacts {
            project: claim.actor.project.clone(),
            all_projects: false,
        };
        let facts = self.facts(&append, &queries, &create, actor.clone()).await?;
        let metadata = Arc::new(Metadata {
            actor: claim.actor,
            change_id: ids::change_id(),
            request_id: claim.request_id,
            cause: Some(format!("zone import {}", claim.import)),
        });
        let now = clock::now();
        // Nobody waits for this yet, and nobody else writes what belongs to the new zone.
        let staged = self
            .stage(&mut append, create.clone(), facts.clone(), parsed, &metadata, now)
            .await?;
        let staged = match staged {
            Ok(staged) => staged,
            Err(rejection) => {
                append.roll_back().await?;
                return self.fail(claim.import, message(&rejection)).await;
            }
        };

        let head = append.lock().await?;
        let Some((resource, import)) = pending(&append, &queries, claim.import).await? else {
            append.roll_back().await?;
            return self.forget(claim.import).await;
        };
        let present = Facts {
            random: facts.random,
            ..self.facts(&append, &queries, &create, actor).await?
        };
        match Import::begin(&create, &present, now) {
            Ok((_, first))
                if present.quotas == facts.quotas
                    && first.iter().eq(staged.first.iter().filter_map(zone_event)) => {}
            Ok(_) => {
                let why = "what the zone rests on changed meanwhile; it is made anew";
                return Err(StoreError::Unavailable(why.to_owned()));
            }
            Err(rejection) => {
                append.roll_back().await?;
                return self.fail(claim.import, message(&rejection)).await;
            }
        }
        let locked = Locked {
            append,
            inline,
            head,
            resource,
            import,
        };
        let head = self.complete(locked, staged, now).await?;
        self.central.writer.tell(head);
        Ok(())
    }

    /// Writes the zone's events and the versions of its recordsets, chunk by chunk.
    async fn stage(
        &self,
        append: &mut BulkAppend,
        create: CreateZone,
        facts: Facts,
        parsed: ParsedZone,
        metadata: &Arc<Metadata>,
        now: Timestamp,
    ) -> Result<Result<Staged, zone::Rejection>, StoreError> {
        let mut encoder = ChangeEncoder::new(metadata, now);
        let events = match Import::begin(&create, &facts, now) {
            Ok((_, events)) => events,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let mut first = Vec::with_capacity(events.len());
        for (version, event) in (1..).zip(events) {
            first.push(encoder.push(create.zone.into(), version, Event::Zone(event))?);
        }
        let (sender, mut chunks) = mpsc::channel(CHUNKS_AHEAD);
        let size = self.central.options.imports.chunk.max(1);
        let version = i64::try_from(first.len()).unwrap_or(i64::MAX);
        let made = tokio::task::spawn_blocking(move || {
            make_chunks(&create, &facts, now, parsed, encoder, version, size, &sender)
        });
        // On an error the receiver goes, and the other side ends with it.
        while let Some(Chunk { events, versions }) = chunks.recv().await {
            append.stage(events).await?;
            versions.write(append.client()).await?;
        }
        let total = made
            .await
            .map_err(|panic| StoreError::Undecided(panic.to_string()))??;
        Ok(total.map(|total| Staged { first, total }))
    }

    /// Says in the import that the zone is there, and commits it all.
    async fn complete(
        &self,
        mut locked: Locked,
        staged: Staged,
        now: Timestamp,
    ) -> Result<Position, StoreError> {
        let Staged { first, total } = staged;
        let Total { goes_on, mut encoder } = total;
        let complete = ZoneImport {
            status: ImportStatus::Complete,
            message: Some(success_message(&first)),
            zone: Some(goes_on.zone),
            ..locked.import.clone()
        };
        let last = changed(&mut encoder, locked.resource.clone(), complete, now)?;
        locked.append.stage(encoder.take()).await?;
        let head = locked.head;
        let recorded: Vec<_> = first
            .into_iter()
            .chain([last])
            .map(|event| event.after(head))
            .collect();
        let delta = InlineDelta::of(&recorded).going_on(goes_on.after(head));
        self.finish(locked, &delta).await
    }

    /// Says in an import why it failed.
    pub(super) async fn fail(&self, import: ResourceId, message: String) -> Result<(), StoreError> {
        let (mut append, inline, queries) = self.connect().await?;
        append.begin().await?;
        let head = append.lock().await?;
        let Some((resource, present)) = pending(&append, &queries, import).await? else {
            append.roll_back().await?;
            return self.forget(import).await;
        };
        let asked = super::claim::asked(append.client(), import).await?;
        let metadata = Arc::new(Metadata {
            actor: asked.0,
            change_id: ids::change_id(),
            request_id: asked.1,
            cause: Some(format!("zone import {import}")),
        });
        let now = clock::now();
        let mut encoder = ChangeEncoder::new(&metadata, now);
        let failed = ZoneImport {
            status: ImportStatus::Error,
            message: Some(shortened(message)),
            ..present.clone()
        };
        let recorded = [changed(&mut encoder, resource.clone(), failed, now)?.after(head)];
        append.stage(encoder.take()).await?;
        let locked = Locked {
            append,
            inline,
            head,
            resource,
            import: present,
        };
        let head = self.finish(locked, &InlineDelta::of(&recorded)).await?;
        self.central.writer.tell(head);
        Ok(())
    }

    /// Removes what is left of an import that is done, or was deleted.
    async fn forget(&self, import: ResourceId) -> Result<(), StoreError> {
        let client = self.database.connect().await?;
        client
            .execute("delete from import_body where import = $1", &[&import.uuid()])
            .await?;
        client
            .execute("delete from import_task where import = $1", &[&import.uuid()])
            .await?;
        Ok(())
    }

    async fn connect(&self) -> Result<(BulkAppend, InlineWriter, Queries), StoreError> {
        let append = BulkAppend::connect(&self.database).await?;
        let client = append.client();
        client.batch_execute(InlineWriter::SESSION).await?;
        let inline = InlineWriter::prepare(client).await?;
        let queries = Queries::prepare(client).await?;
        Ok((append, inline, queries))
    }

    /// The facts for the zone's creation, as the transaction sees them.
    async fn facts(
        &self,
        append: &BulkAppend,
        queries: &Queries,
        create: &CreateZone,
        actor: ActorFacts,
    ) -> Result<Facts, StoreError> {
        let client = append.client();
        let command = zone::Command::from(create.clone());
        let loaded = queries.load_for(client, &command).await?;
        let mut registry = self.central.registry.known();
        if let Some(position) = loaded.registry_head.filter(|at| !registry.stands_at(*at)) {
            registry = registry.read(position, queries.registry(client).await?);
        }
        let circumstances = Circumstances::of(&self.central.options);
        let mut overlay = Overlay::new(loaded, circumstances, registry);
        let taken = overlay.take(&command);
        Ok(overlay.facts(&command, &taken.slice, actor))
    }

    /// Writes the projections, ends the task, and commits.
    async fn finish(&self, locked: Locked, delta: &InlineDelta<'_>) -> Result<Position, StoreError> {
        let Locked {
            append,
            inline,
            head,
            resource,
            import: _,
        } = locked;
        let client = append.client();
        inline.write(client, delta).await.map_err(|error| match error {
            WriteError::Sql(error) => error.into(),
            inconsistent @ WriteError::Inconsistent { .. } => StoreError::Corrupt {
                position: head + 1,
                problem: inconsistent.to_string(),
            },
        })?;
        let import = resource.id.uuid();
        client
            .execute("delete from import_body where import = $1", &[&import])
            .await?;
        client
            .execute("delete from import_task where import = $1", &[&import])
            .await?;
        append.commit().await
    }
}

/// Decides and encodes the recordsets, chunk by chunk. Ends early when nobody takes them any more.
#[expect(clippy::too_many_arguments, reason = "what a thread of its own needs")]
fn make_chunks(
    create: &CreateZone,
    facts: &Facts,
    now: Timestamp,
    parsed: ParsedZone,
    mut encoder: ChangeEncoder,
    mut version: i64,
    size: usize,
    chunks: &mpsc::Sender<Chunk>,
) -> Result<Result<Total, zone::Rejection>, StoreError> {
    let zone = create.zone;
    let mut import = match Import::begin(create, facts, now) {
        Ok((import, _)) => import,
        Err(rejection) => return Ok(Err(rejection)),
    };
    let serial = import.serial();
    let mut versions = VersionRows::default();
    let mut position = None;
    let mut in_chunk = 0;
    for recordset in parsed.recordsets {
        let event = match import.recordset(recordset) {
            Ok(event) => event,
            Err(rejection) => return Ok(Err(rejection)),
        };
        version += 1;
        let recorded = encoder.push(zone.into(), version, Event::Zone(event))?;
        if let Event::Zone(zone::Event::RecordsetCreated { recordset, .. }) = &recorded.event {
            versions.push(zone, recordset, serial)?;
        }
        position = Some(recorded.position);
        in_chunk += 1;
        if in_chunk == size {
            in_chunk = 0;
            let chunk = Chunk {
                events: encoder.take(),
                versions: versions.take(),
            };
            if chunks.blocking_send(chunk).is_err() {
                return Err(StoreError::Unavailable("the import was interrupted".to_owned()));
            }
        }
    }
    let rest = Chunk {
        events: encoder.take(),
        versions: versions.take(),
    };
    if chunks.blocking_send(rest).is_err() {
        return Err(StoreError::Unavailable("the import was interrupted".to_owned()));
    }
    let goes_on = GoesOn {
        zone,
        version,
        position: position.unwrap_or_else(|| encoder.last()),
        recordsets: import.zone().recordset_count,
        records: import.zone().record_count,
    };
    Ok(Ok(Total { goes_on, encoder }))
}

/// The zone to be made.
fn create_zone(claim: &Claim, import: &ZoneImport, parsed: &ParsedZone, central: &Central) -> CreateZone {
    CreateZone {
        zone: ids::zone_id(),
        soa_recordset: ids::recordset_id(),
        ns_recordset: ids::recordset_id(),
        name: parsed.name.clone(),
        project: import.project.clone(),
        kind: ZoneKind::Primary,
        email: parsed.email.clone(),
        ttl: Some(parsed.ttl),
        description: None,
        attributes: claim.attributes.clone(),
        timers: central.soa_timers(),
        may_use_low_ttl: claim.rights.may_use_low_ttl,
        may_use_blacklisted: claim.rights.may_use_blacklisted,
        may_force_pool: claim.rights.may_force_pool,
    }
}

/// The import, if it is still to be done.
async fn pending(
    append: &BulkAppend,
    queries: &Queries,
    import: ResourceId,
) -> Result<Option<(Resource, ZoneImport)>, StoreError> {
    let resource = queries.resource(append.client(), import).await?;
    Ok(resource.and_then(|resource| match &resource.body {
        Body::ZoneImport(import) if import.status == ImportStatus::Pending => {
            let import = import.clone();
            Some((resource, import))
        }
        _ => None,
    }))
}

/// The import's last event.
fn changed(
    encoder: &mut ChangeEncoder,
    before: Resource,
    import: ZoneImport,
    now: Timestamp,
) -> Result<Recorded, StoreError> {
    let stream = before.id.into();
    let version = before.stream_version + 1;
    let after = before.changed_to(Body::ZoneImport(import), now);
    let event = resource::Event::Changed { before, after };
    encoder.push(stream, version, event.into())
}

/// The event of a zone's stream.
const fn zone_event(recorded: &Recorded) -> Option<&zone::Event> {
    match &recorded.event {
        Event::Zone(event) => Some(event),
        _ => None,
    }
}

fn success_message(first: &[Recorded]) -> String {
    let created = first.iter().find_map(|recorded| match &recorded.event {
        Event::Zone(zone::Event::ZoneCreated { zone }) => Some(success(zone)),
        _ => None,
    });
    shortened(created.unwrap_or_default())
}

/// What the API's field takes.
fn shortened(message: String) -> String {
    const MOST: usize = 160;
    message.chars().take(MOST).collect()
}
