//! Recordsets that stand for things of other services, and the name servers of a zone.

use deadpool_postgres::Client;
use tokio_postgres::types::Type;
use uuid::Uuid;
use zonelog_model::resource::{Body, NsRecord};

use super::recordsets::{Source, recordset_row};
use super::sql::Parameters;
use super::zones::in_sight;
use super::{Listing, ListingError, RecordsetRow, Sight};
use crate::resource::{RESOURCE_COLUMNS, resource_from_row};
use crate::status::zone_gone_sql;

/// A recordset that was made for a thing of another service, and what that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedRow {
    /// The thing's id.
    pub id: String,
    /// Its region, if it has one.
    pub region: Option<String>,
    /// The project that the thing belongs to.
    pub project: String,
    /// The recordset.
    pub recordset: RecordsetRow,
}

impl Listing {
    /// The live recordsets that were made for things of a kind (`ptr:floatingip`) with one of these ids.
    pub async fn managed_recordsets(
        &self,
        client: &Client,
        kind: &str,
        ids: &[&str],
    ) -> Result<Vec<ManagedRow>, ListingError> {
        let mut parameters = Parameters::default();
        let kind = parameters.bind(kind.to_owned(), Type::TEXT);
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let ids = parameters.bind(ids, Type::TEXT_ARRAY);
        let source = Source::stored(&self.threshold);
        let text = format!(
            "select {columns}, v.managed_id, v.managed_region, v.managed_project from {from} \
             and v.managed_id = any ({ids}) and v.managed_id is not null and v.managed_kind = {kind} \
             and z.deleted_position is null",
            columns = source.columns(),
            from = source.from,
        );
        let rows = parameters.query(client, &text, true).await?;
        rows.iter()
            .map(|row| {
                Ok(ManagedRow {
                    id: row.try_get("managed_id")?,
                    region: row.try_get("managed_region")?,
                    project: row.try_get("managed_project")?,
                    recordset: recordset_row(row)?,
                })
            })
            .collect()
    }

    /// The name servers of a zone's pool, by priority and name; `None` when the zone is not there for the caller. A pool
    /// that the log does not know has none.
    pub async fn nameservers(
        &self,
        client: &Client,
        sight: Sight<'_>,
        zone: Uuid,
    ) -> Result<Option<Vec<NsRecord>>, ListingError> {
        let mut parameters = Parameters::default();
        let id = parameters.bind(zone, Type::UUID);
        let text = format!(
            "select {RESOURCE_COLUMNS} from zone z left join resource r on r.id = z.pool and r.kind = 'pool' \
             where z.id = {id} and not {gone}{seen}",
            gone = zone_gone_sql("z", &self.threshold),
            seen = in_sight(sight, &mut parameters),
        );
        let rows = parameters.query(client, &text, true).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        if row.try_get::<_, Option<Uuid>>(0)?.is_none() {
            return Ok(Some(Vec::new()));
        }
        let Body::Pool(pool) = resource_from_row(row, 0)?.body else {
            return Ok(Some(Vec::new()));
        };
        let mut nameservers = pool.ns_records;
        nameservers.sort_by_cached_key(|record| (record.priority, record.hostname.to_key()));
        Ok(Some(nameservers))
    }
}
