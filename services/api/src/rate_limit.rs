//! How many requests a project may send: optional, and none of Designate's.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::StatusCode;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use zonelog_model::ProjectId;

use crate::error::ApiError;

/// When more projects than this are remembered, those that have all their requests left are forgotten.
const MANY: usize = 10_000;

/// A rate that each project may send requests at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests a second, in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once, after a pause.
    pub burst: NonZeroU32,
}

/// The requests of all projects.
pub(crate) struct Rates(DefaultKeyedRateLimiter<ProjectId>);

impl Rates {
    pub(crate) fn new(limit: RateLimit) -> Self {
        let quota = Quota::per_second(limit.per_second).allow_burst(limit.burst);
        Self(RateLimiter::keyed(quota))
    }

    /// Counts a request of a project; refuses one too many (429).
    pub(crate) fn count(&self, project: &ProjectId) -> Result<(), ApiError> {
        if self.0.len() > MANY {
            self.0.retain_recent();
        }
        self.0.check_key(project).map_err(|refusal| {
            let wait = refusal.wait_time_from(DefaultClock::default().now());
            ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "over_limit",
                "The project sends requests faster than it may",
            )
            .with_retry_after(whole_seconds(wait))
        })
    }
}

/// Rounded up: who waits this long is not refused again.
fn whole_seconds(wait: Duration) -> u32 {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    u32::try_from(seconds.max(1)).unwrap_or(u32::MAX)
}
