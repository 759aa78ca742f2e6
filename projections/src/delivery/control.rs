//! `server_control`: what operators ask of the reconcilers for a server. It survives restarts, and whichever reconciler
//! holds the server's lease heeds it.

use tokio_postgres::GenericClient;
use zonelog_model::{Position, Timestamp};

use super::{DeliveryError, Lease};

/// What is asked for a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    /// Nothing is to be sent to it; `None`: it is worked on.
    pub paused: Option<Paused>,
    /// Its checkpoint is to go back to just before this position.
    pub replay_from: Option<Position>,
    /// It is, or was last, to be asked for every zone.
    pub resync: Option<Resync>,
}

/// A pause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paused {
    /// Since when.
    pub since: Timestamp,
    /// Why, in the operator's words.
    pub reason: Option<String>,
}

/// A resync: the server is asked for every zone that it should serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resync {
    /// When it was asked for; also tells one resync from the next.
    pub asked_at: Timestamp,
    /// Whether each zone is to be transferred anew.
    pub retransfer: bool,
    /// The key of the name up to which that is done; empty: not begun.
    pub after: Vec<u8>,
    /// How many zones the server was asked for.
    pub asked: i64,
    /// How many of them it did not serve as it should.
    pub behind: i64,
    /// For how many it did not take the order to transfer anew.
    pub failed: i64,
    /// Why the last of these failed.
    pub error: Option<String>,
    /// When it was done; `None`: not yet.
    pub done_at: Option<Timestamp>,
}

/// The columns of a [`Control`], in the row `k` of `server_control`.
pub(super) const COLUMNS: &str = "k.paused_at, k.reason, k.replay_from, k.resync_at, k.retransfer, k.resync_after, \
     k.resync_asked, k.resync_behind, k.resync_failed, k.resync_error, k.resync_done_at";

/// Reads [`COLUMNS`] from the column at `first`; of an outer join that found no row, nothing is asked.
pub(super) fn from_row(row: &tokio_postgres::Row, first: usize) -> Control {
    Control {
        paused: row.get::<_, Option<Timestamp>>(first).map(|since| Paused {
            since,
            reason: row.get(first + 1),
        }),
        replay_from: row.get(first + 2),
        resync: row.get::<_, Option<Timestamp>>(first + 3).map(|asked_at| Resync {
            asked_at,
            retransfer: row.get(first + 4),
            after: row.get(first + 5),
            asked: row.get(first + 6),
            behind: row.get(first + 7),
            failed: row.get(first + 8),
            error: row.get(first + 9),
            done_at: row.get(first + 10),
        }),
    }
}

/// What is asked for a server.
pub async fn control<C: GenericClient>(client: &C, server: &str) -> Result<Control, DeliveryError> {
    let text = format!("select {COLUMNS} from server_control k where k.server = $1");
    let row = client.query_opt(&text, &[&server]).await?;
    Ok(row.map(|row| from_row(&row, 0)).unwrap_or_default())
}

/// The start of a statement that asks for something, whether or not anything was asked before.
const ASK: &str = "insert into server_control as k \
     (server, paused_at, reason, replay_from, resync_at, retransfer, resync_after, resync_asked, resync_behind, resync_failed)";

/// Pauses a server from now on. False: it was paused already, and stays so since then; the reason is the new one.
pub async fn pause<C: GenericClient>(
    client: &C,
    server: &str,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<bool, DeliveryError> {
    let text = format!(
        "{ASK} values ($1, $2, $3, null, null, false, '', 0, 0, 0) on conflict (server) do update \
         set paused_at = coalesce(k.paused_at, excluded.paused_at), reason = coalesce(excluded.reason, k.reason) \
         returning k.paused_at = $2"
    );
    let row = client.query_one(&text, &[&server, &now, &reason]).await?;
    Ok(row.get(0))
}

/// Ends a pause. False: there was none.
pub async fn resume<C: GenericClient>(client: &C, server: &str) -> Result<bool, DeliveryError> {
    let resumed = client
        .execute(
            "update server_control set paused_at = null, reason = null where server = $1 and paused_at is not null",
            &[&server],
        )
        .await?;
    Ok(resumed == 1)
}

/// Asks for a resync, in the place of one that is under way.
pub async fn ask_resync<C: GenericClient>(
    client: &C,
    server: &str,
    retransfer: bool,
    now: Timestamp,
) -> Result<(), DeliveryError> {
    let text = format!(
        "{ASK} values ($1, null, null, null, $2, $3, '', 0, 0, 0) on conflict (server) do update \
         set resync_at = excluded.resync_at, retransfer = excluded.retransfer, resync_after = '', resync_asked = 0, \
           resync_behind = 0, resync_failed = 0, resync_error = null, resync_done_at = null"
    );
    client.execute(&text, &[&server, &now, &retransfer]).await?;
    Ok(())
}

/// Writes how far a resync is. False: the lease is lost, or another resync was asked for since.
pub async fn record_resync<C: GenericClient>(
    client: &C,
    lease: &Lease,
    resync: &Resync,
) -> Result<bool, DeliveryError> {
    let written = client
        .execute(
            "with held as (select 1 from server_lease where server = $1 and token = $2 for share) \
             update server_control set resync_after = $4, resync_asked = $5, resync_behind = $6, resync_failed = $7, \
               resync_error = $8, resync_done_at = $9 \
             where server = $1 and resync_at = $3 and exists (select from held)",
            &[
                &lease.server,
                &lease.token,
                &resync.asked_at,
                &resync.after,
                &resync.asked,
                &resync.behind,
                &resync.failed,
                &resync.error,
                &resync.done_at,
            ],
        )
        .await?;
    Ok(written == 1)
}

/// Asks for a replay of the log from a position on; of several that are asked for the earliest counts.
pub async fn ask_replay<C: GenericClient>(
    client: &C,
    server: &str,
    from: Position,
) -> Result<(), DeliveryError> {
    let text = format!(
        "{ASK} values ($1, null, null, $2, null, false, '', 0, 0, 0) on conflict (server) do update \
         set replay_from = least(k.replay_from, excluded.replay_from)"
    );
    client.execute(&text, &[&server, &from]).await?;
    Ok(())
}

/// Sets the server's checkpoint back as was asked for, and forgets that it was. The position that it was asked for;
/// `None`: nothing is asked, or the lease is lost. Nobody may be working on the server meanwhile: what is in his memory
/// would move the checkpoint on again.
pub async fn take_replay<C: GenericClient>(
    client: &C,
    lease: &Lease,
    now: Timestamp,
) -> Result<Option<Position>, DeliveryError> {
    let row = client
        .query_opt(
            "with held as (select 1 from server_lease where server = $1 and token = $2 for share), \
                 asked as (select replay_from from server_control \
                   where server = $1 and replay_from is not null and exists (select from held) for update), \
                 back as (update server_checkpoint c \
                   set position = least(c.position, greatest(asked.replay_from - 1, 0)), updated_at = $3 \
                   from asked where c.server = $1) \
             update server_control k set replay_from = null from asked where k.server = $1 \
             returning asked.replay_from",
            &[&lease.server, &lease.token, &now],
        )
        .await?;
    Ok(row.map(|row| row.get(0)))
}
