//! Which services run, and which were seen last long ago. Each role of each process beats; no projection of the log.

use deadpool_postgres::{Client, GenericClient};
use serde_json::Value;
use thiserror::Error;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use zonelog_model::Timestamp;

use crate::listing::{PageRequest, Parameters, Pattern, text_fits};

/// For how long a service may be silent before it counts as down, in seconds: six beats.
pub const DOWN_AFTER_SECONDS: i64 = 60;

/// A sign of life.
#[derive(Clone, Copy, Debug)]
pub struct Beat<'a> {
    /// A new id, for the first beat of a service at its place; later ones keep the first.
    pub id: Uuid,
    /// `api`, `central`, `mdns`, `worker`, `producer` or `sink`.
    pub service_name: &'a str,
    /// The machine, as it calls itself.
    pub hostname: &'a str,
    /// Numbers that the service tells: an object.
    pub stats: &'a Value,
    /// What it can do: an object.
    pub capabilities: &'a Value,
}

/// How a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// It beats.
    Up,
    /// It has been silent for [`DOWN_AFTER_SECONDS`].
    Down,
    /// It said that it stops.
    Stopped,
}

impl ServiceState {
    /// The word that the API shows.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Up => "UP",
            Self::Down => "DOWN",
            Self::Stopped => "STOPPED",
        }
    }
}

/// A service at its place.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceStatus {
    /// Its id.
    pub id: Uuid,
    /// See [`Beat::service_name`].
    pub service_name: String,
    /// See [`Beat::hostname`].
    pub hostname: String,
    /// How it is.
    pub status: ServiceState,
    /// See [`Beat::stats`].
    pub stats: Value,
    /// See [`Beat::capabilities`].
    pub capabilities: Value,
    /// When it was last heard of.
    pub heartbeated_at: Timestamp,
    /// When it was first heard of.
    pub created_at: Timestamp,
    /// When it was heard of after that.
    pub updated_at: Option<Timestamp>,
}

/// What a list of services can be narrowed by.
#[derive(Clone, Debug, Default)]
pub struct ServiceFilter {
    /// The service's name.
    pub service_name: Option<Pattern>,
    /// The machine.
    pub hostname: Option<Pattern>,
    /// How it is.
    pub status: Option<Pattern>,
}

/// What a list of services can be ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceSort {
    /// When it was first heard of; the default.
    #[default]
    CreatedAt,
    /// The id.
    Id,
    /// When it was last heard of.
    UpdatedAt,
    /// The service's name.
    ServiceName,
    /// The machine.
    Hostname,
    /// How it is.
    Status,
}

/// Why there is no list of services.
#[derive(Debug, Error)]
pub enum ServiceStatusError {
    /// The marker is no object of the list.
    #[error("the marker {0} is not in the list")]
    MarkerNotFound(Uuid),
    /// The database refused or is away.
    #[error("the services' statuses could not be read")]
    Database(#[from] tokio_postgres::Error),
}

/// Notes a sign of life.
pub async fn heartbeat<C: GenericClient>(
    client: &C,
    beat: &Beat<'_>,
    now: Timestamp,
) -> Result<(), tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "insert into service_status (id, service_name, hostname, status, stats, capabilities, heartbeated_at, \
               created_at) \
             values ($1, $2, $3, 'UP', $4, $5, $6, $6) \
             on conflict (service_name, hostname) do update set status = 'UP', stats = excluded.stats, \
               capabilities = excluded.capabilities, heartbeated_at = excluded.heartbeated_at, \
               updated_at = excluded.heartbeated_at",
        )
        .await?;
    client
        .execute(
            &statement,
            &[
                &beat.id,
                &beat.service_name,
                &beat.hostname,
                beat.stats,
                beat.capabilities,
                &now,
            ],
        )
        .await?;
    Ok(())
}

/// Notes that a service stops in good order.
pub async fn stop<C: GenericClient>(
    client: &C,
    service_name: &str,
    hostname: &str,
    now: Timestamp,
) -> Result<(), tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "update service_status set status = 'STOPPED', updated_at = $3 where service_name = $1 and hostname = $2",
        )
        .await?;
    client
        .execute(&statement, &[&service_name, &hostname, &now])
        .await?;
    Ok(())
}

