//! `zonelog pool`: the pools of DNS servers, as Designate's `pools.yaml` describes them.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zonelog_central::Central;
use zonelog_central::seal::Sealer;
use zonelog_model::PoolId;
use zonelog_projections::delivery;
use zonelog_store::Database;

use crate::cli::{At, CommandError};
use crate::compose::central_options;
use crate::config::Config;
use crate::installation::{configuration, connect, urls};
use crate::pools_yaml::{Present, Step, differences, print};
use crate::{output, pools, sealing};

/// What stands in the log with the changes.
const CAUSE: &str = "zonelog pool update";

/// `zonelog pool ...`
#[derive(Debug, Subcommand)]
pub enum PoolCommand {
    /// Make the pools what a pools.yaml says. Running processes take it up by themselves.
    Update(UpdateArgs),
    /// Print pools in the form of a pools.yaml; secrets are hidden.
    #[command(alias = "show_config", alias = "show-config")]
    Show(ShowArgs),
    /// Write all pools into a pools.yaml; secrets are hidden, and such a file leaves them as they are.
    #[command(alias = "generate_file")]
    GenerateFile(GenerateArgs),
}

/// `zonelog pool update`
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// The pools.yaml; pools.file of the configuration, if left out.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Only say what would be changed.
    #[arg(long, alias = "dry_run")]
    dry_run: bool,
    /// Delete pools that are not in the file. Their zones must have been moved, and must be gone from their servers.
    #[arg(long)]
    delete: bool,
}

/// `zonelog pool show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The pool; the default pool, if left out.
    #[arg(long, alias = "pool_id", value_name = "ID", conflicts_with = "all")]
    pool_id: Option<Uuid>,
    /// All pools.
    #[arg(long, alias = "all_pools", alias = "all-pools")]
    all: bool,
}

/// `zonelog pool generate-file`
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// The file to write; it must not be there. Standard output, if left out.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Runs the command.
pub async fn run(at: &At, command: PoolCommand) -> Result<(), CommandError> {
    let config = configuration(at)?;
    let urls = urls(&config)?;
    let client = connect(&urls.service, "zonelog pool").await?;
    zonelog_schema::check(&client).await?;
    let sealer = sealing::sealer_for(&config, &client).await?;
    let database = Database::new(urls.service.expose(), "zonelog pool")?;
    let present = pools::present(&pools::reader(&database).await?).await?;
    match command {
        PoolCommand::Update(args) => update(&config, &args, sealer, (&database, &client), &present).await,
        PoolCommand::Show(args) => show(&config, &args, &present),
        PoolCommand::GenerateFile(args) => generate(args.file.as_deref(), &present),
    }
}

async fn update(
    config: &Config,
    args: &UpdateArgs,
    sealer: Sealer,
    (database, client): (&Database, &Client),
    present: &[Present],
) -> Result<(), CommandError> {
    let path = args.file.as_ref().or(config.pools.file.as_ref());
    let path = path.ok_or("which file? give --file, or set pools.file in the configuration")?;
    let wanted = pools::wanted(path, present, &sealer)?;
    let steps = pools::planned(config, present, &wanted, args.delete)?;
    if steps.is_empty() {
        return Ok(output::line("the pools are as the file says already")?);
    }
    output::line(&output::table(
        &["CHANGE", "POOL", "WHAT"],
        steps.iter().flat_map(rows),
    ))?;
    for pool in wanted {
        for target in &pool.pool.targets {
            for remark in zonelog_reconciler::targets::remarks(target) {
                output::to_stderr(&format!(
                    "pool {}: target {}: {remark}",
                    pool.pool.name, target.kind
                ));
            }
        }
    }
    if args.dry_run {
        return Ok(output::line("nothing was changed: this was a dry run")?);
    }
    for step in &steps {
        if let Step::Delete { id, name } = step {
            servers_are_done(client, *id, name).await?;
        }
    }
    let shutdown = CancellationToken::new();
    let central = Central::start(
        database.clone(),
        central_options(config, sealer)?,
        shutdown.clone(),
    );
    let done = execute(&central, &steps).await;
    shutdown.cancel();
    done
}

