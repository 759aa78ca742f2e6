//! `zonelog server`: the pools' name servers, how far each has come, and what is asked of the reconcilers for them.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio_postgres::Client;
use zonelog_central::clock;
use zonelog_model::{PoolId, Position, Timestamp};
use zonelog_projections::delivery::{self, Resync, ServerState};
use zonelog_store::Database;

use crate::cli::{At, CommandError};
use crate::installation::{configuration, connect, urls};
use crate::{output, pools};

/// How often a resync that is waited for is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How many zones are listed of a server that is shown.
const LISTED: i64 = 20;

/// `zonelog server ...`
#[derive(Debug, Subcommand)]
pub enum ServerCommand {
    /// List the name servers: how far each has come, and who works on it.
    List(ListArgs),
    /// Show all that is known of a server, with the zones that are behind there.
    Show(ShowArgs),
    /// Send nothing to a server any more, until it is resumed. Its zones' changes stay PENDING.
    Pause(PauseArgs),
    /// Work on a paused server again.
    Resume(NameArgs),
    /// Ask a server for every zone at once, and put right what it does not serve as it should.
    Resync(ResyncArgs),
    /// Drive the zones that the log touched from a position on once more, deleted ones too.
    Replay(ReplayArgs),
}

/// `zonelog server list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// A JSON array.
    #[arg(long)]
    json: bool,
}

/// `zonelog server show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    server: NameArgs,
    /// A JSON object.
    #[arg(long)]
    json: bool,
}

/// Which server.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// The server, as `zonelog server list` names it.
    #[arg(value_name = "SERVER")]
    name: String,
}

/// `zonelog server pause`
#[derive(Debug, Args)]
pub struct PauseArgs {
    #[command(flatten)]
    server: NameArgs,
    /// Why, for others to read.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// `zonelog server resync`
#[derive(Debug, Args)]
pub struct ResyncArgs {
    #[command(flatten)]
    server: NameArgs,
    /// Have it transfer each zone anew as a whole, whatever its serial: what it holds is in doubt.
    #[arg(long)]
    retransfer: bool,
    /// Wait until every zone was asked for.
    #[arg(long)]
    wait: bool,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

/// `zonelog server replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    server: NameArgs,
    /// The first position that counts. From 1: every zone that lives, as for a new server.
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(1..))]
    from: Position,
    /// Only list the zones that would be driven again.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub async fn run(at: &At, command: ServerCommand) -> Result<(), CommandError> {
    let config = configuration(at)?;
    let url = urls(&config)?.service;
    let client = connect(&url, "zonelog server").await?;
    zonelog_schema::check(&client).await?;
    let states = delivery::servers(&client).await?;
    let find = |args: &NameArgs| find(&states, &args.name);
    match command {
        ServerCommand::List(args) => {
            let database = Database::new(url.expose(), "zonelog server")?;
            let present = pools::present(&pools::reader(&database).await?).await?;
            let names = present.into_iter().map(|present| (present.id, present.pool.name));
            list(&states, &names.collect(), args.json)
        }
        ServerCommand::Show(args) => show(&client, find(&args.server)?, args.json).await,
        ServerCommand::Pause(args) => {
            let state = find(&args.server)?;
            let reason = args.reason.as_deref();
            let new = delivery::pause(&client, &state.server, reason, clock::now()).await?;
            Ok(output::line(match new {
                true => "paused: within a second or two nothing is sent to it any more",
                false => "it was paused already",
            })?)
        }
        ServerCommand::Resume(args) => {
            let resumed = delivery::resume(&client, &find(&args)?.server).await?;
            Ok(output::line(match resumed {
                true => "resumed: what it missed follows",
                false => "it was not paused",
            })?)
        }
        ServerCommand::Resync(args) => resync(&client, find(&args.server)?, &args).await,
        ServerCommand::Replay(args) => replay(&client, find(&args.server)?, &args).await,
    }
}

/// The server of a name: the whole one, or without its pool's id where that is enough.
fn find<'a>(states: &'a [ServerState], name: &str) -> Result<&'a ServerState, CommandError> {
    if let Some(state) = states.iter().find(|state| state.server == name) {
        return Ok(state);
    }
    let mut found = states.iter().filter(|state| short(&state.server) == name);
    match (found.next(), found.next()) {
        (Some(state), None) => Ok(state),
        (Some(one), Some(other)) => Err(format!(
            "there are several servers {name}, each in a pool of its own: say which one, as {} or {}",
            one.server, other.server
        )
        .into()),
        (None, _) if states.is_empty() => Err(
            "no server is known: no reconciler has run yet, or there is no pool with name servers or targets"
                .into(),
        ),
        (None, _) => Err(format!(
            "there is no server {name}; `zonelog server list` names {}",
            states
                .iter()
                .map(|state| short(&state.server))
                .collect::<Vec<_>>()
                .join(", ")
        )
        .into()),
    }
}

