//! What is written beside the log in the transaction of a batch: refusals, and the answers kept for retries.

use futures_util::try_join;
use serde_json::{Value, json};
use tokio_postgres::{Client, Statement};
use uuid::Uuid;
use zonelog_model::stored::{
    encode_actor, recordset_from_value, recordset_to_value, zone_from_value, zone_to_value,
};
use zonelog_model::zone::{Command, Rejection};
use zonelog_model::{ChangeId, Timestamp};

use crate::request::{Accepted, Idempotency, Request};

/// The first answer to an idempotency key, as it is stored.
#[derive(Clone)]
pub(crate) struct StoredAnswer {
    pub(crate) digest: Vec<u8>,
    pub(crate) change_id: ChangeId,
    pub(crate) answer: Value,
}

impl StoredAnswer {
    /// The form in which an answer is kept.
    pub(crate) fn new(idempotency: &Idempotency, accepted: &Accepted) -> Self {
        let answer = json!({
            "position": accepted.position,
            "zone": zone_to_value(&accepted.zone),
            "recordset": accepted.recordset.as_ref().map(recordset_to_value),
        });
        Self {
            digest: idempotency.digest.to_vec(),
            change_id: accepted.change_id,
            answer,
        }
    }

    /// The answer for a retry; the error says what is damaged.
    pub(crate) fn replay(&self) -> Result<Accepted, String> {
        let zone = self.answer.get("zone").ok_or("it has no zone")?;
        let recordset = match self.answer.get("recordset") {
            None | Some(Value::Null) => None,
            Some(value) => Some(recordset_from_value(value).map_err(|error| error.to_string())?),
        };
        Ok(Accepted {
            change_id: self.change_id,
            position: self.answer.get("position").and_then(Value::as_i64),
            zone: zone_from_value(zone).map_err(|error| error.to_string())?,
            recordset,
            replayed: true,
        })
    }
}

/// Rows to be written, in columns.
#[derive(Default)]
pub(crate) struct SideRows {
    refusals: Refusals,
    answers: Answers,
}

#[derive(Default)]
struct Refusals {
    streams: Vec<Uuid>,
    commands: Vec<&'static str>,
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
        rows.streams.push(request.command.zone().uuid());
        rows.commands.push(command_name(&request.command));
        rows.labels.push(rejection.label());
        rows.messages.push(storable(rejection.to_string()));
        rows.projects.push(actor.project.as_str().to_owned());
        rows.actors.push(encode_actor(actor));
        rows.request_ids.push(request.metadata.request_id.clone());
        rows.times.push(at);
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
}

impl SideRowWriter {
    pub(crate) async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let (refusals, answers) = try_join!(
            client.prepare(
                "insert into refusal (stream, command, label, message, project, actor, request_id, recorded_at)
                 select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[],
                                      $7::text[], $8::timestamptz[])"
            ),
            client.prepare(
                "insert into idempotency_key (project, key, digest, change_id, answer, recorded_at)
                 select * from unnest($1::text[], $2::text[], $3::bytea[], $4::uuid[], $5::jsonb[], $6::timestamptz[])"
            ),
        )?;
        Ok(Self { refusals, answers })
    }

    /// Writes the rows in the client's open transaction; sent when the future is first polled.
    pub(crate) async fn write(&self, client: &Client, rows: &SideRows) -> Result<(), tokio_postgres::Error> {
        let SideRows { refusals, answers } = rows;
        let refused = async {
            if !refusals.streams.is_empty() {
                let Refusals {
                    streams,
                    commands,
                    labels,
                    messages,
                    projects,
                    actors,
                    request_ids,
                    times,
                } = refusals;
                client
                    .execute(
                        &self.refusals,
                        &[
                            streams,
                            commands,
                            labels,
                            messages,
                            projects,
                            actors,
                            request_ids,
                            times,
                        ],
                    )
                    .await?;
            }
            Ok(())
        };
        let kept = async {
            if !answers.keys.is_empty() {
                let Answers {
                    projects,
                    keys,
                    digests,
                    change_ids,
                    answers,
                    times,
                } = answers;
                client
                    .execute(
                        &self.answers,
                        &[projects, keys, digests, change_ids, answers, times],
                    )
                    .await?;
            }
            Ok(())
        };
        try_join!(refused, kept).map(|_| ())
    }
}

/// The stable word for a command in the table of refusals.
fn command_name(command: &Command) -> &'static str {
    match command {
        Command::CreateZone(_) => "create_zone",
        Command::UpdateZone(_) => "update_zone",
        Command::DeleteZone(_) => "delete_zone",
        Command::CreateRecordset(_) => "create_recordset",
        Command::UpdateRecordset(_) => "update_recordset",
        Command::DeleteRecordset(_) => "delete_recordset",
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
