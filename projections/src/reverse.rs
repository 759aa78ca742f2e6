//! Where the PTR of an address stands: for the reverse records of floating IPs.

use deadpool_postgres::GenericClient;
use tokio_postgres::{Error, Row};
use uuid::Uuid;
use zonelog_dns::{OwnerName, Rrtype, ZoneName};
use zonelog_model::zone::ManagedResource;
use zonelog_model::{ProjectId, ZoneId};

/// A PTR recordset, as far as it matters whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ptr {
    /// Its id.
    pub recordset: Uuid,
    /// What it was made for; `None`: a user made it.
    pub managed: Option<ManagedResource>,
}

/// The live zone of a name, whoever owns it, and the live PTR recordset at an owner name in it. `None`: no such zone.
pub async fn find<C: GenericClient>(
    client: &C,
    zone: &ZoneName,
    owner: &OwnerName,
) -> Result<Option<(ZoneId, Option<Ptr>)>, Error> {
    let statement = client
        .prepare_cached(
            "select z.id, v.recordset, v.managed_kind, v.managed_id, v.managed_region, v.managed_project \
             from zone z left join recordset_version v on v.zone = z.id and v.owner_key = $2 and v.type = $3 \
             and v.until_serial is null where z.name_key = $1 and z.deleted_position is null",
        )
        .await?;
    let (zone, owner) = (zone.to_key(), owner.to_key());
    let rrtype = i32::from(Rrtype::PTR.get());
    let row = client.query_opt(&statement, &[&zone, &owner, &rrtype]).await?;
    row.map(|row| Ok((ZoneId::new(row.try_get(0)?), ptr(&row)?)))
        .transpose()
}

fn ptr(row: &Row) -> Result<Option<Ptr>, Error> {
    let Some(recordset) = row.try_get(1)? else {
        return Ok(None);
    };
    let project: Option<String> = row.try_get(5)?;
    let kind: Option<String> = row.try_get(2)?;
    let id: Option<String> = row.try_get(3)?;
    let managed = match (kind, id, project.and_then(ProjectId::new)) {
        (Some(kind), Some(id), Some(project)) => Some(ManagedResource {
            kind,
            id,
            region: row.try_get(4)?,
            project,
        }),
        _ => None,
    };
    Ok(Some(Ptr { recordset, managed }))
}
