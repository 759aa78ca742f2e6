//! `zonelog events tail`: the log as people and scripts read it.

use std::time::Duration;

use clap::{Args, Subcommand};
use tokio_postgres::Client;
use uuid::Uuid;
use zonelog_model::resource::HostPort;
use zonelog_model::{Event, Position, Recorded, StreamId, Version, resource, stored, zone};
use zonelog_store::{Database, Feed};

use super::existed::{self, ExistsArgs};
use crate::cli::{At, CommandError};
use crate::installation::{configuration, connect, urls};
use crate::output;

/// How many events are shown without `--from`.
const LAST: i64 = 20;

/// How many events are read at a time.
const PAGE: usize = 1000;

/// How often the log is looked at while following.
const POLL: Duration = Duration::from_millis(250);

/// `zonelog events ...`
#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Show the end of the log, or all of it from a position on.
    Tail(TailArgs),
    /// Show how many zones existed, hour by hour, or which.
    Exists(ExistsArgs),
}

/// `zonelog events tail`
#[derive(Debug, Args)]
pub struct TailArgs {
    /// Events of this zone alone: its id, or its name (then also of earlier zones of that name).
    #[arg(long, value_name = "ID|NAME")]
    zone: Option<String>,
    /// From this position on; without it the last 20.
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(1..))]
    from: Option<i64>,
    /// One JSON object a line, with the event in full: before and after.
    #[arg(long)]
    json: bool,
    /// Go on with what is appended, until interrupted.
    #[arg(long, short)]
    follow: bool,
}

/// Runs the command.
pub async fn run(at: &At, command: EventsCommand) -> Result<(), CommandError> {
    let args = match command {
        EventsCommand::Tail(args) => args,
        EventsCommand::Exists(args) => return existed::run(at, &args).await,
    };
    let config = configuration(at)?;
    let url = urls(&config)?.service;
    let client = connect(&url, "zonelog events").await?;
    zonelog_schema::check(&client).await?;
    let feed = Feed::new(&Database::new(url.expose(), "zonelog events")?);
    let head = feed.head().await?;
    let print = |event: &Recorded| {
        if args.json {
            output::line(&json(event)?)
        } else {
            output::line(&line(event))
        }
    };

    let streams = match &args.zone {
        Some(zone) => Some(streams(&client, zone).await?),
        None => None,
    };
    match &streams {
        None => {
            let mut after = args.from.map_or((head - LAST).max(0), |from| from - 1);
            while after < head {
                let events = feed.after(after, PAGE).await?;
                let Some(last) = events.last() else { break };
                after = last.position;
                events
                    .iter()
                    .filter(|event| event.position <= head)
                    .try_for_each(&print)?;
            }
        }
        Some(streams) => {
            for event in of_streams(&feed, &client, streams, args.from, head).await? {
                print(&event)?;
            }
        }
    }
    output::flush()?;
    if !args.follow {
        return Ok(());
    }
    let mut after = head.max(args.from.map_or(0, |from| from - 1));
    loop {
        let events = feed.after(after, PAGE).await?;
        for event in &events {
            after = event.position;
            if streams
                .as_ref()
                .is_none_or(|streams| streams.contains(&event.stream))
            {
                print(event)?;
            }
        }
        output::flush()?;
        if events.is_empty() {
            tokio::time::sleep(POLL).await;
        }
    }
}

/// The streams of a zone's id or name, by the log's own account of it.
async fn streams(client: &Client, zone: &str) -> Result<Vec<StreamId>, CommandError> {
    if let Ok(id) = zone.parse::<Uuid>() {
        return Ok(vec![StreamId::new(id)]);
    }
    let absolute = if zone.ends_with('.') {
        zone.to_owned()
    } else {
        format!("{zone}.")
    };
    let name = zonelog_dns::ZoneName::parse(&absolute)
        .map_err(|error| format!("--zone: `{zone}` is neither a zone's id nor its name: {error}"))?;
    let rows = client
        .query(
            "select id from zone where name_key = $1 order by created_position",
            &[&name.to_key()],
        )
        .await?;
    if rows.is_empty() {
        return Err(format!("there is no zone {name}, and there never was").into());
    }
    Ok(rows.iter().map(|row| StreamId::new(row.get(0))).collect())
}

/// The events of a few streams in the order of the log: from a position on, or the last ones.
async fn of_streams(
    feed: &Feed,
    client: &Client,
    streams: &[StreamId],
    from: Option<Position>,
    head: Position,
) -> Result<Vec<Recorded>, CommandError> {
    let mut events = Vec::new();
    for stream in streams {
        let mut version: Version = match from {
            Some(from) => {
                let before =
                    "select coalesce(max(version), 0) from event where stream = $1 and position < $2";
                client.query_one(before, &[&stream.uuid(), &from]).await?.get(0)
            }
            None => {
                let last = "select greatest(coalesce(max(version), 0) - $2, 0) from event where stream = $1";
                client.query_one(last, &[&stream.uuid(), &LAST]).await?.get(0)
            }
        };
        loop {
            let page = feed.stream(*stream, version, PAGE).await?;
            let Some(last) = page.last() else { break };
            version = last.version;
            events.extend(page.into_iter().filter(|event| event.position <= head));
        }
    }
    events.sort_by_key(|event| event.position);
    if from.is_none() {
        let surplus = events.len().saturating_sub(usize::try_from(LAST)?);
        events.drain(..surplus);
    }
    Ok(events)
}

