//! Asking a primary: for its SOA over UDP, then TCP, and for a transfer over TCP. A fresh socket, and so a fresh random
//! port, for each question.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};
use zonelog_central::{clock, ids};
use zonelog_dns::tsig::{self, Key, Mac, StreamFailure, StreamVerifier};
use zonelog_dns::{Name, Rdata, Rrtype, Soa};

use super::query;
use super::stream::{Asked, Received, Stream, StreamError, StreamLimits};
use super::wire::{Malformed, Message};

/// The most octets of an answer over UDP; there is no EDNS in our question (RFC 1035 §4.2.1), but servers vary.
const DATAGRAM: usize = 4096;
/// How often a question is sent over UDP before TCP is tried.
const UDP_TRIES: u32 = 2;

/// How patient the client is, and how much it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientOptions {
    /// For the answer to one question, and for a connection.
    pub answer: Duration,
    /// For the next octets of a transfer.
    pub idle: Duration,
    /// For a whole transfer.
    pub transfer: Duration,
    /// The size of a zone.
    pub limits: StreamLimits,
}

impl Default for ClientOptions {
    /// 3 s, 30 s, 1 h.
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(3),
            idle: Duration::from_secs(30),
            transfer: Duration::from_secs(3_600),
            limits: StreamLimits::default(),
        }
    }
}

/// Why a primary gave nothing that can be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The network, or nobody there.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It says nothing.
    #[error("no answer within {0:?}")]
    Silent(Duration),
    /// The transfer takes too long as a whole.
    #[error("the transfer did not end within {0:?}")]
    Slow(Duration),
    /// The connection ended before the transfer did.
    #[error("the primary ended the connection before the zone's end")]
    Cut,
    /// An answer that is none.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It answers with an error.
    #[error("{0}")]
    Refused(StreamError),
    /// It does not know the zone of itself.
    #[error("its answer is not authoritative: it does not serve the zone, or has let it expire")]
    NotAuthoritative,
    /// It has no SOA.
    #[error("its answer has no SOA of the zone")]
    NoSoa,
    /// The answer's signature is not accepted, or ours was not.
    #[error(transparent)]
    Signature(#[from] StreamFailure),
    /// The stream is none that can be taken.
    #[error("the transfer was refused: {0}")]
    Stream(StreamError),
}

impl ClientError {
    /// Whether another kind of transfer from the same primary may do better.
    pub fn is_about_the_stream(&self) -> bool {
        matches!(self, Self::Stream(_) | Self::Cut)
    }
}

/// Where a primary is, and the key that we share with it.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Requests are signed with it, and answers must be (RFC 8945); nothing: neither.
    pub key: Option<Arc<Key>>,
}

impl Peer {
    /// Signs a request; gives what its answer is verified with.
    fn sign(&self, request: &mut Vec<u8>) -> Option<Signature<'_>> {
        let key = self.key.as_ref()?;
        let mac = tsig::sign(request, key, now(), None);
        Some(Signature { key, mac })
    }
}

/// How a request was signed.
struct Signature<'a> {
    key: &'a Arc<Key>,
    mac: Mac,
}

impl Signature<'_> {
    fn verifier(&self) -> StreamVerifier {
        StreamVerifier::new(Arc::clone(self.key), &self.mac)
    }
}

/// Seconds since 1970, as signatures have them.
fn now() -> u64 {
    u64::try_from(clock::now().timestamp()).unwrap_or_default()
}

/// Checks the answer of one message.
fn verify(signature: Option<&Signature<'_>>, answer: &[u8]) -> Result<(), ClientError> {
    if let Some(signature) = signature {
        let mut verifier = signature.verifier();
        verifier.message(answer, now())?;
        verifier.finish()?;
    }
    Ok(())
}

/// Asks a primary for the zone's SOA: over UDP, and over TCP when that is cut short or stays without an answer.
pub async fn soa(primary: &Peer, zone: &Name, options: &ClientOptions) -> Result<Soa, ClientError> {
    match soa_over_udp(primary, zone, options).await {
        Ok(Some(soa)) => Ok(soa),
        Ok(None) => soa_over_tcp(primary, zone, options).await,
        // Whoever answers nothing over UDP may be behind something that lets only TCP pass.
        Err(silent @ ClientError::Silent(_)) => match soa_over_tcp(primary, zone, options).await {
            Err(ClientError::Io(_) | ClientError::Silent(_)) => Err(silent),
            other => other,
        },
        Err(error) => Err(error),
    }
}

