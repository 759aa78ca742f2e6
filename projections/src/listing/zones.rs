//! Zones as the API lists them: those that are live, and those whose deletion the servers have not confirmed yet.

use deadpool_postgres::Client;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use zonelog_model::Timestamp;
use zonelog_model::zone::ZoneKind;

use super::names::{Found, List};
use super::sql::{Parameters, name_fits, text_fits};
use super::totals::{Count, Totals};
use super::{Listing, ListingError, Page, PageRequest, Pattern, Sight, needle};
use crate::status::{Action, Status, zone_gone_sql, zone_status_sql};
use crate::zone_state::masters_from_json;

/// A zone as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneRow {
    /// Its id.
    pub id: Uuid,
    /// Its pool.
    pub pool: Uuid,
    /// Its owner.
    pub project: String,
    /// Where its content comes from.
    pub kind: ZoneKind,
    /// Its name, as spelled at its creation.
    pub name: String,
    /// The responsible person's address.
    pub email: String,
    /// Free text.
    pub description: Option<String>,
    /// The default TTL in seconds.
    pub ttl: i32,
    /// The serial, as the log counts it; the wire's is its low half.
    pub serial: i64,
    /// How many change-sets it has seen.
    pub revision: i64,
    /// Attributes: an object of texts.
    pub attributes: serde_json::Value,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
    /// When it was last taken from a primary, if it is a secondary zone.
    pub transferred_at: Option<Timestamp>,
    /// How many recordsets it holds, the managed ones not counted.
    pub recordset_count: i64,
    /// How many records these hold together.
    pub record_count: i64,
    /// Whether it is shared with anybody: with whoever sees it without owning it, for one.
    pub shared: bool,
    /// Whether the caller sees it because it is shared with the caller's project.
    pub shared_with_caller: bool,
    /// How far its last change has come.
    pub status: Status,
    /// What the servers are still to do.
    pub action: Action,
}

/// What a list of zones can be narrowed by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ZoneFilter {
    /// The name.
    pub name: Option<Pattern>,
    /// The type: `PRIMARY` or `SECONDARY`.
    pub r#type: Option<Pattern>,
    /// The responsible person's address.
    pub email: Option<Pattern>,
    /// The status.
    pub status: Option<Pattern>,
    /// The description.
    pub description: Option<Pattern>,
    /// The TTL, as text.
    pub ttl: Option<Pattern>,
}

impl ZoneFilter {
    fn count(&self) -> usize {
        [
            &self.name,
            &self.r#type,
            &self.email,
            &self.status,
            &self.description,
            &self.ttl,
        ]
        .into_iter()
        .flatten()
        .count()
    }
}

/// What a list of zones can be ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZoneSort {
    /// When it was created; the default.
    #[default]
    CreatedAt,
    /// The id.
    Id,
    /// When it was last changed; never comes first.
    UpdatedAt,
    /// The name, whatever its case.
    Name,
    /// The owner.
    Project,
    /// The serial.
    Serial,
    /// The TTL.
    Ttl,
    /// The status.
    Status,
}

pub(super) type ZoneTotals = Totals<(Option<String>, ZoneFilter)>;

const COLUMNS: &str = "z.id, z.pool, z.project, z.name, z.email, z.description, z.ttl, z.serial, z.revision, \
                       z.attributes, z.created_at, z.updated_at, z.deleted_position is not null as deleted, \
                       z.transferred_at, z.recordset_count, z.record_count, \
                       exists (select from zone_share s where s.zone = z.id) as shared, z.masters";

/// Live zones, told by the column that the indexes of the lists go by; both columns are set together.
const LIVE: &str = "z.deleted_at is null";

