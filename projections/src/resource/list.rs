//! Lists of resources for the REST API: filters, sort keys, markers.

use deadpool_postgres::Client;
use tokio_postgres::types::Type;
use zonelog_model::resource::{Kind, Resource};

use super::read::{RESOURCE_COLUMNS, ResourceError, resource_from_row};
use crate::listing::{PageRequest, Parameters, Pattern, text_fits};

/// Which resources are wanted.
#[derive(Clone, Debug)]
pub struct ResourceList<'a> {
    /// Their kind.
    pub kind: Kind,
    /// Whose.
    pub sight: ResourceSight<'a>,
    /// What narrows the list: a field of the stored content, or `zone`, and what it must fit.
    pub filters: Vec<(&'static str, Pattern)>,
    /// Their order.
    pub sort: ResourceSort,
    /// Which part of the list.
    pub page: PageRequest,
}

/// Whose resources a caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceSight<'a> {
    /// Everybody's, and the installation's.
    All,
    /// Those of one project.
    Project(&'a str),
    /// Ownership transfers of one project, and those that are offered to it.
    ProjectOrTarget(&'a str),
}

/// What a list of resources can be ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResourceSort {
    /// When it was created; the default.
    #[default]
    CreatedAt,
    /// The id.
    Id,
    /// When it was last changed; never comes first.
    UpdatedAt,
    /// A field of the stored content, whatever its case; what has none comes first.
    Field(&'static str),
}

impl ResourceSort {
    fn key(self) -> String {
        match self {
            Self::CreatedAt => "r.created_at".to_owned(),
            Self::Id => "r.id".to_owned(),
            Self::UpdatedAt => "coalesce(r.updated_at, '-infinity')".to_owned(),
            Self::Field(field) => format!("coalesce(lower({}) collate \"C\", '')", text_of(field)),
        }
    }
}

/// SQL: a field as text. Its name is one of ours, never a caller's.
fn text_of(field: &'static str) -> String {
    match field {
        "zone" => "r.zone::text".to_owned(),
        "project" => "r.project".to_owned(),
        field => format!("(r.body ->> '{field}')"),
    }
}

/// A page of resources.
pub async fn list(client: &Client, wanted: &ResourceList<'_>) -> Result<Vec<Resource>, ResourceError> {
    let mut parameters = Parameters::default();
    let kind = parameters.bind(wanted.kind.label(), Type::TEXT);
    let mut seen = match wanted.sight {
        ResourceSight::All => String::new(),
        ResourceSight::Project(project) => {
            format!(
                " and r.project = {}",
                parameters.bind(project.to_owned(), Type::TEXT)
            )
        }
        ResourceSight::ProjectOrTarget(project) => {
            let project = parameters.bind(project.to_owned(), Type::TEXT);
            format!(" and (r.project = {project} or r.body ->> 'target_project' = {project})")
        }
    };
    // The literal tells the planner which partial index has them.
    if wanted.kind == Kind::TransferRequest {
        seen.push_str(" and r.kind = 'zone_transfer_request'");
    }
    let mut fits = String::new();
    for (field, pattern) in &wanted.filters {
        fits.push_str(" and ");
        fits.push_str(&text_fits(&text_of(field), pattern, &mut parameters));
    }
    let key = wanted.sort.key();
    let (direction, beyond) = if wanted.page.descending {
        ("desc", "<")
    } else {
        ("asc", ">")
    };
    let from = format!("from resource r where r.kind = {kind}{seen}");
    let mut with = String::new();
    let mut after = String::new();
    let mut marker_there = "true".to_owned();
    if let Some(marker) = wanted.page.marker {
        let marker = parameters.bind(marker, Type::UUID);
        with = format!("with marker as (select {key} as k, r.id {from} and r.id = {marker}) ");
        after = format!(" and ({key}, r.id) {beyond} ((select k from marker), (select id from marker))");
        marker_there = "exists (select from marker)".to_owned();
    }
    let limit = parameters.bind(wanted.page.limit, Type::INT8);
    // One row more than the page: it tells whether the marker is there, also when the page is empty.
    let text = format!(
        "{with}select {marker_there}, p.* from (select) one left join lateral \
         (select {RESOURCE_COLUMNS} {from}{fits}{after} order by {key} {direction}, r.id {direction} limit {limit}) p \
         on true"
    );
    let rows = parameters.query(client, &text, wanted.filters.len() <= 1).await?;
    let marker_is_there = match rows.first() {
        Some(row) => row.try_get(0)?,
        None => true,
    };
    if let (Some(marker), false) = (wanted.page.marker, marker_is_there) {
        return Err(ResourceError::MarkerNotFound(marker));
    }
    let mut resources = Vec::with_capacity(rows.len());
    for row in &rows {
        if row.try_get::<_, Option<uuid::Uuid>>(1)?.is_some() {
            resources.push(resource_from_row(row, 1)?);
        }
    }
    Ok(resources)
}
