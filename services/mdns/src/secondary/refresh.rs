//! One turn of a secondary zone: its primaries are asked, and what is newer is taken over.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{Client, Pool};
use futures_util::future::join_all;
use zonelog_central::{Central, ExecuteError, Rejection, ids};
use zonelog_dns::tsig::Key;
use zonelog_dns::{Serial, Soa};
use zonelog_model::resource::HostPort;
use zonelog_model::zone::{self, Transfer, Zone};
use zonelog_model::{Actor, Door, Metadata, ZoneId};
use zonelog_projections::secondary::{self, SecondaryError};
use zonelog_projections::transfer;

use super::changes::{self, ChangesError};
use super::client::{self, ClientError, ClientOptions, Peer};
use super::key;
use super::stream::{Asked, Content, Received};
use super::timers::Timers;
use crate::snapshot::snapshot;

/// The name under which the log shows who changed a zone by a transfer.
const USER: &str = "secondary";
/// The most primaries that are asked; more is nobody's configuration.
const MOST_MASTERS: usize = 16;
/// How long a name of a primary may take to be looked up.
const LOOK_UP: Duration = Duration::from_secs(5);

/// What a turn came to.
#[derive(Debug)]
pub(super) enum Turn {
    /// The zone is gone, or is no secondary zone.
    Gone,
    /// We have what the primaries have; the timers of the zone as it is now.
    Refreshed(Timers),
    /// No primary had anything that could be taken; the timers of the zone, if it was ever transferred.
    Failed(Option<Timers>),
    /// The zone changed meanwhile, or the database is away: again at once, or soon.
    Again,
}

