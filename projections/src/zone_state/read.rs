//! Rows into the values of the domain.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;
use zonelog_dns::{LongSerial, Name, OwnerName, Rrtype, Ttl, ZoneName};
use zonelog_model::resource::HostPort;
use zonelog_model::zone::{ManagedResource, Record, Recordset, Share, SoaTimers, Zone, ZoneKind};
use zonelog_model::{PoolId, ProjectId, RecordsetId, ShareId, Timestamp, ZoneId};

/// What [`zone_from_row`] reads, in its order: 24 columns of `zone` under the alias `z`.
pub const ZONE_COLUMNS: &str = "z.id, z.name, z.project, z.pool, z.email, z.ttl, z.description, z.attributes, z.mname, \
    z.refresh, z.retry, z.expire, z.minimum, z.serial, z.soa_recordset, z.revision, z.stream_version, \
    z.recordset_count, z.record_count, z.created_at, z.updated_at, z.transferred_at, z.masters, z.deleted_position is not null";

/// What [`share_from_row`] reads, in its order: 4 columns of `zone_share` under the alias `s`.
pub const SHARE_COLUMNS: &str = "s.id, s.target_project, s.project, s.created_at";

/// What [`recordset_from_row`] reads, in its order: 15 columns of `recordset_version` under the alias `v`.
pub const RECORDSET_COLUMNS: &str = "v.recordset, v.owner, v.type, v.ttl, v.records, v.description, v.managed, \
    v.managed_kind, v.managed_id, v.managed_region, v.managed_project, v.project, v.revision, v.created_at, v.updated_at";

/// A row that does not mean what its table says: damage, or a newer release's writing.
#[derive(Debug, Error)]
#[error("{table} {id}: {column}: {reason}; compare it with `zonelog projection rebuild --compare`")]
pub struct RowError {
    /// The table.
    pub table: &'static str,
    /// The id in the row, or what stands for one.
    pub id: String,
    /// The column.
    pub column: &'static str,
    /// What is wrong with it.
    pub reason: String,
}

/// The zone in a row whose columns from `first` on are [`ZONE_COLUMNS`].
pub fn zone_from_row(row: &Row, first: usize) -> Result<Zone, RowError> {
    let mut columns = Columns::new("zone", row, first);
    let id: Uuid = columns.next("id")?;
    columns.id = Some(id);
    let zone = Zone {
        id: ZoneId::new(id),
        name: columns.read("name", |text: &str| ZoneName::from_name(Name::parse(text)?))?,
        project: columns.project("project")?,
        pool: PoolId::new(columns.next("pool")?),
        kind: ZoneKind::Primary,
        email: columns.next("email")?,
        ttl: columns.read("ttl", |ttl: i32| Ttl::new(ttl.into()))?,
        description: columns.next("description")?,
        attributes: columns.attributes()?,
        primary_nameserver: columns.read("mname", Name::parse)?,
        timers: SoaTimers {
            refresh: columns.seconds("refresh")?,
            retry: columns.seconds("retry")?,
            expire: columns.seconds("expire")?,
            minimum: columns.seconds("minimum")?,
        },
        serial: LongSerial::from_i64(columns.next("serial")?),
        soa_recordset: RecordsetId::new(columns.next("soa_recordset")?),
        revision: columns.next("revision")?,
        stream_version: columns.next("stream_version")?,
        recordset_count: columns.next("recordset_count")?,
        record_count: columns.next("record_count")?,
        created_at: columns.next::<Timestamp>("created_at")?,
        updated_at: columns.next::<Option<Timestamp>>("updated_at")?,
        transferred_at: columns.next::<Option<Timestamp>>("transferred_at")?,
        deleted: false,
    };
    Ok(Zone {
        kind: columns.kind()?,
        deleted: columns.next("deleted_position")?,
        ..zone
    })
}

/// The masters in the JSON of the column `zone.masters`; `None` if it is not of their shape.
pub fn masters_from_json(masters: &serde_json::Value) -> Option<Vec<HostPort>> {
    let master = |value: &serde_json::Value| {
        Some(HostPort {
            host: value.get("host")?.as_str()?.to_owned(),
            port: u16::try_from(value.get("port")?.as_u64()?).ok()?,
        })
    };
    masters.as_array()?.iter().map(master).collect()
}

/// The share in a row whose columns from `first` on are [`SHARE_COLUMNS`].
pub fn share_from_row(row: &Row, first: usize) -> Result<Share, RowError> {
    let mut columns = Columns::new("zone_share", row, first);
    let id: Uuid = columns.next("id")?;
    columns.id = Some(id);
    Ok(Share {
        id: ShareId::new(id),
        target_project: columns.project("target_project")?,
        project: columns.project("project")?,
        created_at: columns.next::<Timestamp>("created_at")?,
    })
}

