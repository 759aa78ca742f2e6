//! Sending a transfer over TCP: headers in front of chunks, many of them with each system call.

use std::io::{Error, ErrorKind, IoSlice};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::answer::Outgoing;
use crate::chunk::Chunk;
use crate::message::{HEADER, Rcode, Shape};

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
    let tail = outgoing.tail.as_slice();
    let batches = outgoing.chunks.chunks(BATCH).chain(tail.chunks(BATCH));
    for batch in batches {
        let written = write_batch(writer, outgoing, batch, first);
        match tokio::time::timeout(timeout, written).await {
            Ok(written) => sent += written?,
            Err(_) => return Err(Error::new(ErrorKind::TimedOut, "the client does not read")),
        }
        first = false;
    }
    Ok(sent)
}

async fn write_batch<W: AsyncWrite + Unpin>(
    writer: &mut W,
    outgoing: &Outgoing,
    batch: &[Arc<Chunk>],
    first: bool,
) -> Result<u64, Error> {
    let envelope = &outgoing.envelope;
    let (question, opt) = match first {
        true => (&*envelope.question, envelope.opt(Rcode::NO_ERROR)),
        false => (&[][..], Vec::new()),
    };
    let mut fronts: Vec<Front> = Vec::with_capacity(batch.len());
    for (at, chunk) in batch.iter().enumerate() {
        let first = first && at == 0;
        let around = if first { question.len() + opt.len() } else { 0 };
        let length = HEADER + around + chunk.body.len();
        // Chunks are rendered to leave room for what stands around them.
        let length =
            u16::try_from(length).map_err(|_| Error::new(ErrorKind::InvalidData, "message too long"))?;
        let shape = Shape {
            rcode: Rcode::NO_ERROR,
            answers: chunk.records,
            truncated: false,
            first,
        };
        let mut front = [0; 2 + HEADER];
        front[..2].copy_from_slice(&length.to_be_bytes());
        front[2..].copy_from_slice(&envelope.header(shape));
        fronts.push(front);
    }
    let mut slices = Vec::with_capacity(2 * batch.len() + 2);
    for (at, (front, chunk)) in fronts.iter().zip(batch).enumerate() {
        slices.push(IoSlice::new(front));
        if first && at == 0 {
            slices.push(IoSlice::new(question));
            slices.push(IoSlice::new(&chunk.body));
            slices.push(IoSlice::new(&opt));
        } else {
            slices.push(IoSlice::new(&chunk.body));
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
