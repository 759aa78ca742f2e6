//! Signing one message, and checking one.

use super::hmac::{Hasher, Mac};
use super::key::{Algorithm, Key};
use super::record::{Found, HEADER, Variables, find, time_octets, word};
use crate::name::Name;

/// By how many seconds the clocks of two servers may differ (RFC 8945 §10).
pub const FUDGE: u16 = 300;
/// The shortest MAC that may be looked at (§5.2.2.1).
const SHORTEST_MAC: usize = 10;

/// A message whose signature cannot be told: answered FORMERR (RFC 8945 §5.1, §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The message ends too early.
    #[error("the message is cut off")]
    Cut,
    /// A TSIG record elsewhere than at the end of the additional section.
    #[error("a TSIG record that is not the last record of the message")]
    Place,
    /// A TSIG record that breaks its own form.
    #[error("a TSIG record that cannot be read")]
    Record,
}

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The key's name or algorithm is not known here (§5.2.1): BADKEY.
    #[error("BADKEY: no such key, or another algorithm")]
    BadKey,
    /// The MAC is not the right one (§5.2.2): BADSIG.
    #[error("BADSIG: the signature does not fit the message and the key's secret")]
    BadSig,
    /// The time it was signed is too far from now (§5.2.3): BADTIME.
    #[error("BADTIME: signed too long ago, or in the future; compare the clocks")]
    BadTime,
    /// The MAC is right, but shorter than what is accepted here (§5.2.4): BADTRUNC.
    #[error("BADTRUNC: the signature is truncated")]
    BadTruncation,
    /// The MAC is longer than its algorithm makes it, or shorter than anything may be (§5.2.2.1): FORMERR.
    #[error("FORMERR: the signature has a length that no signature has")]
    Length,
}

impl Failure {
    /// The number in the error field of the TSIG record (§3); `None` for what is answered FORMERR, without a record.
    pub const fn code(self) -> Option<u16> {
        match self {
            Self::BadSig => Some(16),
            Self::BadKey => Some(17),
            Self::BadTime => Some(18),
            Self::BadTruncation => Some(22),
            Self::Length => None,
        }
    }

    /// The name of the error.
    pub const fn mnemonic(self) -> &'static str {
        match self {
            Self::BadSig => "BADSIG",
            Self::BadKey => "BADKEY",
            Self::BadTime => "BADTIME",
            Self::BadTruncation => "BADTRUNC",
            Self::Length => "FORMERR",
        }
    }
}

/// Signs a message: appends the TSIG record, and counts it in the header. `prior` is the request's MAC when the message is
/// an answer (RFC 8945 §4.3, §5.3). Returns the MAC, with which the answer is verified.
///
/// A message without a whole header is left as it is.
pub fn sign(message: &mut Vec<u8>, key: &Key, now: u64, prior: Option<&Mac>) -> Mac {
    let name = key.name.to_lowercase();
    let variables = Variables {
        key: name.wire(),
        algorithm: key.algorithm.wire(),
        time: now,
        fudge: FUDGE,
        error: 0,
        other: &[],
    };
    append(message, key, &variables, prior)
}

fn append(message: &mut Vec<u8>, key: &Key, variables: &Variables<'_>, prior: Option<&Mac>) -> Mac {
    let mut hasher = Hasher::new(key);
    if let Some(prior) = prior {
        hasher.update_prior(prior);
    }
    hasher.update(message);
    variables.hash(&mut hasher);
    let mac = hasher.finish();
    put(message, variables, mac.octets(), None);
    mac
}

/// Appends the record; the original id is the message's own, where no other is given.
fn put(message: &mut Vec<u8>, variables: &Variables<'_>, mac: &[u8], original_id: Option<[u8; 2]>) {
    let (Some(id), Some(additionals)) = (message.first_chunk().copied(), word(message, 10)) else {
        return;
    };
    variables.write(mac, original_id.unwrap_or(id), message);
    message[10..HEADER].copy_from_slice(&additionals.saturating_add(1).to_be_bytes());
}

/// Finds the signature of a message; `None`: it is not signed.
///
/// # Errors
/// [`Malformed`]: the message is to be answered FORMERR.
pub fn read(message: &[u8]) -> Result<Option<Signed<'_>>, Malformed> {
    Ok(find(message)?.map(|found| Signed { message, found }))
}

