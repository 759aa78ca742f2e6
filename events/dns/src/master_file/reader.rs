//! Reading master files record by record, in bounded memory.

use std::io::BufRead;

use super::record_text::RecordText;
use super::{MasterFileError, MasterFileErrorKind};
use crate::fields::{Field, Fields, excerpt};
use crate::name::{Name, NameError};
use crate::rdata::{Rdata, RdataError};
use crate::rrtype::Rrtype;
use crate::ttl::Ttl;

/// A record of a master file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterRecord {
    /// The owner name.
    pub owner: Name,
    /// Its TTL: the one it states, else the `$TTL` in force (RFC 2308 §4), else the last one stated
    /// before it (RFC 1035 §5.1), else nothing.
    pub ttl: Option<Ttl>,
    /// Its type.
    pub rrtype: Rrtype,
    /// Its data.
    pub rdata: Rdata,
    /// The line it begins on, counted from 1.
    pub line: u64,
}

/// The records of a master file, read one at a time.
///
/// An error is of one record or directive, and reading goes on with the next; it ends where that
/// makes no sense, as when the file cannot be read or a parenthesis is left open.
#[derive(Debug)]
pub struct MasterFileReader<R> {
    reader: R,
    lines: u64,
    record: RecordText,
    origin: Option<Name>,
    default_ttl: Option<Ttl>,
    last_ttl: Option<Ttl>,
    last_owner: Option<Name>,
    origin_first: Option<bool>,
    ended: bool,
}

impl<R: BufRead> MasterFileReader<R> {
    /// A reader of `reader`; `origin` is what relative names are relative to until `$ORIGIN` says
    /// otherwise.
    pub fn new(reader: R, origin: Option<Name>) -> Self {
        Self {
            reader,
            lines: 0,
            record: RecordText::default(),
            origin,
            default_ttl: None,
            last_ttl: None,
            last_owner: None,
            origin_first: None,
            ended: false,
        }
    }

    /// Whether the first thing in the file, comments apart, is a `$ORIGIN` that can be read; false
    /// as long as nothing has been read.
    pub fn saw_origin_first(&self) -> bool {
        self.origin_first == Some(true)
    }

    /// The origin in force.
    pub fn origin(&self) -> Option<&Name> {
        self.origin.as_ref()
    }

    /// The `$TTL` in force.
    pub fn default_ttl(&self) -> Option<Ttl> {
        self.default_ttl
    }

