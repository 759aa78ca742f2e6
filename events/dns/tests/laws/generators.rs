//! Values to try the laws on.

use data_encoding::HEXUPPER;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use zonelog_dns::{Name, OwnerName, Rdata, Rrset, Rrtype, Ttl};

/// A label of any octets, short ones and those with a meaning in text more often.
fn label() -> impl Strategy<Value = Vec<u8>> {
    let special = select(b".\\\"();@$* \t\n\0\x01\xff-_AaZz09".to_vec());
    prop_oneof![
        3 => "[a-zA-Z0-9_-]{1,10}".prop_map(String::into_bytes),
        2 => vec(special, 1..6),
        1 => vec(any::<u8>(), 1..=63),
    ]
}

/// Any name, the root and names of the greatest length included.
pub(crate) fn name() -> impl Strategy<Value = Name> {
    vec(label(), 0..8).prop_map(|labels| {
        let mut name = Name::root();
        for label in labels.iter().rev() {
            // What would make it too long is left out.
            name = Name::concat([label.as_slice()], &name).unwrap_or(name);
        }
        name
    })
}

/// The text of a name that Designate takes.
pub(crate) fn host_text() -> impl Strategy<Value = String> {
    vec("[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,8}[a-zA-Z0-9_])?", 1..5).prop_map(|labels| labels.join(".") + ".")
}

fn string() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..=255),
        vec(select(b"a \\\",;=\0\n\xc3".to_vec()), 0..12)
    ]
}

fn with_length(octets: Vec<u8>) -> Vec<u8> {
    [&[octets.len() as u8][..], &octets].concat()
}

/// The data of any type of the list, and of unknown types, from wire forms with any names and
/// octets in them.
pub(crate) fn rdata() -> impl Strategy<Value = Rdata> {
    let number = || any::<u32>().prop_map(|number| number.to_be_bytes().to_vec());
    let octets = |least: usize| vec(any::<u8>(), least..80);
    let name = || name().prop_map(|name| name.wire().to_vec());
    let string = || string().prop_map(with_length);
    let named = select(vec![Rrtype::NS, Rrtype::CNAME, Rrtype::PTR]);
    let keyed = (
        select(vec![(Rrtype::SSHFP, 2), (Rrtype::TLSA, 3), (Rrtype::CERT, 5)]),
        octets(8),
    );
    let texts = (select(vec![Rrtype::TXT, Rrtype::SPF]), vec(string(), 1..5));
    let wire = prop_oneof![
        vec(any::<u8>(), 4).prop_map(|wire| (Rrtype::A, wire)),
        vec(any::<u8>(), 16).prop_map(|wire| (Rrtype::AAAA, wire)),
        (named, name()),
        (number(), name()).prop_map(|(number, name)| (Rrtype::MX, [&number[..2], &name].concat())),
        (number(), number(), name()).prop_map(|(a, b, name)| (Rrtype::SRV, [&a[..2], &b, &name].concat())),
        (name(), name(), vec(any::<u8>(), 20)).prop_map(|(m, r, rest)| (Rrtype::SOA, [m, r, rest].concat())),
        texts.prop_map(|(rrtype, strings)| (rrtype, strings.concat())),
        (number(), string(), string(), string(), name())
            .prop_map(|(number, a, b, c, name)| (Rrtype::NAPTR, [number, a, b, c, name].concat())),
        (any::<u8>(), "[a-zA-Z0-9]{1,12}", octets(0)).prop_map(|(flags, tag, value)| {
            (
                Rrtype::CAA,
                [vec![flags], with_length(tag.into_bytes()), value].concat(),
            )
        }),
        keyed.prop_map(|((rrtype, _), wire)| (rrtype, wire)),
        (
            select(vec![Rrtype::SVCB, Rrtype::HTTPS]),
            number(),
            name(),
            parameters()
        )
            .prop_map(|(rrtype, number, name, rest)| (rrtype, [&number[..2], &name, &rest].concat())),
        (60_000u16..60_100, octets(0)).prop_map(|(number, wire)| (Rrtype::new(number), wire)),
    ];
    wire.prop_map(|(rrtype, wire)| Rdata::from_wire(rrtype, &wire).unwrap())
}

/// Service parameters in wire form: each of the known ones or none, and unknown ones.
fn parameters() -> impl Strategy<Value = Vec<u8>> {
    let list = vec(vec(any::<u8>(), 1..20).prop_map(with_length), 1..4).prop_map(|ids| ids.concat());
    let listed = vec(select(b"a,\\\"h2".to_vec()), 1..8).prop_map(with_length);
    let known = (
        proptest::option::of(Just(vec![0, 1, 0, 3])),
        proptest::option::of(prop_oneof![list, listed]),
        proptest::option::of(Just(Vec::new())),
        proptest::option::of(vec(any::<u8>(), 2)),
        proptest::option::of(vec(any::<u8>(), 4)),
        proptest::option::of(vec(any::<u8>(), 1..40)),
        proptest::option::of(vec(any::<u8>(), 32)),
        proptest::option::of("[a-z{?}\"\\\\ é]{1,20}".prop_map(String::into_bytes)),
    );
    let unknown = proptest::collection::btree_map(8u16..65_535, vec(any::<u8>(), 0..20), 0..3);
    (known, unknown).prop_map(|((a, b, c, d, e, f, g, h), unknown)| {
        let known = (0u16..).zip([a, b, c, d, e, f, g, h]);
        let known = known.filter_map(|(key, value)| Some((key, value?)));
        known
            .chain(unknown)
            .flat_map(|(key, value)| {
                [
                    &key.to_be_bytes()[..],
                    &(value.len() as u16).to_be_bytes(),
                    &value,
                ]
                .concat()
            })
            .collect()
    })
}

