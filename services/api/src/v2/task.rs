//! What ownership transfers, imports and exports have in common: each belongs to a project, and is listed, shown and
//! deleted in one way.

use axum::http::Uri;
use axum::response::Response;
use uuid::Uuid;
use zonelog_model::ResourceId;
use zonelog_model::resource::{Command, Kind, Resource, TransferStatus};
use zonelog_projections::resource::{self, ResourceList, ResourceSight, ResourceSort};

use super::body::ListLinks;
use super::collection::{no_content, present};
use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::idempotency::Retry;
use crate::policy::Target;
use crate::query::Query;

/// What imports and exports can be narrowed by.
pub(super) const FILTERS: [&str; 3] = ["status", "message", "zone_id"];

/// What they can be ordered by.
pub(super) const SORT_KEYS: [(&str, ResourceSort); 3] = [
    ("created_at", ResourceSort::CreatedAt),
    ("id", ResourceSort::Id),
    ("updated_at", ResourceSort::UpdatedAt),
];

/// Whose tasks a list shows.
pub(super) fn sight(context: &Context) -> ResourceSight<'_> {
    match context.is_for_all_projects() {
        true => ResourceSight::All,
        false => ResourceSight::Project(context.actor().project.as_str()),
    }
}

/// A page of the tasks of a kind, and its links.
pub(super) async fn list(
    app: &App,
    context: &Context,
    uri: &Uri,
    kind: Kind,
    sight: ResourceSight<'_>,
    filters: &[&'static str],
) -> Result<(Vec<Resource>, ListLinks), ApiError> {
    let query = Query::parse(uri.query());
    let (page, sort) = query.page(&SORT_KEYS, filters)?;
    let mut patterns = query.patterns(filters);
    for (name, _) in &mut patterns {
        if *name == "zone_id" {
            *name = "zone";
        }
    }
    if kind == Kind::TransferAccept {
        // An acceptance is complete from the first; its status is not stored.
        let complete = TransferStatus::Complete.label();
        if patterns.iter().any(|(_, pattern)| !pattern.fits(complete)) {
            let links = ListLinks::new(context, uri.path(), &query, page.limit, 0, None);
            return Ok((Vec::new(), links));
        }
        patterns.clear();
    }
    let wanted = ResourceList {
        kind,
        sight,
        filters: patterns,
        sort: sort.unwrap_or(ResourceSort::CreatedAt),
        page,
    };
    let client = app.client().await?;
    let found = resource::list(&client, &wanted).await?;
    drop(client);
    let last = found.last().map(|resource| resource.id.uuid());
    let links = ListLinks::new(context, uri.path(), &query, page.limit, found.len(), last);
    Ok((found, links))
}

/// A task that the caller sees, and may do this with; another project's is not there for him.
pub(super) async fn enforced(
    app: &App,
    context: &Context,
    rule: &'static str,
    kind: Kind,
    id: Uuid,
) -> Result<Resource, ApiError> {
    let found = present(app, kind, id).await?;
    let owner = found.body.project().map_or("", |project| project.as_str());
    if !context.is_for_all_projects() && owner != context.actor().project.as_str() {
        return Err(ApiError::resource_not_found(kind, id));
    }
    context.enforce(rule, &Target::of_project(owner))?;
    Ok(found)
}

/// `DELETE` of a task: 204.
pub(super) async fn delete(
    app: &App,
    context: &Context,
    retry: Retry,
    rule: &'static str,
    kind: Kind,
    id: Uuid,
) -> Result<Response, ApiError> {
    enforced(app, context, rule, kind, id).await?;
    let command = Command::Delete {
        id: ResourceId::new(id),
        kind,
    };
    app.execute_on_resource(context, retry.of(&[])?, command).await?;
    Ok(no_content())
}
