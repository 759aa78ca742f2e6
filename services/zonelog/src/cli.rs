//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    doctor, events, migrate, pool, projection, roles, secondary, server, service, tlds, token, up, zone,
};
use crate::output;

/// An event-sourced DNS control plane: the zone is its log.
#[derive(Debug, Parser)]
#[command(
    name = "zonelog",
    version,
    max_term_width = 110,
    arg_required_else_help = true
)]
pub struct Cli {
    /// Which installation.
    #[command(flatten)]
    pub at: At,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Which installation a command is about.
#[derive(Clone, Debug, Default, Args)]
pub struct At {
    /// The configuration (ops/config/zonelog.toml has every key with its default).
    #[arg(long, global = true, value_name = "FILE", env = "ZONELOG_CONFIG")]
    pub config: Option<PathBuf>,
    /// What `zonelog up` keeps, in place of database.data_dir.
    #[arg(long, global = true, value_name = "DIR", env = "ZONELOG_DATA")]
    pub data: Option<PathBuf>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run every role in this process, with a PostgreSQL of its own unless database.url is set.
    Up,
    /// Run the REST API alone.
    Api,
    /// Run MiniDNS, the hidden primary, alone.
    Mdns,
    /// Run the pool reconciler alone.
    Reconciler,
    /// Bring the database's tables to this version.
    Migrate,
    /// Create, list and revoke API tokens.
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Describe, show and change the pools of DNS servers.
    #[command(subcommand)]
    Pool(pool::PoolCommand),
    /// Import top-level domains.
    #[command(subcommand)]
    Tlds(tlds::TldsCommand),
    /// Show the name servers, pause them, and have them looked at anew.
    #[command(subcommand)]
    Server(server::ServerCommand),
    /// Show how far a zone has come at the name servers.
    #[command(subcommand)]
    Zone(zone::ZoneCommand),
    /// Tidy up what services said of themselves.
    #[command(subcommand)]
    Service(service::ServiceCommand),
    /// Show how secondary zones stand with their primaries.
    #[command(subcommand)]
    Secondary(secondary::SecondaryCommand),
    /// Rebuild and compare what is derived from the log.
    #[command(subcommand)]
    Projection(projection::ProjectionCommand),
    /// Read the log.
    #[command(subcommand)]
    Events(events::EventsCommand),
    /// Say in plain words what is missing or wrong.
    Doctor(doctor::DoctorArgs),
}

/// Runs the command line of this process. Exit status 0: done; 1: it failed; 2: the command line is wrong.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("cannot start the runtime: {error}")),
    };
    let done = runtime.block_on(run(cli));
    // Whatever still blocks a thread (a name lookup, say) must not hold the end up.
    runtime.shutdown_background();
    match done {
        Ok(code) => code,
        Err(error) if output::is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => failed(&output::chain(error.as_ref())),
    }
}

/// What a command failed with: printed as one sentence.
pub type CommandError = Box<dyn std::error::Error + Send + Sync>;

async fn run(cli: Cli) -> Result<ExitCode, CommandError> {
    match cli.command {
        Command::Up => up::run(&cli.at).await?,
        Command::Api => roles::api(&cli.at).await?,
        Command::Mdns => roles::mdns(&cli.at).await?,
        Command::Reconciler => roles::reconciler(&cli.at).await?,
        Command::Migrate => migrate::run(&cli.at).await?,
        Command::Token(command) => token::run(&cli.at, command).await?,
        Command::Pool(command) => pool::run(&cli.at, command).await?,
        Command::Tlds(command) => tlds::run(&cli.at, command).await?,
        Command::Server(command) => server::run(&cli.at, command).await?,
        Command::Zone(command) => zone::run(&cli.at, command).await?,
        Command::Service(command) => service::run(&cli.at, command).await?,
        Command::Secondary(command) => secondary::run(&cli.at, command).await?,
        Command::Projection(command) => return projection::run(&cli.at, command).await,
        Command::Events(command) => events::run(&cli.at, command).await?,
        Command::Doctor(args) => return doctor::run(&cli.at, args).await,
    }
    Ok(ExitCode::SUCCESS)
}

fn failed(message: &str) -> ExitCode {
    output::to_stderr(&format!("zonelog: {message}"));
    ExitCode::FAILURE
}
