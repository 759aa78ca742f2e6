//! Asking a server for a zone's SOA, and telling it of a change: DNS over UDP, a fresh socket (and so a fresh random
//! port) for each question.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::{RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::Instant;
use zonelog_central::ids;
use zonelog_dns::{Name, Serial, ZoneName};

use crate::plan::Observed;

/// The opcode of NOTIFY (RFC 1996 §3.2), and the AA bit, which the sender of a NOTIFY sets, in the first flag octet.
const NOTIFY_AA: u8 = 4 << 3 | 1 << 2;
/// A standard query, not asking for recursion.
const QUERY: u8 = 0;
/// What an answer to a question of ours can measure: there is no EDNS in it (RFC 1035 §4.2.1), but servers vary.
const LARGEST: usize = 4096;
/// How long a NOTIFY may stay without its acknowledgement; it is repeated by the caller if the server does not move.
const NOTIFY_PATIENCE: Duration = Duration::from_secs(1);

/// Asks `server` for the SOA of `zone`.
pub async fn soa(server: SocketAddr, zone: &ZoneName, patience: Duration) -> Observed {
    match exchange(server, QUERY, zone, patience).await {
        Ok(answer) => read(zone, &answer),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            Observed::Silent(format!("no answer within {} ms", patience.as_millis()))
        }
        Err(error) => Observed::Silent(error.to_string()),
    }
}

/// Asks `server` for the SOA of `zone` over TCP (RFC 7766), for what it answers over no other.
pub async fn soa_over_tcp(server: SocketAddr, zone: &ZoneName, patience: Duration) -> Observed {
    let exchanged = async {
        let mut stream = TcpStream::connect(server).await?;
        let id = u16::try_from(ids::random_below(1 << 16)).unwrap_or_default();
        let question = question(id, QUERY, zone);
        let length = u16::try_from(question.len()).unwrap_or(u16::MAX).to_be_bytes();
        stream.write_all(&[&length[..], &question].concat()).await?;
        let mut length = [0; 2];
        stream.read_exact(&mut length).await?;
        let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut octets).await?;
        let answer = Message::from_vec(&octets).map_err(io::Error::other)?;
        if answer.metadata.id != id || answer.metadata.message_type != MessageType::Response {
            return Err(io::Error::other("an answer to another question"));
        }
        Ok(answer)
    };
    match tokio::time::timeout(patience, exchanged).await {
        Ok(Ok(answer)) => read(zone, &answer),
        Ok(Err(error)) => Observed::Silent(error.to_string()),
        Err(_) => Observed::Silent(format!("no answer over TCP within {} ms", patience.as_millis())),
    }
}

/// Tells `server` that `zone` changed (RFC 1996). Returns the response code of its acknowledgement.
pub async fn notify(server: SocketAddr, zone: &ZoneName) -> io::Result<ResponseCode> {
    exchange(server, NOTIFY_AA, zone, NOTIFY_PATIENCE)
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
fn question(id: u16, flags: u8, zone: &ZoneName) -> Vec<u8> {
    let mut octets = Vec::with_capacity(16 + zone.wire().len());
    octets.extend(id.to_be_bytes());
    octets.extend([flags, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    octets.extend(zone.wire());
    octets.extend([0, 6, 0, 1]);
    octets
}

/// Sends the question and waits for its answer; others' datagrams are passed over.
async fn exchange(server: SocketAddr, flags: u8, zone: &ZoneName, patience: Duration) -> io::Result<Message> {
    let end = Instant::now() + patience;
    let local: SocketAddr = if server.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(local).await?;
    // Connected, so that an unreachable port is told at once, and other addresses are not heard.
    socket.connect(server).await?;
    let id = u16::try_from(ids::random_below(1 << 16)).unwrap_or_default();
    socket.send(&question(id, flags, zone)).await?;
    let mut buffer = [0; LARGEST];
    loop {
        let length = match tokio::time::timeout_at(end, socket.recv(&mut buffer)).await {
            Ok(received) => received?,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        if let Ok(answer) = Message::from_vec(&buffer[..length])
            && answer.metadata.id == id
            && answer.metadata.message_type == MessageType::Response
            && answer
                .queries
                .first()
                .is_none_or(|query| same_name(query.name(), zone))
        {
            return Ok(answer);
        }
    }
}
