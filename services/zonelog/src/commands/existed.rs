//! `zonelog events exists`: how many zones existed, period by period; or which.

use clap::Args;
use deadpool_postgres::Client;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use zonelog_model::{ProjectId, Timestamp};
use zonelog_projections::existence::{self, Moves, Period, Within, ZoneExisted};
use zonelog_store::Database;

use crate::cli::{At, CommandError};
use crate::installation::{configuration, urls};
use crate::{output, pools};

/// How many periods are shown unless told otherwise: totals, and zones.
const TOTALS: i64 = 24;
const ZONES: i64 = 1;

/// `zonelog events exists`
#[derive(Debug, Args)]
pub struct ExistsArgs {
    /// How many periods, each an hour; the latest last. Without it 24, with --zones 1; with --from or --until all.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    last: Option<i64>,
    /// Periods that end after this time, as 2026-01-31T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    from: Option<Timestamp>,
    /// Periods that end at this time or before.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Each zone that existed in a period, as it was at its end: also one that was deleted since, or within the period.
    #[arg(long)]
    zones: bool,
    /// Zones that belonged to this project alone.
    #[arg(long, value_name = "ID", requires = "zones")]
    project: Option<String>,
    /// A JSON object a line, for scripts.
    #[arg(long)]
    json: bool,
}

impl ExistsArgs {
    fn within(&self) -> Within {
        let usual = if self.from.is_some() || self.until.is_some() {
            i64::MAX
        } else if self.zones {
            ZONES
        } else {
            TOTALS
        };
        Within {
            from: self.from,
            until: self.until,
            last: self.last.unwrap_or(usual),
        }
    }
}

/// Runs the command.
pub(super) async fn run(at: &At, args: &ExistsArgs) -> Result<(), CommandError> {
    let project = match &args.project {
        Some(project) => Some(
            ProjectId::new(project.clone())
                .ok_or_else(|| format!("--project: {project:?} is no project's id"))?,
        ),
        None => None,
    };
    let config = configuration(at)?;
    let database = Database::new(urls(&config)?.service.expose(), "zonelog events")?;
    let client = pools::reader(&database).await?;
    zonelog_schema::check(&client).await?;
    let periods = existence::periods(&client, args.within()).await?;
    if args.zones {
        zones(&client, &periods, project.as_ref(), args.json).await?;
    } else if args.json {
        for period in &periods {
            output::line(&total(period).to_string())?;
        }
    } else if periods.is_empty() {
        output::line("nothing is recorded of that time: MiniDNS records it, every hour while it runs")?;
    } else {
        output::line(&output::table(
            &["FROM", "UNTIL", "ZONES"],
            periods.iter().map(|period| {
                vec![
                    period.begin.format("%F %TZ").to_string(),
                    period.end.format("%F %TZ").to_string(),
                    period.zones.to_string(),
                ]
            }),
        ))?;
    }
    Ok(output::flush()?)
}

fn total(period: &Period) -> Value {
    json!({
        "event_type": "dns.zone.exists",
        "audit_period_beginning": period.begin,
        "audit_period_ending": period.end,
        "zones": period.zones,
    })
}

async fn zones(
    client: &Client,
    periods: &[Period],
    project: Option<&ProjectId>,
    json: bool,
) -> Result<(), CommandError> {
    let Some(first) = periods.first() else {
        return Ok(());
    };
    let moves = Moves::after(client, first.position).await?;
    for period in periods {
        let mut zones = std::pin::pin!(existence::zones(client, *period, project, &moves).await?);
        while let Some(zone) = zones.try_next().await? {
            if json {
                output::line(&record(period, &zone).to_string())?;
            } else {
                output::line(&line(period, &zone))?;
            }
        }
    }
    Ok(())
}

/// Whether the zone was still there at the period's end: what the servers had of it then is not told.
fn status(zone: &ZoneExisted) -> &'static str {
    match zone.deleted_at {
        None => "ACTIVE",
        Some(_) => "DELETED",
    }
}

/// As Designate's notification has it, as far as it is of the period.
fn record(period: &Period, zone: &ZoneExisted) -> Value {
    json!({
        "event_type": "dns.zone.exists",
        "audit_period_beginning": period.begin,
        "audit_period_ending": period.end,
        "id": zone.zone.uuid(),
        "name": zone.name,
        "tenant_id": zone.project.as_str(),
        "pool_id": zone.pool.uuid(),
        "type": if zone.secondary { "SECONDARY" } else { "PRIMARY" },
        "status": status(zone),
        "created_at": zone.created_at,
        "deleted_at": zone.deleted_at,
    })
}

fn line(period: &Period, zone: &ZoneExisted) -> String {
    format!(
        "{}  {}  {:7}  {}  {}",
        period.end.format("%F %TZ"),
        zone.zone,
        status(zone),
        zone.project,
        zone.name
    )
}
