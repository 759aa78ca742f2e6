use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::name::Name;

/// Queries for zone.test. SOA as `dig -y ALGORITHM:Key.Example:...` of BIND 9.18 signed them.
const SIGNED_BY_DIG: [(&str, &str); 6] = [
    (
        "hmac-md5",
        "60ae01200001000000000002047a6f6e650474657374000006000100002904d0000000000000036b6579076578616d706c65\
         0000fa00ff00000000003a08686d61632d6d6435077369672d616c670372656703696e740000006b038301012c00104aefa0\
         80f074e2554f34479cb31cf5dc60ae00000000",
    ),
    (
        "hmac-sha1",
        "999901200001000000000002047a6f6e650474657374000006000100002904d0000000000000036b6579076578616d706c65\
         0000fa00ff00000000002f09686d61632d736861310000006b038302012c00148932e45268e89d283d5e4de7b54a069c0ea6\
         3657999900000000",
    ),
    (
        "hmac-sha224",
        "251701200001000000000002047a6f6e650474657374000006000100002904d0000000000000036b6579076578616d706c65\
         0000fa00ff0000000000390b686d61632d7368613232340000006b038304012c001c90d3159597d592974eb63f77ab535832\
         eea5098767420aba77f50f18251700000000",
    ),
    (
        "hmac-sha256",
        "ee5a01200001000000000002047a6f6e650474657374000006000100002904d0000000000000036b6579076578616d706c65\
         0000fa00ff00000000003d0b686d61632d7368613235360000006b038305012c0020c32f283760ebe34754137c53e3df200c\
         44b298e71d8f526bd73184bbe0f89287ee5a00000000",
    ),
    (
        "hmac-sha384",
        "86c801200001000000000002047a6f6e650474657374000006000100002904d0000000000000036b6579076578616d706c65\
         0000fa00ff00000000004d0b686d61632d7368613338340000006b038306012c0030150b026bc5d915b208ddb8a0e042ac84\
         dedaddeac188cbeb2dcc126cbc1f8761b82ab277298acd71d916376b816edcc186c800000000",
    ),
    (
        "hmac-sha512",
        "966701200001000000000002047a6f6e650474657374000006000100002904d0000000000000036b6579076578616d706c65\
         0000fa00ff00000000005d0b686d61632d7368613531320000006b038307012c00408f2f04391565a17dd826c492f1ab4b5c\
         d21f690f3998750b784567332c4c8bb5623788ce03fbb940ee1052971f383cce03298d15afeb179f44d09530f794d1169667\
         00000000",
    ),
];
const SECRET: &str = "c2VjcmV0IG9mIHRoZSB2ZWN0b3Jz";
const NOW: u64 = 1_700_000_000;

fn key(algorithm: Algorithm) -> Key {
    Key {
        name: Name::parse("Key.Example.").unwrap(),
        algorithm,
        secret: Secret::from_base64(SECRET).unwrap(),
    }
}

fn other_secret(key: &Key) -> Key {
    Key {
        secret: Secret::from_base64("b3RoZXI=").unwrap(),
        ..key.clone()
    }
}

