//! A closed loop: so many callers, each doing the next thing when the last is answered.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::Result;
use crate::report::Times;

/// What a closed loop gave.
pub(crate) struct Load {
    /// Answered tries a second.
    pub(crate) per_second: f64,
    /// The time of each try.
    pub(crate) times: Times,
}

/// Runs one task a caller until `duration` is over; `callers` are the states that the tasks own, `once` does one try.
/// The first failure ends the whole run.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a short run are far below 2^53"
)]
pub(crate) async fn closed_loop<C, F, Fut>(callers: Vec<C>, duration: Duration, once: F) -> Result<Load>
where
    C: Send + 'static,
    F: Fn(C, u64) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<C>> + Send,
{
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for mut caller in callers {
        let once = once.clone();
        tasks.spawn(async move {
            let mut times = Times::new()?;
            let mut count = 0_u64;
            while start.elapsed() < duration {
                let try_start = Instant::now();
                caller = once(caller, count).await?;
                times.add(try_start.elapsed());
                count += 1;
            }
            Result::<_>::Ok((count, times))
        });
    }
    let mut times = Times::new()?;
    let mut count = 0;
    while let Some(outcome) = tasks.join_next().await {
        let (tries, of_task) = outcome??;
        times.merge(&of_task)?;
        count += tries;
    }
    Ok(Load {
        per_second: count as f64 / start.elapsed().as_secs_f64(),
        times,
    })
}
