//! Which importer works on which import.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_postgres::Client;
use uuid::Uuid;
use zonelog_model::stored::decode_actor;
use zonelog_model::{Actor, ResourceId};
use zonelog_store::StoreError;

use crate::command::ImportRights;

/// Takes the oldest import that nobody works on. `claimed_by` names a database session: when that is gone, so is whoever
/// had it. A session that asks again has given up what it had.
const CLAIM: &str = "
    with me as (
        select a.pid || ' ' || a.backend_start as session from pg_stat_activity a where a.pid = pg_backend_pid()),
    next as (
        select t.import from import_task t, me
        where t.claimed_until is null or t.claimed_until < now() or t.claimed_by = me.session
           or not exists (select from pg_stat_activity a where a.pid || ' ' || a.backend_start = t.claimed_by)
        order by t.created_at, t.import limit 1
        for update of t skip locked)
    update import_task t
    set claimed_by = me.session, claimed_until = now() + make_interval(secs => $1)
    from next, me where t.import = next.import
    returning t.import, t.attributes, t.rights";

/// Who asked for it: the actor of the import's creation.
const ASKED: &str = "select actor, project, request_id from event where stream = $1 and version = 1";

const TEXT: &str = "select bytes from import_body where import = $1 order by chunk";

/// An import that this connection's process works on.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) import: ResourceId,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) rights: ImportRights,
    pub(super) actor: Actor,
    pub(super) request_id: Option<String>,
}

impl Claim {
    /// Claims the next import, if one waits.
    pub(super) async fn next(client: &Client, time: Duration) -> Result<Option<Self>, StoreError> {
        let Some(row) = client.query_opt(CLAIM, &[&time.as_secs_f64()]).await? else {
            return Ok(None);
        };
        let id: Uuid = row.try_get(0)?;
        let wrong = |error: &dyn std::fmt::Display| {
            StoreError::decode(format!("the task of import {id}"), error.to_string())
        };
        let attributes =
            serde_json::from_value(row.try_get(1)?).map_err(|error: serde_json::Error| wrong(&error))?;
        let import = ResourceId::new(id);
        let (actor, request_id) = asked(client, import).await?;
        Ok(Some(Self {
            import,
            attributes,
            rights: ImportRights::from_value(&row.try_get(2)?),
            actor,
            request_id,
        }))
    }

    /// The text of the master file.
    pub(super) async fn text(&self, client: &Client) -> Result<Vec<u8>, StoreError> {
        let mut text = Vec::new();
        for row in client.query(TEXT, &[&self.import.uuid()]).await? {
            text.extend_from_slice(row.try_get(0)?);
        }
        Ok(text)
    }
}

/// Who asked for an import, and in which request.
pub(super) async fn asked(
    client: &Client,
    import: ResourceId,
) -> Result<(Actor, Option<String>), StoreError> {
    let row = client.query_one(ASKED, &[&import.uuid()]).await?;
    let actor = decode_actor(&row.try_get(0)?, row.try_get(1)?)
        .map_err(|error| StoreError::decode(format!("who asked for import {import}"), error.to_string()))?;
    Ok((actor, row.try_get(2)?))
}
