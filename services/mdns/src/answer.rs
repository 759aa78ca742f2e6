//! From a classified request to its answer: from memory where that is possible, else from PostgreSQL.

use std::sync::Arc;
use std::time::Instant;

use zonelog_central::tsig::{TsigReach, TsigTable};
use zonelog_dns::{LongSerial, Rrtype, Serial, unpack_rdata};
use zonelog_model::Position;
use zonelog_projections::deadline::{self, Kind};
use zonelog_projections::secondary as projections;

use crate::chunk::{Chunk, behind_question};
use crate::heads::{Found, Head, Heads};
use crate::images::{Differences, Images};
use crate::keys;
use crate::lag::Lag;
use crate::limits::{Turn, Turns};
use crate::message::Rcode;
use crate::options::MdnsOptions;
use crate::origin::Origin;
use crate::reader::{Changes, Most, ReadError, Reader};
use crate::record::Record;
use crate::request::{Asked, Classified, Envelope, Query};
use crate::secondary::{Nudge, notify};
use crate::transfer::{self, Opening, Plan, Steps, Transport};

/// A difference shorter than this is sent without a look at how long the zone is.
const SMALL_DIFFERENCE: usize = 64 << 10;

/// Everything that answers.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) heads: Heads,
    pub(crate) reader: Reader,
    pub(crate) keys: TsigTable,
    pub(crate) lag: Lag,
    images: Images,
    differences: Differences,
    turns: Turns,
    options: MdnsOptions,
    /// Wakes the refreshes of secondary zones in this process, if it has any.
    pub(crate) nudge: Nudge,
}

/// What goes back to the client.
pub(crate) enum Reply {
    /// Nothing at all.
    Nothing,
    /// One message.
    Message(Vec<u8>),
    /// A stream of messages.
    Transfer(Outgoing),
}

/// A transfer ready to be sent.
pub(crate) struct Outgoing {
    /// Goes into each header; the question into the first message.
    pub(crate) envelope: Envelope,
    /// The messages' answer sections, but the last.
    pub(crate) chunks: Arc<[Arc<Chunk>]>,
    /// The last one's, when it is apart.
    pub(crate) tail: Option<Arc<Chunk>>,
    /// `axfr` or `ixfr`: what is sent, whatever was asked.
    pub(crate) kind: &'static str,
    /// When the request came.
    pub(crate) since: Instant,
    /// Held until it is sent.
    _turn: Turn,
}

impl Service {
    /// Answers from this reader, whose heads are so far behind the log.
    pub(crate) fn new(reader: Reader, lag: Lag, options: MdnsOptions) -> Self {
        Self {
            heads: Heads::default(),
            reader,
            keys: TsigTable::default(),
            lag,
            images: Images::new(options.image_budget_bytes),
            differences: Differences::default(),
            turns: Turns::new(
                options.max_transfers,
                options.max_transfers_per_address,
                options.transfer_wait,
            ),
            options,
            nudge: Nudge::default(),
        }
    }

    /// The settings.
    pub(crate) fn options(&self) -> &MdnsOptions {
        &self.options
    }

    /// The answer, when it needs nothing but memory that is up to date; otherwise the query, to be answered by
    /// [`Service::answer`].
    pub(crate) fn answer_at_once(&self, packet: &[u8], origin: Origin) -> Result<Reply, Waiting> {
        match (self.admit(packet, origin), self.lag.behind()) {
            (Err(message), _) => Ok(message.map_or(Reply::Nothing, Reply::Message)),
            (Ok(admitted), Some(position)) => Err(Waiting::Heads { admitted, position }),
            (Ok(admitted), None) => self.answer_by_heads(admitted, origin).map_err(Waiting::More),
        }
    }

