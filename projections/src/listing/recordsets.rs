//! Recordsets as the API lists them: the live rows, and each zone's SOA, which has no row and is made from the zone.

use std::sync::LazyLock;

use deadpool_postgres::Client;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;
use zonelog_dns::Rrtype;
use zonelog_model::Timestamp;

use super::names::{Found, List};
use super::sql::{Parameters, name_fits, text_fits};
use super::totals::{Count, Totals};
use super::zones::{in_sight, in_sight_as, status_fits};
use super::{Listing, ListingError, Page, PageRequest, Pattern, Sight, needle};
use crate::status::{Action, Status, recordset_status_sql, zone_gone_sql, zone_status_sql};

/// A recordset as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordsetRow {
    /// Its id.
    pub id: Uuid,
    /// Its zone.
    pub zone: Uuid,
    /// The project that made it.
    pub project: String,
    /// The owner name, as spelled at its creation.
    pub name: String,
    /// The zone's name.
    pub zone_name: String,
    /// The type.
    pub rrtype: Rrtype,
    /// The records, as given.
    pub records: Vec<String>,
    /// Free text.
    pub description: Option<String>,
    /// The TTL in seconds; `None` follows the zone's.
    pub ttl: Option<i32>,
    /// How many change-sets it has seen.
    pub revision: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Option<Timestamp>,
    /// How far its last change has come.
    pub status: Status,
    /// What the servers are still to do.
    pub action: Action,
}

/// What a list of recordsets can be narrowed by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RecordsetFilter {
    /// The owner name.
    pub name: Option<Pattern>,
    /// The type's mnemonic.
    pub r#type: Option<Pattern>,
    /// The TTL, as text.
    pub ttl: Option<Pattern>,
    /// One of the records.
    pub data: Option<Pattern>,
    /// The status.
    pub status: Option<Pattern>,
    /// The description.
    pub description: Option<Pattern>,
}

impl RecordsetFilter {
    fn count(&self) -> usize {
        [
            &self.name,
            &self.r#type,
            &self.ttl,
            &self.data,
            &self.status,
            &self.description,
        ]
        .into_iter()
        .flatten()
        .count()
    }
}

/// What a list of recordsets can be ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordsetSort {
    /// When it was created; the default.
    #[default]
    CreatedAt,
    /// The id.
    Id,
    /// When it was last changed; never comes first.
    UpdatedAt,
    /// The zone's id.
    Zone,
    /// The project that made it.
    Project,
    /// The owner name, whatever its case.
    Name,
    /// The type's mnemonic.
    Type,
    /// The TTL; none comes first.
    Ttl,
    /// The records, one after the other.
    Records,
}

/// Where recordsets are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Within {
    /// In one zone: all of them, whichever project made them.
    Zone(Uuid),
    /// In all live zones: those that the caller's project made.
    AllZones,
}

pub(super) type RecordsetTotals = Totals<(Within, Option<String>, RecordsetFilter)>;

/// Where the columns of a recordset come from: one value for the stored rows, one for the SOAs.
pub(super) struct Source {
    pub(super) from: &'static str,
    id: &'static str,
    project: &'static str,
    owner: &'static str,
    owner_key: &'static str,
    rrtype: &'static str,
    records: &'static str,
    description: &'static str,
    ttl: &'static str,
    revision: &'static str,
    created_at: &'static str,
    updated_at: &'static str,
    status: String,
}

/// The SOA's text, written as [`zonelog_dns::Soa`] writes it.
const SOA_RECORDS: &str = "array[z.mname || ' ' \
    || regexp_replace(split_part(z.email, '@', 1), '([.;()$])', '\\\\\\1', 'g') || '.' \
    || split_part(z.email, '@', 2) || '. ' || (z.serial & 4294967295)::text || ' ' || z.refresh::text || ' ' \
    || z.retry::text || ' ' || z.expire::text || ' ' || z.minimum::text]";

impl Source {
    pub(super) fn stored(threshold: &str) -> Self {
        let zone_status = zone_status_sql("z", threshold);
        let status = recordset_status_sql("z", "v", threshold);
        Self {
            from: "recordset_version v join zone z on z.id = v.zone where v.until_serial is null",
            id: "v.recordset",
            project: "v.project",
            owner: "v.owner",
            owner_key: "v.owner_key",
            rrtype: "v.type",
            records: "v.records",
            description: "v.description",
            ttl: "v.ttl",
            revision: "v.revision",
            created_at: "v.created_at",
            updated_at: "v.updated_at",
            status: format!("(case when z.deleted_position is null then {status} else {zone_status} end)"),
        }
    }

