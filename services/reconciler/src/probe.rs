//! Asking a server for a zone's SOA, and telling it of a change: DNS over UDP, from random ports, signed (RFC 8945) where the
//! pool names a key.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::{RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use zonelog_central::{clock, ids};
use zonelog_dns::tsig::{self, Key, Mac};
use zonelog_dns::{Name, Serial, ZoneName};

use crate::plan::Observed;
pub use crate::sockets::Sockets;

/// The opcode of NOTIFY (RFC 1996 §3.2), and the AA bit, which the sender of a NOTIFY sets, in the first flag octet.
const NOTIFY_AA: u8 = 4 << 3 | 1 << 2;
/// A standard query, not asking for recursion.
const QUERY: u8 = 0;
/// An OPT record (RFC 6891 §6.1.2; 1,232 octets over UDP) that asks for the server's identifier (RFC 5001 §2.1).
const OPT_NSID: [u8; 15] = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 3, 0, 0];
/// What an answer to a question of ours can measure: without EDNS 512 octets (RFC 1035 §4.2.1), but servers vary.
const LARGEST: usize = 4096;
/// How long a NOTIFY may stay without its acknowledgement; it is repeated by the caller if the server does not move.
pub(crate) const NOTIFY_PATIENCE: Duration = Duration::from_secs(1);

/// How a question for an SOA is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// As anybody asks.
    Plainly,
    /// With a request for the server's identifier (RFC 5001), so that PowerDNS neither answers from its cache of answers nor
    /// puts the answer there. An answer from before a transfer that gets there after it stays for `cache-ttl`, 20 s: who asks
    /// again and again during a transfer sees to that.
    PastCache,
}

/// Why there is no answer that may be believed.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The network, or nobody there; of kind [`io::ErrorKind::TimedOut`] when nothing came.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Something came to our signed question, and is not signed as it should be.
    #[error("{0}")]
    Signature(String),
}

/// Asks `server` for the SOA of `zone`; with a key, the question is signed, and so must be the answer.
///
/// Servers that limit the rate of their answers (NSD does, of refusals above 200 a second) drop some and send others
/// truncated. So what is truncated (RFC 7766 §5), or not answered within `patience`, is asked again over TCP, for as long.
pub async fn soa(
    sockets: &Sockets,
    server: SocketAddr,
    zone: &ZoneName,
    key: Option<&Key>,
    patience: Duration,
) -> Observed {
    soa_asked(sockets, server, zone, Asked::Plainly, key, patience).await
}

/// The same, put in another way.
pub async fn soa_asked(
    sockets: &Sockets,
    server: SocketAddr,
    zone: &ZoneName,
    asked: Asked,
    key: Option<&Key>,
    patience: Duration,
) -> Observed {
    match exchange(sockets, server, (QUERY, zone, asked), key, patience).await {
        Ok(answer) if answer.metadata.truncation => asked_over_tcp(server, zone, asked, key, patience).await,
        Ok(answer) => read(zone, &answer),
        Err(Unanswered::Signature(what)) => Observed::Unclear(what),
        Err(Unanswered::Io(error)) if error.kind() == io::ErrorKind::TimedOut => {
            match asked_over_tcp(server, zone, asked, key, patience).await {
                Observed::Silent(_) => {
                    Observed::Silent(format!("no answer within {} ms", patience.as_millis()))
                }
                observed => observed,
            }
        }
        Err(Unanswered::Io(error)) => Observed::Silent(error.to_string()),
    }
}

/// Asks a master as a target of ours does: signed with the target's key, if it has one. A master that refuses what is not
/// signed is asked with the second key, one of the pool's.
pub async fn master_soa(
    sockets: &Sockets,
    master: SocketAddr,
    zone: &ZoneName,
    (key, pool_key): (Option<&Key>, Option<&Key>),
    patience: Duration,
) -> Observed {
    let ask = |key| soa(sockets, master, zone, key, patience);
    match (ask(key).await, key, pool_key) {
        (Observed::NotServing, None, Some(key)) => ask(Some(key)).await,
        (observed, ..) => observed,
    }
}