    /// A query that is permitted, and properly signed if it is signed; or the answer, if any, to what is not.
    fn admit(&self, packet: &[u8], origin: Origin) -> Result<Admitted, Option<Vec<u8>>> {
        let refuse = |kind, rcode, message| {
            count(kind, rcode);
            Err(Some(message))
        };
        let mut classified = crate::request::classify(packet);
        let Some(envelope) = classified.envelope_mut() else {
            return Err(None);
        };
        let mut reach = None;
        match keys::authenticate(&self.keys, packet) {
            Ok(Some((signature, of_key))) => {
                envelope.signature = Some(Box::new(signature));
                reach = Some(of_key);
            }
            Ok(None) => {}
            Err(unaccepted) => {
                let (rcode, message) = unaccepted.answer(envelope);
                return refuse("invalid", rcode, message);
            }
        }
        let query = match classified {
            Classified::Drop => return Err(None),
            Classified::Refuse(envelope, rcode) => {
                return refuse("invalid", rcode, envelope.empty(rcode));
            }
            Classified::Query(query) => query,
        };
        if !self.options.permits(query.asked, origin)
            || (self.options.query_enforce_tsig && query.envelope.signature.is_none())
        {
            let message = query.envelope.empty(Rcode::REFUSED);
            return refuse(query.asked.kind(), Rcode::REFUSED, message);
        }
        Ok(Admitted { query, reach })
    }

    /// The answer by the heads as they are; or the query, when they are not enough.
    fn answer_by_heads(&self, admitted: Admitted, origin: Origin) -> Result<Reply, More> {
        let Admitted { query, reach } = admitted;
        let refuse = |query: &Query, rcode| Ok(error(query, rcode));
        let found = match query.asked {
            Asked::Rrset(_) => self.heads.enclosing(&query.name),
            Asked::Any => Found::Nothing,
            Asked::Soa | Asked::Axfr | Asked::Ixfr { .. } | Asked::Notify { .. } => {
                self.heads.at(&query.name)
            }
        };
        let head = match found {
            Found::Zone(head) => head,
            Found::Nothing if matches!(query.asked, Asked::Notify { .. }) => {
                return refuse(&query, Rcode::NOT_AUTHORITATIVE);
            }
            Found::Nothing => return refuse(&query, Rcode::REFUSED),
            Found::NotYet => return refuse(&query, Rcode::SERVER_FAILURE),
        };
        let signed_for_it = match reach {
            // A key is for its own zones alone.
            Some(reach) => reach.reaches(head.zone, head.pool),
            None => !query.asked.is_transfer() || !head.needs_key(),
        };
        if !signed_for_it {
            return refuse(&query, Rcode::REFUSED);
        }
        if let Asked::Notify { .. } = query.asked {
            // NOTIFY is for secondaries (RFC 1996 §3.10).
            if !head.secondary {
                return refuse(&query, Rcode::NOT_AUTHORITATIVE);
            }
            return Err(More {
                query,
                head,
                opening: None,
            });
        }
        if self.heads.is_expired(&head) {
            return refuse(&query, Rcode::SERVER_FAILURE);
        }
        if let Asked::Rrset(_) = query.asked {
            return Err(More {
                query,
                head,
                opening: None,
            });
        }
        match transfer::open(query.asked, origin.transport, head.serial) {
            Opening::FormatError => refuse(&query, Rcode::FORMAT_ERROR),
            Opening::SoaAlone => Ok(soa_alone(&query, &head, origin.transport)),
            opening => Err(More {
                query,
                head,
                opening: Some(opening),
            }),
        }
    }

    /// The answer to a query that could not be answered from the heads alone.
    pub(crate) async fn answer(&self, waiting: Waiting, origin: Origin) -> Reply {
        let more = match waiting {
            Waiting::More(more) => Err(more),
            Waiting::Heads { admitted, position } => {
                self.lag.until(position).await;
                self.answer_by_heads(admitted, origin)
            }
        };
        match more {
            Ok(reply) => reply,
            Err(more) => self.answer_with_more(more, origin).await,
        }
    }

    /// The answer when there is no room for one more that waits.
    pub(crate) fn turn_away(&self, waiting: Waiting, origin: Origin) -> Reply {
        let more = match waiting {
            Waiting::More(more) => Err(more),
            Waiting::Heads { admitted, .. } => self.answer_by_heads(admitted, origin),
        };
        more.unwrap_or_else(|more| error(&more.query, Rcode::SERVER_FAILURE))
    }

    async fn answer_with_more(&self, more: More, origin: Origin) -> Reply {
        let More { query, head, opening } = &more;
        let transport = origin.transport;
        let answered = match (query.asked, opening) {
            (Asked::Notify { serial }, _) => {
                let told = self.told(head, serial, origin).await;
                told.map(|rcode| error(query, rcode))
            }
            (Asked::Rrset(rrtype), _) => self.rrset(query, head, rrtype, transport).await,
            (_, Some(Opening::MaybeIxfr { from })) => self.ixfr(query, head, *from, origin).await,
            _ => match self.turns.take(origin.address()).await {
                Ok(turn) => self.axfr(query, head, turn).await,
                Err(busy) => Err(busy),
            },
        };
        self.reader.observe("answering a query", &answered);
        answered.unwrap_or_else(|failure| error(query, failure.rcode()))
    }

