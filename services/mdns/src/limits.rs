//! How much of us one client may have: connections and transfers, by address.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::reader::ReadError;

/// What is shared out by address, so many to each.
#[derive(Debug)]
struct Shares {
    each: usize,
    /// The addresses that have something, or wait for it.
    places: Mutex<HashMap<IpAddr, Arc<Semaphore>>>,
}

impl Shares {
    fn new(each: usize) -> Arc<Self> {
        Arc::new(Self {
            each: each.min(Semaphore::MAX_PERMITS),
            places: Mutex::default(),
        })
    }

    /// The share of an address, of which nothing is taken yet.
    fn of(self: &Arc<Self>, address: IpAddr) -> Share {
        let place = place(address);
        let semaphore = Arc::clone(
            self.lock()
                .entry(place)
                .or_insert_with(|| Arc::new(Semaphore::new(self.each))),
        );
        Share {
            shares: Arc::clone(self),
            place,
            semaphore,
            permit: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, Arc<Semaphore>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Under which address a client is counted: whoever has an IPv6 address has its /64 too (RFC 6177 §2).
fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

/// One of an address's, once the permit is there; given back when it is dropped.
#[derive(Debug)]
struct Share {
    shares: Arc<Shares>,
    place: IpAddr,
    semaphore: Arc<Semaphore>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Share {
    fn try_take(mut self) -> Option<Self> {
        self.permit = Some(Arc::clone(&self.semaphore).try_acquire_owned().ok()?);
        Some(self)
    }

    async fn take(mut self) -> Option<Self> {
        self.permit = Some(Arc::clone(&self.semaphore).acquire_owned().await.ok()?);
        Some(self)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // The permit has its semaphore too.
        self.permit = None;
        let mut places = self.shares.lock();
        // Others of this address have one each; new ones are made under the lock alone. So with the table's and ours
        // nobody else has one.
        if Arc::strong_count(&self.semaphore) == 2 {
            places.remove(&self.place);
        }
    }
}

/// Turns to build and send transfers.
#[derive(Debug)]
pub(crate) struct Turns {
    all: Arc<Semaphore>,
    shares: Arc<Shares>,
    wait: Duration,
}

/// A turn; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _share: Share,
    _permit: OwnedSemaphorePermit,
}

impl Turns {
    /// So many at once, so many of them for one address; waiting for one no longer than `wait`.
    pub(crate) fn new(most: usize, each: usize, wait: Duration) -> Self {
        Self {
            all: Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))),
            shares: Shares::new(each),
            wait,
        }
    }

    /// The next turn of this address. Those of one address wait for each other before they wait with all others, so an
    /// address that asks for much is in nobody else's way.
    pub(crate) async fn take(&self, address: IpAddr) -> Result<Turn, ReadError> {
        let turn = async {
            Some(Turn {
                _share: self.shares.of(address).take().await?,
                _permit: Arc::clone(&self.all).acquire_owned().await.ok()?,
            })
        };
        let turn = tokio::time::timeout(self.wait, turn).await.ok().flatten();
        turn.ok_or(ReadError::Busy(self.wait))
    }
}

/// The TCP connections there are.
#[derive(Debug)]
pub(crate) struct Connections {
    most: usize,
    shares: Arc<Shares>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    count: usize,
    /// Those that wait for a query, by since when.
    idle: BTreeMap<u64, CancellationToken>,
    next: u64,
}

impl Connections {
    /// So many at once, so many of them from one address.
    pub(crate) fn new(most: usize, each: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            shares: Shares::new(each),
            open: Mutex::default(),
        })
    }

    /// A place for a new connection from this address. When all are taken, the connection that has waited for its
    /// client's query for longest makes room (RFC 7766 §6.2.3 lets a server close what is idle); when none waits, there
    /// is no place.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Admitted> {
        let share = self.shares.of(address).try_take()?;
        let mut open = self.lock();
        if open.count >= self.most {
            let (_, longest) = open.idle.pop_first()?;
            // Its place is the new one's.
            longest.cancel();
        } else {
            open.count += 1;
        }
        Some(Admitted {
            connections: Arc::clone(self),
            evicted: CancellationToken::new(),
            _share: share,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    connections: Arc<Connections>,
    /// The place is another's now. Cancelled under the lock.
    evicted: CancellationToken,
    _share: Share,
}

impl Admitted {
    /// Waits for what the client has to say; `None` when the connection has to make room for another meanwhile.
    pub(crate) async fn listening<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let _idle = self.idle();
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.evicted.cancelled() => None,
        }
    }

    fn idle(&self) -> Idle<'_> {
        let mut open = self.connections.lock();
        let since = open.next;
        open.next += 1;
        open.idle.insert(since, self.evicted.clone());
        Idle {
            connections: &self.connections,
            since,
        }
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        if !self.evicted.is_cancelled() {
            open.count -= 1;
        }
    }
}

struct Idle<'a> {
    connections: &'a Connections,
    since: u64,
}

impl Drop for Idle<'_> {
    fn drop(&mut self) {
        self.connections.lock().idle.remove(&self.since);
    }
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;
