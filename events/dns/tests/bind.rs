//! What we write BIND reads, and what BIND writes we read: every type, the odd spellings included.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use zonelog_dns::{MasterFileReader, Name, OwnerName, Rdata, Rrset, Rrtype, Ttl, ZoneName, write_zone};

/// Records of every type, in the spelling of the API.
const RECORDS: &[(&str, Rrtype, &str)] = &[
    (
        "example.com.",
        Rrtype::SOA,
        "ns1.example.net. first\\.last.example.com. 4294967295 3550 600 86400 3600",
    ),
    ("example.com.", Rrtype::NS, "ns1.example.net."),
    ("example.com.", Rrtype::MX, "10 mail.example.net."),
    ("example.com.", Rrtype::MX, "20 mx2.example.net."),
    ("*.example.com.", Rrtype::A, "192.0.2.1"),
    ("www.example.com.", Rrtype::AAAA, "2001:DB8::1"),
    ("alias.example.com.", Rrtype::CNAME, "WWW.example.com."),
    ("1.example.com.", Rrtype::PTR, "host_x.example.net."),
    (
        "_sip._tcp.example.com.",
        Rrtype::SRV,
        "10 60 5060 sip.example.net.",
    ),
    (
        "t.example.com.",
        Rrtype::TXT,
        r#""a b" "c;d" "say \"hi\" \\ \000\255" "" "€""#,
    ),
    ("t.example.com.", Rrtype::TXT, "v=spf1"),
    ("t.example.com.", Rrtype::SPF, "\"v=spf1 -all\""),
    (
        "ssh.example.com.",
        Rrtype::SSHFP,
        "1 1 1234567890abcdef1234567890ABCDEF12345678",
    ),
    (
        "n.example.com.",
        Rrtype::NAPTR,
        r#"100 10 "U" "E2U+sip" "!^(.*)$!sip:\\1@example.com!i" ."#,
    ),
    (
        "n.example.com.",
        Rrtype::NAPTR,
        "0 0 S SIP+D2U \"\" _sip._udp.example.com.",
    ),
    ("example.com.", Rrtype::CAA, "128 issue \";\""),
    (
        "example.com.",
        Rrtype::CAA,
        "0 issuewild \"ca.example.net; policy=ev\"",
    ),
    ("example.com.", Rrtype::CAA, "0 iodef mailto:security@example.com"),
    (
        "c.example.com.",
        Rrtype::CERT,
        "PKIX 1 RSASHA256 KR1L0GbocaIOOim1+qdHtOSrDcOsGiI2NCcxuX2/Tqc=",
    ),
    ("c.example.com.", Rrtype::CERT, "253 65535 0 AA=="),
    ("example.com.", Rrtype::HTTPS, "0 svc.example.net."),
    (
        "b.example.com.",
        Rrtype::HTTPS,
        "1 . alpn=h3,h2 no-default-alpn port=8443 ipv4hint=192.0.2.1,192.0.2.2",
    ),
    (
        "b.example.com.",
        Rrtype::HTTPS,
        "2 b.example.net. ech=AEj+DQBE ipv6hint=2001:db8::1 key667=\"a b\\210\"",
    ),
    (
        "_dns.example.com.",
        Rrtype::SVCB,
        "1 dot.example.net. mandatory=alpn alpn=h2 dohpath=/q{?dns}",
    ),
    ("_443._tcp.example.com.", Rrtype::TLSA, "3 1 0 abcdef"),
];

fn records() -> Vec<Rrset> {
    let ttl = Ttl::new(3600).unwrap();
    let records = RECORDS.iter().map(|(owner, rrtype, text)| {
        let rdata = Rdata::parse(*rrtype, text).unwrap();
        Rrset::new(OwnerName::parse(owner).unwrap(), *rrtype, ttl, vec![rdata])
    });
    // An octet of every kind in an owner name, as a master file or a transfer may bring it.
    let odd = Name::concat([&b"a.b\\\"(;@$ \x00\xff"[..], b"example", b"com"], &Name::root()).unwrap();
    let address = Rdata::parse(Rrtype::A, "192.0.2.9").unwrap();
    let unknown = Rdata::from_wire(Rrtype::new(65280), b"any\x00thing").unwrap();
    records
        .chain([
            Rrset::new(OwnerName::from_name(odd.clone()), Rrtype::A, ttl, vec![address]),
            Rrset::new(OwnerName::from_name(odd), unknown.rrtype(), ttl, vec![unknown]),
        ])
        .collect()
}

/// The file as BIND reads it and writes it again.
fn through_bind(file: &[u8]) -> Vec<u8> {
    let mut bind = Command::new("named-checkzone")
        .args("-D -q -k ignore -n ignore -m ignore -i none -S ignore -o - example.com. /dev/stdin".split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("named-checkzone of bind9-utils is installed");
    bind.stdin.take().unwrap().write_all(file).unwrap();
    let output = bind.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "BIND refused:\n{}",
        String::from_utf8_lossy(file)
    );
    output.stdout
}

#[test]
fn bind_reads_what_we_write_and_we_read_what_bind_writes() {
    let origin = ZoneName::parse("example.com.").unwrap();
    let records = records();
    let mut file = Vec::new();
    write_zone(&mut file, &origin, Ttl::new(3600).unwrap(), &records).unwrap();
    let returned = through_bind(&file);
    let ours: BTreeSet<(Name, Rdata)> = records
        .into_iter()
        .flat_map(|rrset| {
            rrset
                .rdata
                .into_iter()
                .map(move |rdata| (rrset.owner.clone().into(), rdata))
        })
        .collect();
    let theirs: BTreeSet<(Name, Rdata)> = MasterFileReader::new(&returned[..], Some(origin.into()))
        .map(|read| read.unwrap_or_else(|error| panic!("{error} in\n{}", String::from_utf8_lossy(&returned))))
        .inspect(|record| assert_eq!(record.ttl, Ttl::new(3600).ok()))
        .map(|record| (record.owner, record.rdata))
        .collect();
    assert_eq!(ours, theirs);
}