/// Nothing: the answer was cut short.
async fn soa_over_udp(
    primary: &Peer,
    zone: &Name,
    options: &ClientOptions,
) -> Result<Option<Soa>, ClientError> {
    let local: SocketAddr = if primary.address.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(local).await?;
    // Connected, so that an unreachable port is told at once, and other addresses are not heard.
    socket.connect(primary.address).await?;
    let id = message_id();
    let mut buffer = vec![0; DATAGRAM];
    // Anybody may send what is badly signed: it is told only when nothing better comes.
    let mut problem = None;
    for _ in 0..UDP_TRIES {
        let mut request = query::question(id, zone, Rrtype::SOA.get());
        let signature = primary.sign(&mut request);
        socket.send(&request).await?;
        let end = Instant::now() + options.answer / UDP_TRIES;
        while let Ok(received) = timeout_at(end, socket.recv(&mut buffer)).await {
            let octets = &buffer[..received?];
            // What is no answer to our question is passed over: anybody may send it.
            match Message::read(octets) {
                Ok(message) if query::answers(&message, id, zone, Rrtype::SOA.get()) => {
                    if let Err(error) = verify(signature.as_ref(), octets) {
                        problem = Some(error);
                        continue;
                    }
                    if message.is_truncated() {
                        return Ok(None);
                    }
                    return soa_of(&message, zone).map(Some);
                }
                _ => {}
            }
        }
    }
    Err(problem.unwrap_or(ClientError::Silent(options.answer)))
}

async fn soa_over_tcp(primary: &Peer, zone: &Name, options: &ClientOptions) -> Result<Soa, ClientError> {
    let end = Instant::now() + options.answer;
    let work = async {
        let mut stream = TcpStream::connect(primary.address).await?;
        let id = message_id();
        let mut request = query::question(id, zone, Rrtype::SOA.get());
        let signature = primary.sign(&mut request);
        send(&mut stream, &request).await?;
        let mut octets = Vec::new();
        if !receive(&mut stream, &mut octets).await? {
            return Err(ClientError::Cut);
        }
        let message = Message::read(&octets)?;
        if !query::answers(&message, id, zone, Rrtype::SOA.get()) {
            return Err(ClientError::Refused(StreamError::Foreign("another question")));
        }
        verify(signature.as_ref(), &octets)?;
        soa_of(&message, zone)
    };
    let answered = timeout_at(end, work).await;
    answered.unwrap_or(Err(ClientError::Silent(options.answer)))
}

fn soa_of(message: &Message<'_>, zone: &Name) -> Result<Soa, ClientError> {
    if message.rcode() != 0 {
        return Err(ClientError::Refused(StreamError::Rcode(message.rcode())));
    }
    if !message.is_authoritative() {
        return Err(ClientError::NotAuthoritative);
    }
    for record in message.records() {
        let record = record?;
        if record.rrtype == Rrtype::SOA && record.owner == *zone {
            let rdata = Rdata::from_wire(Rrtype::SOA, &record.rdata).map_err(|_| ClientError::NoSoa)?;
            return Soa::from_rdata(&rdata).map_err(|_| ClientError::NoSoa);
        }
    }
    Err(ClientError::NoSoa)
}

/// Transfers a zone, or what changed in it.
pub async fn transfer(
    primary: &Peer,
    zone: &Name,
    asked: Asked,
    options: &ClientOptions,
) -> Result<Received, ClientError> {
    let work = transfer_in(primary, zone, asked, options);
    let done = tokio::time::timeout(options.transfer, work).await;
    done.unwrap_or(Err(ClientError::Slow(options.transfer)))
}

async fn transfer_in(
    primary: &Peer,
    zone: &Name,
    asked: Asked,
    options: &ClientOptions,
) -> Result<Received, ClientError> {
    let silent = |_| ClientError::Silent(options.answer);
    let connecting = tokio::time::timeout(options.answer, TcpStream::connect(primary.address));
    let mut connection = connecting.await.map_err(silent)??;
    let id = message_id();
    let mut request = query::transfer(id, zone, asked);
    let mut verifier = primary.sign(&mut request).map(|signature| signature.verifier());
    let sending = tokio::time::timeout(options.answer, send(&mut connection, &request));
    sending.await.map_err(silent)??;
    let mut stream = Stream::new(zone.clone(), id, asked, options.limits);
    let mut octets = Vec::new();
    loop {
        let receiving = tokio::time::timeout(options.idle, receive(&mut connection, &mut octets));
        if !receiving.await.map_err(|_| ClientError::Silent(options.idle))?? {
            return Err(ClientError::Cut);
        }
        if let Some(verifier) = &mut verifier {
            verifier.message(&octets, now())?;
        }
        if stream.message(&octets).map_err(ClientError::Stream)? {
            break;
        }
    }
    if let Some(verifier) = &verifier {
        verifier.finish()?;
    }
    // Sorting a large zone takes its time.
    let received = tokio::task::spawn_blocking(move || stream.finish()).await;
    received.ok().flatten().ok_or(ClientError::Cut)
}

async fn send(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut framed = Vec::with_capacity(2 + message.len());
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    stream.write_all(&framed).await
}

/// Reads the next message; false when the connection ended before it.
async fn receive(stream: &mut TcpStream, message: &mut Vec<u8>) -> io::Result<bool> {
    let mut length = [0; 2];
    let read = async {
        stream.read_exact(&mut length).await?;
        message.resize(usize::from(u16::from_be_bytes(length)), 0);
        stream.read_exact(message).await
    };
    match read.await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn message_id() -> u16 {
    u16::try_from(ids::random_below(1 << 16)).unwrap_or_default()
}
