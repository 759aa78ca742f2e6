//! Following the log.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use zonelog_model::{Position, Recorded};

use crate::error::StoreError;
use crate::feed::Feed;

/// How many events are read at a time.
const PAGE: usize = 1_000;

/// How often to look without having been woken.
const SLOW_POLL: Duration = Duration::from_secs(1);

/// The pauses between attempts while the database is away.
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Reads the log as it grows: every event once, in order. What it has read is told by [`Self::position`]; to go on after
/// a restart, keep that.
#[derive(Debug)]
pub struct Follower {
    feed: Feed,
    position: Position,
    wake_ups: watch::Receiver<Position>,
    page: usize,
    poll: Duration,
    /// Whether to read before waiting: at the start, and behind a full page.
    look: bool,
}

impl Follower {
    pub(crate) const fn new(feed: Feed, position: Position, wake_ups: watch::Receiver<Position>) -> Self {
        Self {
            feed,
            position,
            wake_ups,
            page: PAGE,
            poll: SLOW_POLL,
            look: true,
        }
    }

    /// The same follower with pages of at most `page` events (1000 otherwise).
    #[must_use]
    pub fn with_page(mut self, page: usize) -> Self {
        self.page = page.max(1);
        self
    }

    /// The same follower with another slow poll (1 s otherwise).
    #[must_use]
    pub const fn with_poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// The position of the last event that was read.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Waits until there are events, and returns them. While the database is away it tries again, with pauses. It may
    /// be cancelled: nothing is passed over.
    ///
    /// # Errors
    /// What trying again does not heal: a corrupt log, an event that this program cannot read, a refused statement.
    pub async fn next(&mut self) -> Result<Vec<Recorded>, StoreError> {
        let mut pause = SHORTEST_PAUSE;
        let mut away = false;
        loop {
            if !self.look {
                self.wait().await;
            }
            match self.read().await {
                Ok(events) => {
                    if away {
                        tracing::info!(position = self.position, "following the log again");
                        away = false;
                        pause = SHORTEST_PAUSE;
                    }
                    self.look = events.len() >= self.page;
                    if !events.is_empty() {
                        return Ok(events);
                    }
                }
                Err(StoreError::Unavailable(reason)) => {
                    if !away {
                        tracing::warn!(
                            reason,
                            position = self.position,
                            "cannot follow the log, trying again"
                        );
                        away = true;
                    }
                    self.look = true;
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => {
                    self.look = true;
                    return Err(error);
                }
            }
        }
    }

    async fn read(&mut self) -> Result<Vec<Recorded>, StoreError> {
        let events = self.feed.after(self.position, self.page).await?;
        if let Some(last) = events.last() {
            self.position = last.position;
        } else {
            let head = self.feed.head().await?;
            if head < self.position {
                return Err(StoreError::Corrupt {
                    position: head,
                    problem: format!(
                        "the log ends here, and was read up to {} before: it was restored from an older backup, or \
                         a server without the last changes took over; what was made from it must be rebuilt",
                        self.position
                    ),
                });
            }
        }
        Ok(events)
    }

    /// Until the head is known to be elsewhere, or the slow poll.
    async fn wait(&mut self) {
        let until = Instant::now() + self.poll;
        while *self.wake_ups.borrow_and_update() <= self.position {
            match tokio::time::timeout_at(until, self.wake_ups.changed()).await {
                Ok(Ok(())) => {}
                // Nobody wakes us any more: the slow poll alone.
                Ok(Err(_)) => return tokio::time::sleep_until(until).await,
                Err(_) => return,
            }
        }
    }
}