    fn soa(threshold: &str) -> Self {
        Self {
            from: "zone z where true",
            id: "z.soa_recordset",
            project: "z.project",
            owner: "z.name",
            owner_key: "z.name_key",
            rrtype: "6",
            records: SOA_RECORDS,
            description: "null::text",
            ttl: "null::integer",
            revision: "z.revision",
            created_at: "z.created_at",
            updated_at: "z.updated_at",
            status: zone_status_sql("z", threshold),
        }
    }

    pub(super) fn columns(&self) -> String {
        let Self {
            id,
            project,
            owner,
            rrtype,
            records,
            description,
            ttl,
            revision,
            created_at,
            ..
        } = self;
        let Self {
            updated_at, status, ..
        } = self;
        format!(
            "{id} as id, z.id as zone, {project} as project, {owner} as name, z.name as zone_name, {rrtype} as type, \
             {records} as records, {description} as description, {ttl} as ttl, {revision} as revision, \
             {created_at} as created_at, {updated_at} as updated_at, z.deleted_position is not null as deleted, \
             {status} as status"
        )
    }

    /// The expression to order by; ids order what is equal.
    fn sort_key(&self, sort: RecordsetSort) -> String {
        match sort {
            RecordsetSort::CreatedAt => self.created_at.to_owned(),
            RecordsetSort::Id => self.id.to_owned(),
            RecordsetSort::UpdatedAt => format!("coalesce({}, '-infinity')", self.updated_at),
            RecordsetSort::Zone => "z.id".to_owned(),
            RecordsetSort::Project => format!("{} collate \"C\"", self.project),
            RecordsetSort::Name => format!("lower({}) collate \"C\"", self.owner),
            RecordsetSort::Type => format!("({})", *TYPE_NAMES).replace("{type}", self.rrtype),
            RecordsetSort::Ttl => format!("coalesce({}, -1)", self.ttl),
            RecordsetSort::Records => format!("lower(array_to_string({}, ' ')) collate \"C\"", self.records),
        }
    }

    /// ` and ...`: that the recordset is in the list's place. Who sees the zone sees all of it; whether the caller does is
    /// asked of the zone, once ([`Self::place_in_sight`], or the list's total).
    fn place(&self, within: Within, sight: Sight<'_>, parameters: &mut Parameters) -> String {
        match within {
            Within::Zone(zone) => {
                let zone = parameters.bind(zone, Type::UUID);
                let column = if self.is_stored() { "v.zone" } else { "z.id" };
                format!(" and {column} = {zone}")
            }
            Within::AllZones => {
                let mut place = " and z.deleted_position is null".to_owned();
                if let Some(project) = sight.project() {
                    let project = parameters.bind(project.to_owned(), Type::TEXT);
                    place.push_str(&format!(" and {} = {project}", self.project));
                }
                place
            }
        }
    }

    /// As [`Self::place`], and that the caller sees the zone.
    fn place_in_sight(&self, zone: Uuid, sight: Sight<'_>, parameters: &mut Parameters) -> String {
        let place = self.place(Within::Zone(zone), sight, parameters);
        format!("{place}{}", in_sight(sight, parameters))
    }

    /// The stored rows, and not the SOAs.
    fn is_stored(&self) -> bool {
        self.id == "v.recordset"
    }

    /// As [`Self::filter`]; of the stored rows, `named` are those whose names fit.
    fn filter_named(
        &self,
        filter: &RecordsetFilter,
        named: Option<&Found>,
        parameters: &mut Parameters,
    ) -> String {
        let Some(found) = named.filter(|_| self.is_stored()) else {
            return self.filter(filter, parameters);
        };
        let ids = parameters.bind(found.ids.clone(), Type::UUID_ARRAY);
        let unnamed = RecordsetFilter {
            name: None,
            ..filter.clone()
        };
        format!(
            " and v.recordset = any ({ids}){}",
            self.filter(&unnamed, parameters)
        )
    }

    fn filter(&self, filter: &RecordsetFilter, parameters: &mut Parameters) -> String {
        let mut conditions = String::new();
        let mut push = |condition: String| {
            conditions.push_str(" and ");
            conditions.push_str(&condition);
        };
        if let Some(name) = &filter.name {
            push(name_fits(self.owner, self.owner_key, name, parameters));
        }
        if let Some(pattern) = &filter.r#type {
            let types: Vec<i32> = Rrtype::SUPPORTED
                .iter()
                .filter(|rrtype| pattern.fits(&rrtype.to_string()))
                .map(|rrtype| i32::from(rrtype.get()))
                .collect();
            push(format!(
                "{} = any ({})",
                self.rrtype,
                parameters.bind(types, Type::INT4_ARRAY)
            ));
        }
        if let Some(ttl) = &filter.ttl {
            push(text_fits(&format!("({})::text", self.ttl), ttl, parameters));
        }
        if let Some(data) = &filter.data {
            let fits = text_fits("d.text", data, parameters);
            push(format!(
                "exists (select from unnest({}) d(text) where {fits})",
                self.records
            ));
        }
        if let Some(description) = &filter.description {
            push(text_fits(self.description, description, parameters));
        }
        if let Some(pattern) = &filter.status {
            push(status_fits(&self.status, pattern, parameters));
        }
        conditions
    }
}

