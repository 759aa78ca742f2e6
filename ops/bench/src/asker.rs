//! Asking name servers over UDP, and sending them dynamic updates, without a process for each.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;

use crate::Result;

/// The type A (RFC 1035 §3.2.2).
pub(crate) const A: u16 = 1;
/// The type SOA.
pub(crate) const SOA: u16 = 6;

const CLASS_IN: [u8; 2] = [0, 1];
const PATIENCE: Duration = Duration::from_secs(60);

/// A UDP socket towards one server.
pub(crate) struct Asker {
    socket: UdpSocket,
    id: u16,
}

impl Asker {
    /// Asks `server`.
    pub(crate) async fn new(server: SocketAddr) -> Result<Self> {
        Self::from([127, 0, 0, 1], server).await
    }

    /// Asks `server` from another address of this machine: to servers that limit their answers by network, it is another
    /// client than Zonelog.
    pub(crate) async fn from(source: [u8; 4], server: SocketAddr) -> Result<Self> {
        let socket = UdpSocket::bind(SocketAddr::from((source, 0))).await?;
        socket.connect(server).await?;
        Ok(Self { socket, id: 0 })
    }

    /// Asks one question again and again, a millisecond after each answer, until the answer holds a record.
    pub(crate) async fn until_answered(&mut self, name: &str, rrtype: u16) -> Result<()> {
        self.until_answered_at_pace(name, rrtype, Duration::from_millis(1))
            .await
    }

    /// The same, with a pause after each answer.
    pub(crate) async fn until_answered_at_pace(
        &mut self,
        name: &str,
        rrtype: u16,
        pause: Duration,
    ) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            // ANCOUNT (RFC 1035 §4.1.1) is enough: the servers hold only what was asked for.
            if self
                .exchange(query(name, rrtype))
                .await?
                .is_some_and(|answer| answer[6..8] != [0, 0])
            {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
        }
        Err(format!("{name} was not answered in {PATIENCE:?}").into())
    }

    /// Asks for a zone's SOA again and again, without a pause, until its serial is another than `held`; that serial.
    pub(crate) async fn until_newer(
        &mut self,
        zone: &str,
        held: Option<u32>,
        patience: Duration,
    ) -> Result<u32> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            let answer = self.exchange(query(zone, SOA)).await?;
            match answer.as_deref().and_then(|answer| serial(answer, zone)) {
                Some(serial) if Some(serial) != held => return Ok(serial),
                Some(_) => {}
                // It is not there yet, or starts.
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
        Err(format!("no newer serial of {zone} in {patience:?}").into())
    }

    /// Sends a NOTIFY of a zone (RFC 1996), and does not wait for its acknowledgement.
    pub(crate) async fn notify(&self, zone: &str) {
        // Opcode NOTIFY, and AA. What is lost is lost, as with any NOTIFY.
        let _ = self
            .socket
            .send(&message(&[0x24, 0, 0, 1, 0, 0, 0, 0, 0, 0], zone, SOA))
            .await;
    }

    /// Adds an A record by a dynamic update (RFC 2136) and waits until the server says that it did.
    pub(crate) async fn add(&mut self, zone: &str, name: &str) -> Result<()> {
        // Opcode UPDATE; one zone, one update. The zone section is built as a question is (RFC 2136 §2.3).
        let mut update = message(&[0x28, 0, 0, 1, 0, 0, 0, 1, 0, 0], zone, SOA);
        push_name(&mut update, name);
        update.extend_from_slice(&A.to_be_bytes());
        update.extend_from_slice(&CLASS_IN);
        update.extend_from_slice(&[0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
        match self.exchange(update).await? {
            Some(answer) if answer[3] & 0xf == 0 => Ok(()),
            Some(answer) => {
                Err(format!("the update was answered with response code {}", answer[3] & 0xf).into())
            }
            None => Err("the update was not answered".into()),
        }
    }

    /// Sends a message under the next id; the answer, of at least a header's length, if it comes in half a second.
    async fn exchange(&mut self, mut message: Vec<u8>) -> Result<Option<Vec<u8>>> {
        self.id = self.id.wrapping_add(1);
        message[..2].copy_from_slice(&self.id.to_be_bytes());
        // What stood on the port before us may have left an ICMP error; the next query tells.
        if self.socket.send(&message).await.is_err() {
            return Ok(None);
        }
        let deadline = tokio::time::Instant::now() + Duration::from_millis(500);
        let mut packet = vec![0; 4096];
        loop {
            match tokio::time::timeout_at(deadline, self.socket.recv(&mut packet)).await {
                Ok(Ok(length)) if length >= 12 && packet[..2] == self.id.to_be_bytes() => {
                    packet.truncate(length);
                    return Ok(Some(packet));
                }
                // A late answer to an earlier question.
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => return Ok(None),
            }
        }
    }
}

/// A query.
pub(crate) fn query(name: &str, rrtype: u16) -> Vec<u8> {
    message(&[0, 0, 0, 1, 0, 0, 0, 0, 0, 0], name, rrtype)
}

/// The serial in the first answer, a SOA.
fn serial(answer: &[u8], zone: &str) -> Option<u32> {
    if answer.get(6..8)? == [0, 0] {
        return None;
    }
    let mut at = query(zone, SOA).len();
    // The owner, a pointer or a name; then type, class and TTL.
    while !matches!(*answer.get(at)?, 0 | 0xc0..) {
        at += 1 + usize::from(answer[at]);
    }
    at += if answer[at] == 0 { 1 } else { 2 } + 8;
    let length = usize::from(u16::from_be_bytes(*answer.get(at..)?.first_chunk()?));
    // The serial and four timers of 32 bits are the end of the data (RFC 1035 §3.3.13).
    let end = at + 2 + length;
    Some(u32::from_be_bytes(
        *answer.get(end.checked_sub(20)?..)?.first_chunk()?,
    ))
}

/// A message with room for its id, the rest of its header, and one question (RFC 1035 §4.1).
fn message(header: &[u8; 10], name: &str, rrtype: u16) -> Vec<u8> {
    let mut message = Vec::with_capacity(128);
    message.extend_from_slice(&[0, 0]);
    message.extend_from_slice(header);
    push_name(&mut message, name);
    message.extend_from_slice(&rrtype.to_be_bytes());
    message.extend_from_slice(&CLASS_IN);
    message
}

/// A name of the benchmark's own, without escapes, in wire form.
fn push_name(message: &mut Vec<u8>, name: &str) {
    for label in name.trim_end_matches('.').split('.') {
        message.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        message.extend_from_slice(label.as_bytes());
    }
    message.push(0);
}
