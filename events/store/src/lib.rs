//! The log in PostgreSQL: append, read, follow.
//!
//! **Appending.** Each process has one [`Writer`]: a task that puts the requests of many callers into one transaction.
//! What a batch does is said by a [`BatchWork`]; [`AppendWork`] is the plain one. The row of `feed_head` orders all
//! batches of all processes: who holds it locked hands out the next positions, and lets go after the commit. So
//! positions have no holes and are visible in order, and a follower's checkpoint is one integer.
//!
//! A change of very many events does not fit a batch: [`BulkAppend`] is a transaction of its own, written in chunks.
//!
//! **Reading.** [`Feed`] reads pages of the log and streams. A [`Follower`] waits for what comes next. [`WakeUps`] tells
//! it when to look; the slow poll beside it finds everything even when every wake-up is lost.

mod append;
mod appending;
mod batch_work;
mod bulk;
mod copy;
mod database;
mod error;
mod feed;
mod follower;
mod wake_ups;
mod writer;

pub use append::{Append, AppendOutcome, AppendWork, Expected, StreamAppend};
pub use appending::Appending;
pub use batch_work::BatchWork;
pub use bulk::{BulkAppend, ChangeEncoder, EncodedEvents};
pub use copy::{CopyRows, EncodedRows, JsonText};
pub use database::Database;
pub use error::{StoreError, SubmitError};
pub use feed::Feed;
pub use follower::Follower;
pub use wake_ups::WakeUps;
pub use writer::{Writer, WriterOptions};
