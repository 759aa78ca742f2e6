//! Zones that a server was told of and is yet to come for: which of them to look at, and when.
//!
//! A server comes for zones about in the order in which it was told of them, many in one go, and shows nothing in between. To ask
//! for each of thousands again and again costs both sides more than the zones themselves, and servers that limit the rate
//! of their answers let 200 refusals a second through (NSD's `rrl-ratelimit`). So there is a front: the last zone that it came
//! for. A few beyond the front are looked at as scouts; when one is there, the next ones are looked at, and they have those after
//! them looked at. What the front has passed is looked at for itself.
//!
//! The members of a catalog it comes for in an order of its own. There all are beyond the front, and one after the other is a
//! scout; each that is there has two more looked at. While fewer than half of those that are waited for are there, that soon
//! ends, and when most are, it finds them: some two looks for each zone, whatever the order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

/// How often a scout looks while none comes.
const SCOUT_EACH: Duration = Duration::from_millis(5);
/// How many of the first beyond the front are scouts, one after the other (the first may be one that the server lost), and how
/// many may look at once after a time without any.
const SCOUTS: usize = 16;
/// How many look at once while zones come. Each that is there has the next look; where fewer look, two.
const FOLLOW: usize = 16;
/// How far behind the front one may be that tells of those beyond it: as many look at once, and end in another order.
const NEAR: u64 = 4 * FOLLOW as u64;

/// In which order a server comes for what it was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// About as it was told.
    AsTold,
    /// One that only it knows.
    ItsOwn,
}

/// The zones on their way to one server, by the order in which it was told of them.
#[derive(Debug)]
pub(crate) struct Arrivals {
    began: Instant,
    comes: Order,
    /// Of how many it was told.
    told: AtomicU64,
    /// The front.
    came_for: AtomicU64,
    beyond: Mutex<Beyond>,
    /// How many of those that were woken look.
    looking: AtomicUsize,
    /// From when on another scout may look, in microseconds since `began`.
    scout_from: AtomicU64,
}

/// Those that wait beyond the front.
#[derive(Debug, Default)]
struct Beyond {
    waiting: BTreeMap<u64, Arc<Notify>>,
    /// The last scout.
    scout: u64,
}

impl Beyond {
    /// Has the next after the last scout looked at, and that is the last now; of the first so many only, where it is said.
    fn wake_next(&mut self, among: Option<usize>) {
        let end = among.and_then(|among| self.waiting.keys().nth(among));
        let after = self.waiting.range(self.scout + 1..).map(|(order, _)| order);
        let after = after.take(1).find(|order| end.is_none_or(|end| *order < end));
        let Some(order) = after.or_else(|| self.waiting.keys().next()).copied() else {
            return;
        };
        self.scout = order;
        if let Some(scout) = self.waiting.remove(&order) {
            scout.notify_one();
        }
    }
}

/// A look that is under way.
#[derive(Debug)]
pub(crate) struct Look<'a>(&'a Arrivals);

impl Arrivals {
    /// None.
    pub(crate) fn new(comes: Order) -> Self {
        Self {
            began: Instant::now(),
            comes,
            told: AtomicU64::new(0),
            came_for: AtomicU64::new(0),
            beyond: Mutex::default(),
            looking: AtomicUsize::new(0),
            scout_from: AtomicU64::new(0),
        }
    }

    /// The server was told of another. Returns its place in the order, from 1 on.
    pub(crate) fn told(&self) -> u64 {
        self.told.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The last that it came for; none, if it comes in an order of its own.
    pub(crate) fn came_for(&self) -> u64 {
        self.came_for.load(Ordering::Relaxed)
    }

    /// The server came for one.
    pub(crate) fn came(&self, order: u64) {
        let next = if self.looking.load(Ordering::Relaxed) < FOLLOW {
            2
        } else {
            1
        };
        let mut beyond = self.beyond();
        if self.comes == Order::ItsOwn {
            for _ in 0..next {
                beyond.wake_next(None);
            }
            return;
        }
        let front = self.came_for.fetch_max(order, Ordering::Relaxed).max(order);
        let still = beyond.waiting.split_off(&(front + 1));
        for passed in std::mem::replace(&mut beyond.waiting, still).into_values() {
            passed.notify_one();
        }
        if order + NEAR < front {
            return;
        }
        for _ in 0..next {
            if let Some((_, next)) = beyond.waiting.pop_first() {
                next.notify_one();
            }
        }
    }

    /// Waits until one is to be looked at: it is behind the front and has waited for `pause`, or is its turn beyond it, or has
    /// waited for so long that all could have been scouts meanwhile. `pause` is doubled with each time that it passes, up
    /// to `longest`; `waiting` are as many as wait.
    pub(crate) async fn turn(
        &self,
        order: u64,
        pause: &mut Duration,
        longest: Duration,
        waiting: u32,
    ) -> Option<Look<'_>> {
        let end = Instant::now() + longest.max(SCOUT_EACH * waiting);
        let place = self.wait(order);
        while let Some(place) = &place {
            let left = end.saturating_duration_since(Instant::now());
            if timeout((*pause).min(left), place.woken.notified()).await.is_ok() {
                self.looking.fetch_add(1, Ordering::Relaxed);
                return Some(Look(self));
            }
            *pause = (*pause * 2).min(longest);
            if left.is_zero() {
                return None;
            }
            if self.may_scout() {
                self.wake_scout();
            }
        }
        sleep(*pause).await;
        *pause = (*pause * 2).min(longest);
        None
    }