/// Why a turn did not come to an end: ours, not a primary's.
#[derive(Debug, thiserror::Error)]
pub(super) enum TurnError {
    #[error("no connection to PostgreSQL: {0}")]
    Pool(#[from] deadpool_postgres::PoolError),
    #[error("PostgreSQL: {0}")]
    Database(#[from] tokio_postgres::Error),
    #[error(transparent)]
    Read(#[from] SecondaryError),
    #[error("the change could not be written: {0}")]
    Write(ExecuteError),
}

/// Why nothing was taken from one primary.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("its serial {0} is not newer than ours, {1}")]
    NotNewer(Serial, Serial),
    #[error(transparent)]
    Unfit(#[from] super::gathered::Unfit),
    #[error("its zone cannot be taken: {0}")]
    Rejected(Box<Rejection>),
}

/// A primary, ready to be asked.
#[derive(Debug, Clone)]
struct Primary {
    /// As the zone names it.
    master: HostPort,
    peer: Peer,
}

/// What it takes to refresh a zone.
pub(super) struct Refresher {
    pub(super) central: Central,
    pub(super) pool: Pool,
    pub(super) client: ClientOptions,
}

/// How much of a transfer was taken over.
enum Taken {
    /// The zone has what the primary has.
    Done(Soa),
    /// The zone is not what it was any more.
    Moved,
}

impl Refresher {
    /// Does one turn for a zone.
    pub(super) async fn turn(&self, id: ZoneId) -> Result<Turn, TurnError> {
        let connection = self.connection().await?;
        let read = secondary::read(&connection, id).await?;
        let Some((zone, false, _)) = read else {
            secondary::forget(&connection, id).await?;
            return Ok(Turn::Gone);
        };
        if !zone.kind.is_secondary() {
            return Ok(Turn::Gone);
        }
        let key = match key::of_zone(&connection, self.central.sealer(), id).await {
            Ok(key) => key,
            Err(problem) => {
                let error = problem.to_string();
                tracing::warn!(zone = %zone.name, %id, error, "a secondary zone's primaries cannot be asked");
                secondary::failed(&connection, id, None, &error).await?;
                return Ok(Turn::Failed(zone.transferred_at.map(|_| timers(&zone))));
            }
        };
        // Primaries may take their time; others want the connection.
        drop(connection);
        let held = zone.transferred_at.map(|_| zone.serial.wire());
        let timers = held.map(|_| timers(&zone));
        let (mut primaries, mut problems) = self.ask_all(&zone, key.as_ref()).await;
        // Who is up to date is an answer; who is newer is asked for more, the newest first.
        let newer = |soa: &Soa| held.is_none_or(|held| soa.serial.is_newer_than(held));
        let confirmed = primaries
            .iter()
            .find(|(_, soa)| !newer(soa))
            .map(|(primary, soa)| (primary.clone(), soa.serial));
        primaries.retain(|(_, soa)| newer(soa));
        // Serials have no order; how far each is ahead of ours has one.
        let held_number = held.map_or(0, Serial::get);
        primaries.sort_by_key(|(_, soa)| Reverse(soa.serial.get().wrapping_sub(held_number)));
        for (primary, _) in &primaries {
            match self.take(&zone, primary).await? {
                Ok(Taken::Done(soa)) => {
                    let timers = Timers::from(&soa);
                    self.note(&zone, primary, soa.serial.get(), timers).await?;
                    return Ok(Turn::Refreshed(timers));
                }
                Ok(Taken::Moved) => return Ok(Turn::Again),
                Err(refusal) => {
                    metrics::counter!("zonelog_transfers_in_total", "kind" => "failed").increment(1);
                    problems.push(format!("{}: {refusal}", primary.master));
                }
            }
        }
        if let (Some((primary, serial)), Some(timers)) = (&confirmed, timers) {
            // Whoever is ahead may have failed: the zone is vouched for all the same.
            self.note(&zone, primary, serial.get(), timers).await?;
            if primaries.is_empty() {
                metrics::counter!("zonelog_transfers_in_total", "kind" => "up_to_date").increment(1);
                return Ok(Turn::Refreshed(timers));
            }
        }
        let error = problems.join("; ");
        tracing::warn!(zone = %zone.name, id = %zone.id, error, "a secondary zone could not be refreshed");
        let connection = self.connection().await?;
        let master = zone.kind.masters().first().map(ToString::to_string);
        secondary::failed(&connection, zone.id, master.as_deref(), &error).await?;
        Ok(Turn::Failed(timers))
    }

    async fn connection(&self) -> Result<Client, TurnError> {
        Ok(self.pool.get().await?)
    }

    async fn note(
        &self,
        zone: &Zone,
        primary: &Primary,
        serial: u32,
        timers: Timers,
    ) -> Result<(), TurnError> {
        let connection = self.connection().await?;
        let master = primary.master.to_string();
        secondary::refreshed(&connection, zone.id, &master, serial, timers.expire).await?;
        Ok(())
    }

    /// Asks all primaries at once for their SOA. Those that answered, in the order of the zone's masters; and what was
    /// wrong with the others.
    async fn ask_all(&self, zone: &Zone, key: Option<&Arc<Key>>) -> (Vec<(Primary, Soa)>, Vec<String>) {
        let masters = zone.kind.masters().iter().take(MOST_MASTERS);
        let asked = masters.map(|master| async move {
            let primary = resolve(master, key)
                .await
                .map_err(|error| format!("{master}: {error}"))?;
            match client::soa(&primary.peer, &zone.name, &self.client).await {
                Ok(soa) => Ok((primary, soa)),
                Err(error) => Err(format!("{master}: {error}")),
            }
        });
        let (mut answered, mut problems) = (Vec::new(), Vec::new());
        for answer in join_all(asked).await {
            match answer {
                Ok(answer) => answered.push(answer),
                Err(problem) => problems.push(problem),
            }
        }
        (answered, problems)
    }

    /// Takes over what one primary has: by IXFR where there is something to go on from, else, and should that be none that
    /// fits, by AXFR.
    async fn take(&self, zone: &Zone, primary: &Primary) -> Result<Result<Taken, Refusal>, TurnError> {
        if zone.transferred_at.is_some() {
            let held = zone.serial.wire();
            match self.transfer(zone, primary, Asked::Ixfr { held }).await? {
                Err(refusal) if is_about_the_stream(&refusal) => {
                    tracing::info!(zone = %zone.name, primary = %primary.master, %refusal, "IXFR came to nothing; asking for AXFR");
                }
                done => return Ok(done),
            }
        }
        self.transfer(zone, primary, Asked::Axfr).await
    }

    async fn transfer(
        &self,
        zone: &Zone,
        primary: &Primary,
        asked: Asked,
    ) -> Result<Result<Taken, Refusal>, TurnError> {
        let since = Instant::now();
        let received = match client::transfer(&primary.peer, &zone.name, asked, &self.client).await {
            Ok(received) => received,
            Err(error) => return Ok(Err(error.into())),
        };
        let (content, whole) = match received {
            Received::UpToDate { serial } => {
                return Ok(Err(Refusal::NotNewer(serial, zone.serial.wire())));
            }
            Received::Whole(content) => (content, true),
            Received::Difference(content) => (content, false),
        };
        let serial = content.soa.serial;
        if zone.transferred_at.is_some() && !serial.is_newer_than(zone.serial.wire()) {
            return Ok(Err(Refusal::NotNewer(serial, zone.serial.wire())));
        }
        let kind = if whole { "axfr" } else { "ixfr" };
        let (records, outside) = (content.records.len(), content.outside);
        let taken = self.write(zone, primary, content, whole).await?;
        if let Ok(Taken::Done(_)) = &taken {
            let seconds = since.elapsed().as_secs_f64();
            metrics::counter!("zonelog_transfers_in_total", "kind" => kind).increment(1);
            metrics::histogram!("zonelog_transfer_in_seconds", "kind" => kind).record(seconds);
            tracing::info!(
                zone = %zone.name, primary = %primary.master, %serial, kind, records, outside, seconds,
                "a secondary zone was transferred"
            );
        }
        Ok(taken)
    }

    async fn write(
        &self,
        zone: &Zone,
        primary: &Primary,
        content: Content,
        whole: bool,
    ) -> Result<Result<Taken, Refusal>, TurnError> {
        let Content {
            soa,
            soa_ttl,
            records,
            ..
        } = content;
        let transfer = Transfer {
            zone: zone.id,
            expected: zone.serial,
            soa: soa.clone(),
            soa_ttl,
        };
        let metadata = Metadata {
            actor: Actor {
                user: USER.to_owned(),
                project: zone.project.clone(),
                roles: Vec::new(),
                door: Door::Primary,
            },
            change_id: ids::change_id(),
            request_id: None,
            cause: Some(format!(
                "{} from {}",
                if whole { "AXFR" } else { "IXFR" },
                primary.master
            )),
        };
        // The rows may be of a later serial by now. Then the change does not fit, and central says so.
        let zone_ttl = zone.ttl.get();
        let executed = if whole {
            let mut connection = self.connection().await?;
            let transaction = snapshot(&mut connection).await?;
            transaction.batch_execute(transfer::WHOLE_ZONE).await?;
            let rows = transfer::live_rows(&transaction, zone.id).await?;
            let found = changes::whole(records, rows, zone_ttl).await;
            transaction.commit().await?;
            drop(connection);
            let changes = match told(found)? {
                Ok(changes) => changes,
                Err(refusal) => return Ok(Err(refusal)),
            };
            tracing::debug!(zone = %zone.name, rrsets = changes.len(), "what the transfer changes is known");
            self.central
                .take_transfer(transfer, metadata, changes.into_changes())
                .await
        } else {
            let connection = self.connection().await?;
            let found = changes::difference(&connection, zone.id, &records, zone_ttl).await;
            drop(connection);
            let changes = match told(found)? {
                Ok(changes) => changes,
                Err(refusal) => return Ok(Err(refusal)),
            };
            self.central.take_transfer(transfer, metadata, changes).await
        };
        match executed {
            Ok(_) => Ok(Ok(Taken::Done(soa))),
            Err(ExecuteError::Rejected(rejection)) => match *rejection {
                Rejection::Zone(zone::Rejection::ZoneMovedOn { .. }) => Ok(Ok(Taken::Moved)),
                other => Ok(Err(Refusal::Rejected(Box::new(other)))),
            },
            // The zone's serial tells, next time.
            Err(ExecuteError::Indeterminate | ExecuteError::Overloaded) => Ok(Ok(Taken::Moved)),
            Err(error) => Err(TurnError::Write(error)),
        }
    }
}

/// Whose fault it is that it cannot be told what changes.
fn told<T>(found: Result<T, ChangesError>) -> Result<Result<T, Refusal>, TurnError> {
    match found {
        Ok(changes) => Ok(Ok(changes)),
        Err(ChangesError::Database(error)) => Err(error.into()),
        Err(ChangesError::Unfit(unfit)) => Ok(Err(unfit.into())),
        Err(row @ ChangesError::Row(_)) => {
            tracing::error!(error = %row, "a zone's rows are damaged");
            Ok(Err(Refusal::Unfit(super::gathered::Unfit::Owner)))
        }
    }
}

fn is_about_the_stream(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Client(error) => error.is_about_the_stream(),
        Refusal::Unfit(_) => true,
        Refusal::NotNewer(..) | Refusal::Rejected(_) => false,
    }
}

fn timers(zone: &Zone) -> Timers {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    Timers {
        refresh: seconds(zone.timers.refresh),
        retry: seconds(zone.timers.retry),
        expire: seconds(zone.timers.expire),
    }
}

async fn resolve(master: &HostPort, key: Option<&Arc<Key>>) -> Result<Primary, String> {
    let looking = tokio::net::lookup_host((master.host.as_str(), master.port));
    let found = match tokio::time::timeout(LOOK_UP, looking).await {
        Ok(found) => found.map_err(|error| format!("its name cannot be looked up: {error}"))?,
        Err(_) => return Err(format!("its name was not found within {LOOK_UP:?}")),
    };
    let address = found
        .into_iter()
        .next()
        .ok_or_else(|| "its name has no address".to_owned())?;
    Ok(Primary {
        master: master.clone(),
        peer: Peer {
            address,
            key: key.cloned(),
        },
    })
}
