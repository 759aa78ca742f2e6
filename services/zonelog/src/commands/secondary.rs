//! `zonelog secondary`: how secondary zones stand with their primaries.

use clap::{Args, Subcommand};
use serde_json::json;
use zonelog_model::Timestamp;
use zonelog_projections::secondary::{self, SecondaryZoneStatus};
use zonelog_store::Database;

use crate::cli::{At, CommandError};
use crate::installation::{configuration, urls};
use crate::{output, pools};

/// `zonelog secondary ...`
#[derive(Debug, Subcommand)]
pub enum SecondaryCommand {
    /// Show when each was refreshed last, when it will be next, when it expires, and what went wrong.
    List(ListArgs),
}

/// `zonelog secondary list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// A JSON object a line, for scripts.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(at: &At, command: SecondaryCommand) -> Result<(), CommandError> {
    let SecondaryCommand::List(ListArgs { json }) = command;
    let config = configuration(at)?;
    let database = Database::new(urls(&config)?.service.expose(), "zonelog secondary")?;
    let client = pools::reader(&database).await?;
    zonelog_schema::check(&client).await?;
    let zones = secondary::list(&client, None).await?;
    if json {
        for zone in &zones {
            output::line(&as_json(zone).to_string())?;
        }
    } else if zones.is_empty() {
        output::line("there are no secondary zones")?;
    } else {
        output::line(&output::table(
            &[
                "ZONE", "STATE", "SERIAL", "CHECKED", "NEXT", "EXPIRES", "PRIMARY", "ERROR",
            ],
            zones.iter().map(row),
        ))?;
    }
    Ok(output::flush()?)
}

fn state(zone: &SecondaryZoneStatus) -> &'static str {
    match zone {
        SecondaryZoneStatus { expired: true, .. } => "EXPIRED",
        zone if zone.status.expires_at.is_none() => "NEW",
        zone if zone.status.error.is_some() => "ERROR",
        _ => "OK",
    }
}

fn row(zone: &SecondaryZoneStatus) -> Vec<String> {
    let time = |time: Option<Timestamp>| {
        time.map_or_else(|| "-".to_owned(), |time| time.format("%F %TZ").to_string())
    };
    let status = &zone.status;
    vec![
        zone.name.clone(),
        state(zone).to_owned(),
        status
            .master_serial
            .map_or_else(|| "-".to_owned(), |serial| serial.to_string()),
        time(status.checked_at),
        time(zone.due_at),
        time(status.expires_at),
        status.master.clone().unwrap_or_else(|| "-".to_owned()),
        status.error.clone().unwrap_or_default(),
    ]
}

fn as_json(zone: &SecondaryZoneStatus) -> serde_json::Value {
    let status = &zone.status;
    json!({
        "id": zone.zone.to_string(),
        "name": zone.name,
        "state": state(zone),
        "checked_at": status.checked_at,
        "due_at": zone.due_at,
        "expires_at": status.expires_at,
        "master": status.master,
        "master_serial": status.master_serial,
        "failures": status.failures,
        "error": status.error,
    })
}
