//! The octets of the rndc channel (BIND's `isccc`), both ways. Pure.
//!
//! A message is a 32-bit length of what follows, the 32-bit version 1, and a table. A table is a row of entries: one
//! octet of key length, the key, one octet of kind (1 octets, 2 table, 3 list), a 32-bit length, the value. The first
//! entry, `_auth`, holds the HMAC over all entries after it. All numbers are big-endian.

use data_encoding::BASE64;
use zonelog_dns::tsig::{Algorithm, Secret};

/// The version of the channel that every BIND 9 speaks.
const VERSION: u32 = 1;
const OCTETS: u8 = 1;
const TABLE: u8 = 2;
const LIST: u8 = 3;
/// The room for the base64 of an HMAC of the SHA family, filled up with zero octets.
const HSHA: usize = 88;
/// The length of the base64 of an HMAC-MD5, without its padding.
const HMD5: usize = 22;
/// The deepest nesting of tables and lists that is read; named sends two.
const DEEPEST: usize = 8;

/// A value of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Octets, mostly text.
    Octets(Vec<u8>),
    /// Keys and values, in their order.
    Table(Vec<(String, Self)>),
    /// Values.
    List(Vec<Self>),
}

impl Value {
    /// Text as a value.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Octets(text.into().into_bytes())
    }

    /// The value of a key, if this is a table that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Table(entries) = self else { return None };
        entries
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// The text, if these are octets; what is not UTF-8 is replaced.
    pub(super) fn as_text(&self) -> Option<String> {
        match self {
            Self::Octets(octets) => Some(String::from_utf8_lossy(octets).into_owned()),
            Self::Table(_) | Self::List(_) => None,
        }
    }
}

/// Why octets are not a message of the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MessageError {
    /// They end too early, or lengths do not fit.
    #[error("it is cut off or its lengths do not fit")]
    Cut,
    /// Another version.
    #[error("its version is {0}, not 1")]
    Version(u32),
    /// A kind of value that there is not, or nested too deeply.
    #[error("it holds a value of an unknown kind")]
    Kind,
    /// The HMAC is missing or wrong.
    #[error("its signature is not that of our key")]
    Signature,
}

/// A signed message, with its length before it. `body` is a table: `_ctrl` and `_data`.
pub(super) fn encode(body: &[(String, Value)], algorithm: Algorithm, secret: &Secret) -> Vec<u8> {
    let mut signed = Vec::new();
    put_table(&mut signed, body);
    let auth = vec![(
        auth_key(algorithm).to_owned(),
        Value::Octets(signature(algorithm, secret, &signed)),
    )];
    let mut message = vec![0; 4];
    message.extend(VERSION.to_be_bytes());
    put_entry(&mut message, "_auth", &Value::Table(auth));
    message.extend(signed);
    let length = message.len() - 4;
    message[..4].copy_from_slice(&length_octets(length));
    message
}

/// Reads a message (without the length before it) and checks its signature. Returns its table.
pub(super) fn decode(message: &[u8], algorithm: Algorithm, secret: &Secret) -> Result<Value, MessageError> {
    let mut reader = Reader { rest: message };
    let version = reader.number()?;
    if version != VERSION {
        return Err(MessageError::Version(version));
    }
    let (key, auth) = reader.entry(0)?;
    let given = if key == "_auth" {
        auth.get(auth_key(algorithm))
    } else {
        None
    };
    let expected = signature(algorithm, secret, reader.rest);
    // Named's reply carries no secret, and a forged one would need the key: no need for constant time here, but it is free.
    let same = matches!(given, Some(Value::Octets(given)) if given.len() == expected.len()
        && given.iter().zip(&expected).fold(0, |differing, (a, b)| differing | (a ^ b)) == 0);
    if !same {
        return Err(MessageError::Signature);
    }
    let mut entries = Vec::new();
    while !reader.rest.is_empty() {
        entries.push(reader.entry(0)?);
    }
    Ok(Value::Table(entries))
}

const fn auth_key(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::HmacMd5 => "hmd5",
        _ => "hsha",
    }
}

/// The number by which the channel names an algorithm (BIND's `ISCCC_ALG_*`).
const fn number(algorithm: Algorithm) -> u8 {
    match algorithm {
        Algorithm::HmacMd5 => 157,
        Algorithm::HmacSha1 => 161,
        Algorithm::HmacSha224 => 162,
        Algorithm::HmacSha256 => 163,
        Algorithm::HmacSha384 => 164,
        Algorithm::HmacSha512 => 165,
    }
}

