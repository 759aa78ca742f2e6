//! Designate's rules for each type, by example; where Designate is wrong, what is right.

use super::*;

/// Checks that every text is taken, that it prints as given beside it, and that the print and the
/// wire form give the same data again.
fn taken(rrtype: Rrtype, texts: &[(&str, &str)]) {
    for (text, printed) in texts {
        let rdata = Rdata::parse(rrtype, text).unwrap_or_else(|error| panic!("{rrtype} {text}: {error}"));
        assert_eq!(rdata.to_string(), *printed, "{rrtype} {text}");
        assert_eq!(Rdata::parse(rrtype, printed).unwrap(), rdata, "{rrtype} {text}");
        assert_eq!(
            Rdata::from_wire(rrtype, rdata.wire()).unwrap().wire(),
            rdata.wire(),
            "{rrtype} {text}"
        );
    }
}

fn refused(rrtype: Rrtype, texts: &[(&str, &str)]) {
    for (text, label) in texts {
        match Rdata::parse(rrtype, text) {
            Ok(rdata) => panic!("{rrtype} {text:?} was taken as {rdata}"),
            Err(error) => assert_eq!(error.label(), *label, "{rrtype} {text:?}: {error}"),
        }
    }
}

#[test]
fn addresses() {
    taken(
        Rrtype::A,
        &[("192.0.2.1", "192.0.2.1"), (" 192.0.2.1 ", "192.0.2.1")],
    );
    refused(
        Rrtype::A,
        &[
            ("", "rdata_missing_field"),
            ("192.0.2", "rdata_bad_address"),
            ("192.0.2.256", "rdata_bad_address"),
            ("192.0.2.01", "rdata_bad_address"),
            ("192.0.2.1 192.0.2.2", "rdata_unexpected_field"),
            ("192.0.2.1\n192.0.2.2", "rdata_line_break"),
            ("2001:db8::1", "rdata_bad_address"),
        ],
    );
    taken(
        Rrtype::AAAA,
        &[
            ("2001:DB8:0::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ],
    );
    refused(
        Rrtype::AAAA,
        &[
            ("fe80::1%eth0", "rdata_bad_address"),
            ("192.0.2.1", "rdata_bad_address"),
        ],
    );
}

#[test]
fn names() {
    for rrtype in [Rrtype::CNAME, Rrtype::NS, Rrtype::PTR] {
        taken(
            rrtype,
            &[
                ("Host.example.com.", "Host.example.com."),
                ("_x.example.", "_x.example."),
            ],
        );
        for text in [
            "host.example.com",
            ".",
            "a..b.",
            "-a.example.",
            "a/b.example.",
            "*.example.",
            r"a\.b.c.",
        ] {
            refused(rrtype, &[(text, "rdata_bad_name")]);
        }
    }
    taken(
        Rrtype::MX,
        &[("10 mail.example.com.", "10 mail.example.com."), ("0 .", "0 .")],
    );
    refused(
        Rrtype::MX,
        &[
            ("mail.example.com.", "rdata_bad_number"),
            ("10", "rdata_missing_field"),
            ("010 mail.example.com.", "rdata_bad_number"),
            ("-1 mail.example.com.", "rdata_bad_number"),
            ("+1 mail.example.com.", "rdata_bad_number"),
            ("65536 mail.example.com.", "rdata_bad_number"),
            ("10 mail.example.com", "rdata_bad_name"),
        ],
    );
    taken(
        Rrtype::SRV,
        &[
            ("10 0 5060 sip.example.com.", "10 0 5060 sip.example.com."),
            ("0 0 0 .", "0 0 0 ."),
        ],
    );
    refused(
        Rrtype::SRV,
        &[
            ("10 0 65536 sip.example.com.", "rdata_bad_number"),
            ("10 0 sip.example.com.", "rdata_bad_number"),
        ],
    );
}

#[test]
fn texts() {
    let long = format!("\"{}\"", "a".repeat(255));
    taken(
        Rrtype::TXT,
        &[
            ("v=spf1", "\"v=spf1\""),
            ("\"a b\" \"c\"", "\"a b\" \"c\""),
            ("\"\"", "\"\""),
            (r#""say \"hi\"""#, r#""say \"hi\"""#),
            (r#""\226\130\172""#, r#""\226\130\172""#),
            ("\"€\"", r#""\226\130\172""#),
            (r#""back\\slash; semi""#, r#""back\\slash; semi""#),
            (&long, &long),
        ],
    );
    refused(
        Rrtype::TXT,
        &[
            ("", "rdata_missing_field"),
            ("a b", "rdata_unquoted_spaces"),
            ("\"a\" b", "rdata_unquoted_spaces"),
            ("\"a", "rdata_unclosed_quote"),
            ("a\"b", "rdata_unescaped_quote"),
            ("\"a\"b", "rdata_unescaped_quote"),
            ("v=\"x\"", "rdata_unescaped_quote"),
            ("a\\", "rdata_trailing_backslash"),
            ("\"a\\\"", "rdata_unclosed_quote"),
            ("\"a\nb\"", "rdata_line_break"),
            ("\"a\\\nb\"", "rdata_line_break"),
            ("a\\\nb", "rdata_line_break"),
            ("\"\\256\"", "rdata_bad_escape"),
            (&format!("\"{}\"", "a".repeat(256)), "rdata_string_too_long"),
        ],
    );
    // Designate sets no limit to a string of SPF, so a long one is cut, as readers join it again.
    let (spf, cut) = (
        "b".repeat(300),
        format!("\"{}\" \"{}\"", "b".repeat(255), "b".repeat(45)),
    );
    taken(
        Rrtype::SPF,
        &[(&spf, &cut), ("\"v=spf1 -all\"", "\"v=spf1 -all\"")],
    );
}

#[test]
fn certification_authorities() {
    taken(
        Rrtype::CAA,
        &[
            ("0 issue letsencrypt.org", "0 issue \"letsencrypt.org\""),
            (
                "128 issue \"ca.example.net; policy=ev\"",
                "128 issue \"ca.example.net; policy=ev\"",
            ),
            ("0 issue \";\"", "0 issue \";\""),
            (
                "0 issue \"ca.example; a=1; b=2;\"",
                "0 issue \"ca.example; a=1; b=2;\"",
            ),
            ("1 issuewild \"\"", "1 issuewild \"\""),
            (
                "0 iodef mailto:security@example.com",
                "0 iodef \"mailto:security@example.com\"",
            ),
            (
                "0 iodef \"https://iodef.example.com/\"",
                "0 iodef \"https://iodef.example.com/\"",
            ),
        ],
    );
    refused(
        Rrtype::CAA,
        &[
            ("2 issue ca.example", "rdata_bad_value"),
            ("256 issue ca.example", "rdata_bad_number"),
            ("0 tbs unknown", "rdata_bad_value"),
            ("0 is-sue ca.example", "rdata_bad_value"),
            ("0 issue ca..example", "rdata_bad_value"),
            ("0 issue -ca.example", "rdata_bad_value"),
            ("0 issue \"ca.example; policy\"", "rdata_bad_value"),
            ("0 issue \"ca.example;; a=b\"", "rdata_bad_value"),
            ("0 issue ca.example; a=b", "rdata_unquoted_spaces"),
            ("0 iodef ftp://x", "rdata_bad_value"),
            ("0 iodef mailto:", "rdata_bad_value"),
            ("0 issue", "rdata_missing_field"),
        ],
    );
}

#[test]
fn keys_and_certificates() {
    let (sha1, sha256) = ("ab".repeat(20), "cd".repeat(32));
    taken(
        Rrtype::SSHFP,
        &[
            (
                &format!("4 2 {}", sha256.to_uppercase()),
                &format!("4 2 {sha256}"),
            ),
            (&format!("1 1 {sha1}"), &format!("1 1 {sha1}")),
        ],
    );
    refused(
        Rrtype::SSHFP,
        &[
            (&format!("5 1 {sha1}"), "rdata_bad_number"),
            (&format!("1 3 {sha1}"), "rdata_bad_number"),
            ("1 1 ab", "rdata_bad_encoding"),
            ("1 1 xyz", "rdata_bad_encoding"),
            ("1 1 abcdef12345", "rdata_bad_encoding"),
            ("1 1 \"\"", "rdata_bad_encoding"),
            (&format!("1 2 {}", "ab".repeat(25)), "rdata_bad_encoding"),
        ],
    );
    let sha512 = "ef".repeat(64);
    taken(
        Rrtype::TLSA,
        &[
            (&format!("3 1 1 {sha256}"), &format!("3 1 1 {sha256}")),
            (&format!("0 0 2 {sha512}"), &format!("0 0 2 {sha512}")),
            ("1 1 0 abcd", "1 1 0 abcd"),
        ],
    );
    refused(
        Rrtype::TLSA,
        &[
            (&format!("4 1 1 {sha256}"), "rdata_bad_number"),
            (&format!("3 2 1 {sha256}"), "rdata_bad_number"),
            (&format!("3 1 3 {sha256}"), "rdata_bad_number"),
            (&format!("3 1 2 {sha256}"), "rdata_bad_encoding"),
            (&format!("3 1 1 {sha1}"), "rdata_bad_encoding"),
        ],
    );
    taken(
        Rrtype::CERT,
        &[
            ("PKIX 1 RSASHA256 KR1L0Gbo caIO", "PKIX 1 RSASHA256 KR1L0GbocaIO"),
            ("1 65535 8 AA==", "PKIX 65535 RSASHA256 AA=="),
            ("12 0 200 AAAA", "12 0 200 AAAA"),
        ],
    );
    refused(
        Rrtype::CERT,
        &[
            ("DPKIX 1 RSASHA256 AAAA", "rdata_bad_value"),
            ("PKIX 1 RSASHA999 AAAA", "rdata_bad_value"),
            ("PKIX 1 256 AAAA", "rdata_bad_value"),
            ("PKIX 65536 8 AAAA", "rdata_bad_number"),
            ("PKIX 1 8 AAA", "rdata_bad_encoding"),
            ("PKIX 1 8 A*AA", "rdata_bad_encoding"),
        ],
    );
}

#[test]
fn naming_authority_pointers() {
    taken(
        Rrtype::NAPTR,
        &[
            (
                "0 0 S SIP+D2U \"\" _sip._udp.example.com.",
                "0 0 \"S\" \"SIP+D2U\" \"\" _sip._udp.example.com.",
            ),
            (
                r#"100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!i" ."#,
                r#"100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!i" ."#,
            ),
            (r#"1 1 "" "" "/\\/x/y/" ."#, r#"1 1 "" "" "/\\/x/y/" ."#),
        ],
    );
    refused(
        Rrtype::NAPTR,
        &[
            ("65536 0 S SIP+D2U \"\" .", "rdata_bad_number"),
            ("0 0 SS SIP+D2U \"\" .", "rdata_bad_value"),
            ("0 0 X SIP+D2U \"\" .", "rdata_bad_value"),
            ("0 0 S \"SIP D2U\" \"\" .", "rdata_bad_value"),
            ("0 0 U E2U+sip !^.*$!x .", "rdata_bad_value"),
            ("0 0 U E2U+sip 1a1b1 .", "rdata_bad_value"),
            ("0 0 S SIP+D2U \"\"", "rdata_missing_field"),
            ("0 0 S SIP+D2U \"\" relative", "rdata_bad_name"),
        ],
    );
}

#[test]
fn service_bindings() {
    taken(
        Rrtype::HTTPS,
        &[
            ("0 svc.example.net.", "0 svc.example.net."),
            ("1 . alpn=h3,h2", "1 . alpn=\"h3,h2\""),
            (
                "1 . port=8443 alpn=\"h2\" no-default-alpn",
                "1 . alpn=\"h2\" no-default-alpn port=8443",
            ),
            (
                "16 foo.example.org. ipv6hint=2001:db8::1,2001:db8::2 ipv4hint=192.0.2.1",
                "16 foo.example.org. ipv4hint=192.0.2.1 ipv6hint=2001:db8::1,2001:db8::2",
            ),
            (
                "1 . mandatory=port,alpn port=1 alpn=h2",
                "1 . mandatory=alpn,port alpn=\"h2\" port=1",
            ),
            (r#"1 . key667="hello\210qoo""#, r#"1 . key667="hello\210qoo""#),
            ("1 . key65000", "1 . key65000"),
            ("1 . ech=AEj+DQBE", "1 . ech=AEj+DQBE"),
        ],
    );
    refused(
        Rrtype::HTTPS,
        &[
            ("1", "rdata_missing_field"),
            ("1 svc.example", "rdata_bad_name"),
            ("1 . alpn=spdy", "rdata_bad_parameter"),
            ("1 . alpn=", "rdata_bad_parameter"),
            ("1 . alpn", "rdata_bad_parameter"),
            ("1 . alpn=h2 alpn=h3", "rdata_duplicate_parameter"),
            ("1 . port=443 port=444", "rdata_duplicate_parameter"),
            ("1 . port=65536", "rdata_bad_parameter"),
            ("1 . no-default-alpn", "rdata_missing_parameter"),
            ("1 . no-default-alpn=x alpn=h2", "rdata_bad_parameter"),
            ("1 . mandatory=port", "rdata_missing_parameter"),
            ("1 . mandatory=mandatory", "rdata_bad_parameter"),
            ("1 . mandatory=alpn,alpn alpn=h2", "rdata_bad_parameter"),
            ("1 . ipv4hint=2001:db8::1", "rdata_bad_parameter"),
            ("1 . ipv6hint=", "rdata_bad_parameter"),
            ("1 . ech=***", "rdata_bad_parameter"),
            ("1 . key65535=x", "rdata_unknown_parameter"),
            ("1 . key007=x", "rdata_unknown_parameter"),
            ("1 . colour=red", "rdata_unknown_parameter"),
            ("1 . dohpath=/q{?dns}", "rdata_unknown_parameter"),
            ("1 . key7=/q{?dns}", "rdata_bad_parameter"),
            ("1 . key1=h2", "rdata_bad_parameter"),
            ("1 . \"alpn=h2\"", "rdata_unexpected_field"),
        ],
    );
    taken(
        Rrtype::SVCB,
        &[(
            "1 . alpn=h2 dohpath=/q{?dns}",
            "1 . alpn=\"h2\" dohpath=\"/q{?dns}\"",
        )],
    );
    refused(Rrtype::SVCB, &[("1 . alpn=h2 dohpath=/q", "rdata_bad_parameter")]);
}

/// The escaping example of RFC 9460 appendix D.2: a list inside a string.
#[test]
fn protocols_are_escaped_twice() {
    let text = r#"16 foo.example.org. alpn="f\\\\oo\\,bar,h2""#;
    let rdata = Rdata::parse_relative(Rrtype::SVCB, text, &Name::root()).unwrap();
    assert!(rdata.wire().ends_with(b"\x00\x01\x00\x0c\x08f\\oo,bar\x02h2"));
    assert_eq!(rdata.to_string(), text);
}

#[test]
fn owners() {
    let check = |rrtype, owner: &str| Rdata::check_owner(rrtype, &OwnerName::parse(owner).unwrap()).is_ok();
    assert!(check(Rrtype::SRV, "_sip._tcp.example.com."));
    assert!(!check(Rrtype::SRV, "sip.example.com."));
    assert!(!check(Rrtype::SRV, "_sip.example.com."));
    assert!(check(Rrtype::TLSA, "_443._tcp.example.com."));
    assert!(!check(Rrtype::TLSA, "_65536._tcp.example.com."));
    assert!(!check(Rrtype::TLSA, "_https._tcp.example.com."));
    assert!(!check(Rrtype::NS, "*.example.com."));
    assert!(check(Rrtype::A, "*.example.com."));
    let at = |text: &str, owner: &str| {
        Rdata::parse(Rrtype::SVCB, text)
            .unwrap()
            .check_at(&OwnerName::parse(owner).unwrap())
            .is_ok()
    };
    assert!(at("1 . alpn=h2", "_dot.example.com."));
    assert!(!at("1 . alpn=h2", "_dns.example.com."));
    assert!(!at("1 . alpn=h3", "_8443._dns.example.com."));
    assert!(at("1 . alpn=h2 dohpath=/q{?dns}", "_dns.example.com."));
    assert!(at("1 . port=853", "_dns.example.com."));
}

#[test]
fn master_files_may_say_more() {
    let origin = Name::parse("example.com.").unwrap();
    for (rrtype, text, printed) in [
        (Rrtype::MX, "010 mail", "10 mail.example.com."),
        (Rrtype::CNAME, "@", "example.com."),
        (Rrtype::CNAME, "1/25", "1/25.example.com."),
        (Rrtype::TXT, "a b c", "\"a\" \"b\" \"c\""),
        (Rrtype::A, r"\# 4 c0000201", "192.0.2.1"),
        (
            Rrtype::CAA,
            "0 issuemail ca.example",
            "0 issuemail \"ca.example\"",
        ),
        (
            Rrtype::SOA,
            "ns admin 1 1h 10m 1w 1d",
            "ns.example.com. admin.example.com. 1 3600 600 604800 86400",
        ),
        (Rrtype::new(62), r"\# 3 abc def", r"\# 3 abcdef"),
        (Rrtype::new(62), r"\# 0", r"\# 0"),
    ] {
        let rdata = Rdata::parse_relative(rrtype, text, &origin).unwrap();
        assert_eq!(rdata.to_string(), printed);
    }
    for (rrtype, text) in [
        (Rrtype::A, r"\# 3 c00002"),
        (Rrtype::new(62), r"\# 2 ab"),
        (Rrtype::new(62), "x"),
    ] {
        assert!(Rdata::parse_relative(rrtype, text, &origin).is_err(), "{text}");
    }
}

#[test]
fn compression_is_for_the_types_of_rfc_1035_only() {
    let names = |rrtype, text: &str| {
        let rdata = Rdata::parse(rrtype, text).unwrap();
        let names: Vec<Name> = rdata
            .compressible_names()
            .map(|range| Name::from_wire(&rdata.wire()[range]).unwrap())
            .collect();
        names.iter().map(Name::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(Rrtype::MX, "10 a.example."), ["a.example."]);
    assert_eq!(names(Rrtype::NS, "a.example."), ["a.example."]);
    assert_eq!(
        names(Rrtype::SOA, "a.example. b.example. 1 2 3 4 5"),
        ["a.example.", "b.example."]
    );
    assert!(names(Rrtype::SRV, "1 2 3 a.example.").is_empty());
    assert!(names(Rrtype::HTTPS, "1 a.example.").is_empty());
    assert!(names(Rrtype::TXT, "a.example.").is_empty());
}

#[test]
fn names_inside_compare_without_case() {
    let rdata = |rrtype, text| Rdata::parse(rrtype, text).unwrap();
    assert_eq!(
        rdata(Rrtype::SRV, "1 2 3 A.Example."),
        rdata(Rrtype::SRV, "1 2 3 a.example.")
    );
    assert_eq!(
        rdata(Rrtype::NAPTR, "0 0 S X \"\" A.example."),
        rdata(Rrtype::NAPTR, "0 0 S X \"\" a.example.")
    );
    // The preference 65 is the letter 'A' on the wire, and no letter of a name.
    assert_ne!(
        rdata(Rrtype::MX, "65 a.example."),
        rdata(Rrtype::MX, "97 a.example.")
    );
    assert_ne!(
        rdata(Rrtype::NAPTR, "0 0 S X \"\" ."),
        rdata(Rrtype::NAPTR, "0 0 s X \"\" .")
    );
    assert_ne!(rdata(Rrtype::TXT, "A"), rdata(Rrtype::TXT, "a"));
    assert_ne!(
        rdata(Rrtype::HTTPS, "1 A.example."),
        rdata(Rrtype::HTTPS, "1 a.example.")
    );
}

#[test]
fn wire_forms_must_be_whole() {
    for (rrtype, wire) in [
        (Rrtype::A, &b"\xc0\x00\x02"[..]),
        (Rrtype::A, b"\xc0\x00\x02\x01\x00"),
        (Rrtype::AAAA, b""),
        (Rrtype::NS, b"\xc0\x0c"),
        (Rrtype::MX, b"\x00"),
        (Rrtype::TXT, b""),
        (Rrtype::TXT, b"\x02a"),
        (Rrtype::SOA, b"\x00\x00\x00"),
        (Rrtype::CAA, b"\x00\x00x"),
        (
            Rrtype::HTTPS,
            b"\x00\x01\x00\x00\x03\x00\x02\x00\x01\x00\x03\x00\x02\x00\x01",
        ),
        (Rrtype::HTTPS, b"\x00\x01\x00\x00\x03\x00\x01\x00"),
        (Rrtype::HTTPS, b"\x00\x01\x00\xff\xff\x00\x00"),
    ] {
        assert!(Rdata::from_wire(rrtype, wire).is_err(), "{rrtype} {wire:?}");
    }
    assert_eq!(
        Rdata::from_wire(Rrtype::new(62), &vec![0; 65_536]),
        Err(RdataError::TooLong)
    );
}