    /// A place beyond the front, if it is there.
    fn wait(&self, order: u64) -> Option<Place<'_>> {
        let mut beyond = self.beyond();
        // Behind the lock: who moves the front later finds it.
        (order > self.came_for()).then(|| {
            let woken = Arc::new(Notify::new());
            beyond.waiting.insert(order, Arc::clone(&woken));
            Place {
                arrivals: self,
                order,
                woken,
            }
        })
    }

    /// Whether a scout may look. Whoever asks and may, wakes one.
    fn may_scout(&self) -> bool {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let now = micros(self.began.elapsed());
        let each = micros(SCOUT_EACH);
        let earliest = now.saturating_sub(each * SCOUTS as u64);
        let next = |from: u64| {
            let from = from.max(earliest);
            (from <= now).then_some(from + each)
        };
        self.scout_from
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next)
            .is_ok()
    }

    fn wake_scout(&self) {
        let among = match self.comes {
            Order::AsTold => Some(SCOUTS),
            Order::ItsOwn => None,
        };
        self.beyond().wake_next(among);
    }

    fn beyond(&self) -> MutexGuard<'_, Beyond> {
        self.beyond.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that waits beyond the front, until this is dropped.
struct Place<'a> {
    arrivals: &'a Arrivals,
    order: u64,
    woken: Arc<Notify>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.arrivals.beyond().waiting.remove(&self.order);
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        self.0.looking.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    const LONGEST: Duration = Duration::from_secs(1);

    /// A server is told of so many zones; each is looked at until `is_there` says that it is. How often it was looked in vain.
    async fn in_vain(arrivals: &Arrivals, zones: u32, is_there: impl Fn(u64) -> bool) -> usize {
        let vain = AtomicUsize::new(0);
        let all = (0..zones).map(async |_| {
            let order = arrivals.told();
            let mut pause = Duration::from_millis(15);
            loop {
                let _look = arrivals.turn(order, &mut pause, LONGEST, zones).await;
                if is_there(order) {
                    return arrivals.came(order);
                }
                vain.fetch_add(1, Ordering::Relaxed);
            }
        });
        join_all(all).await;
        vain.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn who_came_has_the_next_looked_at_and_they_the_next() {
        let arrivals = Arrivals::new(Order::AsTold);
        let began = Instant::now();
        assert_eq!(in_vain(&arrivals, 4_000, |_| true).await, 0);
        assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_in_lumps_is_found_at_once_and_seldom_looked_at_before() {
        let arrivals = Arrivals::new(Order::AsTold);
        let began = Instant::now();
        let shown = || u64::try_from(began.elapsed().as_millis() / 500).unwrap();
        // Twice a second a server shows 2,000; each twentieth with those after them.
        let is_there = |order: u64| shown() > order / 2_000 + u64::from(order.is_multiple_of(20));
        let vain = in_vain(&arrivals, 4_000, is_there).await;
        let took = began.elapsed();
        assert!(took < Duration::from_millis(2_900), "{took:?}");
        let scouts = usize::try_from(took.as_millis() / SCOUT_EACH.as_millis()).unwrap() + SCOUTS;
        // A straggler is looked at for itself.
        assert!(vain < scouts + 200 * 12, "{vain} in vain, {scouts} scouts");
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_in_an_order_of_its_own_is_looked_at_little_more_than_twice() {
        let arrivals = Arrivals::new(Order::ItsOwn);
        let began = Instant::now();
        let shown = || u64::try_from(began.elapsed().as_millis()).unwrap();
        // 2,003 is prime: every place is taken once. The server shows each millisecond another.
        let is_there = |order: u64| shown() >= order * 701 % 2_003;
        let vain = in_vain(&arrivals, 2_002, is_there).await;
        let took = began.elapsed();
        assert!(took < Duration::from_millis(3_000), "{took:?}");
        assert!(vain < 2 * 2_002, "{vain} in vain");
        assert_eq!(arrivals.came_for(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_the_server_lost_holds_up_no_other() {
        let arrivals = Arrivals::new(Order::AsTold);
        let began = Instant::now();
        let found = async |order: u64| {
            let mut pause = Duration::from_millis(1);
            loop {
                let _look = arrivals.turn(order, &mut pause, LONGEST, 3).await;
                if order != 1 || began.elapsed() > LONGEST {
                    arrivals.came(order);
                    return began.elapsed();
                }
            }
        };
        let orders = [arrivals.told(), arrivals.told(), arrivals.told()];
        let times = join_all(orders.map(found)).await;
        assert!(times[0] >= LONGEST && times[0] < 3 * LONGEST, "{times:?}");
        assert!(times[1..].iter().all(|time| *time < LONGEST / 2), "{times:?}");
    }
}
