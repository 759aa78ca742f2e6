//! `zonelog events exists`: how many zones existed, period by period.

use clap::Args;
use serde_json::json;
use zonelog_projections::purge::{self, Existed};
use zonelog_store::Database;

use crate::cli::{At, CommandError};
use crate::installation::{configuration, urls};
use crate::{output, pools};

/// `zonelog events exists`
#[derive(Debug, Args)]
pub struct ExistsArgs {
    /// How many periods, each an hour; the latest last.
    #[arg(long, value_name = "NUMBER", default_value_t = 24, value_parser = clap::value_parser!(i64).range(1..))]
    last: i64,
    /// A JSON object a line, for scripts.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(at: &At, args: &ExistsArgs) -> Result<(), CommandError> {
    let config = configuration(at)?;
    let database = Database::new(urls(&config)?.service.expose(), "zonelog events")?;
    let client = pools::reader(&database).await?;
    zonelog_schema::check(&client).await?;
    let mut periods = purge::existed(&client, args.last).await?;
    periods.reverse();
    if args.json {
        for Existed { begin, end, zones } in &periods {
            let record = json!({
                "event_type": "dns.zone.exists",
                "audit_period_beginning": begin,
                "audit_period_ending": end,
                "zones": zones,
            });
            output::line(&record.to_string())?;
        }
    } else if periods.is_empty() {
        output::line("nothing is recorded yet: MiniDNS records it, every hour while it runs")?;
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
