//! Chunks as somebody else reads them.

use std::sync::Arc;

use hickory_proto::op::Message;
use hickory_proto::rr::Record;

use crate::chunk::Chunk;

/// The records of a transfer of `zone.test.`, whose question has this QTYPE, message by message.
pub(crate) fn read_back(chunks: &[Arc<Chunk>], qtype: u8) -> Vec<Record> {
    let mut records = Vec::new();
    for (at, chunk) in chunks.iter().enumerate() {
        let mut message = vec![0, 0, 0x84, 0, 0, u8::from(at == 0)];
        message.extend(chunk.records.to_be_bytes());
        message.extend([0, 0, 0, 0]);
        if at == 0 {
            message.extend(b"\x04zone\x04test\0\0");
            message.extend([qtype, 0, 1]);
        }
        message.extend(&chunk.body);
        assert!(message.len() <= 16384);
        records.extend(Message::from_vec(&message).unwrap().answers);
    }
    records
}
