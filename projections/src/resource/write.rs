//! Rows into the tables of resources.

use futures_util::try_join;
use serde_json::Value;
use tokio_postgres::{Client, Statement};
use zonelog_model::resource::Resource;
use zonelog_model::{ProjectId, ZoneId, stored};

use super::delta::ResourceDelta;

/// The prepared statements of one connection, for a session set as [`crate::inline::InlineWriter::SESSION`] says.
#[derive(Clone)]
pub struct ResourceWriter {
    remove: Statement,
    keep: Statement,
    registry: Statement,
}

impl ResourceWriter {
    /// Prepares the statements, in one round trip.
    pub async fn prepare(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let (remove, keep, registry) = try_join!(
            client.prepare(REMOVE),
            client.prepare(KEEP),
            client.prepare(REGISTRY),
        )?;
        Ok(Self {
            remove,
            keep,
            registry,
        })
    }

    /// Writes the changes in the client's open transaction; nothing is sent when there are none.
    ///
    /// All touched rows go before those that stay come back: names may have been swapped on the way.
    pub async fn write(
        &self,
        client: &Client,
        delta: &ResourceDelta<'_>,
    ) -> Result<(), tokio_postgres::Error> {
        if delta.is_empty() {
            return Ok(());
        }
        try_join!(
            async { client.execute(&self.remove, &[&delta.touched]).await.map(drop) },
            self.keep(client, delta),
            async {
                match &delta.registry {
                    Some(position) => client.execute(&self.registry, &[position]).await.map(drop),
                    None => Ok(()),
                }
            },
        )?;
        Ok(())
    }

    async fn keep(&self, client: &Client, delta: &ResourceDelta<'_>) -> Result<(), tokio_postgres::Error> {
        let kept = &delta.kept;
        if kept.is_empty() {
            return Ok(());
        }
        let column = |of: &dyn Fn(&Resource) -> Option<String>| -> Vec<Option<String>> {
            kept.iter().map(|(resource, _)| of(resource)).collect()
        };
        let ids: Vec<_> = kept.iter().map(|(resource, _)| resource.id.uuid()).collect();
        let kinds: Vec<_> = kept
            .iter()
            .map(|(resource, _)| resource.body.kind().label())
            .collect();
        let names = column(&|resource| resource.body.unique_key());
        let projects = column(&|resource| resource.body.project().map(ProjectId::to_string));
        let zones: Vec<_> = kept
            .iter()
            .map(|(resource, _)| resource.body.zone().map(ZoneId::uuid))
            .collect();
        let bodies: Vec<Value> = kept.iter().map(|(resource, _)| stored_body(resource)).collect();
        let revisions: Vec<_> = kept.iter().map(|(resource, _)| resource.revision).collect();
        let versions: Vec<_> = kept.iter().map(|(resource, _)| resource.stream_version).collect();
        let created: Vec<_> = kept.iter().map(|(resource, _)| resource.created_at).collect();
        let updated: Vec<_> = kept.iter().map(|(resource, _)| resource.updated_at).collect();
        let positions: Vec<_> = kept.iter().map(|(_, position)| *position).collect();
        client
            .execute(
                &self.keep,
                &[
                    &ids, &kinds, &names, &projects, &zones, &bodies, &revisions, &versions, &created,
                    &updated, &positions,
                ],
            )
            .await?;
        Ok(())
    }
}

/// The stored form of a resource's content alone.
fn stored_body(resource: &Resource) -> Value {
    stored::resource_to_value(resource)["body"].take()
}

const REMOVE: &str = "delete from resource r where r.id = any ($1::uuid[])";

const KEEP: &str = "
    insert into resource (id, kind, name_key, project, zone, body, revision, stream_version, created_at, updated_at,
                          position)
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::jsonb[], $7::bigint[],
                         $8::bigint[], $9::timestamptz[], $10::timestamptz[], $11::bigint[])";

const REGISTRY: &str = "update registry_head set position = $1 where feed = 0";
