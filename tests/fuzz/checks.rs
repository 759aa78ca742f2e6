//! What must hold for any octets, for the fuzzer (`ops/fuzz`) and, on the octets that it found worth keeping, for
//! `cargo test` (services/mdns/tests/fuzz_corpus.rs).
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each target uses one of them; a law that does not hold is a finding"
)]

use std::sync::Arc;

use zonelog_dns::{Name, Serial, tsig};
use zonelog_messages::message::Rcode;
use zonelog_messages::request::{Asked, Classified, Envelope, Signature, classify};
use zonelog_messages::stream::{self, Received, Stream, StreamLimits};
use zonelog_messages::wire;

/// A packet that comes to MiniDNS.
pub(crate) fn request(octets: &[u8]) {
    match classify(octets) {
        Classified::Drop => {}
        Classified::Refuse(envelope, rcode) => {
            assert_eq!(envelope.id.to_be_bytes(), octets[..2]);
            assert_ne!(rcode.get(), 0, "refused without a reason");
            answer(&envelope, rcode);
        }
        Classified::Query(query) => {
            assert_eq!(query.envelope.id.to_be_bytes(), octets[..2]);
            assert_eq!(octets[2] & 0x80, 0, "an answer is taken for a query");
            assert!((512..=1232).contains(&query.udp_room()));
            // The name is the packet's own, uncompressed.
            let name = query.name.wire();
            assert_eq!(
                octets[12..12 + name.len()].to_ascii_lowercase(),
                name.to_ascii_lowercase()
            );
            if let Asked::Ixfr { .. } = query.asked {
                assert_ne!(octets[8..10], [0, 0], "IXFR without a SOA");
            }
            answer(&query.envelope, Rcode::NO_ERROR);
        }
    }
}

/// What is answered can be read, and is an answer to what was asked; signed, it can be verified.
fn answer(envelope: &Envelope, rcode: Rcode) {
    let key = Arc::new(key());
    let mut request = envelope.empty(Rcode::NO_ERROR);
    let mac = tsig::sign(&mut request, &key, NOW, None);
    let signature = Signature {
        key: Arc::clone(&key),
        mac,
        at: NOW,
    };
    let mut signed = envelope.clone();
    signed.signature = Some(Box::new(signature));
    for envelope in [envelope, &signed] {
        for octets in [envelope.empty(rcode), envelope.truncated()] {
            assert!(octets.len() <= envelope.overhead());
            let message = wire::Message::read(&octets).unwrap();
            assert!(message.is_response() && message.id == envelope.id);
            assert_eq!(
                usize::from(message.questions),
                usize::from(!envelope.question.is_empty())
            );
            if envelope.signature.is_some() {
                let read = tsig::read(&octets).unwrap().unwrap();
                assert!(read.verify(&key, NOW, Some(&mac)).is_ok());
            }
        }
    }
}

fn key() -> tsig::Key {
    tsig::Key {
        name: Name::parse("fuzz.key.").unwrap(),
        algorithm: tsig::Algorithm::HmacSha256,
        secret: tsig::Secret::from_base64("Wm9uZWxvZyBmdXp6aW5nIGtleSwgMzIgb2N0ZXRzISE=").unwrap(),
    }
}

/// The time of the fuzzer's world.
const NOW: u64 = 1_700_000_000;

/// A message that may be signed.
pub(crate) fn tsig(octets: &[u8]) {
    let key = key();
    let signed = tsig::read(octets);
    if let Ok(Some(signed)) = &signed {
        assert!(signed.unsigned_length() < octets.len());
        assert_eq!(signed.unsigned().len(), signed.unsigned_length());
        for now in [0, NOW, signed.time(), u64::MAX] {
            if let Err(failure) = signed.verify(&key, now, None) {
                // What is said of a failure can be read again.
                let mut answer = vec![octets[0], octets[1], 0x80, 9, 0, 0, 0, 0, 0, 0, 0, 0];
                signed.refuse(&mut answer, failure, Some(&key), now);
                let read = tsig::read(&answer).unwrap();
                assert_eq!(read.map(|read| read.error()), failure.code());
            }
        }
    }
    // Any message without a signature can be signed and read back; with one octet changed it is refused.
    if matches!(signed, Ok(None)) && octets.len() >= 12 {
        let mut message = octets.to_vec();
        let mac = tsig::sign(&mut message, &key, NOW, None);
        if let Ok(Some(read)) = tsig::read(&message) {
            // Octets behind the last record may read as a record once the signature stands behind them: then it is another
            // message, which was not signed.
            let whole = read.unsigned_length() == octets.len();
            assert_eq!(read.verify(&key, NOW, None).is_ok(), whole);
            if whole {
                assert_eq!(read.unsigned(), octets);
            }
            assert!(read.verify(&key, NOW + 10_000, None).is_err());
            assert!(read.verify(&key, NOW, Some(&mac)).is_err());
        }
        message[3] ^= 0x10;
        if let Ok(Some(read)) = tsig::read(&message) {
            assert!(read.verify(&key, NOW, None).is_err());
        }
    }
    // The same octets as the answers of a transfer.
    let mut request = b"\x5a\x4c\0\0\0\0\0\0\0\0\0\0".to_vec();
    let mac = tsig::sign(&mut request, &key, NOW, None);
    let mut verifier = tsig::StreamVerifier::new(Arc::new(key), &mac);
    let accepted = framed(octets).all(|message| verifier.message(message, NOW).is_ok());
    assert!(
        !accepted || verifier.finish().is_err(),
        "octets of nobody are accepted"
    );
}

/// Messages that a primary sends.
pub(crate) fn transfer(octets: &[u8]) {
    let Some((first, rest)) = octets.split_first() else {
        return;
    };
    let zone = Name::parse("fuzz.test.").unwrap();
    let asked = match first {
        0 => stream::Asked::Axfr,
        held => stream::Asked::Ixfr {
            held: Serial::new(u32::from(*held)),
        },
    };
    let limits = StreamLimits {
        records: 200,
        octets: 1 << 16,
    };
    let mut stream = Stream::new(zone, 0x5a4c, asked, limits);
    let mut complete = false;
    for message in framed(rest) {
        match stream.message(message) {
            Ok(true) => {
                complete = true;
                break;
            }
            Ok(false) => {}
            // A refused stream gives nothing.
            Err(error) => {
                assert!(!error.to_string().is_empty());
                return;
            }
        }
    }
    assert_eq!(stream.is_complete(), complete);
    let serial = stream.serial();
    match stream.finish() {
        None => assert!(!complete),
        Some(Received::UpToDate { serial: theirs }) => assert_eq!(Some(theirs), serial),
        Some(Received::Whole(content) | Received::Difference(content)) => {
            assert!(complete);
            assert_eq!(Some(content.soa.serial), serial);
            assert!(content.records.len() <= limits.records);
            let mut last: Option<(Vec<u8>, u16)> = None;
            for group in content.records.groups() {
                let place = (group.key.to_vec(), group.rrtype.get());
                assert!(last.as_ref().is_none_or(|last| *last < place), "canonical order");
                // Each may be refused, with a reason.
                let _ = (group.owner(), group.rrset());
                last = Some(place);
            }
        }
    }
}

/// Messages with their lengths before them (RFC 1035 §4.2.2); the last may be cut.
fn framed(mut octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = octets.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length)).min(rest.len());
        let (message, rest) = rest.split_at(length);
        octets = rest;
        Some(message)
    })
}
