//! The protocol of Knot's control socket: units of fields, a block of units for each command and for each reply.
//!
//! A unit is an octet for its kind, and for data any number of fields: an octet of 16 and the field's number, the length
//! in 16 bits, and the text. Commands may be sent without waiting for replies, as long as somebody reads these meanwhile.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Kinds of units.
const END: u8 = 0;
const DATA: u8 = 1;
const EXTRA: u8 = 2;
const BLOCK: u8 = 3;
/// What is added to a field's number.
const FIELD: u8 = 16;
/// The most octets of replies that are kept.
const LONGEST: usize = 64 << 20;

/// A field of a unit, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    Command = 0,
    Flags = 1,
    Error = 2,
    Section = 3,
    Item = 4,
    Id = 5,
    Zone = 6,
    Data = 10,
    Filter = 11,
}

/// A command, as it is sent. Not to be shown: keys' secrets are sent too.
pub(super) struct Command(Vec<u8>);

impl Command {
    /// A command of this name.
    pub(super) fn new(name: &str) -> Self {
        Self(vec![DATA]).with(Field::Command, name)
    }

    /// Adds a field. A text longer than the protocol has room for is cut: none of ours is.
    pub(super) fn with(mut self, field: Field, text: &str) -> Self {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.0.push(FIELD + field as u8);
        self.0.extend(length.to_be_bytes());
        self.0.extend(&text.as_bytes()[..usize::from(length)]);
        self
    }
}

/// A unit of a reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Unit(Vec<(u8, String)>);

/// The reply to one command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply(Vec<Unit>);

impl Reply {
    /// What Knot said against it, with what it is about: several sentences when it found several faults.
    pub(super) fn error(&self) -> Option<String> {
        let faults: Vec<String> = self
            .0
            .iter()
            .filter_map(|unit| {
                let error = unit.get(Field::Error)?;
                let place: Vec<&str> = [Field::Section, Field::Id, Field::Item, Field::Zone]
                    .into_iter()
                    .filter_map(|field| unit.get(field))
                    .collect();
                Some(if place.is_empty() {
                    error.to_owned()
                } else {
                    format!("{error} ({})", place.join(" "))
                })
            })
            .collect();
        (!faults.is_empty()).then(|| faults.join("; "))
    }

    /// Whether an error is exactly this one.
    pub(super) fn says(&self, error: &str) -> bool {
        self.0.iter().any(|unit| unit.get(Field::Error) == Some(error))
    }

    /// The texts of a field, over all units.
    pub(super) fn all(&self, field: Field) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(move |unit| unit.get(field))
    }
}

impl Unit {
    fn get(&self, field: Field) -> Option<&str> {
        self.0
            .iter()
            .find(|(number, _)| *number == field as u8)
            .map(|(_, text)| text.as_str())
    }
}

/// Octets that are no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Malformed;

/// Reads replies from octets as they come.
#[derive(Debug, Default)]
struct Replies {
    octets: Vec<u8>,
    at: usize,
    units: Vec<Unit>,
}

impl Replies {
    /// The next reply, if all of it is there.
    fn next(&mut self) -> Result<Option<Reply>, Malformed> {
        loop {
            let rest = self.octets.get(self.at..).unwrap_or_default();
            let Some((&kind, after)) = rest.split_first() else {
                return Ok(None);
            };
            match kind {
                DATA | EXTRA => {
                    self.units.push(Unit::default());
                    self.at += 1;
                }
                BLOCK | END => {
                    self.at += 1;
                    return Ok(Some(Reply(std::mem::take(&mut self.units))));
                }
                _ => {
                    let (Some(number), Some(unit)) = (kind.checked_sub(FIELD), self.units.last_mut()) else {
                        return Err(Malformed);
                    };
                    let Some((length, text)) = after.split_first_chunk::<2>() else {
                        return Ok(None);
                    };
                    let length = usize::from(u16::from_be_bytes(*length));
                    let Some(text) = text.get(..length) else {
                        return Ok(None);
                    };
                    unit.0.push((number, String::from_utf8_lossy(text).into_owned()));
                    self.at += 3 + length;
                }
            }
        }
    }
}