/// Asks `server` for the SOA of `zone` over TCP (RFC 7766), for what it answers over no other.
pub async fn soa_over_tcp(
    server: SocketAddr,
    zone: &ZoneName,
    key: Option<&Key>,
    patience: Duration,
) -> Observed {
    asked_over_tcp(server, zone, Asked::Plainly, key, patience).await
}

async fn asked_over_tcp(
    server: SocketAddr,
    zone: &ZoneName,
    asked: Asked,
    key: Option<&Key>,
    patience: Duration,
) -> Observed {
    let exchanged = async {
        let mut stream = TcpStream::connect(server).await?;
        let id = u16::try_from(ids::random_below(1 << 16)).unwrap_or_default();
        let mut question = question(id, QUERY, zone, asked);
        let signing = key.map(|key| (key, tsig::sign(&mut question, key, now(), None)));
        let length = u16::try_from(question.len()).unwrap_or(u16::MAX).to_be_bytes();
        stream.write_all(&[&length[..], &question].concat()).await?;
        let mut length = [0; 2];
        stream.read_exact(&mut length).await?;
        let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut octets).await?;
        let answer = Message::from_vec(&octets).map_err(io::Error::other)?;
        if answer.metadata.id != id || answer.metadata.message_type != MessageType::Response {
            return Err(io::Error::other("an answer to another question").into());
        }
        match signing.map(|(key, mac)| verified(&octets, key, &mac)) {
            None | Some(Verdict::Right) => Ok(answer),
            Some(Verdict::Refused(what) | Verdict::Doubtful(what)) => Err(Unanswered::Signature(what)),
        }
    };
    match tokio::time::timeout(patience, exchanged).await {
        Ok(Ok(answer)) => read(zone, &answer),
        Ok(Err(Unanswered::Signature(what))) => Observed::Unclear(what),
        Ok(Err(Unanswered::Io(error))) => Observed::Silent(error.to_string()),
        Err(_) => Observed::Silent(format!("no answer over TCP within {} ms", patience.as_millis())),
    }
}

/// Tells `server` that `zone` changed (RFC 1996), signed with a key if there is one. Returns the response code of its
/// acknowledgement, for which it waits no longer than `patience`.
pub async fn notify(
    server: SocketAddr,
    zone: &ZoneName,
    key: Option<&Key>,
    patience: Duration,
) -> Result<ResponseCode, Unanswered> {
    let sockets = Sockets::default();
    exchange(&sockets, server, (NOTIFY_AA, zone, Asked::Plainly), key, patience)
        .await
        .map(|answer| answer.metadata.response_code)
}

/// What an answer to the question for a zone's SOA says.
fn read(zone: &ZoneName, answer: &Message) -> Observed {
    let soa = answer.answers.iter().find_map(|record| match &record.data {
        RData::SOA(soa) if same_name(&record.name, zone) => Some(Serial::new(soa.serial)),
        _ => None,
    });
    match (answer.metadata.response_code, soa) {
        // Without AA it is a cache that speaks, or a secondary whose copy expired.
        (ResponseCode::NoError, Some(serial)) if answer.metadata.authoritative => Observed::Serving(serial),
        (ResponseCode::NoError, Some(_)) => {
            Observed::Unclear("an answer that is not authoritative".to_owned())
        }
        (ResponseCode::NoError, None) => {
            let refers = answer
                .authorities
                .iter()
                .any(|record| record.record_type() == RecordType::NS);
            if refers && !answer.metadata.authoritative {
                Observed::Referred
            } else {
                Observed::NotServing
            }
        }
        (ResponseCode::Refused | ResponseCode::NXDomain | ResponseCode::NotAuth, _) => Observed::NotServing,
        (ResponseCode::ServFail, _) => Observed::Unclear("SERVFAIL".to_owned()),
        (other, _) => Observed::Unclear(other.to_string()),
    }
}

fn same_name(name: &hickory_proto::rr::Name, zone: &ZoneName) -> bool {
    Name::from_wire(&wire(name)).is_ok_and(|name| name == **zone)
}

/// The uncompressed wire form of a name.
fn wire(name: &hickory_proto::rr::Name) -> Vec<u8> {
    let mut octets = Vec::with_capacity(64);
    for label in name.iter() {
        // A label has at most 63 octets.
        octets.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        octets.extend(label);
    }
    octets.push(0);
    octets
}