/// Refuses to delete a pool from whose servers zones have yet to go that were deleted or moved: a reconciler sees to that only
/// while there is the pool.
async fn servers_are_done(client: &Client, pool: PoolId, name: &str) -> Result<(), CommandError> {
    let unfinished = delivery::unfinished(client, pool).await?;
    let Some((server, zones)) = unfinished.first() else {
        return Ok(());
    };
    Err(format!(
        "pool {name} cannot be deleted yet: its server {server} was not seen to be as the log says for {zones} of its zones, \
         and would keep those that were deleted or moved; nothing was changed. Wait until `zonelog server list` says `in step`; \
         a server that is gone for good has to be taken out of the pool in pools.yaml before"
    )
    .into())
}

async fn execute(central: &Central, steps: &[Step]) -> Result<(), CommandError> {
    for (number, step) in steps.iter().enumerate() {
        let bar = step.rewrites_nameservers_of().map(|_| {
            let style =
                indicatif::ProgressStyle::with_template("{spinner} {pos} zones have the new NS records");
            indicatif::ProgressBar::new_spinner()
                .with_style(style.unwrap_or_else(|_| indicatif::ProgressStyle::default_spinner()))
        });
        let progress = |zones: usize| {
            if let Some(bar) = &bar {
                bar.set_position(zones as u64);
            }
        };
        if let Err(error) = pools::execute(central, step, CAUSE, progress).await {
            let (_, name) = title(step);
            return Err(format!(
                "pool {name}: {}; {number} of {} changes were made before it, and running this again makes the rest",
                output::chain(error.as_ref()),
                steps.len()
            )
            .into());
        }
        if let Some(bar) = bar {
            bar.finish();
        }
    }
    Ok(output::line(&match steps.len() {
        1 => "one change was made".to_owned(),
        number => format!("{number} changes were made"),
    })?)
}

fn title(step: &Step) -> (&'static str, &str) {
    match step {
        Step::Create { pool, .. } => ("create", &pool.name),
        Step::Change { after, .. } => ("change", &after.name),
        Step::Delete { name, .. } => ("delete", name),
    }
}

/// What a step does, a row for each difference.
fn rows(step: &Step) -> Vec<Vec<String>> {
    let what = match step {
        Step::Create { id, pool } => {
            let nothing = zonelog_model::resource::Pool {
                name: pool.name.clone(),
                description: None,
                project: None,
                attributes: std::collections::BTreeMap::new(),
                ns_records: Vec::new(),
                nameservers: Vec::new(),
                targets: Vec::new(),
                also_notifies: Vec::new(),
                catalog_zone: None,
            };
            let mut lines = vec![format!("id {id}")];
            lines.extend(differences(&nothing, pool));
            lines
        }
        Step::Change { before, after, .. } => {
            let mut lines = differences(before, after);
            if step.rewrites_nameservers_of().is_some() {
                lines.push("(the NS records of all its zones are rewritten)".to_owned());
            }
            lines
        }
        Step::Delete { id, .. } => vec![format!("id {id}")],
    };
    let (change, name) = title(step);
    let head = [change.to_owned(), name.to_owned()];
    what.into_iter()
        .enumerate()
        .map(|(number, line)| match number {
            0 => vec![head[0].clone(), head[1].clone(), line],
            _ => vec![String::new(), String::new(), line],
        })
        .collect()
}

fn show(config: &Config, args: &ShowArgs, present: &[Present]) -> Result<(), CommandError> {
    let id = PoolId::new(args.pool_id.unwrap_or(config.central.default_pool_id));
    let wanted: Vec<Present> = present
        .iter()
        .filter(|present| args.all || present.id == id)
        .cloned()
        .collect();
    if wanted.is_empty() && !args.all {
        return Err(format!("there is no pool {id}; `zonelog pool show --all` shows them all").into());
    }
    Ok(output::line(print(&wanted).trim_end())?)
}

fn generate(file: Option<&Path>, present: &[Present]) -> Result<(), CommandError> {
    let text = print(present);
    let Some(path) = file else {
        return Ok(output::line(text.trim_end())?);
    };
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::File::create_new(path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    Ok(output::line(&format!(
        "wrote {} pools to {}",
        present.len(),
        path.display()
    ))?)
}