/// A signed message, not verified yet.
#[derive(Clone, Debug)]
pub struct Signed<'a> {
    pub(super) message: &'a [u8],
    pub(super) found: Found<'a>,
}

impl Signed<'_> {
    /// The name of the key, in lower case.
    pub fn key_name(&self) -> &Name {
        &self.found.key
    }

    /// The algorithm; `None` for one that is not known.
    pub fn algorithm(&self) -> Option<Algorithm> {
        Algorithm::from_wire(self.found.algorithm.wire())
    }

    /// When it was signed, in seconds since 1970.
    pub fn time(&self) -> u64 {
        self.found.time
    }

    /// What the other side found wrong with what it was sent: 0, or a number of RFC 8945 §3.
    pub fn error(&self) -> u16 {
        self.found.error
    }

    /// The server's clock, which comes with the error BADTIME (§5.2.3).
    pub fn server_time(&self) -> Option<u64> {
        let octets: &[u8; 6] = self.found.other.try_into().ok()?;
        Some(octets.iter().fold(0, |time, octet| time << 8 | u64::from(*octet)))
    }

    /// The message without its signature.
    pub fn unsigned(&self) -> Vec<u8> {
        let mut message = self.message[..self.found.at].to_vec();
        let additionals = word(&message, 10).unwrap_or_default().saturating_sub(1);
        message[10..HEADER].copy_from_slice(&additionals.to_be_bytes());
        message
    }

    /// How many octets of the message stand before its signature.
    pub fn unsigned_length(&self) -> usize {
        self.found.at
    }

    /// Checks the key, the MAC, the time and the MAC's length, in this order (§5.2). `prior` is the request's MAC when the
    /// message is an answer. Returns the MAC, with which the answer to this message is signed.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn verify(&self, key: &Key, now: u64, prior: Option<&Mac>) -> Result<Mac, Failure> {
        let mut hasher = Hasher::new(key);
        if let Some(prior) = prior {
            hasher.update_prior(prior);
        }
        self.found.hash_message(self.message, &mut hasher);
        self.found.variables().hash(&mut hasher);
        self.check(key, hasher, now)
    }

    /// The checks against an HMAC that has taken in everything.
    pub(super) fn check(&self, key: &Key, hasher: Hasher, now: u64) -> Result<Mac, Failure> {
        let found = &self.found;
        if found.key != key.name || self.algorithm() != Some(key.algorithm) {
            return Err(Failure::BadKey);
        }
        let whole = key.algorithm.mac_length();
        let length = found.mac.len();
        // An answer without a MAC is how a server says that it could not verify the request.
        if length == 0 {
            return Err(Failure::BadSig);
        }
        if length > whole || length < SHORTEST_MAC.max(whole / 2) {
            return Err(Failure::Length);
        }
        let mac = hasher.finish();
        if !found.has_mac(&Mac::new(&mac.octets()[..length])) {
            return Err(Failure::BadSig);
        }
        if now.abs_diff(found.time) > u64::from(found.fudge) {
            return Err(Failure::BadTime);
        }
        if length < whole {
            return Err(Failure::BadTruncation);
        }
        Ok(mac)
    }

    /// Makes `answer`, whose response code the caller has set to NOTAUTH, the answer to a request that failed: with a TSIG
    /// record that says why, not signed for BADKEY and BADSIG, signed for BADTIME (with the server's time in it) and
    /// BADTRUNC (§5.2, §5.3.2). `key` is the one that the request was verified with.
    pub fn refuse(&self, answer: &mut Vec<u8>, failure: Failure, key: Option<&Key>, now: u64) {
        let Some(error) = failure.code() else { return };
        let server_time = time_octets(now);
        let bad_time = failure == Failure::BadTime;
        let variables = Variables {
            key: self.found.key.wire(),
            algorithm: self.found.algorithm.wire(),
            // The client's own time, which it can check the answer by when the clocks differ.
            time: if bad_time { self.found.time } else { now },
            fudge: if bad_time { self.found.fudge } else { FUDGE },
            error,
            other: if bad_time { &server_time } else { &[] },
        };
        match (failure, key) {
            (Failure::BadTime | Failure::BadTruncation, Some(key)) => {
                append(answer, key, &variables, Some(&Mac::new(self.found.mac)));
            }
            _ => put(answer, &variables, &[], Some(self.found.original_id)),
        }
    }
}
