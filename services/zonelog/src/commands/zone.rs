//! `zonelog zone`: how far a zone has come at the name servers.

use clap::{Args, Subcommand};
use serde_json::json;
use tokio_postgres::Client;
use uuid::Uuid;
use zonelog_central::clock;
use zonelog_dns::ZoneName;
use zonelog_model::{Timestamp, ZoneId};
use zonelog_projections::delivery::{self, ServerConvergence};

use super::server::{duration, short, time};
use crate::cli::{At, CommandError};
use crate::installation::{configuration, connect, urls};
use crate::output;

/// `zonelog zone ...`
#[derive(Debug, Subcommand)]
pub enum ZoneCommand {
    /// Show each name server of a zone's pool: what it was seen to serve, how far behind that is, and what went wrong.
    Convergence(ConvergenceArgs),
}

/// `zonelog zone convergence`
#[derive(Debug, Args)]
pub struct ConvergenceArgs {
    /// The zone's id, or its name.
    #[arg(value_name = "ZONE")]
    zone: String,
    /// A JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub async fn run(at: &At, command: ZoneCommand) -> Result<(), CommandError> {
    let ZoneCommand::Convergence(args) = command;
    let config = configuration(at)?;
    let client = connect(&urls(&config)?.service, "zonelog zone").await?;
    zonelog_schema::check(&client).await?;
    let id = zone_id(&client, &args.zone).await?;
    let found = delivery::convergence(&client, id).await?;
    let found = found.ok_or_else(|| format!("there is no zone {}", args.zone))?;
    let now = clock::now();
    if args.json {
        let servers: Vec<_> = found
            .servers
            .iter()
            .map(|server| {
                json!({
                    "server": server.server,
                    "status": server.status.label(),
                    "paused": server.paused,
                    "serial": server.serial.map(|serial| serial.wire().get()),
                    "seen_at": server.seen_at,
                    "lag_serials": server.lag_serials,
                    "lag_seconds": lag(server, now),
                    "error": server.error,
                    "attempts": server.attempts,
                    "next_try_at": server.next_try,
                })
            })
            .collect();
        let whole = json!({
            "zone": id.uuid(), "name": found.name, "serial": found.serial.wire().get(), "deleted": found.deleted,
            "servers": servers,
        });
        return Ok(output::line(&serde_json::to_string_pretty(&whole)?)?);
    }
    let state = if found.deleted {
        "deleted".to_owned()
    } else {
        format!("serial {}", found.serial.wire())
    };
    output::line(&format!("{} {state}", found.name))?;
    if found.servers.is_empty() {
        return Ok(output::line(
            "its pool has no servers, or no reconciler has run yet",
        )?);
    }
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let rows = found.servers.iter().map(|server| {
        let paused = if server.paused { ", paused" } else { "" };
        vec![
            short(&server.server).to_owned(),
            format!("{}{paused}", server.status),
            or_dash(server.serial.map(|serial| serial.wire().to_string())),
            or_dash(server.seen_at.map(time)),
            or_dash(server.lag_serials.map(|serials| serials.to_string())),
            duration(lag(server, now)),
            or_dash(server.next_try.map(time)),
            server.error.clone().unwrap_or_default(),
        ]
    });
    let head = [
        "SERVER",
        "STATUS",
        "SERIAL SEEN",
        "WHEN",
        "SERIALS BEHIND",
        "FOR",
        "NEXT TRY",
        "ERROR",
    ];
    Ok(output::line(&output::table(&head, rows))?)
}

fn lag(server: &ServerConvergence, now: Timestamp) -> f64 {
    server
        .lags_since
        .map_or(0.0, |since| (now - since).as_seconds_f64().max(0.0))
}

/// The zone of an id or a name: of a name the live zone, else the one deleted last.
async fn zone_id(client: &Client, zone: &str) -> Result<ZoneId, CommandError> {
    if let Ok(id) = zone.parse::<Uuid>() {
        return Ok(ZoneId::new(id));
    }
    let absolute = if zone.ends_with('.') {
        zone.to_owned()
    } else {
        format!("{zone}.")
    };
    let name = ZoneName::parse(&absolute)
        .map_err(|error| format!("`{zone}` is neither a zone's id nor its name: {error}"))?;
    let row = client
        .query_opt(
            "select id from zone where name_key = $1 order by deleted_position desc nulls first limit 1",
            &[&name.to_key()],
        )
        .await?;
    row.map(|row| ZoneId::new(row.get(0)))
        .ok_or_else(|| format!("there is no zone {name}, and there never was").into())
}