/// A question, or an answer without records.
fn message(id: u16, flags: u8) -> Vec<u8> {
    let [a, b] = id.to_be_bytes();
    let mut message = vec![a, b, flags, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(b"\x04zone\x04test\x00\x00\x06\x00\x01");
    message
}

fn verify(message: &[u8], key: &Key, now: u64, prior: Option<&Mac>) -> Result<Mac, Failure> {
    read(message).unwrap().unwrap().verify(key, now, prior)
}

#[test]
fn what_dig_signed_is_verified_and_signed_alike() {
    for (algorithm, hex) in SIGNED_BY_DIG {
        let key = key(algorithm.parse().unwrap());
        let octets = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
        let signed = read(&octets).unwrap().unwrap();
        assert_eq!(signed.algorithm(), Some(key.algorithm), "{algorithm}");
        assert_eq!(*signed.key_name(), key.name);
        let mac = signed.verify(&key, signed.time(), None).unwrap();
        assert_eq!(mac.octets().len(), key.algorithm.mac_length());
        // Signing the same at the same time gives the same octets.
        let mut again = signed.unsigned();
        assert_eq!(sign(&mut again, &key, signed.time(), None), mac);
        assert_eq!(again, octets, "{algorithm}");
        assert_eq!(again.len() - signed.unsigned_length(), key.record_length());
    }
}

#[test]
fn names_of_algorithms_are_those_of_designate() {
    for algorithm in Algorithm::ALL {
        assert_eq!(algorithm.label().to_ascii_uppercase().parse(), Ok(algorithm));
        assert_eq!(Algorithm::from_wire(algorithm.wire()), Some(algorithm));
    }
    let error = "hmac-sha3".parse::<Algorithm>().unwrap_err().to_string();
    assert!(error.contains("hmac-sha256"), "{error}");
}

#[test]
fn a_secret_is_never_printed() {
    let text = format!("{:?}", key(Algorithm::HmacSha256));
    assert!(
        text.contains("not shown") && !text.contains("c2Vj") && !text.contains("115"),
        "{text}"
    );
    for text in ["", "not base64", "YQ"] {
        assert_eq!(Secret::from_base64(text), Err(KeyError::Secret), "{text}");
    }
}

#[test]
fn each_failure_is_told_by_its_name() {
    let key = key(Algorithm::HmacSha256);
    let mut request = message(1, 0);
    sign(&mut request, &key, NOW, None);
    assert_eq!(
        verify(&request, &other_secret(&key), NOW, None),
        Err(Failure::BadSig)
    );
    let renamed = Key {
        name: Name::parse("another.example.").unwrap(),
        ..key.clone()
    };
    assert_eq!(verify(&request, &renamed, NOW, None), Err(Failure::BadKey));
    let other_algorithm = Key {
        algorithm: Algorithm::HmacSha512,
        ..key.clone()
    };
    assert_eq!(
        verify(&request, &other_algorithm, NOW, None),
        Err(Failure::BadKey)
    );
    let fudge = u64::from(FUDGE);
    for now in [NOW - fudge, NOW + fudge] {
        assert!(verify(&request, &key, now, None).is_ok());
    }
    for now in [NOW - fudge - 1, NOW + fudge + 1, 0, u64::MAX] {
        assert_eq!(verify(&request, &key, now, None), Err(Failure::BadTime));
    }
    // A wrong secret is told before a wrong time: nobody learns the time without the key.
    assert_eq!(
        verify(&request, &other_secret(&key), 0, None),
        Err(Failure::BadSig)
    );
}

/// A signed message whose MAC is cut to this many octets.
fn truncated(key: &Key, length: usize) -> Vec<u8> {
    let mut request = message(1, 0);
    sign(&mut request, key, NOW, None);
    let whole = key.algorithm.mac_length();
    let mac_at = request.len() - 6 - whole;
    request.drain(mac_at + length..mac_at + whole);
    request[mac_at - 2..mac_at].copy_from_slice(&(length as u16).to_be_bytes());
    let rdlength_at = mac_at - 2 - 8 - key.algorithm.wire().len() - 2;
    let rdlength = (request.len() - rdlength_at - 2) as u16;
    request[rdlength_at..rdlength_at + 2].copy_from_slice(&rdlength.to_be_bytes());
    request
}

/// RFC 8945 §5.2.2.1 and §5.2.4.
#[test]
fn a_truncated_mac_is_not_accepted() {
    let key = key(Algorithm::HmacSha256);
    for (length, failure) in [
        (31, Failure::BadTruncation),
        (16, Failure::BadTruncation),
        (15, Failure::Length),
        (1, Failure::Length),
        (0, Failure::BadSig),
    ] {
        assert_eq!(
            verify(&truncated(&key, length), &key, NOW, None),
            Err(failure),
            "{length}"
        );
    }
    let short = truncated(&key, 16);
    assert_eq!(
        verify(&short, &other_secret(&key), NOW, None),
        Err(Failure::BadSig)
    );
}

#[test]
fn an_answer_is_bound_to_its_request() {
    let key = key(Algorithm::HmacSha384);
    let (mut one, mut other) = (message(1, 0), message(2, 0));
    let (first, second) = (sign(&mut one, &key, NOW, None), sign(&mut other, &key, NOW, None));
    let mut answer = message(1, 0x84);
    sign(&mut answer, &key, NOW, Some(&first));
    assert!(verify(&answer, &key, NOW, Some(&first)).is_ok());
    assert_eq!(verify(&answer, &key, NOW, Some(&second)), Err(Failure::BadSig));
    assert_eq!(verify(&answer, &key, NOW, None), Err(Failure::BadSig));
    // A forwarder may change the id: the original one is what was signed.
    answer[0] ^= 0xff;
    assert!(verify(&answer, &key, NOW, Some(&first)).is_ok());
}

#[test]
fn refusals_say_why_and_are_signed_where_that_proves_something() {
    let key = key(Algorithm::HmacSha256);
    let mut request = message(7, 0);
    let mac = sign(&mut request, &key, NOW, None);
    let signed = read(&request).unwrap().unwrap();
    let later = NOW + 10_000;
    let refused = |failure, key: Option<&Key>| {
        let mut answer = message(7, 0x84);
        signed.refuse(&mut answer, failure, key, later);
        answer
    };
    for (failure, code) in [(Failure::BadSig, 16), (Failure::BadKey, 17)] {
        let answer = refused(failure, Some(&key));
        let read = read(&answer).unwrap().unwrap();
        assert_eq!((read.error(), read.server_time()), (code, None));
        assert_eq!(*read.key_name(), key.name);
        assert_eq!(
            read.verify(&key, later, Some(&mac)),
            Err(Failure::BadSig),
            "not signed"
        );
    }
    let answer = refused(Failure::BadTime, Some(&key));
    let late = read(&answer).unwrap().unwrap();
    assert_eq!((late.error(), late.server_time()), (18, Some(later)));
    // The client can verify it by its own clock.
    assert_eq!(late.time(), NOW);
    assert!(late.verify(&key, NOW, Some(&mac)).is_ok());
    let answer = refused(Failure::BadTruncation, Some(&key));
    let short = read(&answer).unwrap().unwrap();
    assert_eq!(short.error(), 22);
    assert!(short.verify(&key, later, Some(&mac)).is_ok());
    assert_eq!(refused(Failure::Length, Some(&key)), message(7, 0x84));
}

#[test]
fn only_the_last_record_may_be_a_signature() {
    let key = key(Algorithm::HmacSha256);
    let mut request = message(1, 0);
    assert_eq!(read(&request).unwrap().map(|signed| signed.time()), None);
    sign(&mut request, &key, NOW, None);
    let mut behind = request.clone();
    behind.extend_from_slice(b"\0\0\x29\x04\xd0\0\0\0\0\0\0");
    behind[11] += 1;
    assert_eq!(read(&behind).unwrap_err(), Malformed::Place);
    let mut twice = request.clone();
    sign(&mut twice, &key, NOW, None);
    assert_eq!(read(&twice).unwrap_err(), Malformed::Place);
    let mut answer_section = request.clone();
    (answer_section[7], answer_section[11]) = (1, 0);
    assert_eq!(read(&answer_section).unwrap_err(), Malformed::Place);
    let mut rest = request.clone();
    rest.push(0);
    assert_eq!(read(&rest).unwrap_err(), Malformed::Record);
    for length in 12..request.len() {
        assert!(read(&request[..length]).is_err(), "{length}");
    }
}

/// Messages of a stream as they are sent; the numbers of those that are signed.
fn stream(key: &Key, request: &Mac, bodies: &[Vec<u8>], signed: impl Fn(usize) -> bool) -> Vec<Vec<u8>> {
    let mut signer = StreamSigner::new(Arc::new(key.clone()), request);
    let messages = bodies.iter().enumerate().map(|(number, body)| {
        let mut sent = [message(9, 0x84), body.clone()].concat();
        // What a body is does not matter here, but that it is read: an OPT record's data.
        if !body.is_empty() {
            let head = [
                &b"\0\0\x29\x04\xd0\0\0\0\0"[..],
                &(body.len() as u16).to_be_bytes(),
            ]
            .concat();
            sent = [message(9, 0x84), head, body.clone()].concat();
            sent[11] += 1;
        }
        let (one, two) = sent.split_at(sent.len() / 2);
        signer.update(one);
        signer.update(two);
        if signed(number) {
            let record = signer.sign(9, NOW);
            sent.extend_from_slice(&record);
            sent[11] += 1;
        }
        sent
    });
    messages.collect()
}

fn check(key: &Key, request: &Mac, messages: &[Vec<u8>]) -> Result<(), StreamFailure> {
    let mut verifier = StreamVerifier::new(Arc::new(key.clone()), request);
    for message in messages {
        verifier.message(message, NOW)?;
    }
    verifier.finish()
}

/// RFC 8945 §5.3.1.
#[test]
fn of_a_stream_the_first_the_last_and_every_hundredth_must_be_signed() {
    let key = key(Algorithm::HmacSha256);
    let mac = sign(&mut message(9, 0), &key, NOW, None);
    let bodies = vec![vec![7; 20]; 350];
    let all = |signed: &dyn Fn(usize) -> bool| check(&key, &mac, &stream(&key, &mac, &bodies, signed));
    assert_eq!(all(&|_| true), Ok(()));
    assert_eq!(all(&|number| number % 100 == 0 || number == 349), Ok(()));
    assert_eq!(all(&|number| number != 0), Err(StreamFailure::Unsigned));
    assert_eq!(all(&|number| number != 349), Err(StreamFailure::Unsigned));
    assert_eq!(
        all(&|number| number % 101 == 0 || number == 349),
        Err(StreamFailure::Unsigned)
    );
    assert_eq!(check(&key, &mac, &[]), Err(StreamFailure::Unsigned));
}

#[test]
fn a_server_that_refuses_the_request_is_understood() {
    let key = key(Algorithm::HmacSha256);
    let mut request = message(9, 0);
    let mac = sign(&mut request, &key, NOW, None);
    let mut answer = message(9, 0x84);
    let signed = read(&request).unwrap().unwrap();
    signed.refuse(&mut answer, Failure::BadKey, None, NOW);
    assert_eq!(check(&key, &mac, &[answer]), Err(StreamFailure::Refused(17)));
}

fn algorithms() -> impl Strategy<Value = Algorithm> {
    prop::sample::select(&Algorithm::ALL[..])
}

proptest! {
    #[test]
    fn what_is_signed_is_verified_until_an_octet_changes(
        algorithm in algorithms(),
        answer in any::<bool>(),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let key = key(algorithm);
        let prior = sign(&mut message(3, 0), &key, NOW, None);
        let prior = answer.then_some(&prior);
        let mut sent = message(0x1234, 0);
        sign(&mut sent, &key, NOW, prior);
        prop_assert!(verify(&sent, &key, NOW, prior).is_ok());
        let at = at.index(sent.len());
        sent[at] ^= flip;
        let accepted = read(&sent).is_ok_and(|signed| signed.is_some_and(|signed| {
            signed.verify(&key, NOW, prior).is_ok()
        }));
        // The message id may change, as the original one is kept; letters of names have no case.
        let harmless = at < 2 || (flip == 0x20 && sent[at].is_ascii_alphabetic());
        prop_assert!(!accepted || harmless, "octet {at}");
    }

    #[test]
    fn a_stream_is_accepted_whole_and_in_order_alone(
        algorithm in algorithms(),
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 2..30),
        signed in prop::collection::vec(any::<bool>(), 30),
        at in any::<prop::sample::Index>(),
    ) {
        let key = key(algorithm);
        let mac = sign(&mut message(9, 0), &key, NOW, None);
        let last = bodies.len() - 1;
        let messages = stream(&key, &mac, &bodies, |number| number == 0 || number == last || signed[number]);
        prop_assert_eq!(check(&key, &mac, &messages), Ok(()));
        prop_assert!(check(&other_secret(&key), &mac, &messages).is_err());
        let at = at.index(messages.len());
        // That the end is missing is seen by the transfer, which has not ended.
        let mut missing = messages.clone();
        missing.remove(at.min(last - 1));
        prop_assert!(check(&key, &mac, &missing).is_err());
        let mut twice = messages.clone();
        twice.insert(at, messages[at].clone());
        prop_assert!(check(&key, &mac, &twice).is_err());
        let mut changed = messages.clone();
        changed[at][2] ^= 1;
        prop_assert!(check(&key, &mac, &changed).is_err());
    }

    #[test]
    fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..300), counts in any::<[u8; 4]>()) {
        let _ = read(&octets);
        let key = key(Algorithm::HmacSha256);
        let mut counted = message(1, 0);
        for (count, at) in counts.iter().zip([5, 7, 9, 11]) {
            counted[at] = count % 4;
        }
        counted.extend_from_slice(&octets);
        let _ = read(&counted);
        let mut verifier = StreamVerifier::new(Arc::new(key), &Mac::new(&[1; 32]));
        let _ = verifier.message(&counted, NOW);
    }

    #[test]
    fn no_change_of_a_signed_message_makes_it_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in any::<prop::sample::Index>(),
    ) {
        let key = key(Algorithm::HmacSha1);
        let mut sent = message(1, 0);
        sign(&mut sent, &key, NOW, None);
        for (at, octet) in changes {
            let at = at.index(sent.len());
            sent[at] = octet;
        }
        for sent in [&sent[..], &sent[..length.index(sent.len())]] {
            if let Ok(Some(signed)) = read(sent) {
                let _ = signed.verify(&key, NOW, None);
                let mut answer = message(1, 0x84);
                signed.refuse(&mut answer, Failure::BadTime, Some(&key), NOW);
                let _ = signed.unsigned();
            }
        }
    }
}
