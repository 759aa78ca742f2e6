//! How far the heads are behind the log, and waiting until they are not.
//!
//! Who is told of a change by somebody else (a server by the reconciler's NOTIFY) may ask before the change is in the heads.
//! An answer from before it would be taken for news that there is nothing new. So an answer is never older than what the log
//! was known to hold when the question came, unless the heads do not keep up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use zonelog_model::Position;

/// How long a question waits at the most. After that it is answered by what is known.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where the heads stand, and where the log does.
#[derive(Debug)]
pub(crate) struct Lag {
    log: watch::Receiver<Position>,
    heads: watch::Sender<Position>,
    /// The log cannot be read: nobody waits for it.
    lost: AtomicBool,
}

impl Lag {
    /// `log` shows the log's head; the heads know nothing yet.
    pub(crate) fn new(log: watch::Receiver<Position>) -> Self {
        Self {
            log,
            heads: watch::Sender::new(0),
            lost: AtomicBool::new(false),
        }
    }

    /// The heads have everything up to there.
    pub(crate) fn reached(&self, position: Position) {
        self.lost.store(false, Ordering::Relaxed);
        self.heads.send_replace(position);
    }

    /// An attempt to read the log failed.
    pub(crate) fn lost(&self) {
        self.lost.store(true, Ordering::Relaxed);
    }

    /// Up to where the heads have to be read, if they are behind and will be.
    pub(crate) fn behind(&self) -> Option<Position> {
        let log = *self.log.borrow();
        (*self.heads.borrow() < log && !self.lost.load(Ordering::Relaxed)).then_some(log)
    }

    /// Waits until the heads have a position, or for as long as anybody waits.
    pub(crate) async fn until(&self, position: Position) {
        let mut heads = self.heads.subscribe();
        let there = heads.wait_for(|heads| *heads >= position);
        // Either will do.
        let _ = tokio::time::timeout(PATIENCE, there).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn who_asks_while_the_heads_are_behind_waits_until_they_are_not() {
        let (log, head) = watch::channel(0);
        let lag = Arc::new(Lag::new(head));
        assert_eq!(lag.behind(), None);
        log.send_replace(7);
        assert_eq!(lag.behind(), Some(7));
        let waiting = tokio::spawn({
            let lag = Arc::clone(&lag);
            async move { lag.until(7).await }
        });
        lag.reached(6);
        assert_eq!(lag.behind(), Some(7));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        lag.reached(8);
        waiting.await.unwrap();
        assert_eq!(lag.behind(), None);
    }

    #[tokio::test]
    async fn nobody_waits_for_ever_nor_for_a_log_that_cannot_be_read() {
        let lag = Lag::new(watch::channel(7).1);
        let began = Instant::now();
        lag.until(7).await;
        assert!(began.elapsed() >= PATIENCE);
        lag.lost();
        assert_eq!(lag.behind(), None);
        lag.reached(1);
        assert_eq!(lag.behind(), Some(7));
    }
}
