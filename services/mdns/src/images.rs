//! Zone images within a budget of octets, and the last differences.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zonelog_dns::LongSerial;
use zonelog_model::ZoneId;

use crate::difference::Difference;
use crate::heads::Head;
use crate::image::Image;
use crate::reader::{ReadError, Reader};

/// The images of the zones transferred last.
#[derive(Debug)]
pub(crate) struct Images {
    budget: usize,
    held: Mutex<Held>,
}

/// One zone's place. Whoever holds its lock builds; all others wait for what comes of it.
type Slot = Arc<tokio::sync::Mutex<Option<Arc<Image>>>>;

#[derive(Debug, Default)]
struct Held {
    entries: HashMap<ZoneId, Entry>,
    /// Zones by when they were used last.
    order: BTreeMap<u64, ZoneId>,
    uses: u64,
    octets: usize,
}

#[derive(Debug)]
struct Entry {
    slot: Slot,
    used: u64,
    octets: usize,
}

/// What an entry without an image weighs, so that waiting for builds is bounded too.
const EMPTY_ENTRY: usize = 512;

impl Images {
    /// Holds at most so many octets of images.
    pub(crate) fn new(budget: usize) -> Self {
        Self {
            budget,
            held: Mutex::default(),
        }
    }

    /// The zone's image, at the head's serial or a later one.
    pub(crate) async fn current(&self, reader: &Reader, head: &Head) -> Result<Arc<Image>, ReadError> {
        let slot = self.lock().slot(head.zone);
        let mut held = slot.lock().await;
        if let Some(image) = held.as_ref().filter(|image| image.serial >= head.serial.get()) {
            return Ok(Arc::clone(image));
        }
        let image = match reader.image(head, held.as_deref()).await {
            Ok(image) => Arc::new(image),
            Err(error) => {
                if matches!(error, ReadError::Gone) {
                    self.lock().forget(head.zone);
                }
                return Err(error);
            }
        };
        *held = Some(Arc::clone(&image));
        self.lock()
            .weigh(head.zone, image.octets + EMPTY_ENTRY, self.budget);
        Ok(image)
    }

    /// How long the zone is, where its image is at hand.
    pub(crate) fn octets(&self, zone: ZoneId) -> Option<usize> {
        let held = self.lock();
        let entry = held.entries.get(&zone)?;
        (entry.octets > EMPTY_ENTRY).then_some(entry.octets)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn slot(&mut self, zone: ZoneId) -> Slot {
        self.uses += 1;
        let used = self.uses;
        let entry = self.entries.entry(zone).or_insert_with(|| {
            self.octets += EMPTY_ENTRY;
            Entry {
                slot: Slot::default(),
                used,
                octets: EMPTY_ENTRY,
            }
        });
        self.order.remove(&entry.used);
        entry.used = used;
        self.order.insert(used, zone);
        Arc::clone(&entry.slot)
    }

    /// Notes what an image weighs, and lets those go that were not used for longest. Transfers
    /// under way keep theirs until they end.
    fn weigh(&mut self, zone: ZoneId, octets: usize, budget: usize) {
        if let Some(entry) = self.entries.get_mut(&zone) {
            self.octets = self.octets - entry.octets + octets;
            entry.octets = octets;
        }
        while self.octets > budget {
            let Some((_, oldest)) = self.order.first_key_value() else {
                break;
            };
            let oldest = *oldest;
            self.forget(oldest);
        }
    }

    fn forget(&mut self, zone: ZoneId) {
        if let Some(entry) = self.entries.remove(&zone) {
            self.order.remove(&entry.used);
            self.octets -= entry.octets;
        }
    }
}

/// The differences rendered last: the servers of a pool all ask for the same one.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    held: Mutex<VecDeque<(Step, Arc<Difference>)>>,
}

/// From where to where.
type Step = (ZoneId, LongSerial, LongSerial);

/// How many differences are held, and how many octets of them.
const MOST_HELD: usize = 32;
const MOST_OCTETS: usize = 16 << 20;

impl Differences {
    /// A difference rendered before.
    pub(crate) fn get(&self, step: Step) -> Option<Arc<Difference>> {
        let held = self.lock();
        held.iter()
            .find(|(held, _)| *held == step)
            .map(|(_, difference)| Arc::clone(difference))
    }

    /// Keeps a difference, in place of the oldest.
    pub(crate) fn put(&self, step: Step, difference: Arc<Difference>) {
        let mut held = self.lock();
        held.push_front((step, difference));
        let mut octets = 0;
        let kept = held
            .iter()
            .take(MOST_HELD)
            .take_while(|(_, difference)| {
                octets += difference.octets;
                octets <= MOST_OCTETS
            })
            .count();
        held.truncate(kept);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Step, Arc<Difference>)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
