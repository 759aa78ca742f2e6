//! Orders to one server, gathered: whoever asks at the same time is told together, and each gets its own answer.
//!
//! A server that is told of many zones in one go (a transaction, a list) takes a thousand in the time of a few single
//! ones. While one batch is with the server the next one gathers, and for a few times as long after it: a server spends the
//! most of its time on answering, not on being told, and batches are as large as it is slow. Who comes alone does not wait.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use zonelog_dns::{Serial, ZoneName};

use super::{PoolTarget, TargetError, Told, ZoneSpec};

/// The most orders in one batch.
const MOST: usize = 1_000;
/// How long the next batch gathers after the end of the last one: so many times as long as that took, but no longer than this.
const REST: u32 = 3;
const LONGEST_REST: Duration = Duration::from_millis(200);
/// How many orders may wait; who comes after that waits before the queue.
const QUEUE: usize = 1_000;

/// What a server is to do for one zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// To be a secondary for it.
    Ensure(ZoneSpec),
    /// To forget it, and its copy too when `hard`.
    Remove { zone: ZoneName, hard: bool },
    /// To transfer it anew as a whole, whatever its serial. `serial` is what the log has.
    Retransfer { zone: ZoneName, serial: Serial },
}

impl Order {
    /// The zone's name.
    pub(super) fn zone(&self) -> &ZoneName {
        match self {
            Self::Ensure(spec) => &spec.name,
            Self::Remove { zone, .. } | Self::Retransfer { zone, .. } => zone,
        }
    }
}

/// How one order went: done, or why not.
pub(super) type Done = Result<(), String>;

/// A server that takes many orders at once.
pub(super) trait Bulk: fmt::Debug + Send + Sync + 'static {
    /// How long the next batch gathers at the least: at first, and at the most. It doubles with each batch that gathered.
    const SHORTEST_REST: (Duration, Duration) = (Duration::ZERO, Duration::ZERO);
    /// As [`PoolTarget::is_held_up_by_notify`] says.
    const HELD_UP_BY_NOTIFY: bool = false;

    /// Carries out orders, no two of them for one zone. Returns one answer for each, in their order.
    fn carry_out(&self, orders: &[Order]) -> impl Future<Output = Vec<Done>> + Send;
}

/// A target that is told in batches.
#[derive(Debug)]
pub(super) struct Batched<B> {
    server: String,
    bulk: Arc<B>,
    /// To the task that works on the batches; it starts with the first order, and ends with this target.
    queue: OnceLock<mpsc::Sender<Waiting>>,
}

/// An order, and who waits for its answer.
#[derive(Debug)]
struct Waiting {
    order: Order,
    answer: oneshot::Sender<Done>,
}

impl<B: Bulk> Batched<B> {
    /// `server` is how messages call it.
    pub(super) fn new(server: &str, bulk: B) -> Self {
        Self {
            server: server.to_owned(),
            bulk: Arc::new(bulk),
            queue: OnceLock::new(),
        }
    }

    async fn order(&self, order: Order) -> Result<(), TargetError> {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.get_or_init(|| {
            let (queue, orders) = mpsc::channel(QUEUE);
            tokio::spawn(work(Arc::clone(&self.bulk), orders));
            queue
        });
        // Both fail only if the task is gone.
        let done = match queue.send(Waiting { order, answer }).await {
            Ok(()) => answered
                .await
                .unwrap_or_else(|_| Err("the order was given up".to_owned())),
            Err(_) => Err("its orders are not worked on any more".to_owned()),
        };
        done.map_err(|reason| TargetError {
            server: self.server.clone(),
            reason,
        })
    }
}

impl<B: Bulk> PoolTarget for Batched<B> {
    fn ensure_zone<'a>(&'a self, zone: &'a ZoneSpec) -> Told<'a> {
        Box::pin(self.order(Order::Ensure(zone.clone())))
    }

    fn remove_zone<'a>(&'a self, zone: &'a ZoneName, hard: bool) -> Told<'a> {
        Box::pin(self.order(Order::Remove {
            zone: zone.clone(),
            hard,
        }))
    }

    fn retransfer_zone<'a>(&'a self, zone: &'a ZoneName, serial: Serial) -> Option<Told<'a>> {
        Some(Box::pin(self.order(Order::Retransfer {
            zone: zone.clone(),
            serial,
        })))
    }

    fn is_held_up_by_notify(&self) -> bool {
        B::HELD_UP_BY_NOTIFY
    }
}

async fn work<B: Bulk>(bulk: Arc<B>, mut queue: mpsc::Receiver<Waiting>) {
    let (mut put_off, mut rest_until) = (None, Instant::now());
    let mut shortest_rest = B::SHORTEST_REST.0;
    loop {
        let first = match put_off.take() {
            Some(first) => first,
            None => match queue.recv().await {
                Some(first) => first,
                None => return,
            },
        };
        // Callers that start in one go come one after the other.
        tokio::task::yield_now().await;
        shortest_rest = grown(shortest_rest, B::SHORTEST_REST, Instant::now() < rest_until);
        sleep_until(rest_until).await;
        let mut batch = Batch::default();
        let mut next = Some(first);
        while let Some(waiting) = next {
            put_off = batch.take(waiting);
            next = if put_off.is_none() && batch.orders.len() < MOST {
                queue.try_recv().ok()
            } else {
                None
            };
        }
        if batch.orders.is_empty() {
            continue;
        }
        let began = Instant::now();
        let done = bulk.carry_out(&batch.orders).await;
        rest_until = Instant::now() + (began.elapsed() * REST).min(LONGEST_REST).max(shortest_rest);
        for (done, waiting) in done.into_iter().zip(batch.answers) {
            for answer in waiting {
                // Who went away meanwhile does not want to know.
                let _ = answer.send(done.clone());
            }
        }
    }
}

