//! What is written beside the log in the transaction of a batch: refusals, the answers kept for retries, and the texts of
//! imports.

use bytes::Bytes;
use futures_util::try_join;
use serde_json::{Value, json};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};
use uuid::Uuid;
use zonelog_model::stored::encode_actor;
use zonelog_model::{ResourceId, Timestamp};

use crate::answer::StoredAnswer;
use crate::command::StartImport;
use crate::request::{Rejection, Request};

/// The octets of one row of an import's text.
const TEXT_CHUNK: usize = 1 << 20;

/// Rows to be written, in columns.
#[derive(Default)]
pub(crate) struct SideRows {
    refusals: Refusals,
    answers: Answers,
    imports: Imports,
    /// Imports that were deleted: nothing is left to be done for them.
    dropped_imports: Vec<Uuid>,
}

#[derive(Default)]
struct Imports {
    ids: Vec<Uuid>,
    attributes: Vec<Value>,
    rights: Vec<Value>,
    times: Vec<Timestamp>,
    /// The texts, cut into rows.
    chunk_imports: Vec<Uuid>,
    chunk_numbers: Vec<i32>,
    chunks: Vec<Bytes>,
}

#[derive(Default)]
struct Refusals {
    streams: Vec<Uuid>,
    commands: Vec<String>,
    labels: Vec<&'static str>,
    messages: Vec<String>,
    projects: Vec<String>,
    actors: Vec<Value>,
    request_ids: Vec<Option<String>>,
    times: Vec<Timestamp>,
}

#[derive(Default)]
struct Answers {
    projects: Vec<String>,
    keys: Vec<String>,
    digests: Vec<Vec<u8>>,
    change_ids: Vec<Uuid>,
    answers: Vec<Value>,
    times: Vec<Timestamp>,
}

impl SideRows {
    /// Adds a refused command: who tried what, and which rule said no.
    pub(crate) fn refuse(&mut self, request: &Request, rejection: &Rejection, at: Timestamp) {
        let actor = &request.metadata.actor;
        let rows = &mut self.refusals;
        rows.streams.push(request.command.stream().uuid());
        rows.commands.push(request.command.type_name().into_owned());
        rows.labels.push(rejection.label());
        rows.messages.push(storable(rejection.to_string()));
        rows.projects.push(actor.project.as_str().to_owned());
        rows.actors.push(encode_actor(actor));
        rows.request_ids.push(request.metadata.request_id.clone());
        rows.times.push(at);
    }

    /// Adds an import that was accepted.
    pub(crate) fn import(&mut self, command: &StartImport, at: Timestamp) {
        let rows = &mut self.imports;
        let id = command.import.uuid();
        rows.ids.push(id);
        rows.attributes.push(json!(command.attributes));
        rows.rights.push(command.rights.to_value());
        rows.times.push(at);
        for number in 0..command.text.len().div_ceil(TEXT_CHUNK) {
            let begin = number * TEXT_CHUNK;
            let end = (begin + TEXT_CHUNK).min(command.text.len());
            rows.chunk_imports.push(id);
            rows.chunk_numbers.push(i32::try_from(number).unwrap_or(i32::MAX));
            rows.chunks.push(command.text.slice(begin..end));
        }
    }

    /// Whether an import was accepted.
    pub(crate) fn has_imports(&self) -> bool {
        !self.imports.ids.is_empty()
    }

    /// Adds an import that was deleted.
    pub(crate) fn drop_import(&mut self, import: ResourceId) {
        self.dropped_imports.push(import.uuid());
    }

    /// Adds an answer to be kept for retries.
    pub(crate) fn keep(&mut self, project: &str, key: &str, answer: &StoredAnswer, at: Timestamp) {
        let rows = &mut self.answers;
        rows.projects.push(project.to_owned());
        rows.keys.push(key.to_owned());
        rows.digests.push(answer.digest.clone());
        rows.change_ids.push(answer.change_id.uuid());
        rows.answers.push(answer.answer.clone());
        rows.times.push(at);
    }
}

