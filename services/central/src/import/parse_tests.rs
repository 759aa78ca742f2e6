use proptest::prelude::*;

use super::*;

const SOA: &str = "@ 300 IN SOA ns1 jo\\.doe.example.net. 5 3600 600 86400 60\n";

fn read(text: &str) -> Result<ParsedZone, String> {
    parse(text.as_bytes(), Ttl::new(10).unwrap(), 100)
}

/// Owner, type, TTL and records of each recordset.
fn shown(text: &str) -> Vec<String> {
    let show = |recordset: &ImportedRecordset| {
        let ttl = recordset.ttl.map_or("-".to_owned(), |ttl| ttl.to_string());
        let records: Vec<_> = recordset.records.iter().map(Record::text).collect();
        format!(
            "{} {} {ttl} {}",
            recordset.owner,
            recordset.rrtype,
            records.join("|")
        )
    };
    read(text).unwrap().recordsets.iter().map(show).collect()
}

#[test]
fn the_zone_is_what_origin_and_soa_say() {
    let zone = read(&format!("; made by hand\n$ORIGIN Example.ORG.\n{SOA}@ NS ns1\n")).unwrap();
    assert_eq!(zone.name.to_string(), "Example.ORG.");
    assert_eq!(zone.email, "jo.doe@example.net");
    assert_eq!(zone.ttl.get(), 300);
    assert!(zone.recordsets.is_empty(), "the apex NS is the pool's");
    let low = read(&format!("$ORIGIN a.org.\n{}", SOA.replace("300", "5"))).unwrap();
    assert_eq!(low.ttl.get(), 10, "not below the lowest allowed");
    let without = read(&format!("$ORIGIN a.org.\n{}", SOA.replace("300", ""))).unwrap();
    assert_eq!(without.ttl.get(), 60, "RFC 1035: the SOA's minimum");
}

#[test]
fn records_of_one_name_and_type_come_together_in_canonical_order() {
    let text = format!(
        "$ORIGIN example.org.\n$TTL 3600\n{SOA}www A 192.0.2.2\nsub NS ns.example.net.\nWWW 60 A 192.0.2.1\n\
         www 0 TXT \"a b\"\nelsewhere.net. A 192.0.2.9\na.www A 192.0.2.3\nsub SOA a b 1 2 3 4 5\n@ MX 10 www\n"
    );
    assert_eq!(
        shown(&text),
        [
            "example.org. MX 3600 10 www.example.org.",
            "sub.example.org. NS 3600 ns.example.net.",
            "www.example.org. A 60 192.0.2.2|192.0.2.1",
            "www.example.org. TXT 0 \"a b\"",
            "a.www.example.org. A 3600 192.0.2.3",
        ]
    );
}

#[test]
fn ids_ascend_with_the_rows() {
    let hosts: String = (0..90).map(|host| format!("h{host} A 192.0.2.1\n")).collect();
    let zone = read(&format!("$ORIGIN a.org.\n{SOA}{hosts}")).unwrap();
    let ids: Vec<_> = zone
        .recordsets
        .iter()
        .map(|recordset| recordset.recordset)
        .collect();
    assert_eq!(ids.len(), 90);
    assert!(ids.is_sorted_by(|one, next| one < next));
}

#[test]
fn failures_have_designates_words() {
    let origin = "$ORIGIN example.org.\n";
    for (text, message) in [
        (String::new(), NO_ORIGIN),
        (SOA.to_owned(), NO_ORIGIN),
        (format!("example.org. {}", &SOA[1..]), NO_ORIGIN),
        (format!("{origin}www 5 A 192.0.2.1\n"), NO_SOA),
        (format!("{origin}{SOA}www A 192.0.2.300\n"), MALFORMED),
        (format!("{origin}{SOA}www BOGUS x\n"), MALFORMED),
        (format!("{origin}{SOA}$INCLUDE other\n"), MALFORMED),
        (format!("{origin}{SOA}www A ( 192.0.2.1\n"), MALFORMED),
    ] {
        assert_eq!(read(&text).unwrap_err(), message, "{text}");
    }
    let many: String = (0..101).map(|host| format!("h{host} A 192.0.2.1\n")).collect();
    let message = read(&format!("{origin}{SOA}{many}")).unwrap_err();
    assert_eq!(
        message,
        "An undefined error occurred. The zonefile has more than 100 records, the most that one import takes."
    );
}

proptest! {
    /// What an export writes is read as it was, a TTL of 0 too. What has no TTL of its own has the zone's.
    #[test]
    fn an_export_is_read_as_it_was_written(
        zone_ttl in 10_u32..=0x7fff_ffff,
        recordsets in prop::collection::btree_map(
            "[a-z]{1,8}",
            (prop::option::of(prop_oneof![Just(0_u32), 0_u32..=0x7fff_ffff]), 1_u8..4),
            0..20,
        ),
    ) {
        let mut text = format!("$ORIGIN example.org.\n$TTL {zone_ttl}\n\nexample.org.  {}", &SOA[6..]);
        let mut expected = Vec::new();
        for (label, (ttl, records)) in &recordsets {
            let records: Vec<_> = (0..*records).map(|host| format!("192.0.2.{host}")).collect();
            let given = ttl.map_or(String::new(), |ttl| ttl.to_string());
            for record in &records {
                text += &format!("{label}.example.org. {given} IN A {record}\n");
            }
            let ttl = ttl.unwrap_or(zone_ttl);
            expected.push(format!("{label}.example.org. A {ttl} {}", records.join("|")));
        }
        prop_assert_eq!(shown(&text), expected);
        prop_assert_eq!(read(&text).unwrap().ttl.get(), zone_ttl);
    }
}