/// The recordset in a row whose columns from `first` on are [`RECORDSET_COLUMNS`].
pub fn recordset_from_row(row: &Row, first: usize) -> Result<Recordset, RowError> {
    let mut columns = Columns::new("recordset_version", row, first);
    let id: Uuid = columns.next("recordset")?;
    columns.id = Some(id);
    let owner = columns.read("owner", |text: &str| Name::parse(text).map(OwnerName::from_name))?;
    let rrtype = columns
        .read("type", u16::try_from as fn(i32) -> _)
        .map(Rrtype::new)?;
    let ttl = columns.next::<Option<i32>>("ttl")?;
    let ttl = ttl
        .map(|ttl| Ttl::new(ttl.into()))
        .transpose()
        .map_err(|error| columns.wrong("ttl", error))?;
    let records = columns.read("records", |texts: Vec<&str>| {
        texts
            .into_iter()
            .map(|text| Record::kept(rrtype, text))
            .collect::<Result<Vec<_>, _>>()
    })?;
    Ok(Recordset {
        id: RecordsetId::new(id),
        owner,
        rrtype,
        ttl,
        records,
        description: columns.next("description")?,
        managed: columns.next("managed")?,
        managed_resource: columns.managed_resource()?.map(Box::new),
        project: columns.project("project")?,
        revision: columns.next("revision")?,
        created_at: columns.next::<Timestamp>("created_at")?,
        updated_at: columns.next::<Option<Timestamp>>("updated_at")?,
    })
}

/// The columns of a row, from left to right. They are taken by place: by name each would be a search.
struct Columns<'a> {
    table: &'static str,
    id: Option<Uuid>,
    row: &'a Row,
    at: usize,
}

impl<'a> Columns<'a> {
    fn new(table: &'static str, row: &'a Row, first: usize) -> Self {
        Self {
            table,
            id: None,
            row,
            at: first,
        }
    }

    fn next<T: FromSql<'a>>(&mut self, column: &'static str) -> Result<T, RowError> {
        let value = self
            .row
            .try_get(self.at)
            .map_err(|error| self.wrong(column, error))?;
        self.at += 1;
        Ok(value)
    }

    fn read<T: FromSql<'a>, V, E: fmt::Display>(
        &mut self,
        column: &'static str,
        read: impl FnOnce(T) -> Result<V, E>,
    ) -> Result<V, RowError> {
        let value = self.next(column)?;
        read(value).map_err(|error| self.wrong(column, error))
    }

    fn seconds(&mut self, column: &'static str) -> Result<u32, RowError> {
        self.read(column, |seconds: i32| u32::try_from(seconds))
    }

    fn project(&mut self, column: &'static str) -> Result<ProjectId, RowError> {
        self.read(column, |id: &str| ProjectId::new(id).ok_or("not a project's id"))
    }

    fn managed_resource(&mut self) -> Result<Option<ManagedResource>, RowError> {
        let kind: Option<String> = self.next("managed_kind")?;
        let id: Option<String> = self.next("managed_id")?;
        let region: Option<String> = self.next("managed_region")?;
        let project: Option<&str> = self.next("managed_project")?;
        match (kind, id, project) {
            (None, None, None) => Ok(None),
            (Some(kind), Some(id), Some(project)) => Ok(Some(ManagedResource {
                kind,
                id,
                region,
                project: ProjectId::new(project)
                    .ok_or_else(|| self.wrong("managed_project", "not a project's id"))?,
            })),
            _ => Err(self.wrong("managed_kind", "only a part of what it was made for is there")),
        }
    }

    fn kind(&mut self) -> Result<ZoneKind, RowError> {
        let Some(masters) = self.next::<Option<serde_json::Value>>("masters")? else {
            return Ok(ZoneKind::Primary);
        };
        let masters = masters_from_json(&masters)
            .ok_or_else(|| self.wrong("masters", "not a list of hosts and ports"))?;
        Ok(ZoneKind::Secondary { masters })
    }

    fn attributes(&mut self) -> Result<BTreeMap<String, String>, RowError> {
        self.read("attributes", serde_json::from_value::<BTreeMap<String, String>>)
    }

    fn wrong(&self, column: &'static str, reason: impl fmt::Display) -> RowError {
        let id = self
            .id
            .map_or_else(|| "without an id".to_owned(), |id| id.to_string());
        RowError {
            table: self.table,
            id,
            column,
            reason: reason.to_string(),
        }
    }
}