/// Forgets the services that were last heard of before a time. Returns how many.
pub async fn clean<C: GenericClient>(client: &C, before: Timestamp) -> Result<u64, tokio_postgres::Error> {
    client
        .execute("delete from service_status where heartbeated_at < $1", &[&before])
        .await
}

/// One service.
pub async fn find(
    client: &Client,
    id: Uuid,
    now: Timestamp,
) -> Result<Option<ServiceStatus>, tokio_postgres::Error> {
    let mut parameters = Parameters::default();
    let status = status_sql(&mut parameters, now);
    let id = parameters.bind(id, Type::UUID);
    let text = format!("select {COLUMNS}, {status} from service_status s where s.id = {id}");
    let rows = parameters.query(client, &text, true).await?;
    rows.first().map(from_row).transpose()
}

/// A page of services.
pub async fn list(
    client: &Client,
    filter: &ServiceFilter,
    sort: ServiceSort,
    page: &PageRequest,
    now: Timestamp,
) -> Result<Vec<ServiceStatus>, ServiceStatusError> {
    let mut parameters = Parameters::default();
    let status = status_sql(&mut parameters, now);
    let mut fits = String::new();
    for (column, pattern) in [
        ("s.service_name", &filter.service_name),
        ("s.hostname", &filter.hostname),
        (status.as_str(), &filter.status),
    ] {
        if let Some(pattern) = pattern {
            fits.push_str(" and ");
            fits.push_str(&text_fits(column, pattern, &mut parameters));
        }
    }
    let key = match sort {
        ServiceSort::CreatedAt => "s.created_at".to_owned(),
        ServiceSort::Id => "s.id".to_owned(),
        ServiceSort::UpdatedAt => "coalesce(s.updated_at, '-infinity')".to_owned(),
        ServiceSort::ServiceName => "s.service_name collate \"C\"".to_owned(),
        ServiceSort::Hostname => "s.hostname collate \"C\"".to_owned(),
        ServiceSort::Status => format!("{status} collate \"C\""),
    };
    let (direction, beyond) = if page.descending {
        ("desc", "<")
    } else {
        ("asc", ">")
    };
    let mut after = String::new();
    if let Some(marker) = page.marker {
        let there = client
            .query_opt("select from service_status where id = $1", &[&marker])
            .await?;
        there.ok_or(ServiceStatusError::MarkerNotFound(marker))?;
        let marker = parameters.bind(marker, Type::UUID);
        let at = key.replace("s.", "m.");
        after = format!(
            " and ({key}, s.id) {beyond} (select {at}, m.id from service_status m where m.id = {marker})"
        );
    }
    let limit = parameters.bind(page.limit, Type::INT8);
    let text = format!(
        "select {COLUMNS}, {status} from service_status s where true{fits}{after} \
         order by {key} {direction}, s.id {direction} limit {limit}"
    );
    let rows = parameters.query(client, &text, false).await?;
    Ok(rows.iter().map(from_row).collect::<Result<_, _>>()?)
}

const COLUMNS: &str =
    "s.id, s.service_name, s.hostname, s.stats, s.capabilities, s.heartbeated_at, s.created_at, s.updated_at";

fn status_sql(parameters: &mut Parameters, now: Timestamp) -> String {
    let now = parameters.bind(now, Type::TIMESTAMPTZ);
    format!(
        "(case when s.status = 'UP' and s.heartbeated_at < {now} - interval '{DOWN_AFTER_SECONDS} seconds' \
         then 'DOWN' else s.status end)"
    )
}

fn from_row(row: &Row) -> Result<ServiceStatus, tokio_postgres::Error> {
    Ok(ServiceStatus {
        id: row.try_get(0)?,
        service_name: row.try_get(1)?,
        hostname: row.try_get(2)?,
        stats: row.try_get(3)?,
        capabilities: row.try_get(4)?,
        heartbeated_at: row.try_get(5)?,
        created_at: row.try_get(6)?,
        updated_at: row.try_get(7)?,
        status: match row.try_get(8)? {
            "UP" => ServiceState::Up,
            "STOPPED" => ServiceState::Stopped,
            _ => ServiceState::Down,
        },
    })
}