/// A message with one question, for the SOA of `zone` (RFC 1035 §4.1).
fn question(id: u16, flags: u8, zone: &ZoneName, asked: Asked) -> Vec<u8> {
    let additional: &[u8] = match asked {
        Asked::Plainly => &[],
        Asked::PastCache => &OPT_NSID,
    };
    let mut octets = Vec::with_capacity(16 + zone.wire().len() + additional.len());
    octets.extend(id.to_be_bytes());
    octets.extend([flags, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(!additional.is_empty())]);
    octets.extend(zone.wire());
    octets.extend([0, 6, 0, 1]);
    octets.extend(additional);
    octets
}

/// Sends the question and waits for its answer; others' datagrams are passed over, and so are answers whose signature is
/// not right (RFC 8945 §5.4): the right one may follow.
async fn exchange(
    sockets: &Sockets,
    server: SocketAddr,
    (flags, zone, asked): (u8, &ZoneName, Asked),
    key: Option<&Key>,
    patience: Duration,
) -> Result<Message, Unanswered> {
    let end = Instant::now() + patience;
    let socket = sockets.take(server).await?;
    let id = u16::try_from(ids::random_below(1 << 16)).unwrap_or_default();
    let mut request = question(id, flags, zone, asked);
    let signing = key.map(|key| {
        let mac = tsig::sign(&mut request, key, now(), None);
        (key, mac)
    });
    socket.udp.send(&request).await?;
    let mut buffer = [0; LARGEST];
    let mut doubtful = None;
    loop {
        let length = match tokio::time::timeout_at(end, socket.udp.recv(&mut buffer)).await {
            Ok(received) => received?,
            Err(_) => {
                return Err(match doubtful {
                    Some(what) => Unanswered::Signature(what),
                    None => Unanswered::Io(io::ErrorKind::TimedOut.into()),
                });
            }
        };
        let octets = &buffer[..length];
        if let Ok(answer) = Message::from_vec(octets)
            && answer.metadata.id == id
            && answer.metadata.message_type == MessageType::Response
            && answer
                .queries
                .first()
                .is_none_or(|query| same_name(query.name(), zone))
        {
            let verdict = signing
                .as_ref()
                .map_or(Verdict::Right, |(key, mac)| verified(octets, key, mac));
            match verdict {
                Verdict::Right => {
                    sockets.keep(server, socket);
                    return Ok(answer);
                }
                Verdict::Refused(what) => return Err(Unanswered::Signature(what)),
                Verdict::Doubtful(what) => {
                    doubtful = Some(format!("{what} ({})", answer.metadata.response_code));
                }
            }
        }
    }
}

/// What an answer's signature says.
enum Verdict {
    /// It is right.
    Right,
    /// The server says that it did not accept ours.
    Refused(String),
    /// It is missing or wrong.
    Doubtful(String),
}

fn verified(answer: &[u8], key: &Key, request: &Mac) -> Verdict {
    let name = &key.name;
    match tsig::read(answer) {
        Ok(Some(signed)) => match (signed.error(), signed.verify(key, now(), Some(request))) {
            (0, Ok(_)) => Verdict::Right,
            (0, Err(failure)) => Verdict::Doubtful(format!("not rightly signed with key {name}: {failure}")),
            (16, _) => Verdict::Refused(format!("BADSIG to key {name}: its secret there is another")),
            (17, _) => Verdict::Refused(format!(
                "BADKEY to key {name}: it does not know it with {}",
                key.algorithm
            )),
            (18, _) => Verdict::Refused(format!("BADTIME to key {name}: its clock and ours differ")),
            (code, _) => Verdict::Refused(format!("TSIG error {code} to key {name}")),
        },
        Ok(None) => Verdict::Doubtful(format!(
            "without a signature to a question signed with key {name}"
        )),
        Err(error) => Verdict::Doubtful(error.to_string()),
    }
}

/// Seconds since 1970, as TSIG counts them.
fn now() -> u64 {
    u64::try_from(clock::now().timestamp()).unwrap_or(0)
}