/// Deleted zones that a server may still serve; [`zone_gone_sql`] then tells. They are few, and found without reading
/// those that were deleted long ago.
///
/// No server has come further than the position from which they are looked for: 0 while a pool with targets has no
/// registered server.
const LEAVING: &str = "z.id in (\
    select l.id from zone l where l.deleted_position is not null and not l.abandoned and l.content_position > (\
    select case when exists (select from resource p where p.kind = 'pool' \
    and jsonb_array_length(p.body -> 'targets') > 0 \
    and not exists (select from server_checkpoint c where c.pool = p.id)) \
    then 0 else coalesce((select min(c.position) from server_checkpoint c), 0) end) \
    union select l.id from zone l join server_zone s on s.zone = l.id \
    where l.deleted_position is not null and not l.abandoned)";

impl Listing {
    /// One zone; `None` when it is not there for the caller.
    pub async fn zone(
        &self,
        client: &Client,
        sight: Sight<'_>,
        id: Uuid,
    ) -> Result<Option<ZoneRow>, ListingError> {
        let mut parameters = Parameters::default();
        let id = parameters.bind(id, Type::UUID);
        let text = format!(
            "select {COLUMNS}, {status} as status from zone z where z.id = {id} and not {gone}{seen}",
            status = zone_status_sql("z", &self.threshold),
            gone = zone_gone_sql("z", &self.threshold),
            seen = in_sight(sight, &mut parameters),
        );
        let rows = parameters.query(client, &text, true).await?;
        let row = rows.first().map(|row| zone_row(row, sight));
        row.transpose().map_err(ListingError::from)
    }

    /// A page of the zones that the caller sees.
    pub async fn zones(
        &self,
        client: &Client,
        sight: Sight<'_>,
        filter: &ZoneFilter,
        sort: ZoneSort,
        page: &PageRequest,
    ) -> Result<Page<ZoneRow>, ListingError> {
        let project = sight.project().map(str::to_owned);
        let named = match needle(filter.name.as_ref()) {
            Some(needle) => {
                let wanted = page.of_names(filter.count() == 1, sort == ZoneSort::CreatedAt);
                let list = List::Zones(project.clone());
                self.names.search(client, list, needle, wanted).await?
            }
            None => None,
        };
        let named = named.as_ref();
        let (page_text, page_parameters) = self.zone_page(sight, filter, named, sort, page);
        let key = (project, filter.clone());
        let known = match named {
            Some(_) => Count::NONE,
            None => self.zones.get(&key),
        };
        let (total_text, total_parameters) = self.zone_total(sight, filter, named, page.marker, known);
        let common = filter.count() <= 1;
        let (rows, totals) = futures_util::try_join!(
            page_parameters.query(client, &page_text, common),
            total_parameters.query(client, &total_text, common),
        )?;
        let mut total = 0;
        if let Some(row) = totals.first() {
            let live = Count {
                at: row.try_get(0)?,
                count: row.try_get(1)?,
            };
            total = live.count + row.try_get::<_, i64>(2)?;
            if let (Some(marker), false) = (page.marker, row.try_get(3)?) {
                return Err(ListingError::MarkerNotFound(marker));
            }
            // A status follows from the servers too, not from the log alone.
            if live != known && filter.status.is_none() && named.is_none() {
                self.zones.put(key, live);
            }
        }
        let rows = rows.iter().map(|row| zone_row(row, sight));
        let rows = rows.collect::<Result<_, _>>()?;
        Ok(Page { rows, total })
    }

    fn zone_page(
        &self,
        sight: Sight<'_>,
        filter: &ZoneFilter,
        named: Option<&Found>,
        sort: ZoneSort,
        page: &PageRequest,
    ) -> (String, Parameters) {
        let mut parameters = Parameters::default();
        let status = zone_status_sql("z", &self.threshold);
        let gone = zone_gone_sql("z", &self.threshold);
        let key = sort_key(sort, &status);
        let seen = in_sight(sight, &mut parameters);
        let fits = filter_sql(filter, &status, &mut parameters);
        let (direction, beyond) = if page.descending {
            ("desc", "<")
        } else {
            ("asc", ">")
        };
        let mut marker = String::new();
        let mut after = String::new();
        if let Some(id) = page.marker {
            let id = parameters.bind(id, Type::UUID);
            marker = format!("with marker as (select {key} as k, z.id from zone z where z.id = {id}{seen}) ");
            after = format!(" and ({key}, z.id) {beyond} ((select k from marker), (select id from marker))");
        }
        let limit = parameters.bind(page.limit, Type::INT8);
        let end = format!("order by {key} {direction}, z.id {direction} limit {limit}");
        let select = format!("select {COLUMNS}, {status} as status, {key} as k from zone z where");
        let mut branches: Vec<String> = live(sight, filter, named, &status, &fits, &mut parameters)
            .iter()
            .map(|live| format!("({select} {live}{after} {end})"))
            .collect();
        branches.push(format!(
            "({select} {LEAVING} and not {gone}{seen}{fits}{after} {end})"
        ));
        let text = format!(
            "{marker}select * from ({}) r order by k {direction}, id {direction} limit {limit}",
            branches.join(" union all ")
        );
        (text, parameters)
    }