/// What stands in `_auth`: base64 of the HMAC, for the SHA family behind its number and filled up.
fn signature(algorithm: Algorithm, secret: &Secret, signed: &[u8]) -> Vec<u8> {
    let base64 = BASE64.encode(algorithm.mac(secret, signed).octets());
    if algorithm == Algorithm::HmacMd5 {
        return base64.into_bytes().into_iter().take(HMD5).collect();
    }
    let mut value = vec![number(algorithm)];
    value.extend(base64.into_bytes());
    value.resize(1 + HSHA, 0);
    value
}

fn put_table(out: &mut Vec<u8>, entries: &[(String, Value)]) {
    for (key, value) in entries {
        put_entry(out, key, value);
    }
}

fn put_entry(out: &mut Vec<u8>, key: &str, value: &Value) {
    // Our keys are short constants.
    out.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
    out.extend(key.as_bytes());
    put_value(out, value);
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    let kind = match value {
        Value::Octets(_) => OCTETS,
        Value::Table(_) => TABLE,
        Value::List(_) => LIST,
    };
    out.push(kind);
    let at = out.len();
    out.extend([0; 4]);
    match value {
        Value::Octets(octets) => out.extend(octets),
        Value::Table(entries) => put_table(out, entries),
        Value::List(values) => values.iter().for_each(|value| put_value(out, value)),
    }
    let length = length_octets(out.len() - at - 4);
    out[at..at + 4].copy_from_slice(&length);
}

/// A command line is far shorter than 4 GiB.
fn length_octets(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], MessageError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(MessageError::Cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn octet(&mut self) -> Result<u8, MessageError> {
        Ok(self.take(1)?[0])
    }

    fn number(&mut self) -> Result<u32, MessageError> {
        let octets = self.take(4)?;
        Ok(octets
            .iter()
            .fold(0, |number, octet| number << 8 | u32::from(*octet)))
    }

    fn entry(&mut self, depth: usize) -> Result<(String, Value), MessageError> {
        let length = self.octet()?;
        let key = String::from_utf8_lossy(self.take(length.into())?).into_owned();
        Ok((key, self.value(depth)?))
    }

    fn value(&mut self, depth: usize) -> Result<Value, MessageError> {
        let kind = self.octet()?;
        let length = self.number()?;
        let octets = self.take(usize::try_from(length).map_err(|_| MessageError::Cut)?)?;
        let mut inside = Reader { rest: octets };
        match kind {
            OCTETS => Ok(Value::Octets(octets.to_vec())),
            TABLE if depth < DEEPEST => {
                let mut entries = Vec::new();
                while !inside.rest.is_empty() {
                    entries.push(inside.entry(depth + 1)?);
                }
                Ok(Value::Table(entries))
            }
            LIST if depth < DEEPEST => {
                let mut values = Vec::new();
                while !inside.rest.is_empty() {
                    values.push(inside.value(depth + 1)?);
                }
                Ok(Value::List(values))
            }
            _ => Err(MessageError::Kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret() -> Secret {
        Secret::from_base64("c2VjcmV0").unwrap()
    }

    fn body() -> Vec<(String, Value)> {
        let data = Value::Table(vec![("type".to_owned(), Value::text("status"))]);
        vec![
            ("_data".to_owned(), data),
            ("l".to_owned(), Value::List(vec![Value::text("x")])),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        for algorithm in Algorithm::ALL {
            let message = encode(&body(), algorithm, &secret());
            assert_eq!(message[..4], length_octets(message.len() - 4));
            assert_eq!(
                decode(&message[4..], algorithm, &secret()),
                Ok(Value::Table(body()))
            );
        }
    }

    #[test]
    fn another_key_or_algorithm_does_not_pass() {
        let message = encode(&body(), Algorithm::HmacSha256, &secret());
        let other = Secret::from_base64("b3RoZXI=").unwrap();
        assert_eq!(
            decode(&message[4..], Algorithm::HmacSha256, &other),
            Err(MessageError::Signature)
        );
        for algorithm in [Algorithm::HmacMd5, Algorithm::HmacSha512] {
            assert_eq!(
                decode(&message[4..], algorithm, &secret()),
                Err(MessageError::Signature)
            );
        }
    }

    proptest! {
        #[test]
        fn no_octets_make_it_panic(octets in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..200, with: u8) {
            let _ = decode(&octets, Algorithm::HmacSha256, &secret());
            let mut message = encode(&body(), Algorithm::HmacSha256, &secret());
            let at = 4 + at % (message.len() - 4);
            if message[at] != with {
                message[at] = with;
                prop_assert!(decode(&message[4..], Algorithm::HmacSha256, &secret()).is_err());
            }
        }
    }
}