/// How long the batch after this one gathers at the least, when this one gathered for so long, or came alone.
fn grown(rest: Duration, (first, longest): (Duration, Duration), gathered: bool) -> Duration {
    if gathered { (rest * 2).min(longest) } else { first }
}

/// Orders that are carried out together.
#[derive(Debug, Default)]
struct Batch {
    orders: Vec<Order>,
    answers: Vec<Vec<oneshot::Sender<Done>>>,
    places: HashMap<ZoneName, usize>,
}

impl Batch {
    /// Takes an order, and gives it back if it must come after this batch: another one for the same zone is in it. An equal
    /// one is the same; one that nobody waits for any more is dropped.
    fn take(&mut self, waiting: Waiting) -> Option<Waiting> {
        if waiting.answer.is_closed() {
            return None;
        }
        match self.places.get(waiting.order.zone()) {
            Some(&place) if self.orders[place] == waiting.order => self.answers[place].push(waiting.answer),
            Some(_) => return Some(waiting),
            None => {
                let zone = waiting.order.zone().clone();
                self.places.insert(zone, self.orders.len());
                self.orders.push(waiting.order);
                self.answers.push(vec![waiting.answer]);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    /// Takes a batch whenever it is let, and refuses zones below `no.test.`.
    #[derive(Debug, Default)]
    struct Recorder {
        batches: Arc<Mutex<Vec<Vec<Order>>>>,
        lets: Option<Arc<Semaphore>>,
    }

    impl Bulk for Recorder {
        async fn carry_out(&self, orders: &[Order]) -> Vec<Done> {
            if let Some(lets) = &self.lets {
                lets.acquire().await.unwrap().forget();
            }
            self.batches.lock().unwrap().push(orders.to_vec());
            let done = |order: &Order| match order.zone().to_string() {
                name if name.ends_with(".no.test.") => Err(format!("not {name}")),
                _ => Ok(()),
            };
            orders.iter().map(done).collect()
        }
    }

    fn name(text: &str) -> ZoneName {
        ZoneName::parse(text).unwrap()
    }

    fn remove(zone: &str, hard: bool) -> Order {
        Order::Remove {
            zone: name(zone),
            hard,
        }
    }

    #[test]
    fn rests_grow_while_batches_gather_and_begin_anew_after_one_that_came_alone() {
        let bounds = (Duration::from_millis(50), Duration::from_millis(300));
        let mut rest = bounds.0;
        let mut rests = Vec::new();
        for gathered in [true, true, true, true, false, true] {
            rest = grown(rest, bounds, gathered);
            rests.push(rest.as_millis());
        }
        assert_eq!(rests, [100, 200, 300, 300, 50, 100]);
    }

    #[tokio::test]
    async fn who_asks_together_is_told_together_and_answered_alone() {
        let recorder = Recorder::default();
        let batches = Arc::clone(&recorder.batches);
        let target = Batched::new("one", recorder);
        let names: Vec<ZoneName> = (0..300)
            .map(|number| {
                let parent = if number % 7 == 0 { "no" } else { "yes" };
                name(&format!("z{number}.{parent}.test."))
            })
            .collect();
        let told = join_all(names.iter().map(|name| target.remove_zone(name, true))).await;
        for (number, (name, told)) in names.iter().zip(told).enumerate() {
            match told {
                Ok(()) => assert_ne!(number % 7, 0),
                Err(error) => assert_eq!(error.to_string(), format!("one: not {name}")),
            }
        }
        let batches = batches.lock().unwrap();
        assert!(batches.len() <= 2, "{} batches", batches.len());
        assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 300);
    }

    #[tokio::test]
    async fn orders_for_one_zone_keep_their_order_and_equal_ones_are_one() {
        let lets = Arc::new(Semaphore::new(0));
        let recorder = Recorder {
            lets: Some(Arc::clone(&lets)),
            ..Recorder::default()
        };
        let batches = Arc::clone(&recorder.batches);
        let target = Batched::new("one", recorder);
        let (a, b) = (name("a.test."), name("b.test."));
        {
            // Given up before its turn.
            let dropped = target.remove_zone(&b, true);
            assert!(futures_util::poll!(dropped).is_pending());
        }
        lets.add_permits(10);
        let (one, two, three, four) = tokio::join!(
            target.remove_zone(&a, true),
            target.remove_zone(&a, true),
            target.remove_zone(&a, false),
            target.remove_zone(&b, false),
        );
        for told in [one, two, three, four] {
            told.unwrap();
        }
        let batches = batches.lock().unwrap();
        assert_eq!(
            *batches,
            [
                vec![remove("a.test.", true)],
                vec![remove("a.test.", false), remove("b.test.", false)]
            ]
        );
    }
}
