//! Turns at a server that can do a few things at once only.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

/// A few turns, given in the order in which they are asked for.
#[derive(Debug)]
pub(super) struct Turns {
    free: Semaphore,
    answers: AtomicU64,
}

impl Turns {
    pub(super) fn new(at_once: usize) -> Self {
        Self {
            free: Semaphore::new(at_once),
            answers: AtomicU64::new(0),
        }
    }

    /// Waits for a turn, as long as those who have theirs get answers; `None` when none came for `timeout`.
    pub(super) async fn take(&self, timeout: Duration) -> Option<SemaphorePermit<'_>> {
        loop {
            let before = self.answers.load(Ordering::Relaxed);
            if let Ok(turn) = tokio::time::timeout(timeout, self.free.acquire()).await {
                return turn.ok();
            }
            if self.answers.load(Ordering::Relaxed) == before {
                return None;
            }
        }
    }

    /// The server answered somebody.
    pub(super) fn answered(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn who_waits_gives_up_when_nobody_is_answered() {
        let (turns, patience) = (Turns::new(1), Duration::from_millis(400));
        let taken = turns.take(patience).await.unwrap();
        assert!(turns.take(patience).await.is_none());
        // As long as answers come, for many times its patience.
        let started = Instant::now();
        let answering = async {
            while started.elapsed() < 4 * patience {
                tokio::time::sleep(Duration::from_millis(10)).await;
                turns.answered();
            }
            drop(taken);
        };
        let (turn, ()) = tokio::join!(turns.take(patience), answering);
        assert!(turn.is_some() && started.elapsed() >= 4 * patience);
    }
}
