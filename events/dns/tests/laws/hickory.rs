//! Our wire form against that of hickory-proto, an implementation of its own.

use hickory_proto::rr::{RData, RecordType};
use hickory_proto::serialize::binary::{
    BinDecodable, BinDecoder, BinEncodable, BinEncoder, NameEncoding, Restrict,
};
use proptest::prelude::*;
use zonelog_dns::{Name, Rdata, Rrtype};

use crate::generators::{api_text, name, rdata};

/// The wire form that hickory writes, names uncompressed.
fn emitted(data: &RData, rrtype: Rrtype) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut encoder = BinEncoder::new(&mut octets);
    // A SOA's two names would be compressed against each other; the canonical form has them whole
    // (and in lower case, which does not count where data is compared).
    encoder.set_canonical_form(rrtype == Rrtype::SOA);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    data.emit(&mut encoder).unwrap();
    octets
}

/// The same data but for the case of names, which hickory makes lower when it reads a text.
fn equal(rdata: &Rdata, theirs: &[u8]) -> Result<(), TestCaseError> {
    if matches!(rdata.rrtype(), Rrtype::SVCB | Rrtype::HTTPS) {
        prop_assert!(
            rdata.wire().eq_ignore_ascii_case(theirs),
            "{:?} {:?}",
            rdata,
            theirs
        );
    } else {
        prop_assert_eq!(&Rdata::from_wire(rdata.rrtype(), theirs).unwrap(), rdata);
    }
    Ok(())
}

fn same(rdata: &Rdata, theirs: &[u8]) -> Result<(), TestCaseError> {
    if rdata.rrtype() == Rrtype::SOA {
        return equal(rdata, theirs);
    }
    prop_assert_eq!(rdata.wire(), theirs, "{:?}", rdata);
    Ok(())
}

fn decoded(rdata: &Rdata) -> Result<RData, String> {
    let mut decoder = BinDecoder::new(rdata.wire());
    let length = Restrict::new(u16::try_from(rdata.wire().len()).unwrap());
    RData::read(&mut decoder, RecordType::from(rdata.rrtype().get()), length)
        .map_err(|error| error.to_string())
}

proptest! {
    #[test]
    fn what_the_api_takes_hickory_reads_and_writes((rrtype, text) in api_text()) {
        let rdata = Rdata::parse(rrtype, &text).unwrap();
        let theirs = decoded(&rdata).map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
        same(&rdata, &emitted(&theirs, rrtype))?;
    }

    #[test]
    fn both_read_a_text_the_same((rrtype, text) in api_text()) {
        // Hickory takes an underscore in a name's text only at the start of a label.
        let text = text.replace('_', "u");
        let rdata = Rdata::parse(rrtype, &text).unwrap();
        // It reads no text of the obsolete SPF, and takes \255 for a character's number, not an octet's.
        if rrtype == Rrtype::SPF || text.contains("\\255") {
            return Ok(());
        }
        // Hickory does not know the names of algorithms that we print.
        let text = if rrtype == Rrtype::CERT { text } else { rdata.to_string() };
        let theirs = RData::try_from_str(RecordType::from(rrtype.get()), &text);
        let theirs = theirs.map_err(|error| TestCaseError::fail(format!("{rrtype} {text}: {error}")))?;
        equal(&rdata, &emitted(&theirs, rrtype))?;
    }

    #[test]
    fn any_data_hickory_reads_it_writes_the_same(rdata in rdata()) {
        let theirs = match decoded(&rdata) {
            Ok(theirs) => theirs,
            // Of these it refuses some values that the wire allows.
            Err(_) if matches!(rdata.rrtype(), Rrtype::NAPTR | Rrtype::SVCB | Rrtype::HTTPS) => return Ok(()),
            Err(error) => return Err(TestCaseError::fail(format!("{rdata:?}: {error}"))),
        };
        same(&rdata, &emitted(&theirs, rdata.rrtype()))?;
    }

    #[test]
    fn both_take_the_same_names(name in name(), octets in proptest::collection::vec(0u8..70, 0..260)) {
        let theirs = hickory_proto::rr::Name::from_bytes(name.wire()).unwrap();
        prop_assert_eq!(theirs.to_bytes().unwrap(), name.wire());
        let mut decoder = BinDecoder::new(&octets);
        let read = hickory_proto::rr::Name::read(&mut decoder).is_ok() && decoder.is_empty();
        prop_assert_eq!(Name::from_wire(&octets).is_ok(), read);
    }
}