/// The prepared statements of one connection.
#[derive(Clone)]
pub(crate) struct SideRowWriter {
    refusals: Statement,
    answers: Statement,
    imports: Statement,
    import_texts: Statement,
    drop_tasks: Statement,
    drop_texts: Statement,
}

impl SideRowWriter {
    pub(crate) async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let (refusals, answers, imports, import_texts, drop_tasks, drop_texts) = try_join!(
            client.prepare(
                "insert into refusal (stream, command, label, message, project, actor, request_id, recorded_at)
                 select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[],
                                      $7::text[], $8::timestamptz[])"
            ),
            client.prepare(
                "insert into idempotency_key (project, key, digest, change_id, answer, recorded_at)
                 select * from unnest($1::text[], $2::text[], $3::bytea[], $4::uuid[], $5::jsonb[], $6::timestamptz[])"
            ),
            client.prepare(
                "insert into import_task (import, attributes, rights, created_at)
                 select * from unnest($1::uuid[], $2::jsonb[], $3::jsonb[], $4::timestamptz[])"
            ),
            client.prepare(
                "insert into import_body (import, chunk, bytes)
                 select * from unnest($1::uuid[], $2::integer[], $3::bytea[])"
            ),
            client.prepare("delete from import_task where import = any($1::uuid[])"),
            client.prepare("delete from import_body where import = any($1::uuid[])"),
        )?;
        Ok(Self {
            refusals,
            answers,
            imports,
            import_texts,
            drop_tasks,
            drop_texts,
        })
    }

    /// Writes the rows in the client's open transaction; sent when the future is first polled.
    pub(crate) async fn write(&self, client: &Client, rows: &SideRows) -> Result<(), tokio_postgres::Error> {
        try_join!(
            self.write_refusals(client, &rows.refusals),
            self.write_answers(client, &rows.answers),
            self.write_imports(client, &rows.imports),
            self.drop_imports(client, &rows.dropped_imports),
        )?;
        Ok(())
    }

    async fn write_refusals(&self, client: &Client, rows: &Refusals) -> Result<(), tokio_postgres::Error> {
        if rows.streams.is_empty() {
            return Ok(());
        }
        client
            .execute(
                &self.refusals,
                &[
                    &rows.streams,
                    &rows.commands,
                    &rows.labels,
                    &rows.messages,
                    &rows.projects,
                    &rows.actors,
                    &rows.request_ids,
                    &rows.times,
                ],
            )
            .await?;
        Ok(())
    }

    async fn write_answers(&self, client: &Client, rows: &Answers) -> Result<(), tokio_postgres::Error> {
        if rows.keys.is_empty() {
            return Ok(());
        }
        client
            .execute(
                &self.answers,
                &[
                    &rows.projects,
                    &rows.keys,
                    &rows.digests,
                    &rows.change_ids,
                    &rows.answers,
                    &rows.times,
                ],
            )
            .await?;
        Ok(())
    }

    async fn write_imports(&self, client: &Client, rows: &Imports) -> Result<(), tokio_postgres::Error> {
        if rows.ids.is_empty() {
            return Ok(());
        }
        let texts: Vec<&[u8]> = rows.chunks.iter().map(AsRef::as_ref).collect();
        let tasks: [&(dyn ToSql + Sync); 4] = [&rows.ids, &rows.attributes, &rows.rights, &rows.times];
        let texts: [&(dyn ToSql + Sync); 3] = [&rows.chunk_imports, &rows.chunk_numbers, &texts];
        try_join!(
            client.execute(&self.imports, &tasks),
            client.execute(&self.import_texts, &texts),
        )?;
        Ok(())
    }

    async fn drop_imports(&self, client: &Client, imports: &Vec<Uuid>) -> Result<(), tokio_postgres::Error> {
        if imports.is_empty() {
            return Ok(());
        }
        let imports: [&(dyn ToSql + Sync); 1] = [imports];
        try_join!(
            client.execute(&self.drop_tasks, &imports),
            client.execute(&self.drop_texts, &imports),
        )?;
        Ok(())
    }
}

/// A refused text may hold what PostgreSQL's text cannot: U+0000.
fn storable(message: String) -> String {
    if message.contains('\0') {
        message.replace('\0', "\u{fffd}")
    } else {
        message
    }
}