/// A server's name without its pool's id.
pub(super) fn short(server: &str) -> &str {
    server.split_once('/').map_or(server, |(_, rest)| rest)
}

/// How a server is, in one word or two.
fn standing(state: &ServerState) -> &'static str {
    if state.control.paused.is_some() {
        "paused"
    } else if state.holder.is_none() {
        "no reconciler"
    } else if state.lag.failing > 0 {
        "failing"
    } else if state.lag.behind > 0 || state.position < state.head {
        "behind"
    } else {
        "in step"
    }
}

/// For how long a server has been behind, in seconds.
fn lag_seconds(state: &ServerState) -> f64 {
    let since = state.lag.since.unwrap_or(state.updated_at);
    match state.lag.since {
        Some(_) => (clock::now() - since).as_seconds_f64().max(0.0),
        None => 0.0,
    }
}

fn list(states: &[ServerState], pools: &BTreeMap<PoolId, String>, as_json: bool) -> Result<(), CommandError> {
    if as_json {
        let all: Vec<_> = states.iter().map(to_json).collect();
        return Ok(output::line(&serde_json::to_string_pretty(&all)?)?);
    }
    if states.is_empty() {
        return Ok(output::line(
            "there is no server: no pool has name servers or targets, or no reconciler has run yet",
        )?);
    }
    let named = |state: &ServerState| {
        let name = short(&state.server);
        let alone = states.iter().filter(|other| short(&other.server) == name).count() == 1;
        if alone { name } else { state.server.as_str() }.to_owned()
    };
    let rows = states.iter().map(|state| {
        vec![
            named(state),
            pools
                .get(&state.pool)
                .cloned()
                .unwrap_or_else(|| state.pool.to_string()),
            standing(state).to_owned(),
            state.lag.behind.to_string(),
            state.lag.failing.to_string(),
            (state.head - state.position).max(0).to_string(),
            duration(lag_seconds(state)),
            state.position.to_string(),
            state.holder.clone().unwrap_or_default(),
        ]
    });
    let head = [
        "SERVER",
        "POOL",
        "STATE",
        "ZONES BEHIND",
        "FAILING",
        "EVENTS BEHIND",
        "FOR",
        "CHECKPOINT",
        "WORKED ON BY",
    ];
    Ok(output::line(&output::table(&head, rows))?)
}

async fn show(client: &Client, state: &ServerState, as_json: bool) -> Result<(), CommandError> {
    let zones = delivery::behind_at(client, &state.server, LISTED).await?;
    if as_json {
        let mut whole = to_json(state);
        whole["zones"] = zones
            .iter()
            .map(|zone| {
                json!({
                    "name": zone.name, "zone": zone.zone.uuid(), "serial_seen": zone.serial.map(|serial| serial.wire().get()),
                    "seen_at": zone.seen_at, "since": zone.since, "error": zone.error, "attempts": zone.attempts,
                    "next_try_at": zone.next_try,
                })
            })
            .collect();
        return Ok(output::line(&serde_json::to_string_pretty(&whole)?)?);
    }
    let mut lines = vec![
        ("server", state.server.clone()),
        ("state", standing(state).to_owned()),
        (
            "checkpoint",
            format!(
                "{} of {}, written {}",
                state.position,
                state.head,
                time(state.updated_at)
            ),
        ),
        ("behind for", duration(lag_seconds(state))),
        (
            "zones behind",
            format!("{}, {} of them failing", state.lag.behind, state.lag.failing),
        ),
        (
            "worked on by",
            state
                .holder
                .clone()
                .unwrap_or_else(|| "nobody: no reconciler runs".to_owned()),
        ),
    ];
    if let Some(paused) = &state.control.paused {
        let reason = paused
            .reason
            .as_deref()
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default();
        lines.push(("paused", format!("since {}{reason}", time(paused.since))));
    }
    if let Some(from) = state.control.replay_from {
        lines.push(("replay", format!("asked for, from position {from}")));
    }
    if let Some(resync) = &state.control.resync {
        lines.push(("resync", describe(resync)));
    }
    let width = lines.iter().map(|(what, _)| what.len()).max().unwrap_or_default();
    for (what, text) in lines {
        output::line(&format!("{what:width$}  {text}"))?;
    }
    if !zones.is_empty() {
        let rows = zones.iter().map(|zone| {
            vec![
                zone.name.clone(),
                zone.serial
                    .map_or_else(|| "-".to_owned(), |serial| serial.wire().to_string()),
                time(zone.since),
                zone.attempts.to_string(),
                time(zone.next_try),
                zone.error.clone().unwrap_or_default(),
            ]
        });
        let head = [
            "ZONE",
            "SERIAL SEEN",
            "BEHIND SINCE",
            "TRIES",
            "NEXT TRY",
            "ERROR",
        ];
        output::line("")?;
        output::line(&output::table(&head, rows))?;
        if state.lag.behind > LISTED {
            output::line(&format!("... and {} more", state.lag.behind - LISTED))?;
        }
    }
    Ok(())
}

