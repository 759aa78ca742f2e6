//! Until when a lease surely holds, by this machine's own clock.
//!
//! Writes to the database are fenced by the lease's token, but no name server knows tokens. So nothing is told to a server
//! when the lease may have run out: a reconciler that was stopped past its lease and goes on tells nothing that its
//! successor did not. What still slips through, between this look at the clock and the datagram, the successor drives again:
//! whoever finds that it lost its lease asks for that (server.rs).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The term of a lease; renewed by whoever holds it, looked at by whoever acts under it.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    began: Instant,
    /// Nanoseconds after `began`.
    ends: Arc<AtomicU64>,
}

impl Term {
    /// A term of a lease of this length that was asked for at `asked`.
    pub(crate) fn new(asked: Instant, lease: Duration) -> Self {
        let term = Self {
            began: asked,
            ends: Arc::default(),
        };
        term.renewed(asked, lease);
        term
    }

    /// The lease was renewed for this length; that was asked for at `asked`, so it holds at least as long from then.
    pub(crate) fn renewed(&self, asked: Instant, lease: Duration) {
        let ends = (asked + lease).saturating_duration_since(self.began);
        let nanoseconds = u64::try_from(ends.as_nanos()).unwrap_or(u64::MAX);
        self.ends.fetch_max(nanoseconds, Ordering::Release);
    }

    /// Whether the lease surely holds now.
    pub(crate) fn holds(&self) -> bool {
        self.holds_at(Instant::now())
    }

    fn holds_at(&self, now: Instant) -> bool {
        let now = now.saturating_duration_since(self.began).as_nanos();
        u64::try_from(now).unwrap_or(u64::MAX) < self.ends.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_ends_unless_it_is_renewed() {
        let (began, lease) = (Instant::now(), Duration::from_secs(10));
        let at = |second| began + Duration::from_secs(second);
        let term = Term::new(began, lease);
        assert!(term.holds_at(at(9)) && !term.holds_at(at(10)));
        term.renewed(at(9), lease);
        assert!(term.holds_at(at(18)) && !term.holds_at(at(19)));
        // An answer that comes late does not shorten it.
        term.renewed(at(3), lease);
        assert!(term.holds_at(at(18)));
    }
}