/// A text that the API takes, with its type: every type, what is usual in each.
pub(crate) fn api_text() -> impl Strategy<Value = (Rrtype, String)> {
    let quoted = || {
        vec(
            select(vec![
                "a", "Z", "0", " ", ";", "=", "\\\"", "\\\\", "\\000", "\\255", "v=spf1",
            ]),
            0..20,
        )
        .prop_map(|parts| format!("\"{}\"", parts.concat()))
    };
    let number = any::<u16>;
    let time = || 0..1u32 << 31;
    let times = [time(), time(), time(), time()];
    let hex = |octets: usize| vec(any::<u8>(), octets).prop_map(|octets| HEXUPPER.encode(&octets));
    let named = select(vec![Rrtype::NS, Rrtype::CNAME, Rrtype::PTR]);
    let texts = select(vec![Rrtype::TXT, Rrtype::SPF]);
    let bindings = select(vec![Rrtype::SVCB, Rrtype::HTTPS]);
    let issuers = select(vec![
        "\";\"",
        "\"ca.example.net; policy=ev\"",
        "letsencrypt.org",
        "\"\"",
    ]);
    let binding = select(vec![
        "",
        "alpn=h2",
        "alpn=\"h3,h2\" no-default-alpn port=8443",
        "ipv6hint=2001:db8::1 ipv4hint=192.0.2.1,192.0.2.2",
        "mandatory=ipv4hint ipv4hint=192.0.2.1 ech=AEj+DQBE",
        "key667=hello",
    ]);
    prop_oneof![
        any::<[u8; 4]>().prop_map(|octets| (Rrtype::A, std::net::Ipv4Addr::from(octets).to_string())),
        any::<[u8; 16]>().prop_map(|octets| (Rrtype::AAAA, std::net::Ipv6Addr::from(octets).to_string())),
        (named, host_text()),
        (number(), host_text()).prop_map(|(number, host)| (Rrtype::MX, format!("{number} {host}"))),
        (number(), number(), number(), host_text())
            .prop_map(|(a, b, c, host)| (Rrtype::SRV, format!("{a} {b} {c} {host}"))),
        (texts, vec(quoted(), 1..4)).prop_map(|(rrtype, strings)| (rrtype, strings.join(" "))),
        (0..5u8, hex(20)).prop_map(|(algorithm, hex)| (Rrtype::SSHFP, format!("{algorithm} 1 {hex}"))),
        (0..4u8, 0..2u8, hex(32)).prop_map(|(a, b, hex)| (Rrtype::TLSA, format!("{a} {b} 1 {hex}"))),
        (number(), number(), "([a-zA-Z0-9+/]{4}){1,20}")
            .prop_map(|(kind, tag, text)| (Rrtype::CERT, format!("{kind} {tag} 8 {text}"))),
        (
            number(),
            number(),
            "[APSU]?",
            "(SIP\\+D2U|E2U\\+sip)?",
            host_text()
        )
            .prop_map(|(order, preference, flags, service, host)| {
                (
                    Rrtype::NAPTR,
                    format!("{order} {preference} \"{flags}\" \"{service}\" \"\" {host}"),
                )
            }),
        (select(vec![0, 128]), select(vec!["issue", "issuewild"]), issuers)
            .prop_map(|(flags, tag, value)| (Rrtype::CAA, format!("{flags} {tag} {value}"))),
        (bindings, 1..=u16::MAX, host_text(), binding)
            .prop_map(|(rrtype, priority, host, rest)| (rrtype, format!("{priority} {host} {rest}"))),
        (host_text(), host_text(), any::<u32>(), times).prop_map(|(mname, rname, a, [b, c, d, e])| {
            (Rrtype::SOA, format!("{mname} {rname} {a} {b} {c} {d} {e}"))
        }),
    ]
}

pub(crate) fn ttl() -> impl Strategy<Value = Ttl> {
    (0..=i64::from(i32::MAX)).prop_map(|seconds| Ttl::new(seconds).unwrap())
}

/// An RRset of any data at any name.
pub(crate) fn rrset() -> impl Strategy<Value = Rrset> {
    (name(), ttl(), vec(rdata(), 1..4)).prop_map(|(owner, ttl, mut rdata)| {
        let rrtype = rdata[0].rrtype();
        rdata.retain(|rdata| rdata.rrtype() == rrtype);
        Rrset::new(OwnerName::from_name(owner), rrtype, ttl, rdata)
    })
}

/// A small zone in which names, TTLs and data often coincide with those of another one.
pub(crate) fn zone() -> impl Strategy<Value = Vec<Rrset>> {
    let rrset = (
        select(vec![60, 300]),
        proptest::collection::btree_set(0u8..4, 1..4),
    );
    let owners = ["a.example.", "b.a.example.", "*.example.", "C.example."];
    vec(proptest::option::of(rrset), owners.len()).prop_map(move |rrsets| {
        let present = owners
            .iter()
            .zip(rrsets)
            .filter_map(|(owner, rrset)| Some((owner, rrset?)));
        present
            .map(|(owner, (ttl, addresses))| {
                let rdata = addresses
                    .iter()
                    .map(|last| Rdata::from_wire(Rrtype::A, &[192, 0, 2, *last]));
                let owner = OwnerName::parse(owner).unwrap();
                Rrset::new(
                    owner,
                    Rrtype::A,
                    Ttl::new(ttl).unwrap(),
                    rdata.map(Result::unwrap).collect(),
                )
            })
            .collect()
    })
}
