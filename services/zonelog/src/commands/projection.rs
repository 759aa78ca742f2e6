//! `zonelog projection`: what is derived from the log, made anew from it.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use zonelog_projections::inline::TABLES;
use zonelog_projections::rebuild::{compare, drop_shadow, rebuild, without_purged};
use zonelog_store::{Database, Feed};

use crate::cli::{At, CommandError};
use crate::installation::{configuration, connect, urls};
use crate::output;

/// How many rows of each side of each table are listed.
const LISTED: usize = 20;

/// `zonelog projection ...`
#[derive(Debug, Subcommand)]
pub enum ProjectionCommand {
    /// Make the tables of zone state anew from the log, beside the live ones.
    ///
    /// Without an option they stay in their own schema, to be looked at. The command connects as the owner of the
    /// tables (database.owner_url).
    Rebuild(RebuildArgs),
}

/// `zonelog projection rebuild`
#[derive(Debug, Args)]
pub struct RebuildArgs {
    /// Compare them with the live tables, row by row, then drop them. Exit status 1 when anything differs.
    #[arg(long)]
    compare: bool,
    /// Put them in the place of the live tables' rows. Commands wait meanwhile; reads go on until the last moment.
    #[arg(long, conflicts_with = "compare")]
    replace: bool,
    /// The schema in which they are made; one of that name is dropped.
    #[arg(long, value_name = "NAME", default_value = "zonelog_rebuilt")]
    schema: String,
}

/// Runs the command.
pub async fn run(at: &At, command: ProjectionCommand) -> Result<ExitCode, CommandError> {
    let ProjectionCommand::Rebuild(args) = command;
    let config = configuration(at)?;
    let urls = urls(&config)?;
    let client = connect(&urls.owner, "zonelog projection").await?;
    zonelog_schema::check(&client).await?;
    let feed = Feed::new(&Database::new(urls.owner.expose(), "zonelog projection")?);

    // The writers take this row first and hold it to their commit; with it in our hands the log stands still.
    let mut stopper = connect(&urls.owner, "zonelog projection").await?;
    let stopped = stopper.transaction().await?;
    if args.replace {
        stopped
            .execute("select from feed_head where feed = 0 for update", &[])
            .await?;
    }

    let bar = progress_bar();
    let mut rebuilt = rebuild(&feed, &client, &args.schema, |progress| {
        bar.set_length(progress.head.unsigned_abs());
        bar.set_position(progress.position.unsigned_abs());
    })
    .await?;
    bar.finish_and_clear();
    output::line(&format!(
        "rebuilt {} from {} events",
        TABLES.map(|(table, _)| table).join(", "),
        rebuilt.position
    ))?;

    if args.replace {
        for (table, _) in TABLES {
            let statement = format!(
                "truncate {table}; insert into {table} select t.* from {}.{table} t {}",
                args.schema,
                without_purged(table)
            );
            stopped.batch_execute(&statement).await?;
        }
        stopped.commit().await?;
        drop_shadow(&client, &args.schema).await?;
        output::line("the live tables hold what was rebuilt; restart the roles, which may know older rows")?;
        return Ok(ExitCode::SUCCESS);
    }
    drop(stopped);
    if !args.compare {
        output::line(&format!(
            "they are in schema {}; `drop schema {} cascade` removes them",
            args.schema, args.schema
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    let differences = compare(&feed, &client, &mut rebuilt, LISTED).await?;
    drop_shadow(&client, &args.schema).await?;
    if differences.is_empty() {
        output::line(&format!(
            "the live tables are equal to them at position {}",
            rebuilt.position
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    for difference in &differences {
        output::line(&difference.to_string())?;
    }
    output::line(&format!(
        "the live tables differ at position {} (up to {LISTED} rows of each side of each table are shown); \
         `zonelog projection rebuild --replace` puts the log's truth in their place",
        rebuilt.position
    ))?;
    Ok(ExitCode::FAILURE)
}

fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} events, {per_sec}, {eta} to go") {
        bar.set_style(style);
    }
    bar
}
