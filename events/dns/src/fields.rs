//! The fields of one record's text: words and quoted strings (RFC 1035 §5.1).

use crate::name::unescape;
use crate::rdata::RdataError;

/// The longest field taken: the longest rdata in one word of hexadecimal digits.
const MAX_FIELD: usize = 131_072;

/// The fields of a text, taken one by one without allocating. Comments, parentheses and line ends
/// are the master-file reader's business and have no meaning here.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

/// One field, its escapes not yet decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    /// The octets as written, without the quotation marks around them.
    pub(crate) raw: &'a [u8],
    /// Whether the field stood in quotation marks.
    pub(crate) quoted: bool,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// The next field; nothing at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Field<'a>>, RdataError> {
        match self.next_of_any_length()? {
            Some(field) if field.raw.len() > MAX_FIELD => Err(RdataError::FieldTooLong),
            field => Ok(field),
        }
    }

    /// Whether the text goes on with the word that begins data in the form of RFC 3597 §5.
    pub(crate) fn is_generic(&self) -> bool {
        let rest = self.rest.trim_ascii_start_blanks();
        matches!(rest, [b'\\', b'#'] | [b'\\', b'#', b' ' | b'\t', ..])
    }

    fn next_of_any_length(&mut self) -> Result<Option<Field<'a>>, RdataError> {
        self.rest = self.rest.trim_ascii_start_blanks();
        let Some((first, tail)) = self.rest.split_first() else {
            return Ok(None);
        };
        if *first == b'"' {
            let end = closing_quote(tail)?;
            let field = Field {
                raw: &tail[..end],
                quoted: true,
            };
            self.rest = &tail[end + 1..];
            if !matches!(
                self.rest.first(),
                None | Some(b' ' | b'\t' | b'"' | b'\r' | b'\n')
            ) {
                return Err(RdataError::UnescapedQuote);
            }
            return Ok(Some(field));
        }
        let mut end = 0;
        while let Some(octet) = self.rest.get(end) {
            match octet {
                b' ' | b'\t' => break,
                b'\r' | b'\n' => return Err(RdataError::LineBreak),
                b'\\' => match self.rest.get(end + 1) {
                    None => return Err(RdataError::TrailingBackslash),
                    Some(b'\r' | b'\n') => return Err(RdataError::LineBreak),
                    Some(_) => end += 2,
                },
                // The value of a service parameter may be quoted: key="value" (RFC 9460 §2.1).
                b'"' if end > 0 && self.rest[end - 1] == b'=' => {
                    end += 2 + closing_quote(&self.rest[end + 1..])?;
                }
                b'"' => return Err(RdataError::UnescapedQuote),
                _ => end += 1,
            }
        }
        let (raw, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(Some(Field { raw, quoted: false }))
    }

    /// The next field, which must be there.
    pub(crate) fn require(&mut self, field: &'static str) -> Result<Field<'a>, RdataError> {
        self.next()?.ok_or(RdataError::MissingField { field })
    }

    /// Fails when something is left.
    pub(crate) fn end(&mut self) -> Result<(), RdataError> {
        match self.next()? {
            None => Ok(()),
            Some(field) => Err(RdataError::UnexpectedField {
                value: excerpt(field.raw),
            }),
        }
    }
}

/// Blanks between fields are spaces and tabs; a line end is never one.
trait TrimBlanks {
    fn trim_ascii_start_blanks(&self) -> &Self;
}

impl TrimBlanks for [u8] {
    fn trim_ascii_start_blanks(&self) -> &[u8] {
        let start = self.iter().position(|octet| !matches!(octet, b' ' | b'\t'));
        &self[start.unwrap_or(self.len())..]
    }
}

/// Where the quotation mark stands that ends a quoted string.
fn closing_quote(text: &[u8]) -> Result<usize, RdataError> {
    let mut at = 0;
    while let Some(octet) = text.get(at) {
        match octet {
            b'"' => return Ok(at),
            b'\r' | b'\n' => return Err(RdataError::LineBreak),
            // What is escaped cannot end the string; a line end after a backslash is found next.
            b'\\' if !matches!(text.get(at + 1), Some(b'\r' | b'\n')) => at += 2,
            _ => at += 1,
        }
    }
    Err(RdataError::UnclosedQuote)
}

/// Appends a text with its escapes decoded; returns how many octets that were.
pub(crate) fn decode(raw: &[u8], wire: &mut Vec<u8>) -> Result<usize, RdataError> {
    let before = wire.len();
    let mut rest = raw;
    loop {
        let plain = rest
            .iter()
            .position(|octet| *octet == b'\\')
            .unwrap_or(rest.len());
        wire.extend_from_slice(&rest[..plain]);
        rest = match &rest[plain..] {
            [] => return Ok(wire.len() - before),
            [_, tail @ ..] => tail,
        };
        if rest.is_empty() {
            return Err(RdataError::TrailingBackslash);
        }
        wire.push(unescape(&mut rest).ok_or(RdataError::BadEscape)?);
    }
}

/// The first 64 characters of a text, for an error's sentence.
pub(crate) fn excerpt(text: &[u8]) -> String {
    let mut excerpt: String = String::from_utf8_lossy(&text[..text.len().min(256)])
        .chars()
        .take(64)
        .collect();
    if text.len() > excerpt.len() {
        excerpt.push('…');
    }
    excerpt
}