/// SQL: the mnemonic of the type number `{type}`.
static TYPE_NAMES: LazyLock<String> = LazyLock::new(|| {
    let cases: String = Rrtype::SUPPORTED
        .iter()
        .map(|rrtype| format!("when {} then '{rrtype}' ", rrtype.get()))
        .collect();
    format!("case {{type}} {cases}else 'TYPE' || {{type}}::text end collate \"C\"")
});

impl Listing {
    /// One recordset of a zone; `None` when the zone has none of that id. It is an error when the zone is not there for
    /// the caller.
    pub async fn recordset(
        &self,
        client: &Client,
        sight: Sight<'_>,
        zone: Uuid,
        id: Uuid,
    ) -> Result<Option<RecordsetRow>, ListingError> {
        let mut parameters = Parameters::default();
        let wanted = parameters.bind(id, Type::UUID);
        let gone = zone_gone_sql("z", &self.threshold);
        let mut select = |source: &Source| {
            format!(
                "select {columns} from {from}{place} and {id} = {wanted} and not {gone}",
                columns = source.columns(),
                from = source.from,
                place = source.place_in_sight(zone, sight, &mut parameters),
                id = source.id,
            )
        };
        let stored = select(&Source::stored(&self.threshold));
        let soa = select(&Source::soa(&self.threshold));
        let rows = parameters
            .query(client, &format!("{stored} union all {soa}"), true)
            .await?;
        match rows.first() {
            Some(row) => Ok(Some(recordset_row(row)?)),
            None if self.zone(client, sight, zone).await?.is_none() => Err(ListingError::ZoneNotFound),
            None => Ok(None),
        }
    }

    /// The zone of a recordset that the caller sees.
    pub async fn zone_of(
        &self,
        client: &Client,
        sight: Sight<'_>,
        recordset: Uuid,
    ) -> Result<Option<Uuid>, ListingError> {
        let mut parameters = Parameters::default();
        let id = parameters.bind(recordset, Type::UUID);
        let stored = Source::stored(&self.threshold);
        let soa = Source::soa(&self.threshold);
        let text = format!(
            "select z.id from {}{} and v.recordset = {id} union all select z.id from {}{} and z.soa_recordset = {id}",
            stored.from,
            stored.place(Within::AllZones, sight, &mut parameters),
            soa.from,
            soa.place(Within::AllZones, sight, &mut parameters),
        );
        let rows = parameters.query(client, &text, true).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
    }

    /// A page of recordsets.
    pub async fn recordsets(
        &self,
        client: &Client,
        sight: Sight<'_>,
        within: Within,
        filter: &RecordsetFilter,
        sort: RecordsetSort,
        page: &PageRequest,
    ) -> Result<Page<RecordsetRow>, ListingError> {
        let named = match (within, needle(filter.name.as_ref())) {
            (Within::Zone(zone), Some(needle)) => {
                let wanted = page.of_names(filter.count() == 1, sort == RecordsetSort::CreatedAt);
                self.names
                    .search(client, List::Zone(zone), needle, wanted)
                    .await?
            }
            _ => None,
        };
        let named = named.as_ref();
        let key = (within, sight.project().map(str::to_owned), filter.clone());
        let known = match named {
            Some(_) => Count::NONE,
            None => self.recordsets.get(&key),
        };
        let (page_text, page_parameters) = self.recordset_page(sight, within, filter, named, sort, page);
        let (total_text, total_parameters) =
            self.recordset_total(sight, within, filter, named, page.marker, known);
        let common = filter.count() <= 1;
        let (rows, totals) = futures_util::try_join!(
            page_parameters.query(client, &page_text, common),
            total_parameters.query(client, &total_text, common),
        )?;
        // The one row of the total comes from the zone, or from the head of the log, which is always there.
        let Some(total) = totals.first() else {
            return Err(ListingError::ZoneNotFound);
        };
        let counted = Count {
            at: total.try_get(0)?,
            count: total.try_get(1)?,
        };
        if let (Some(marker), false) = (page.marker, total.try_get(2)?) {
            return Err(ListingError::MarkerNotFound(marker));
        }
        if counted != known && filter.status.is_none() && named.is_none() {
            self.recordsets.put(key, counted);
        }
        let rows = rows.iter().map(recordset_row).collect::<Result<_, _>>()?;
        Ok(Page {
            rows,
            total: counted.count,
        })
    }

