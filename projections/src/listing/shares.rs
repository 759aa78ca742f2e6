//! With whom a zone is shared.

use deadpool_postgres::Client;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use zonelog_model::Timestamp;

use super::sql::{Parameters, text_fits};
use super::{Listing, ListingError, PageRequest, Pattern};

/// A share as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareRow {
    /// Its id.
    pub id: Uuid,
    /// The zone.
    pub zone: Uuid,
    /// The project that the zone is shared with.
    pub target_project: String,
    /// Who shared it.
    pub project: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a list of shares can be ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShareSort {
    /// When it was made; the default.
    #[default]
    CreatedAt,
    /// The id.
    Id,
    /// The project that the zone is shared with.
    TargetProject,
}

const COLUMNS: &str = "s.id, s.zone, s.target_project, s.project, s.created_at";

impl Listing {
    /// A page of the shares of a zone. `target` leaves those to one project; `filter` is on the target project. Whether the
    /// caller sees the zone is asked before.
    pub async fn shares(
        &self,
        client: &Client,
        zone: Uuid,
        target: Option<&str>,
        filter: Option<&Pattern>,
        sort: ShareSort,
        page: &PageRequest,
    ) -> Result<Vec<ShareRow>, ListingError> {
        let mut parameters = Parameters::default();
        let zone_id = parameters.bind(zone, Type::UUID);
        let mut fits = String::new();
        if let Some(target) = target {
            let target = parameters.bind(target.to_owned(), Type::TEXT);
            fits = format!(" and s.target_project = {target}");
        }
        let seen = fits.clone();
        if let Some(filter) = filter {
            fits.push_str(" and ");
            fits.push_str(&text_fits("s.target_project", filter, &mut parameters));
        }
        let key = match sort {
            ShareSort::CreatedAt => "s.created_at",
            ShareSort::Id => "s.id",
            ShareSort::TargetProject => "s.target_project collate \"C\"",
        };
        let (direction, beyond) = if page.descending {
            ("desc", "<")
        } else {
            ("asc", ">")
        };
        let from = format!("from zone_share s where s.zone = {zone_id}");
        let mut with = String::new();
        let mut after = String::new();
        let mut marker_there = "true".to_owned();
        if let Some(marker) = page.marker {
            let marker = parameters.bind(marker, Type::UUID);
            with = format!("with marker as (select {key} as k, s.id {from}{seen} and s.id = {marker}) ");
            after = format!(" and ({key}, s.id) {beyond} ((select k from marker), (select id from marker))");
            marker_there = "exists (select from marker)".to_owned();
        }
        let limit = parameters.bind(page.limit, Type::INT8);
        // The row beside the page tells whether the marker is there, also when the page is empty.
        let text = format!(
            "{with}select p.*, {marker_there} from (select) one left join lateral (select {COLUMNS} {from}{fits}{after} \
             order by {key} {direction}, s.id {direction} limit {limit}) p on true"
        );
        let rows = parameters.query(client, &text, true).await?;
        if let (Some(marker), Some(row)) = (page.marker, rows.first())
            && !row.try_get::<_, bool>(5)?
        {
            return Err(ListingError::MarkerNotFound(marker));
        }
        let mut shares = Vec::with_capacity(rows.len());
        for row in &rows {
            if row.try_get::<_, Option<Uuid>>(0)?.is_some() {
                shares.push(share_row(row)?);
            }
        }
        Ok(shares)
    }

    /// One share of a zone.
    pub async fn share(
        &self,
        client: &Client,
        zone: Uuid,
        id: Uuid,
    ) -> Result<Option<ShareRow>, ListingError> {
        let text = format!("select {COLUMNS} from zone_share s where s.zone = $1 and s.id = $2");
        let statement = client.prepare_cached(&text).await?;
        let row = client.query_opt(&statement, &[&zone, &id]).await?;
        Ok(row.as_ref().map(share_row).transpose()?)
    }

    /// Whether a zone is shared with a project.
    pub async fn shared_with(
        &self,
        client: &Client,
        zone: Uuid,
        project: &str,
    ) -> Result<bool, ListingError> {
        let text = "select exists (select from zone_share s where s.zone = $1 and s.target_project = $2)";
        let statement = client.prepare_cached(text).await?;
        Ok(client
            .query_one(&statement, &[&zone, &project])
            .await?
            .try_get(0)?)
    }
}

fn share_row(row: &Row) -> Result<ShareRow, tokio_postgres::Error> {
    Ok(ShareRow {
        id: row.try_get(0)?,
        zone: row.try_get(1)?,
        target_project: row.try_get(2)?,
        project: row.try_get(3)?,
        created_at: row.try_get(4)?,
    })
}