    async fn axfr(&self, query: &Query, head: &Head, turn: Turn) -> Result<Reply, ReadError> {
        let since = Instant::now();
        let image = self.images.current(&self.reader, head).await?;
        count(query.asked.kind(), Rcode::NO_ERROR);
        Ok(Reply::Transfer(Outgoing {
            envelope: query.envelope.clone(),
            chunks: Arc::clone(&image.chunks),
            tail: Some(Arc::clone(&image.tail)),
            kind: "axfr",
            since,
            _turn: turn,
        }))
    }

    async fn ixfr(
        &self,
        query: &Query,
        head: &Head,
        from: LongSerial,
        origin: Origin,
    ) -> Result<Reply, ReadError> {
        let since = Instant::now();
        let transport = origin.transport;
        // What is rendered for a transfer is held until it is sent; so it waits for its turn before.
        let turn = match transport {
            Transport::Udp => None,
            Transport::Tcp => Some(self.turns.take(origin.address()).await?),
        };
        let step = (head.zone, from, head.serial);
        let known = self.differences.get(step);
        let difference = match known {
            Some(difference) => difference,
            None => {
                let steps = match self.steps(head, from, transport).await? {
                    Changes::Difference(difference) => Ok(Arc::new(difference)),
                    Changes::Unknown => Err(Steps::Unknown),
                    Changes::Whole => Err(Steps::Whole),
                };
                match steps {
                    Ok(difference) => {
                        self.differences.put(step, Arc::clone(&difference));
                        difference
                    }
                    Err(steps) => {
                        return self
                            .follow_plan(transfer::settle(steps, transport), query, head, turn)
                            .await;
                    }
                }
            }
        };
        let (length, room, zone) = match transport {
            Transport::Udp if difference.chunks.len() > 1 => (usize::MAX, Some(0), None),
            Transport::Udp => (
                query.envelope.overhead() + difference.octets,
                Some(query.udp_room()),
                None,
            ),
            Transport::Tcp => (
                difference.octets,
                None,
                self.zone_octets(head, &difference).await?,
            ),
        };
        match transfer::weigh(length, room, zone) {
            Plan::Ixfr if transport == Transport::Udp => {
                let Some(chunk) = difference.chunks.first() else {
                    return Ok(soa_alone(query, head, transport));
                };
                let message = query.envelope.answer(Rcode::NO_ERROR, chunk.records, &chunk.body);
                Ok(finish(query.asked.kind(), Rcode::NO_ERROR, message))
            }
            Plan::Ixfr => {
                let Some(turn) = turn else {
                    return Ok(soa_alone(query, head, transport));
                };
                count(query.asked.kind(), Rcode::NO_ERROR);
                Ok(Reply::Transfer(Outgoing {
                    envelope: query.envelope.clone(),
                    chunks: Arc::clone(&difference.chunks),
                    tail: None,
                    kind: "ixfr",
                    since,
                    _turn: turn,
                }))
            }
            plan => self.follow_plan(plan, query, head, turn).await,
        }
    }

    /// What changed since a serial, if it was replaced recently enough; for UDP only as much as a packet may hold.
    async fn steps(&self, head: &Head, from: LongSerial, transport: Transport) -> Result<Changes, ReadError> {
        let retention = self.options.ixfr_retention;
        if !retention.is_zero() && self.reader.is_replaced_for(head, from, retention).await? {
            return Ok(Changes::Unknown);
        }
        let most = match transport {
            Transport::Udp => Most::PACKET,
            Transport::Tcp => Most::TRANSFER,
        };
        self.reader.difference(head, from, most).await
    }

    /// `turn`: over TCP.
    async fn follow_plan(
        &self,
        plan: Plan,
        query: &Query,
        head: &Head,
        turn: Option<Turn>,
    ) -> Result<Reply, ReadError> {
        match (plan, turn) {
            (Plan::Axfr, Some(turn)) => self.axfr(query, head, turn).await,
            (_, turn) => {
                let transport = if turn.is_some() {
                    Transport::Tcp
                } else {
                    Transport::Udp
                };
                Ok(soa_alone(query, head, transport))
            }
        }
    }

