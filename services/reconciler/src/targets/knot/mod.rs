//! Knot DNS: zones come and go by transactions on its configuration, through its control socket.
//!
//! A transaction costs the same for one zone as for a thousand, and more the more zones there are, so zones are told in
//! batches. Wants knotd with a configuration database (`knotd -C`): one with a plain file loses its zones with a restart.
//!
//! A zone's masters are `remote` items that Zonelog makes, named `zonelog-ADDRESS-PORT`, with the target's key; or the
//! server's own that the option `remotes` names. What a zone needs besides (an ACL for NOTIFY, where its file is) comes
//! from the template that the option `template` names, or from the default one.

mod control;
pub(crate) mod options;
mod transaction;

use std::collections::VecDeque;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use super::batch::{Bulk, Done, Order};
use transaction::{Failure, Transaction};

/// How a Knot DNS server is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnotConfig {
    /// Its control socket.
    pub socket: PathBuf,
    /// The template of the zones; `None`: the default one.
    pub template: Option<String>,
    /// The ids of `remote` items of its own that zones are transferred from; none: Zonelog makes such items.
    pub remotes: Vec<String>,
    /// How long to wait for an answer.
    pub timeout: Duration,
    /// Whether its copy of a zone goes with the zone, where the deletion does not say so itself.
    pub clean_zone_file: bool,
}

/// A Knot DNS server.
#[derive(Debug)]
pub(super) struct Knot {
    config: KnotConfig,
}

impl Knot {
    pub(super) fn new(config: &KnotConfig) -> Self {
        Self {
            config: config.clone(),
        }
    }
}

impl Bulk for Knot {
    /// One transaction for all. Where Knot refuses it, for one zone's sake, it is tried in halves, so that the others get
    /// through and that one its own answer.
    async fn carry_out(&self, orders: &[Order]) -> Vec<Done> {
        let mut done = vec![Ok(()); orders.len()];
        let mut parts: VecDeque<Range<usize>> = std::iter::once(0..orders.len()).collect();
        while let Some(part) = parts.pop_front() {
            let transaction = Transaction::new(&self.config, &orders[part.clone()]);
            match transaction.run().await {
                Ok(answers) => {
                    for (place, answer) in part.zip(answers) {
                        done[place] = answer;
                    }
                }
                Err(Failure::Refused(_)) if part.len() > 1 => {
                    let middle = part.start + part.len() / 2;
                    parts.push_back(part.start..middle);
                    parts.push_back(middle..part.end);
                }
                Err(Failure::Refused(reason)) => done[part.start] = Err(reason),
                Err(Failure::Unheard(reason)) => {
                    // Nothing that comes after it would be heard either.
                    for place in std::iter::once(part).chain(parts.drain(..)).flatten() {
                        done[place] = Err(reason.clone());
                    }
                }
            }
        }
        done
    }
}
