//! Waiting for a condition instead of sleeping.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Asks `condition` again and again (after 1, 2, 4 ... at most 50 ms) until it is true.
///
/// # Panics
/// When it is still false after `limit`, naming `what` was waited for.
pub async fn eventually(what: impl Display, limit: Duration, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    while !condition().await {
        assert!(Instant::now() < deadline, "after {limit:?} still not: {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}