    /// Position of the head, count of live zones, count of leaving zones, whether the marker is there.
    fn zone_total(
        &self,
        sight: Sight<'_>,
        filter: &ZoneFilter,
        named: Option<&Found>,
        marker: Option<Uuid>,
        known: Count,
    ) -> (String, Parameters) {
        let mut parameters = Parameters::default();
        let status = zone_status_sql("z", &self.threshold);
        let gone = zone_gone_sql("z", &self.threshold);
        let seen = in_sight(sight, &mut parameters);
        let fits = filter_sql(filter, &status, &mut parameters);
        let at = parameters.bind(known.at, Type::INT8);
        let count = parameters.bind(known.count, Type::INT8);
        let marker_exists = match marker {
            None => "true".to_owned(),
            Some(id) => {
                let id = parameters.bind(id, Type::UUID);
                format!("exists (select from zone z where z.id = {id}{seen})")
            }
        };
        // Names alone are counted where they were found.
        let found = named.filter(|_| filter.count() == 1);
        let mut counts: Vec<String> = live(sight, filter, named, &status, &fits, &mut parameters)
            .iter()
            .skip(usize::from(found.is_some()))
            .map(|live| format!("(select count(*) from zone z where {live})"))
            .collect();
        if let Some(found) = found {
            counts.push(parameters.bind(found.total, Type::INT8));
        }
        let counts = counts.join(" + ");
        let text = format!(
            "select h.position, case when h.position = {at} then {count} else {counts} end, \
             (select count(*) from zone z where {LEAVING} and not {gone}{seen}{fits}), {marker_exists} \
             from feed_head h where h.feed = 0"
        );
        (text, parameters)
    }
}

/// ` and ...`: that the caller sees the zone `z`. For one zone, or few: a list goes by [`live`].
pub(super) fn in_sight(sight: Sight<'_>, parameters: &mut Parameters) -> String {
    in_sight_as("z", sight, parameters)
}

/// As [`in_sight`], of a zone of another alias.
pub(super) fn in_sight_as(zone: &str, sight: Sight<'_>, parameters: &mut Parameters) -> String {
    match sight.project() {
        Some(project) => {
            let project = parameters.bind(project.to_owned(), Type::TEXT);
            format!(
                " and ({zone}.project = {project} or exists (select from zone_share s \
                 where s.zone = {zone}.id and s.target_project = {project}))"
            )
        }
        None => String::new(),
    }
}

/// The live zones of a list, as conditions that no zone meets twice, each with an index of its own: first the project's
/// (or all), then those that are shared with it. Of the first, `named` are those whose names fit.
fn live(
    sight: Sight<'_>,
    filter: &ZoneFilter,
    named: Option<&Found>,
    status: &str,
    fits: &str,
    parameters: &mut Parameters,
) -> Vec<String> {
    let of_list = match named {
        Some(found) => {
            let ids = parameters.bind(found.ids.clone(), Type::UUID_ARRAY);
            let unnamed = ZoneFilter {
                name: None,
                ..filter.clone()
            };
            format!(
                " and z.id = any ({ids}){}",
                filter_sql(&unnamed, status, parameters)
            )
        }
        None => fits.to_owned(),
    };
    match sight.project() {
        Some(project) => {
            let project = parameters.bind(project.to_owned(), Type::TEXT);
            vec![
                format!("{LIVE} and z.project = {project}{of_list}"),
                format!(
                    "{LIVE} and z.project <> {project} and z.id in (select s.zone from zone_share s \
                     where s.target_project = {project}){fits}"
                ),
            ]
        }
        None => vec![format!("{LIVE}{of_list}")],
    }
}