/// How far a resync is.
fn describe(resync: &Resync) -> String {
    let what = if resync.retransfer {
        " with a new transfer of each"
    } else {
        ""
    };
    let done = match resync.done_at {
        Some(done) => format!("done {}", time(done)),
        None => "under way".to_owned(),
    };
    let error = match &resync.error {
        Some(error) => format!(
            "; {} could not be told to transfer, the last because: {error}",
            resync.failed
        ),
        None => String::new(),
    };
    format!(
        "every zone{what}, asked for {}: {done}, {} zones asked for, {} not served as they should be{error}",
        time(resync.asked_at),
        resync.asked,
        resync.behind,
    )
}

async fn resync(client: &Client, state: &ServerState, args: &ResyncArgs) -> Result<(), CommandError> {
    let zones = delivery::zone_count(client, state.pool).await?;
    if args.dry_run {
        let what = if args.retransfer {
            "asked for, and transferred anew"
        } else {
            "asked for"
        };
        return Ok(output::line(&format!(
            "{zones} zones would be {what}; nothing was done: this was a dry run"
        ))?);
    }
    delivery::ask_resync(client, &state.server, args.retransfer, clock::now()).await?;
    if !args.wait {
        let name = short(&state.server);
        return Ok(output::line(&format!(
            "asked for {zones} zones; `zonelog server show {name}` says how far it is"
        ))?);
    }
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} zones asked for");
    let bar = ProgressBar::new(u64::try_from(zones).unwrap_or_default())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    loop {
        let resync = delivery::control(client, &state.server).await?.resync;
        let resync = resync.ok_or("the server is not known any more: its pool was changed meanwhile")?;
        bar.set_position(u64::try_from(resync.asked).unwrap_or_default());
        if resync.done_at.is_some() {
            bar.finish_and_clear();
            return Ok(output::line(&describe(&resync))?);
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn replay(client: &Client, state: &ServerState, args: &ReplayArgs) -> Result<(), CommandError> {
    if args.from > state.position {
        return Err(format!(
            "there is nothing to replay from position {}: the server's checkpoint is at {}, and what comes after it is on \
             its way",
            args.from, state.position
        )
        .into());
    }
    let zones = delivery::touched_since(client, state.pool, args.from).await?;
    if args.dry_run {
        let rows = zones.iter().map(|zone| {
            let serial = zone.serial.map_or_else(
                || "not to be served".to_owned(),
                |serial| serial.wire().to_string(),
            );
            vec![zone.name.to_string(), serial, zone.position.to_string()]
        });
        output::line(&output::table(&["ZONE", "SERIAL", "LAST CHANGED AT"], rows))?;
        return Ok(output::line(&format!(
            "{} zones; nothing was done: this was a dry run",
            zones.len()
        ))?);
    }
    delivery::ask_replay(client, &state.server, args.from).await?;
    Ok(output::line(&format!(
        "the server's checkpoint goes back from {} to {}; {} zones are driven again, and PENDING until that is done",
        state.position,
        args.from - 1,
        zones.len()
    ))?)
}

fn to_json(state: &ServerState) -> Value {
    let control = &state.control;
    json!({
        "server": state.server,
        "pool_id": state.pool.uuid(),
        "state": standing(state),
        "checkpoint": state.position,
        "head": state.head,
        "updated_at": state.updated_at,
        "lag_events": (state.head - state.position).max(0),
        "lag_seconds": lag_seconds(state),
        "zones_behind": state.lag.behind,
        "zones_failing": state.lag.failing,
        "holder": state.holder,
        "paused_at": control.paused.as_ref().map(|paused| paused.since),
        "pause_reason": control.paused.as_ref().and_then(|paused| paused.reason.as_ref()),
        "replay_from": control.replay_from,
        "resync": control.resync.as_ref().map(|resync| json!({
            "asked_at": resync.asked_at,
            "retransfer": resync.retransfer,
            "zones_asked": resync.asked,
            "zones_behind": resync.behind,
            "failed": resync.failed,
            "error": resync.error,
            "done_at": resync.done_at,
        })),
    })
}

pub(crate) fn time(time: Timestamp) -> String {
    time.format("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// Seconds for people.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s <= 0.0 => "-".to_owned(),
        s if s < 60.0 => format!("{s:.1} s"),
        s if s < 7_200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}
