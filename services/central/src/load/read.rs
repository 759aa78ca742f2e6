//! Rows of the load phase into what was found.

use std::collections::HashSet;

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;
use uuid::Uuid;
use zonelog_dns::{LongSerial, Name, ZoneName};
use zonelog_model::resource::{QuotaOverrides, Resource};
use zonelog_model::zone::{Registry, Share, ZoneRef};
use zonelog_model::{ChangeId, PoolId, ProjectId, ResourceId, ShareId, Timestamp, ZoneId};
use zonelog_projections::resource::resource_from_row;
use zonelog_projections::zone_state::{RowError, recordset_from_row, zone_from_row};
use zonelog_store::StoreError;

use super::Loaded;
use super::queries::BEFORE_ZONE;
use crate::answer::StoredAnswer;

impl Loaded {
    pub(super) fn read_zones(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        for row in rows {
            let zone = zone_from_row(row, BEFORE_ZONE).map_err(damaged)?;
            self.quotas.extend(quotas(row, zone.project.clone())?);
            self.zones.push((zone, shares(row)?));
        }
        Ok(())
    }

    pub(super) fn read_recordsets<'a>(
        &mut self,
        rows: impl Iterator<Item = &'a Row>,
    ) -> Result<(), StoreError> {
        let mut seen = HashSet::new();
        for row in rows {
            let zone = ZoneId::new(get(row, 0)?);
            let recordset = recordset_from_row(row, 1).map_err(damaged)?;
            if seen.insert((zone, recordset.id)) {
                self.recordsets.push((zone, recordset));
            }
        }
        Ok(())
    }

    pub(super) fn read_hierarchy<'a>(
        &mut self,
        rows: impl Iterator<Item = &'a Row>,
    ) -> Result<(), StoreError> {
        for row in rows {
            self.hierarchy.push(zone_ref(row)?);
        }
        Ok(())
    }

    pub(super) fn read_last_serials(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        for row in rows {
            self.last_serials
                .insert(get(row, 0)?, LongSerial::from_i64(get(row, 1)?));
        }
        Ok(())
    }

    pub(super) fn read_projects(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        for row in rows {
            let project = project(row, 5)?;
            self.quotas.extend(quotas(row, project.clone())?);
            self.usage.push((project, get(row, 6)?));
        }
        Ok(())
    }

    pub(super) fn read_shared(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        for row in rows {
            self.shared.push((ZoneId::new(get(row, 0)?), project(row, 1)?));
        }
        Ok(())
    }

    pub(super) fn read_share_use(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        for row in rows {
            let zone = ZoneId::new(get(row, 0)?);
            self.share_use.push((zone, project(row, 1)?, get(row, 2)?));
        }
        Ok(())
    }

    pub(super) fn read_answers(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        for row in rows {
            let answer = StoredAnswer {
                digest: get(row, 2)?,
                change_id: ChangeId::new(get(row, 3)?),
                answer: get(row, 4)?,
            };
            self.answers.insert((get(row, 0)?, get(row, 1)?), answer);
        }
        Ok(())
    }

    pub(super) fn read_resources(
        &mut self,
        rows: &[Row],
        unique_keys: &[Row],
        streams: &[Row],
    ) -> Result<(), StoreError> {
        self.resources = resources(rows)?;
        for row in unique_keys {
            self.unique_keys
                .insert((get(row, 0)?, get(row, 1)?), ResourceId::new(get(row, 2)?));
        }
        for row in streams {
            self.stream_versions
                .insert(ResourceId::new(get(row, 0)?), get(row, 1)?);
        }
        Ok(())
    }

    pub(super) fn read_pools(&mut self, pools: &[Row], registry_head: &[Row]) -> Result<(), StoreError> {
        for row in pools {
            self.pool_zones.push((PoolId::new(get(row, 0)?), get(row, 1)?));
        }
        self.registry_head = registry_head.first().map(|row| get(row, 0)).transpose()?;
        Ok(())
    }
}

/// The labels of the kinds that the registry is made from.
pub(super) fn registry_kinds() -> Vec<&'static str> {
    Registry::KINDS.iter().map(|kind| kind.label()).collect()
}

/// Rows of all columns of resources.
pub(super) fn resources(rows: &[Row]) -> Result<Vec<Resource>, StoreError> {
    rows.iter()
        .map(|row| resource_from_row(row, 0).map_err(damaged))
        .collect()
}

/// The quotas in the first five columns, if any is set.
fn quotas(row: &Row, project: ProjectId) -> Result<Option<QuotaOverrides>, StoreError> {
    let quotas = QuotaOverrides {
        project,
        zones: get(row, 0)?,
        zone_recordsets: get(row, 1)?,
        zone_records: get(row, 2)?,
        recordset_records: get(row, 3)?,
        api_export_size: get(row, 4)?,
    };
    let set = [
        quotas.zones,
        quotas.zone_recordsets,
        quotas.zone_records,
        quotas.recordset_records,
        quotas.api_export_size,
    ];
    Ok(set.iter().any(Option::is_some).then_some(quotas))
}

/// The shares in the four arrays behind the quotas.
fn shares(row: &Row) -> Result<Vec<Share>, StoreError> {
    let Some(ids) = get::<Option<Vec<Uuid>>>(row, 5)? else {
        return Ok(Vec::new());
    };
    let targets: Vec<&str> = get(row, 6)?;
    let projects: Vec<&str> = get(row, 7)?;
    let times: Vec<Timestamp> = get(row, 8)?;
    let rows = ids.into_iter().zip(targets).zip(projects).zip(times);
    rows.map(|(((id, target), project), created_at)| {
        Ok(Share {
            id: ShareId::new(id),
            target_project: project_id(target, "zone_share", &id)?,
            project: project_id(project, "zone_share", &id)?,
            created_at,
        })
    })
    .collect()
}

fn zone_ref(row: &Row) -> Result<ZoneRef, StoreError> {
    let id: Uuid = get(row, 0)?;
    let name = Name::parse(get(row, 1)?).and_then(ZoneName::from_name);
    Ok(ZoneRef {
        id: ZoneId::new(id),
        name: name.map_err(|error| {
            damaged(RowError {
                table: "zone",
                id: id.to_string(),
                column: "name",
                reason: error.to_string(),
            })
        })?,
        project: project_id(get(row, 2)?, "zone", &id)?,
    })
}

fn project(row: &Row, column: usize) -> Result<ProjectId, StoreError> {
    project_id(get(row, column)?, "project", &"of a batch")
}

fn project_id(text: &str, table: &'static str, id: &dyn std::fmt::Display) -> Result<ProjectId, StoreError> {
    ProjectId::new(text).ok_or_else(|| {
        damaged(RowError {
            table,
            id: id.to_string(),
            column: "project",
            reason: "not a project's id".to_owned(),
        })
    })
}

fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, StoreError> {
    Ok(row.try_get(column)?)
}

fn damaged(error: RowError) -> StoreError {
    StoreError::decode(format!("{} {}", error.table, error.id), error)
}