fn filter_sql(filter: &ZoneFilter, status: &str, parameters: &mut Parameters) -> String {
    let mut conditions = String::new();
    let mut push = |condition: String| {
        conditions.push_str(" and ");
        conditions.push_str(&condition);
    };
    if let Some(name) = &filter.name {
        push(name_fits("z.name", "z.name_key", name, parameters));
    }
    if let Some(pattern) = &filter.r#type {
        match (pattern.fits("PRIMARY"), pattern.fits("SECONDARY")) {
            (true, true) => {}
            (true, false) => push("z.masters is null".to_owned()),
            (false, true) => push("z.masters is not null".to_owned()),
            (false, false) => push("false".to_owned()),
        }
    }
    if let Some(email) = &filter.email {
        push(text_fits("z.email", email, parameters));
    }
    if let Some(description) = &filter.description {
        push(text_fits("z.description", description, parameters));
    }
    if let Some(ttl) = &filter.ttl {
        push(text_fits("z.ttl::text", ttl, parameters));
    }
    if let Some(pattern) = &filter.status {
        push(status_fits(status, pattern, parameters));
    }
    conditions
}

/// A filter on a status expression.
pub(super) fn status_fits(status: &str, pattern: &Pattern, parameters: &mut Parameters) -> String {
    let labels: Vec<&str> = [Status::Active, Status::Pending, Status::Error]
        .into_iter()
        .map(Status::label)
        .filter(|label| pattern.fits(label))
        .collect();
    format!("{status} = any ({})", parameters.bind(labels, Type::TEXT_ARRAY))
}

/// The expression to order by; ids order what is equal.
fn sort_key(sort: ZoneSort, status: &str) -> String {
    match sort {
        ZoneSort::CreatedAt => "z.created_at".to_owned(),
        ZoneSort::Id => "z.id".to_owned(),
        ZoneSort::UpdatedAt => "coalesce(z.updated_at, '-infinity')".to_owned(),
        ZoneSort::Name => "lower(z.name) collate \"C\"".to_owned(),
        ZoneSort::Project => "z.project collate \"C\"".to_owned(),
        ZoneSort::Serial => "z.serial".to_owned(),
        ZoneSort::Ttl => "z.ttl".to_owned(),
        ZoneSort::Status => format!("{status} collate \"C\""),
    }
}

fn zone_row(row: &Row, sight: Sight<'_>) -> Result<ZoneRow, tokio_postgres::Error> {
    let revision = row.try_get(8)?;
    let status = Status::from_label(row.try_get(18)?).unwrap_or(Status::Pending);
    let project: String = row.try_get(2)?;
    Ok(ZoneRow {
        id: row.try_get(0)?,
        pool: row.try_get(1)?,
        shared_with_caller: sight.project().is_some_and(|caller| caller != project),
        project,
        kind: match row.try_get::<_, Option<serde_json::Value>>(17)? {
            None => ZoneKind::Primary,
            Some(masters) => ZoneKind::Secondary {
                masters: masters_from_json(&masters).unwrap_or_default(),
            },
        },
        name: row.try_get(3)?,
        email: row.try_get(4)?,
        description: row.try_get(5)?,
        ttl: row.try_get(6)?,
        serial: row.try_get(7)?,
        revision,
        attributes: row.try_get(9)?,
        created_at: row.try_get(10)?,
        updated_at: row.try_get(11)?,
        transferred_at: row.try_get(13)?,
        recordset_count: row.try_get(14)?,
        record_count: row.try_get(15)?,
        shared: row.try_get(16)?,
        status,
        action: Action::of(status, row.try_get(12)?, revision),
    })
}