/// An event for people: position, time, who, through which door, what.
fn line(event: &Recorded) -> String {
    let actor = &event.metadata.actor;
    let (what, serial) = match &event.event {
        Event::Zone(what) => (describe(what), what.serial()),
        Event::Resource(what) => (describe_resource(what), None),
    };
    let serial = serial
        .map(|serial| format!(" (serial {})", serial.wire()))
        .unwrap_or_default();
    format!(
        "{:>8}  {}  {}@{} by {}  {}{serial}",
        event.position,
        event.recorded_at.format("%Y-%m-%d %H:%M:%S%.3fZ"),
        actor.user,
        actor.project,
        actor.door.label(),
        what,
    )
}

/// What happened, in a few words. Control characters cannot be in it: names and records are in presentation form.
fn describe(event: &zone::Event) -> String {
    let text = |text: &Option<String>| {
        text.as_ref()
            .map_or_else(|| "none".to_owned(), |text| format!("{text:?}"))
    };
    match event {
        zone::Event::ZoneCreated { zone } => format!("zone {} created", zone.name),
        zone::Event::ZoneTtlChanged { before, after, .. } => {
            format!("zone TTL changed from {before} to {after}")
        }
        zone::Event::ZoneEmailChanged { before, after, .. } => {
            format!("zone email changed from {before} to {after}")
        }
        zone::Event::ZoneDescriptionChanged { before, after } => {
            format!(
                "zone description changed from {} to {}",
                text(before),
                text(after)
            )
        }
        zone::Event::ZoneDeleted { zone, .. } => format!("zone {} deleted", zone.name),
        zone::Event::ZoneAbandoned { zone } => format!("zone {} abandoned", zone.name),
        zone::Event::ZoneShared { share } => format!("zone shared with {}", share.target_project),
        zone::Event::ZoneUnshared { share } => format!("zone no more shared with {}", share.target_project),
        zone::Event::ZoneTransferred { before, after } => format!("zone given by {before} to {after}"),
        zone::Event::ZoneMovedToPool { before, after, .. } => {
            format!("zone moved from pool {before} to {after}")
        }
        zone::Event::ZoneMoveAdvanced {
            before,
            step: zone::MoveStep::Over,
            ..
        } => format!("zone's move from pool {before} is over: its catalog shows it no more"),
        zone::Event::ZoneMoveAdvanced { after, step, .. } => {
            format!(
                "zone's move goes on: {} in the catalog of pool {after}",
                step.label()
            )
        }
        zone::Event::ZonePrimaryNameserverChanged { before, after, .. } => {
            format!("zone's primary name server changed from {before} to {after}")
        }
        zone::Event::ZoneMastersChanged { before, after } => {
            format!(
                "zone's masters changed from {} to {}",
                places(before),
                places(after)
            )
        }
        zone::Event::ZoneRefreshedFromPrimary { .. } => "zone transferred from its primary".to_owned(),
        zone::Event::RecordsetCreated { recordset, .. } => format!("created {}", shown(recordset)),
        zone::Event::RecordsetChanged { before, after, .. } => {
            format!("changed {} to {}", shown(before), content(after))
        }
        zone::Event::RecordsetDeleted { before, .. } => format!("deleted {}", shown(before)),
    }
}

fn places(masters: &[HostPort]) -> String {
    masters
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// What happened to a resource: its kind, what it is known by, and what became of it.
fn describe_resource(event: &resource::Event) -> String {
    let (resource, what) = match event {
        resource::Event::Created { resource } => (resource, "created"),
        resource::Event::Changed { after, .. } => (after, "changed"),
        resource::Event::Deleted { before } => (before, "deleted"),
    };
    let known_by = resource
        .body
        .unique_key()
        .map_or_else(|| resource.id.to_string(), |key| format!("{key:?}"));
    let kind = resource.body.kind().label().replace('_', " ");
    format!("{kind} {known_by} {what}")
}

fn shown(recordset: &zone::Recordset) -> String {
    format!("{} {} {}", recordset.owner, recordset.rrtype, content(recordset))
}

/// A recordset's records, the first few of them, and its TTL if it has one.
fn content(recordset: &zone::Recordset) -> String {
    const SHOWN: usize = 4;
    let records = &recordset.records;
    let mut text = records
        .iter()
        .take(SHOWN)
        .map(|record| record.text())
        .collect::<Vec<_>>()
        .join(", ");
    if records.is_empty() {
        text.push_str("(no records)");
    } else if records.len() > SHOWN {
        text.push_str(&format!(" and {} more", records.len() - SHOWN));
    }
    if let Some(ttl) = recordset.ttl {
        text.push_str(&format!(" ttl {ttl}"));
    }
    text
}

/// An event for scripts.
fn json(event: &Recorded) -> std::io::Result<String> {
    let metadata = &event.metadata;
    let stored = stored::encode(&event.event);
    let payload: serde_json::Value = serde_json::from_str(&stored.payload)?;
    let whole = serde_json::json!({
        "position": event.position,
        "stream": event.stream.uuid(),
        "version": event.version,
        "recorded_at": event.recorded_at,
        "type": stored.type_name,
        "type_version": stored.type_version,
        "project": metadata.actor.project.as_str(),
        "user": metadata.actor.user,
        "roles": metadata.actor.roles,
        "door": metadata.actor.door.label(),
        "request_id": metadata.request_id,
        "change_id": metadata.change_id.uuid(),
        "cause": metadata.cause,
        "payload": payload,
    });
    Ok(serde_json::to_string(&whole)?)
}
