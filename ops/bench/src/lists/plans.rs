//! The plans of the lists' statements: prepared as the API prepares them, and then asked for by name.

use uuid::Uuid;
use zonelog_projections::listing::{
    Listing, PageRequest, Pattern, RecordsetFilter, RecordsetSort, Sight, Within, ZoneFilter, ZoneSort,
};
use zonelog_store::Database;
use zonelog_tests::Zonelog;

use crate::Result;

/// The text and plan of each statement of a search of zones and one of recordsets.
pub(super) async fn explain(zonelog: &Zonelog, zone: &str) -> Result<Vec<String>> {
    let running: serde_json::Value =
        serde_json::from_slice(&std::fs::read(zonelog.data().join("running.json"))?)?;
    let url = running["owner_url"]
        .as_str()
        .ok_or("running.json names no owner_url")?;
    // As the API's connections are.
    let database = Database::new(url, "bench")?.with_setting("plan_cache_mode", "force_generic_plan");
    let pool = database.pool(1);
    let client = pool.get().await?;
    let listing = Listing::new(100);
    let page = PageRequest {
        limit: 20,
        marker: None,
        descending: false,
    };
    let name = Some(Pattern::parse("*4242*"));
    let zones = ZoneFilter {
        name: name.clone(),
        ..ZoneFilter::default()
    };
    let recordsets = RecordsetFilter {
        name,
        ..RecordsetFilter::default()
    };
    let sight = Sight::Project("admin");
    listing
        .zones(&client, Sight::AllProjects, &zones, ZoneSort::CreatedAt, &page)
        .await?;
    let within = Within::Zone(Uuid::parse_str(zone)?);
    let everybody = Sight::AllProjects;
    listing
        .recordsets(
            &client,
            everybody,
            within,
            &recordsets,
            RecordsetSort::CreatedAt,
            &page,
        )
        .await?;
    listing
        .zones(&client, sight, &ZoneFilter::default(), ZoneSort::CreatedAt, &page)
        .await?;
    let prepared = client
        .query(
            "select name, statement, cardinality(parameter_types) from pg_prepared_statements \
             where statement not like '%pg_prepared_statements%' order by prepare_time",
            &[],
        )
        .await?;
    let mut plans = Vec::new();
    for row in &prepared {
        let (name, text, parameters): (String, String, i32) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let nulls = vec!["null"; usize::try_from(parameters)?].join(", ");
        let arguments = if nulls.is_empty() {
            nulls
        } else {
            format!("({nulls})")
        };
        let plan = client
            .query(&format!("explain (costs off) execute \"{name}\"{arguments}"), &[])
            .await?;
        let mut lines = vec![String::new(), format!("-- {}", text.replace('\n', " "))];
        for line in &plan {
            lines.push(line.try_get(0)?);
        }
        plans.push(lines.join("\n"));
    }
    Ok(plans)
}