    fn recordset_page(
        &self,
        sight: Sight<'_>,
        within: Within,
        filter: &RecordsetFilter,
        named: Option<&Found>,
        sort: RecordsetSort,
        page: &PageRequest,
    ) -> (String, Parameters) {
        let mut parameters = Parameters::default();
        let (direction, beyond) = if page.descending {
            ("desc", "<")
        } else {
            ("asc", ">")
        };
        let limit = parameters.bind(page.limit, Type::INT8);
        let marker = page.marker.map(|marker| parameters.bind(marker, Type::UUID));
        let mut markers = Vec::new();
        let mut branches = Vec::new();
        for source in [Source::stored(&self.threshold), Source::soa(&self.threshold)] {
            let (id, from, key) = (source.id, source.from, source.sort_key(sort));
            let place = source.place(within, sight, &mut parameters);
            let fits = source.filter_named(filter, named, &mut parameters);
            let mut after = String::new();
            if let Some(marker) = &marker {
                markers.push(format!(
                    "select {key} as k, {id} as id from {from}{place} and {id} = {marker}"
                ));
                after =
                    format!(" and ({key}, {id}) {beyond} ((select k from marker), (select id from marker))");
            }
            branches.push(format!(
                "(select {columns}, {key} as k from {from}{place}{fits}{after} \
                 order by {key} {direction}, {id} {direction} limit {limit})",
                columns = source.columns(),
            ));
        }
        let marker = match markers.is_empty() {
            true => String::new(),
            false => format!("with marker as ({}) ", markers.join(" union all ")),
        };
        let branches = branches.join(" union all ");
        let text = format!(
            "{marker}select * from ({branches}) r order by k {direction}, id {direction} limit {limit}"
        );
        (text, parameters)
    }

    /// What the count depends on (the zone's stream, or the whole log), the count, whether the marker is there. No row
    /// when the zone is not there for the caller.
    fn recordset_total(
        &self,
        sight: Sight<'_>,
        within: Within,
        filter: &RecordsetFilter,
        named: Option<&Found>,
        marker: Option<Uuid>,
        known: Count,
    ) -> (String, Parameters) {
        let mut parameters = Parameters::default();
        let at = parameters.bind(known.at, Type::INT8);
        let count = parameters.bind(known.count, Type::INT8);
        let marker = marker.map(|marker| parameters.bind(marker, Type::UUID));
        let mut counts = Vec::new();
        let mut markers = Vec::new();
        for source in [Source::stored(&self.threshold), Source::soa(&self.threshold)] {
            let place = source.place(within, sight, &mut parameters);
            if let Some(marker) = &marker {
                markers.push(format!(
                    "exists (select from {}{place} and {} = {marker})",
                    source.from, source.id
                ));
            }
            // Names alone are counted where they were found.
            if let Some(found) = named.filter(|_| source.is_stored() && filter.count() == 1) {
                counts.push(parameters.bind(found.total, Type::INT8));
                continue;
            }
            let fits = source.filter_named(filter, named, &mut parameters);
            counts.push(format!("(select count(*) from {}{place}{fits})", source.from));
        }
        let counts = counts.join(" + ");
        let marker_exists = if markers.is_empty() {
            "true".to_owned()
        } else {
            markers.join(" or ")
        };
        let (version, from) = match within {
            Within::AllZones => ("h.position", "feed_head h where h.feed = 0".to_owned()),
            Within::Zone(zone) => {
                let zone = parameters.bind(zone, Type::UUID);
                let gone = zone_gone_sql("head", &self.threshold);
                let seen = in_sight_as("head", sight, &mut parameters);
                (
                    "head.stream_version",
                    format!("zone head where head.id = {zone}{seen} and not {gone}"),
                )
            }
        };
        let text = format!(
            "select {version}, case when {version} = {at} then {count} else {counts} end, {marker_exists} from {from}"
        );
        (text, parameters)
    }
}

pub(super) fn recordset_row(row: &Row) -> Result<RecordsetRow, tokio_postgres::Error> {
    let revision = row.try_get(9)?;
    let status = Status::from_label(row.try_get(13)?).unwrap_or(Status::Pending);
    let rrtype: i32 = row.try_get(5)?;
    Ok(RecordsetRow {
        id: row.try_get(0)?,
        zone: row.try_get(1)?,
        project: row.try_get(2)?,
        name: row.try_get(3)?,
        zone_name: row.try_get(4)?,
        // The column holds numbers that were RR types when they were written.
        rrtype: Rrtype::new(rrtype as u16),
        records: row.try_get(6)?,
        description: row.try_get(7)?,
        ttl: row.try_get(8)?,
        revision,
        created_at: row.try_get(10)?,
        updated_at: row.try_get(11)?,
        status,
        action: Action::of(status, row.try_get(12)?, revision),
    })
}
