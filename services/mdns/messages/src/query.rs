//! The questions that a secondary asks. Pure.

use zonelog_dns::{Name, Rrtype};

use super::stream::Asked;
use super::wire::Message;

/// Class IN.
const IN: u16 = 1;

/// A question without recursion (RFC 1035 §4.1).
pub fn question(id: u16, zone: &Name, qtype: u16) -> Vec<u8> {
    let mut octets = Vec::with_capacity(64 + zone.wire().len());
    for word in [id, 0, 1, 0, 0, 0] {
        octets.extend_from_slice(&word.to_be_bytes());
    }
    octets.extend_from_slice(zone.wire());
    octets.extend_from_slice(&qtype.to_be_bytes());
    octets.extend_from_slice(&IN.to_be_bytes());
    octets
}

/// A request for a transfer; one for IXFR names the serial that we hold in a SOA, of which nothing else counts
/// (RFC 1995 §3).
pub fn transfer(id: u16, zone: &Name, asked: Asked) -> Vec<u8> {
    let mut octets = question(id, zone, asked.qtype());
    if let Asked::Ixfr { held } = asked {
        // One record in the authority section.
        octets[9] = 1;
        octets.extend_from_slice(&[0xc0, 12]);
        octets.extend_from_slice(&Rrtype::SOA.get().to_be_bytes());
        octets.extend_from_slice(&IN.to_be_bytes());
        // TTL 0, 22 octets: the root twice, the serial, four numbers.
        octets.extend_from_slice(&[0, 0, 0, 0, 0, 22, 0, 0]);
        octets.extend_from_slice(&held.get().to_be_bytes());
        octets.extend_from_slice(&[0; 16]);
    }
    octets
}

/// Whether a message answers a question of ours. One that reports an error may leave the question out.
pub fn answers(message: &Message<'_>, id: u16, zone: &Name, qtype: u16) -> bool {
    let same_question = match &message.question {
        Some(question) => {
            message.questions == 1
                && question.name == *zone
                && question.qtype == qtype
                && question.class == IN
        }
        None => message.questions == 0 && message.rcode() != 0,
    };
    message.id == id && message.is_response() && message.opcode() == 0 && same_question
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Message as Hickory;
    use hickory_proto::rr::RData;
    use zonelog_dns::Serial;

    use super::*;

    #[test]
    fn requests_are_read_by_others_as_they_are_meant() {
        let zone = Name::parse("zone.test.").unwrap();
        let held = Serial::new(0xfedc_ba98);
        let message = Hickory::from_vec(&transfer(7, &zone, Asked::Ixfr { held })).unwrap();
        assert_eq!(message.metadata.id, 7);
        assert_eq!(message.queries.len(), 1);
        let [record] = message.authorities.as_slice() else {
            panic!("not one record");
        };
        assert!(matches!(&record.data, RData::SOA(soa) if soa.serial == held.get()));
        assert_eq!(record.name.to_string(), "zone.test.");
        let message = Hickory::from_vec(&transfer(8, &zone, Asked::Axfr)).unwrap();
        assert!(message.authorities.is_empty());
    }
}
