//! The clock: the only place of the program that asks what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

use zonelog_model::Timestamp;

/// The time now, in whole microseconds: what PostgreSQL keeps, so that a time read back equals the time written.
///
/// A machine whose clock stands before 1970 gets 1970: serials stay positive and go on by one.
#[expect(clippy::disallowed_methods, reason = "this is the one place of the clock")]
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let microseconds = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_timestamp_micros(microseconds).unwrap_or(Timestamp::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_has_whole_microseconds() {
        for _ in 0..100 {
            assert_eq!(now().timestamp_subsec_nanos() % 1_000, 0);
        }
    }
}
