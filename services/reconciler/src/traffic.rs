//! What is going on with one server: how many tries are under way, when it last answered, and when it last came for a zone.
//! It sets the pace at which the tries ask, so that many of them ask no more than the server will answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::arrivals::{Arrivals, Look, Order};

/// The first pause between two looks, and the longest; it doubles in between.
pub(crate) const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(64));
/// How many times the first pause the longest is.
const DOUBLED: u32 = 64;
/// With many zones on their way, how much longer the longest pause is for each of them: the server is asked no more than
/// 4,000 times a second.
const FOLLOWS_EACH: Duration = Duration::from_micros(250);
/// For how long a server that answered is not taken to be away, in query timeouts.
const HEARD: u32 = 2;
/// How many questions may be open at once, to a server and to its masters: each is a socket.
const QUESTIONS: usize = 64;
/// How many NOTIFYs may wait for their acknowledgement at once. Of more nobody waits for what is answered.
const NOTIFIES: usize = 128;

/// What is going on with a server.
#[derive(Debug)]
pub(crate) struct Traffic {
    began: Instant,
    /// How many tries are under way.
    tries: AtomicUsize,
    /// When it last took our word for a zone, or came to serve one that it was told of, in milliseconds since `began`.
    progress: AtomicU64,
    /// The zones that it was told of.
    arrivals: Arrivals,
    /// When it last answered, in milliseconds since `began`.
    heard: AtomicU64,
    questions: Semaphore,
    notifies: Arc<Semaphore>,
}

impl Traffic {
    /// Nothing, yet, with a server that comes for zones in this order.
    pub(crate) fn new(comes: Order) -> Self {
        Self {
            began: Instant::now(),
            tries: AtomicUsize::new(0),
            progress: AtomicU64::new(0),
            arrivals: Arrivals::new(comes),
            heard: AtomicU64::new(0),
            questions: Semaphore::new(QUESTIONS),
            notifies: Arc::new(Semaphore::new(NOTIFIES)),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The server took our word for a zone. Returns as which it did.
    pub(crate) fn took_our_word(&self) -> u64 {
        self.progress.fetch_max(self.now(), Ordering::Relaxed);
        self.arrivals.told()
    }

    /// The server came to serve the zone that it was told of as its `order`th.
    pub(crate) fn another_came(&self, order: u64) {
        self.progress.fetch_max(self.now(), Ordering::Relaxed);
        self.arrivals.came(order);
    }

    /// How long ago it did either.
    pub(crate) fn since_progress(&self) -> Duration {
        self.since(&self.progress)
    }

    /// The last that it came for, in the order in which it was told of them; none, if it comes in an order of its own.
    pub(crate) fn came_for(&self) -> u64 {
        self.arrivals.came_for()
    }

    /// Waits until the zone that it was told of as its `order`th is to be looked at. It counts as a look until what this returns
    /// is dropped.
    pub(crate) async fn turn_to_look(&self, order: u64, pause: &mut Duration) -> Option<Look<'_>> {
        self.arrivals
            .turn(order, pause, self.longest_pause(), self.tries())
            .await
    }

    /// It answered something.
    pub(crate) fn answered(&self) {
        self.heard.fetch_max(self.now().max(1), Ordering::Relaxed);
    }

    /// Whether it answered just now, where an answer may take `query_timeout`.
    pub(crate) fn was_heard(&self, query_timeout: Duration) -> bool {
        self.heard.load(Ordering::Relaxed) > 0 && self.since(&self.heard) < query_timeout * HEARD
    }

    /// Waits for a turn to ask something.
    pub(crate) async fn question(&self) -> Option<SemaphorePermit<'_>> {
        // Nobody closes the semaphore.
        self.questions.acquire().await.ok()
    }

    /// A place among those that wait for a NOTIFY's acknowledgement, if there is one.
    pub(crate) fn acknowledgement(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.notifies).try_acquire_owned().ok()
    }

    /// Counts a try until what it returns is dropped.
    pub(crate) fn begin_try(&self) -> Underway<'_> {
        self.tries.fetch_add(1, Ordering::Relaxed);
        Underway(self)
    }

    fn since(&self, moment: &AtomicU64) -> Duration {
        Duration::from_millis(self.now().saturating_sub(moment.load(Ordering::Relaxed)))
    }

    /// The longest pause between two looks at one zone.
    pub(crate) fn longest_pause(&self) -> Duration {
        LOOK_AGAIN.1.max(FOLLOWS_EACH.saturating_mul(self.tries()))
    }

    fn tries(&self) -> u32 {
        u32::try_from(self.tries.load(Ordering::Relaxed)).unwrap_or(u32::MAX)
    }

    /// The first one: of many that the server was told of at once, few are there at once.
    pub(crate) fn first_pause(&self) -> Duration {
        self.longest_pause() / DOUBLED
    }
}

/// A try that is under way: it ends when this is dropped, also when it is given up.
#[derive(Debug)]
pub(crate) struct Underway<'a>(&'a Traffic);

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.0.tries.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_are_on_their_way_the_less_often_each_is_asked_for() {
        let traffic = Traffic::new(Order::AsTold);
        let tries: Vec<_> = (0..1_000).map(|_| traffic.begin_try()).collect();
        assert_eq!(traffic.longest_pause(), Duration::from_millis(250));
        assert_eq!(traffic.first_pause(), Duration::from_millis(250) / 64);
        drop(tries);
        assert_eq!(traffic.longest_pause(), LOOK_AGAIN.1);
        assert_eq!(traffic.first_pause(), LOOK_AGAIN.0);
    }

    #[tokio::test]
    async fn a_server_was_heard_for_a_short_while() {
        let traffic = Traffic::new(Order::AsTold);
        assert!(!traffic.was_heard(Duration::MAX / HEARD));
        traffic.answered();
        assert!(traffic.was_heard(Duration::from_secs(3_600)));
        assert!(!traffic.was_heard(Duration::ZERO));
    }
}
