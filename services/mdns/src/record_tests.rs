use hickory_proto::op::Message;
use proptest::prelude::*;
use zonelog_dns::Name;

use super::*;

fn write(records: &[Record<'_>]) -> Vec<u8> {
    let mut writer = RecordWriter::new(12);
    for record in records {
        assert!(writer.push(*record, POINTER_REACH));
    }
    let mut message = vec![0, 0, 0x84, 0, 0, 0];
    message.extend(writer.records().to_be_bytes());
    message.extend([0, 0, 0, 0]);
    message.extend(writer.body());
    message
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

#[test]
fn names_are_compressed_where_rfc_3597_allows_it() {
    let (owner, target) = (name("www.zone.test."), name("mail.zone.test."));
    let mx = [&[0, 10], target.wire()].concat();
    let srv = [&[0, 1, 0, 2, 0, 3], target.wire()].concat();
    let message = write(&[
        Record {
            owner: owner.wire(),
            rrtype: 15,
            ttl: 5,
            rdata: &mx,
        },
        Record {
            owner: owner.wire(),
            rrtype: 33,
            ttl: 5,
            rdata: &srv,
        },
    ]);
    // Owner; fixed part; preference; `mail` and a pointer to `zone.test.`.
    let first = 12 + owner.wire().len() + 10 + 2 + 5 + 2;
    // A pointer to the owner; fixed part; the rdata as it is.
    assert_eq!(message.len(), first + 2 + 10 + srv.len());
    assert!(message.ends_with(target.wire()));
    let parsed = Message::from_vec(&message).unwrap();
    assert_eq!(parsed.answers[0].data.to_string(), "10 mail.zone.test.");
    assert_eq!(parsed.answers[1].name.to_string(), "www.zone.test.");
}

#[test]
fn spelling_is_kept() {
    let (lower, upper) = (name("a.zone.test."), name("a.ZONE.test."));
    let message = write(&[
        Record {
            owner: lower.wire(),
            rrtype: 5,
            ttl: 5,
            rdata: upper.wire(),
        },
        Record {
            owner: upper.wire(),
            rrtype: 5,
            ttl: 5,
            rdata: lower.wire(),
        },
    ]);
    let parsed = Message::from_vec(&message).unwrap();
    let texts: Vec<_> = parsed
        .answers
        .iter()
        .map(|r| (r.name.to_string(), r.data.to_string()))
        .collect();
    assert_eq!(texts[0], ("a.zone.test.".into(), "a.ZONE.test.".into()));
    assert_eq!(texts[1], ("a.ZONE.test.".into(), "a.zone.test.".into()));
}

#[test]
fn a_record_past_the_limit_is_not_written() {
    let owner = name("a.");
    let mut writer = RecordWriter::new(12);
    let record = Record {
        owner: owner.wire(),
        rrtype: 16,
        ttl: 5,
        rdata: &[7; 100],
    };
    assert!(!writer.push(record, 12 + 3 + 10 + 99));
    assert_eq!((writer.records(), writer.body().len()), (0, 0));
    writer.reset(12);
    assert!(writer.push(record, 12 + 3 + 10 + 100));
}

proptest! {
    #[test]
    fn a_parser_reads_back_what_was_written(
        owners in proptest::collection::vec("([a-c]{1,3}\\.){1,5}", 1..200),
    ) {
        let names: Vec<Name> = owners.iter().map(|owner| name(owner)).collect();
        let records: Vec<Record<'_>> = names
            .iter()
            .zip(names.iter().rev())
            .map(|(owner, target)| Record { owner: owner.wire(), rrtype: 2, ttl: 9, rdata: target.wire() })
            .collect();
        let parsed = Message::from_vec(&write(&records)).unwrap();
        let read = parsed.answers.iter().map(|r| (r.name.to_string(), r.data.to_string()));
        let written = owners.iter().cloned().zip(owners.iter().rev().cloned());
        prop_assert!(read.eq(written));
    }
}
