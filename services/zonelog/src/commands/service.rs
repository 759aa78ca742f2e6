//! `zonelog service`: what the services said of themselves.

use clap::{Args, Subcommand};
use zonelog_central::clock;
use zonelog_projections::service_status;
use zonelog_store::Database;

use crate::cli::{At, CommandError};
use crate::installation::{configuration, urls};
use crate::{output, pools};

/// A service that has been silent for so long is none any more: twice as long as a heartbeat takes.
const SILENCE: chrono::TimeDelta = chrono::TimeDelta::seconds(20);

/// `zonelog service ...`
#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Remove the rows of services that do not run any more.
    Clean(CleanArgs),
}

/// `zonelog service clean`
#[derive(Debug, Args)]
pub struct CleanArgs {}

/// Runs the command.
pub async fn run(at: &At, command: ServiceCommand) -> Result<(), CommandError> {
    let ServiceCommand::Clean(CleanArgs {}) = command;
    let config = configuration(at)?;
    let database = Database::new(urls(&config)?.service.expose(), "zonelog service")?;
    let client = pools::reader(&database).await?;
    zonelog_schema::check(&client).await?;
    let removed = service_status::clean(&client, clock::now() - SILENCE).await?;
    Ok(output::line(&match removed {
        0 => "there was nothing to remove".to_owned(),
        1 => "removed one service that does not run".to_owned(),
        number => format!("removed {number} services that do not run"),
    })?)
}