    /// How long the zone is, as far as it matters for this difference: `Some(0)` when it is shorter.
    async fn zone_octets(
        &self,
        head: &Head,
        difference: &crate::difference::Difference,
    ) -> Result<Option<usize>, ReadError> {
        if difference.octets < SMALL_DIFFERENCE {
            return Ok(None);
        }
        if let Some(octets) = self.images.octets(head.zone) {
            return Ok(Some(octets));
        }
        let longer = self.reader.has_rows(head, difference.rows).await?;
        Ok((!longer).then_some(0))
    }

    /// The records of another type at a name that we hold. A name or a type that is not there is
    /// REFUSED, as Designate's MiniDNS does: it is a primary for transfers, not a server for the world.
    async fn rrset(
        &self,
        query: &Query,
        head: &Head,
        rrtype: Rrtype,
        transport: Transport,
    ) -> Result<Reply, ReadError> {
        let Some(row) = self.reader.rrset(head, &query.name, rrtype).await? else {
            return Ok(error(query, Rcode::REFUSED));
        };
        let ttl = row.ttl().unwrap_or(head.soa.ttl);
        let mut records = Vec::new();
        let mut count = 0;
        for rdata in unpack_rdata(row.rdata()) {
            let record = Record {
                owner: query.name.wire(),
                rrtype: rrtype.get(),
                ttl,
                rdata,
            };
            records.extend_from_slice(&behind_question(record));
            count += 1;
        }
        let room = match transport {
            Transport::Udp => query.udp_room(),
            Transport::Tcp => usize::from(u16::MAX),
        };
        let kind = query.asked.kind();
        if count == 0 {
            return Ok(error(query, Rcode::REFUSED));
        }
        if query.envelope.overhead() + records.len() <= room {
            let message = query.envelope.answer(Rcode::NO_ERROR, count, &records);
            return Ok(finish(kind, Rcode::NO_ERROR, message));
        }
        Ok(match transport {
            Transport::Udp => finish(kind, Rcode::NO_ERROR, query.envelope.truncated()),
            Transport::Tcp => error(query, Rcode::SERVER_FAILURE),
        })
    }

    /// A primary tells that a zone changed: whether it may, and what comes of it (RFC 1996 §3).
    async fn told(&self, head: &Head, serial: Option<Serial>, origin: Origin) -> Result<Rcode, ReadError> {
        let client = self.reader.client().await?;
        let masters = projections::masters(&client, head.zone).await?;
        if !notify::is_from(origin.address(), &masters).await {
            return Ok(Rcode::REFUSED);
        }
        if notify::is_news(serial, head, self.heads.is_expired(head)) {
            deadline::wake(&client, Kind::SecondaryRefresh, &[head.zone.uuid()]).await?;
            self.nudge.nudge();
        }
        Ok(Rcode::NO_ERROR)
    }
}

/// A query that waits.
pub(crate) enum Waiting {
    /// For the heads, to have everything up to a position.
    Heads { admitted: Admitted, position: Position },
    /// For what has to be read of a zone.
    More(More),
}

/// A query that may be answered.
pub(crate) struct Admitted {
    query: Query,
    /// What the key that signed it is for.
    reach: Option<TsigReach>,
}

/// A query of which more has to be known than the heads.
pub(crate) struct More {
    query: Query,
    head: Arc<Head>,
    opening: Option<Opening>,
}

/// The SOA; over UDP the advice to ask over TCP where it has no room beside a signature.
fn soa_alone(query: &Query, head: &Head, transport: Transport) -> Reply {
    let (envelope, soa) = (&query.envelope, head.soa.behind_question());
    let message = if transport == Transport::Udp && envelope.overhead() + soa.len() > query.udp_room() {
        envelope.truncated()
    } else {
        envelope.answer(Rcode::NO_ERROR, 1, &soa)
    };
    finish(query.asked.kind(), Rcode::NO_ERROR, message)
}

fn error(query: &Query, rcode: Rcode) -> Reply {
    finish(query.asked.kind(), rcode, query.envelope.empty(rcode))
}

fn finish(kind: &'static str, rcode: Rcode, message: Vec<u8>) -> Reply {
    count(kind, rcode);
    Reply::Message(message)
}

fn count(kind: &'static str, rcode: Rcode) {
    metrics::counter!("zonelog_queries_total", "kind" => kind, "rcode" => rcode.mnemonic()).increment(1);
}