/// A connection to the control socket. Knot serves one at a time, so it is kept for one batch only.
#[derive(Debug)]
pub(super) struct Control {
    socket: PathBuf,
    stream: UnixStream,
    replies: Replies,
}

impl Control {
    /// Connects.
    pub(super) async fn connect(socket: &Path) -> Result<Self, String> {
        let stream = UnixStream::connect(socket).await.map_err(|error| {
            format!(
                "cannot reach Knot's control socket {}: {error}; check that knotd runs here, that its `control: listen` is \
                 this path, and that this account may use it (it belongs to the group of knotd's account)",
                socket.display()
            )
        })?;
        Ok(Self {
            socket: socket.to_owned(),
            stream,
            replies: Replies::default(),
        })
    }

    /// Sends commands, and returns a reply for each. `patience` is for each time that nothing comes.
    pub(super) async fn ask(
        &mut self,
        commands: &[Command],
        patience: Duration,
    ) -> Result<Vec<Reply>, String> {
        let mut octets = Vec::new();
        for command in commands {
            octets.extend(&command.0);
            octets.push(BLOCK);
        }
        let (mut read, mut write) = self.stream.split();
        let replies = &mut self.replies;
        let reading = async {
            let mut answers = Vec::with_capacity(commands.len());
            while answers.len() < commands.len() {
                match replies.next() {
                    Ok(Some(reply)) => answers.push(reply),
                    Ok(None) => {
                        replies.octets.drain(..replies.at);
                        replies.at = 0;
                        let more = read.read_buf(&mut replies.octets);
                        match tokio::time::timeout(patience, more).await {
                            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
                            Ok(Err(error)) => return Err(error),
                            Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                            Ok(Ok(_)) if replies.octets.len() > LONGEST => {
                                return Err(io::ErrorKind::InvalidData.into());
                            }
                            Ok(Ok(_)) => {}
                        }
                    }
                    Err(Malformed) => return Err(io::ErrorKind::InvalidData.into()),
                }
            }
            Ok(answers)
        };
        // Both at once: Knot stops reading when nobody takes its replies.
        let asked = tokio::try_join!(reading, async { write.write_all(&octets).await });
        asked
            .map(|(answers, ())| answers)
            .map_err(|error: io::Error| {
                let socket = self.socket.display();
                match error.kind() {
                    io::ErrorKind::TimedOut => format!(
                        "Knot did not answer at {socket} within {:.1} s; check that it is not overloaded, and that no \
                         other client keeps the socket, since Knot serves one at a time",
                        patience.as_secs_f64()
                    ),
                    io::ErrorKind::InvalidData => format!(
                        "what answers at {socket} does not speak the protocol of Knot's control socket; check that it is one"
                    ),
                    _ => format!("the connection to Knot's control socket {socket} broke: {error}; check that knotd runs"),
                }
            })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reply_is_read_however_it_is_cut() {
        let mut octets = Command::new("conf-set")
            .with(Field::Error, "not exists")
            .with(Field::Section, "zone")
            .with(Field::Id, "one.test.")
            .0;
        octets.extend([BLOCK, BLOCK]);
        for cut in 0..octets.len() {
            let mut replies = Replies::default();
            let mut read = Vec::new();
            for part in [&octets[..cut], &octets[cut..]] {
                replies.octets.extend(part);
                while let Some(reply) = replies.next().unwrap() {
                    read.push(reply);
                }
            }
            assert_eq!(read.len(), 2);
            assert_eq!(read[0].error().unwrap(), "not exists (zone one.test.)");
            assert!(read[0].says("not exists") && !read[1].says("not exists"));
            assert_eq!(read[1].error(), None);
        }
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..28], 0..200)) {
            let mut replies = Replies { octets, ..Replies::default() };
            while let Ok(Some(_)) = replies.next() {}
        }
    }
}
