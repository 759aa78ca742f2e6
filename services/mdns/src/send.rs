//! Sending a transfer over TCP: headers in front of chunks and signatures behind them, many with each system call. What is
//! signed is hashed where it lies.

use std::io::{Error, ErrorKind, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use zonelog_dns::tsig::{StreamSigner, UNSIGNED_MOST};

use crate::answer::Outgoing;
use crate::chunk::Chunk;
use crate::keys;
use crate::message::{HEADER, Rcode, Shape};
use crate::request::{Envelope, Signature};

/// How many messages go out at once: half a mebioctet, which a client must take within the timeout.
const BATCH: usize = 32;
/// The length before a message (RFC 1035 §4.2.2) and its header.
type Front = [u8; 2 + HEADER];

/// Sends all messages of a transfer; returns how many octets. A client that does not take a batch of
/// them within `timeout` is given up.
pub(crate) async fn send<W: AsyncWrite + Unpin>(
    writer: &mut W,
    outgoing: &Outgoing,
    timeout: Duration,
) -> Result<u64, Error> {
    let mut sent = 0;
    let mut first = true;
    let signature = outgoing.envelope.signature.as_ref();
    let mut signer = signature.map(|signature| Signer::new(signature, outgoing.envelope.id));
    let mut left = outgoing.chunks.len() + usize::from(outgoing.tail.is_some());
    let tail = outgoing.tail.as_slice();
    let batches = outgoing.chunks.chunks(BATCH).chain(tail.chunks(BATCH));
    for batch in batches {
        left -= batch.len();
        let place = Place {
            first,
            last: left == 0,
        };
        let messages = Messages::new(outgoing, batch, place, signer.as_mut())?;
        let written = messages.write(writer);
        match tokio::time::timeout(timeout, written).await {
            Ok(written) => sent += written?,
            Err(_) => return Err(Error::new(ErrorKind::TimedOut, "the client does not read")),
        }
        first = false;
    }
    Ok(sent)
}

/// Where a batch stands in its transfer.
#[derive(Clone, Copy)]
struct Place {
    /// It has the first message.
    first: bool,
    /// It has the last message.
    last: bool,
}

/// Messages that go out with one system call, or as few as it takes.
struct Messages<'a> {
    envelope: &'a Envelope,
    batch: &'a [Arc<Chunk>],
    first: bool,
    opt: Vec<u8>,
    fronts: Vec<Front>,
    /// The signature behind each message; empty where it has none.
    signatures: Vec<Vec<u8>>,
}

impl<'a> Messages<'a> {
    /// Puts headers before the chunks, and signatures behind them.
    fn new(
        outgoing: &'a Outgoing,
        batch: &'a [Arc<Chunk>],
        place: Place,
        mut signer: Option<&mut Signer>,
    ) -> Result<Self, Error> {
        let envelope = &outgoing.envelope;
        let opt = if place.first {
            envelope.opt(Rcode::NO_ERROR)
        } else {
            Vec::new()
        };
        let mut fronts: Vec<Front> = Vec::with_capacity(batch.len());
        let mut signatures = Vec::with_capacity(if signer.is_some() { batch.len() } else { 0 });
        for (at, chunk) in batch.iter().enumerate() {
            let first = place.first && at == 0;
            let around: [&[u8]; 2] = if first {
                [&envelope.question, &opt]
            } else {
                [&[], &[]]
            };
            let shape = Shape {
                rcode: Rcode::NO_ERROR,
                answers: chunk.records,
                truncated: false,
                first,
            };
            let mut header = envelope.header(shape);
            let mut length = HEADER + around[0].len() + chunk.body.len() + around[1].len();
            if let Some(signer) = signer.as_deref_mut() {
                let must = first || (place.last && at + 1 == batch.len());
                let record = signer.sign([&header, around[0], &chunk.body, around[1]], length, must)?;
                if !record.is_empty() {
                    length += record.len();
                    header[HEADER - 1] += 1;
                }
                signatures.push(record);
            }
            // Chunks are rendered to leave room for what stands around them.
            let length =
                u16::try_from(length).map_err(|_| Error::new(ErrorKind::InvalidData, "message too long"))?;
            let mut front = [0; 2 + HEADER];
            front[..2].copy_from_slice(&length.to_be_bytes());
            front[2..].copy_from_slice(&header);
            fronts.push(front);
        }
        Ok(Self {
            envelope,
            batch,
            first: place.first,
            opt,
            fronts,
            signatures,
        })
    }

    /// Writes them; returns how many octets.
    async fn write<W: AsyncWrite + Unpin>(&self, writer: &mut W) -> Result<u64, Error> {
        let mut slices = Vec::with_capacity(3 * self.batch.len() + 2);
        for (at, (front, chunk)) in self.fronts.iter().zip(self.batch).enumerate() {
            let first = self.first && at == 0;
            slices.push(IoSlice::new(front));
            if first {
                slices.push(IoSlice::new(&self.envelope.question));
            }
            slices.push(IoSlice::new(&chunk.body));
            if first {
                slices.push(IoSlice::new(&self.opt));
            }
            if let Some(signature) = self.signatures.get(at) {
                slices.push(IoSlice::new(signature));
            }
        }
        let octets: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut rest = &mut slices[..];
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            let written = writer.write_vectored(rest).await?;
            if written == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            IoSlice::advance_slices(&mut rest, written);
        }
        Ok(octets as u64)
    }
}

/// Signs the messages of a transfer as they go out.
struct Signer {
    stream: StreamSigner,
    id: u16,
    record: usize,
    /// How many messages went out since the last signed one.
    unsigned: usize,
}

impl Signer {
    fn new(signature: &Signature, id: u16) -> Self {
        Self {
            stream: StreamSigner::new(Arc::clone(&signature.key), &signature.mac),
            id,
            record: signature.key.record_length(),
            unsigned: 0,
        }
    }

    /// The signature of a message of this many octets, given in parts. A message whose one record leaves no room for it
    /// goes without (its octets are in the next signature), unless it `must` have one, or too many went without before it
    /// (RFC 8945 §5.3.1).
    fn sign(&mut self, parts: [&[u8]; 4], length: usize, must: bool) -> Result<Vec<u8>, Error> {
        for part in parts {
            self.stream.update(part);
        }
        if length + self.record <= usize::from(u16::MAX) {
            self.unsigned = 0;
            return Ok(self.stream.sign(self.id, keys::now()));
        }
        self.unsigned += 1;
        if must || self.unsigned > UNSIGNED_MOST {
            let what =
                "too many messages without room for a signature: the zone cannot be transferred signed";
            return Err(Error::new(ErrorKind::InvalidData, what));
        }
        Ok(Vec::new())
    }
}
