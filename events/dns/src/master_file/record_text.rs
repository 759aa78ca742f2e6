//! Cutting a master file into the texts of its records.

use std::io::{self, BufRead};

use super::MasterFileErrorKind;

/// The longest record taken: the longest rdata, each octet written `\DDD`, with room for the rest.
pub(super) const MAX_RECORD: usize = 512 * 1024;

/// One record's or directive's text on a single line: comments gone, parentheses and the line ends
/// inside them replaced by spaces, quotation marks and escapes kept.
#[derive(Debug, Default)]
pub(super) struct RecordText {
    pub(super) text: Vec<u8>,
    /// The line it begins on, counted from 1.
    pub(super) line: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Plain,
    Quoted,
    Comment,
}

impl RecordText {
    /// Reads the next record that is not empty into `self`; false at the end of the file.
    /// `lines` counts the lines read. After an error the rest of the line has been skipped.
    pub(super) fn read(
        &mut self,
        reader: &mut impl BufRead,
        lines: &mut u64,
    ) -> Result<bool, MasterFileErrorKind> {
        self.text.clear();
        self.line = *lines + 1;
        let (mut state, mut depth, mut escaped) = (State::Plain, 0u32, false);
        let mut failed = None;
        loop {
            let Some(octet) = next_octet(reader)? else {
                failed = failed.or(match state {
                    State::Quoted => Some(MasterFileErrorKind::UnclosedQuote),
                    _ if depth > 0 => Some(MasterFileErrorKind::UnclosedParenthesis),
                    _ => None,
                });
                return failed.map_or(Ok(!self.is_blank()), Err);
            };
            if octet == b'\n' {
                *lines += 1;
                if state == State::Quoted {
                    failed = failed.or(Some(MasterFileErrorKind::UnclosedQuote));
                }
                state = State::Plain;
                escaped = false;
                if let Some(failed) = failed {
                    return Err(failed);
                }
                if depth > 0 {
                    self.text.push(b' ');
                } else if self.is_blank() {
                    self.text.clear();
                    self.line = *lines + 1;
                } else {
                    return Ok(true);
                }
                continue;
            }
            if self.text.len() >= MAX_RECORD {
                return Err(MasterFileErrorKind::RecordTooLong(MAX_RECORD));
            }
            match (state, octet) {
                (State::Comment, _) => {}
                (_, octet) if escaped => {
                    escaped = false;
                    self.text.push(octet);
                }
                (_, b'\\') => {
                    escaped = true;
                    self.text.push(octet);
                }
                (State::Quoted, b'"') => {
                    state = State::Plain;
                    self.text.push(octet);
                }
                (State::Quoted, octet) => self.text.push(octet),
                (State::Plain, b'"') => {
                    state = State::Quoted;
                    self.text.push(octet);
                }
                (State::Plain, b';') => state = State::Comment,
                (State::Plain, b'(') => {
                    depth += 1;
                    self.text.push(b' ');
                }
                (State::Plain, b')') => {
                    match depth.checked_sub(1) {
                        Some(shallower) => depth = shallower,
                        None => failed = failed.or(Some(MasterFileErrorKind::UnopenedParenthesis)),
                    }
                    self.text.push(b' ');
                }
                (State::Plain, b'\r') => self.text.push(b' '),
                (State::Plain, octet) => self.text.push(octet),
            }
        }
    }

    fn is_blank(&self) -> bool {
        self.text.iter().all(|octet| matches!(octet, b' ' | b'\t'))
    }
}

fn next_octet(reader: &mut impl BufRead) -> io::Result<Option<u8>> {
    let octet = loop {
        match reader.fill_buf() {
            Ok(buffer) => break buffer.first().copied(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    };
    if octet.is_some() {
        reader.consume(1);
    }
    Ok(octet)
}
