//! Wake-ups: hints that the log has grown, from process to process. Nothing rests on their arrival.

use std::future::{pending, poll_fn};
use std::time::Duration;

use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Client};
use tokio_util::sync::CancellationToken;
use zonelog_model::Position;

use crate::database::Database;
use crate::error::StoreError;

/// PostgreSQL's channel on which the head's position is told.
const CHANNEL: &str = "zonelog_feed";

/// The shortest time between two of a writer's wake-ups: one in every transaction would cost most of the throughput.
const INTERVAL: Duration = Duration::from_millis(3);

/// The pauses between attempts while the database is away.
const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The log's head as told by all processes: one listening connection a process, any number of followers.
#[derive(Clone, Debug)]
pub struct WakeUps {
    head: watch::Receiver<Position>,
}

impl WakeUps {
    /// Listens until `shutdown`. `local` is what this process's own writer tells ([`crate::Writer::positions`]), which
    /// is there sooner.
    pub fn start(
        database: Database,
        local: Option<watch::Receiver<Position>>,
        shutdown: CancellationToken,
    ) -> Self {
        let (sender, head) = watch::channel(0);
        tokio::spawn(async move {
            let local = forward(local, &sender);
            let remote = listen(&database, &sender);
            shutdown
                .run_until_cancelled(futures_util::future::join(local, remote))
                .await;
        });
        Self { head }
    }

    /// The head, for one follower. It only moves forward.
    pub fn subscribe(&self) -> watch::Receiver<Position> {
        self.head.clone()
    }
}

/// Moves the head that followers know forward, never back.
pub(crate) fn publish(head: &watch::Sender<Position>, position: Position) {
    head.send_if_modified(|known| {
        let moved = position > *known;
        *known = position.max(*known);
        moved
    });
}

/// Passes on what this process's own writer tells.
async fn forward(local: Option<watch::Receiver<Position>>, head: &watch::Sender<Position>) {
    let Some(mut local) = local else { return };
    publish(head, *local.borrow_and_update());
    while local.changed().await.is_ok() {
        publish(head, *local.borrow_and_update());
    }
}

/// Passes on what other processes tell, over lost connections.
async fn listen(database: &Database, head: &watch::Sender<Position>) {
    let mut pause = SHORTEST_PAUSE;
    loop {
        let mut listened = false;
        if let Err(error) = listen_once(database, head, &mut listened).await {
            tracing::debug!(%error, "cannot listen for wake-ups, followers poll meanwhile");
        }
        pause = if listened {
            SHORTEST_PAUSE
        } else {
            (pause * 2).min(LONGEST_PAUSE)
        };
        tokio::time::sleep(pause).await;
    }
}

async fn listen_once(
    database: &Database,
    head: &watch::Sender<Position>,
    listened: &mut bool,
) -> Result<(), StoreError> {
    let (client, mut connection) = database.open().await?;
    let begin = async {
        client.batch_execute(&format!("listen {CHANNEL}")).await?;
        // What was told while nobody listened.
        let row = client
            .query_one("select position from feed_head where feed = 0", &[])
            .await?;
        publish(head, row.try_get(0)?);
        *listened = true;
        // The connection lives as long as its client does.
        pending::<Result<(), StoreError>>().await
    };
    let receive = async {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message?
                && let Ok(position) = notification.payload().parse()
            {
                publish(head, position);
            }
        }
        Ok(())
    };
    tokio::select! {
        ended = begin => ended,
        ended = receive => ended,
    }
}

/// Tells the other processes of a writer's positions, the first at once, then at most one in [`INTERVAL`]. Ends with
/// the writer.
pub(crate) fn spawn_notifier(database: Database, mut positions: watch::Receiver<Position>) {
    // Nothing is lost with a wake-up: no need to wait for the disk.
    let database = database.with_setting("synchronous_commit", "off");
    tokio::spawn(async move {
        let mut client: Option<Client> = None;
        let mut pause = SHORTEST_PAUSE;
        while positions.changed().await.is_ok() {
            let position = *positions.borrow_and_update();
            match notify(&database, &mut client, position).await {
                Ok(()) => {
                    pause = SHORTEST_PAUSE;
                    tokio::time::sleep(INTERVAL).await;
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot wake other processes, their followers poll meanwhile");
                    client = None;
                    positions.mark_changed();
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    });
}

async fn notify(
    database: &Database,
    client: &mut Option<Client>,
    position: Position,
) -> Result<(), StoreError> {
    let client = match client {
        Some(client) => client,
        None => client.insert(database.connect().await?),
    };
    Ok(client
        .batch_execute(&format!("notify {CHANNEL}, '{position}'"))
        .await?)
}