    /// Reads up to the next record; nothing at the end of the file.
    fn read(&mut self) -> Result<Option<MasterRecord>, MasterFileErrorKind> {
        while self.record.read(&mut self.reader, &mut self.lines)? {
            let text = std::mem::take(&mut self.record.text);
            let read = self.interpret(&text);
            // The buffer serves the next record.
            self.record.text = text;
            if let Some(record) = read? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    fn interpret(&mut self, text: &[u8]) -> Result<Option<MasterRecord>, MasterFileErrorKind> {
        let mut fields = Fields::new(text);
        let names_owner = !matches!(text.first(), Some(b' ' | b'\t'));
        if names_owner && text.first() == Some(&b'$') {
            let directive = fields.next()?.map_or(&[][..], |field| field.raw);
            let done = self.direct(directive, fields);
            let origin = done.is_ok() && directive.eq_ignore_ascii_case(b"$ORIGIN");
            self.origin_first.get_or_insert(origin);
            return done.map(|()| None);
        }
        self.origin_first.get_or_insert(false);
        if names_owner {
            // Forgotten first: after an owner name that cannot be read, "the same" means none.
            self.last_owner = None;
            if let Some(field) = fields.next()? {
                self.last_owner = Some(self.name(field)?);
            }
        }
        let owner = self.last_owner.clone().ok_or(MasterFileErrorKind::NoOwner)?;
        let (ttl, rrtype) = ttl_and_type(&mut fields)?;
        self.last_ttl = ttl.or(self.last_ttl);
        let rdata = match &self.origin {
            Some(origin) => Rdata::parse_fields(rrtype, fields, origin)?,
            None => parse_without_origin(rrtype, &fields)?,
        };
        let ttl = ttl.or(self.default_ttl).or(self.last_ttl);
        Ok(Some(MasterRecord {
            owner,
            ttl,
            rrtype,
            rdata,
            line: self.record.line,
        }))
    }

    fn direct(&mut self, directive: &[u8], mut fields: Fields<'_>) -> Result<(), MasterFileErrorKind> {
        match directive.to_ascii_uppercase().as_slice() {
            b"$ORIGIN" => {
                let origin = argument("$ORIGIN", &mut fields)?;
                self.origin = Some(self.name(origin)?);
                Ok(())
            }
            b"$TTL" => {
                self.default_ttl = Some(ttl(argument("$TTL", &mut fields)?.raw)?);
                Ok(())
            }
            b"$INCLUDE" => Err(MasterFileErrorKind::Include),
            b"$GENERATE" => Err(MasterFileErrorKind::Generate),
            _ => Err(MasterFileErrorKind::UnknownDirective(excerpt(directive))),
        }
    }

    /// A name relative to the origin; without an origin it has to be absolute.
    fn name(&self, field: Field<'_>) -> Result<Name, MasterFileErrorKind> {
        match Name::parse_octets(field.raw, self.origin.as_ref()) {
            Ok(name) => Ok(name),
            Err(NameError::NotAbsolute) => Err(MasterFileErrorKind::NoOrigin),
            Err(reason) => Err(MasterFileErrorKind::BadName {
                value: excerpt(field.raw),
                reason,
            }),
        }
    }
}

impl<R: BufRead> Iterator for MasterFileReader<R> {
    type Item = Result<MasterRecord, MasterFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let read = self.read().transpose();
        self.ended = match &read {
            None => true,
            Some(Ok(_)) => false,
            Some(Err(kind)) => kind.is_final(),
        };
        Some(read?.map_err(|kind| MasterFileError {
            line: self.record.line,
            kind,
        }))
    }
}

fn argument<'a>(directive: &'static str, fields: &mut Fields<'a>) -> Result<Field<'a>, MasterFileErrorKind> {
    match (fields.next()?, fields.next()?) {
        (Some(argument), None) => Ok(argument),
        _ => Err(MasterFileErrorKind::DirectiveArguments(directive)),
    }
}

/// Reads `[TTL] [class] type`, TTL and class in either order (RFC 1035 §5.1).
fn ttl_and_type(fields: &mut Fields<'_>) -> Result<(Option<Ttl>, Rrtype), MasterFileErrorKind> {
    let (mut stated, mut class) = (None, false);
    loop {
        let raw = fields.next()?.ok_or(MasterFileErrorKind::NoType)?.raw;
        if stated.is_none() && raw.first().is_some_and(u8::is_ascii_digit) {
            stated = Some(ttl(raw)?);
        } else if !class && is_class(raw) {
            if !raw.eq_ignore_ascii_case(b"IN") && !raw.eq_ignore_ascii_case(b"CLASS1") {
                return Err(MasterFileErrorKind::OtherClass(excerpt(raw)));
            }
            class = true;
        } else {
            let rrtype = Rrtype::parse_octets(raw);
            return rrtype
                .map(|rrtype| (stated, rrtype))
                .map_err(|_| MasterFileErrorKind::UnknownType(excerpt(raw)));
        }
    }
}

fn ttl(raw: &[u8]) -> Result<Ttl, MasterFileErrorKind> {
    Ttl::parse_octets(raw).map_err(|reason| MasterFileErrorKind::BadTtl {
        value: excerpt(raw),
        reason,
    })
}

fn is_class(raw: &[u8]) -> bool {
    let named = [&b"IN"[..], b"CH", b"HS", b"CS"];
    let generic = raw.split_at_checked(5).is_some_and(|(prefix, digits)| {
        prefix.eq_ignore_ascii_case(b"CLASS") && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
    });
    generic || named.iter().any(|class| raw.eq_ignore_ascii_case(class))
}

/// Without an origin every name in the data has to be absolute: the data must not depend on one.
fn parse_without_origin(rrtype: Rrtype, fields: &Fields<'_>) -> Result<Rdata, MasterFileErrorKind> {
    let rdata = Rdata::parse_fields(rrtype, fields.clone(), &Name::root())?;
    let probe = Name::concat([&b"origin"[..]], &Name::root()).map_err(|_| MasterFileErrorKind::NoOrigin)?;
    match Rdata::parse_fields(rrtype, fields.clone(), &probe) {
        Ok(other) if other == rdata => Ok(rdata),
        Ok(_) | Err(RdataError::BadName { .. }) => Err(MasterFileErrorKind::NoOrigin),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each record as a line of text, or the line and label of an error.
    fn read(text: &str) -> Vec<String> {
        MasterFileReader::new(text.as_bytes(), None)
            .map(|read| match read {
                Ok(MasterRecord {
                    owner,
                    ttl,
                    rrtype,
                    rdata,
                    line,
                }) => {
                    let ttl = ttl.map_or("-".to_owned(), |ttl| ttl.to_string());
                    format!("{line} {owner} {ttl} {rrtype} {rdata}")
                }
                Err(MasterFileError { line, kind }) => format!("{line} {}", kind.label()),
            })
            .collect()
    }

    #[test]
    fn everything_rfc_1035_has() {
        let text = "; a comment first\n\n\
            $ORIGIN example.com.\n\
            $TTL 1h ; the default\r\n\
            @ IN SOA ns1 host\\.master ( ; begins\n\
            \x20   2024010101 ; serial\n\
            \x20   1d 2h\t4w\n\
            \x20   300 )\n\
            \tIN NS ns1\n\
            \t  NS ns2.example.net.\n\
            ns1 300 IN A 192.0.2.1\n\
            ns1 IN 300 AAAA 2001:db8::1\n\
            *.w A 192.0.2.2 ; wild\n\
            txt TXT \"a ; b\" \"(c)\" d\\;e\n\
            $TTL 60\n\
            $ORIGIN sub\n\
            x 2D CNAME @\n\
            raw TYPE62 \\# 2 abcd";
        let expected = [
            r"5 example.com. 3600 SOA ns1.example.com. host\.master.example.com. 2024010101 86400 7200 2419200 300",
            "9 example.com. 3600 NS ns1.example.com.",
            "10 example.com. 3600 NS ns2.example.net.",
            "11 ns1.example.com. 300 A 192.0.2.1",
            "12 ns1.example.com. 300 AAAA 2001:db8::1",
            "13 *.w.example.com. 3600 A 192.0.2.2",
            r#"14 txt.example.com. 3600 TXT "a ; b" "(c)" "d;e""#,
            "17 x.sub.example.com. 172800 CNAME sub.example.com.",
            r"18 raw.sub.example.com. 60 TYPE62 \# 2 abcd",
        ];
        assert_eq!(read(text), expected);
    }

    #[test]
    fn without_a_default_the_last_ttl_stated_holds() {
        let text = "a. A 192.0.2.1\na. 5 A 192.0.2.2\na. A 192.0.2.3\n";
        assert_eq!(
            read(text),
            ["1 a. - A 192.0.2.1", "2 a. 5 A 192.0.2.2", "3 a. 5 A 192.0.2.3"]
        );
    }

    #[test]
    fn an_error_is_of_one_record_and_reading_goes_on() {
        for (text, label) in [
            ("$INCLUDE other.db", "master_file_include"),
            ("$generate 1-9 a A 192.0.2.$", "master_file_generate"),
            ("$FOO", "master_file_unknown_directive"),
            ("$TTL", "master_file_directive_arguments"),
            ("$TTL 1 2", "master_file_directive_arguments"),
            ("$TTL 1q", "master_file_bad_ttl"),
            ("$ORIGIN a..b.", "master_file_bad_name"),
            ("a.. A 192.0.2.1", "master_file_bad_name"),
            ("a. CH A 192.0.2.1", "master_file_other_class"),
            ("a. CLASS3 A 192.0.2.1", "master_file_other_class"),
            ("a. 300", "master_file_no_type"),
            ("a. 300 IN BOGUS x", "master_file_unknown_type"),
            ("a. 2147483648 A 192.0.2.1", "master_file_bad_ttl"),
            ("a. A 192.0.2.300", "rdata_bad_address"),
            ("a. A 192.0.2.1 ) 5", "master_file_unopened_parenthesis"),
            ("a. TXT \"open", "master_file_unclosed_quote"),
            ("a. TYPE62 data", "rdata_no_text_form"),
            ("relative A 192.0.2.1", "master_file_no_origin"),
            ("a. CNAME relative", "master_file_no_origin"),
            ("a. CNAME @", "master_file_no_origin"),
            ("  A 192.0.2.1", "master_file_no_owner"),
        ] {
            let read = read(&format!("\n{text}\nb. 1 A 192.0.2.1\n"));
            assert_eq!(
                read,
                [format!("2 {label}"), "3 b. 1 A 192.0.2.1".to_owned()],
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_left_open_ends_the_file() {
        assert_eq!(read("a. TXT ( b\nc\n"), ["1 master_file_unclosed_parenthesis"]);
        assert_eq!(read("a. TXT \"b"), ["1 master_file_unclosed_quote"]);
        let endless = format!("a. TXT ( {}", "b ".repeat(400_000));
        assert_eq!(read(&endless), ["1 master_file_record_too_long"]);
        let word = format!("a. TXT {}", "b".repeat(200_000));
        assert_eq!(read(&word), ["1 rdata_field_too_long"]);
    }

    #[test]
    fn it_is_known_whether_the_origin_came_first() {
        let first = |text: &str| {
            let mut reader = MasterFileReader::new(text.as_bytes(), None);
            reader.by_ref().for_each(drop);
            reader.saw_origin_first()
        };
        assert!(first("; comment\n\n$ORIGIN example.com.\n@ A 192.0.2.1\n"));
        assert!(first("$origin example.com.\n"));
        assert!(!first("$TTL 300\n$ORIGIN example.com.\n"));
        assert!(!first("a. A 192.0.2.1\n$ORIGIN example.com.\n"));
        assert!(!first("$ORIGIN\n$ORIGIN example.com.\n"));
        assert!(!first(""));
    }

    #[test]
    fn an_origin_can_be_given() {
        let origin = Name::parse("example.com.").unwrap();
        let mut reader = MasterFileReader::new(&b"www 5 CNAME @\n"[..], Some(origin.clone()));
        let record = reader.next().unwrap().unwrap();
        assert_eq!(record.owner.to_string(), "www.example.com.");
        assert_eq!(record.rdata.to_string(), "example.com.");
        assert!(reader.next().is_none());
        assert_eq!(reader.origin(), Some(&origin));
        assert_eq!(reader.default_ttl(), None);
    }
}
