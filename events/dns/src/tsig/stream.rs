//! Signatures of answers of many messages, which transfers are (RFC 8945 §5.3.1).

use std::sync::Arc;

use super::hmac::{Hasher, Mac};
use super::key::Key;
use super::message::{FUDGE, Failure, Malformed, Signed};
use super::record::{Variables, find};

/// How many messages between two signed ones a client takes without a signature.
pub const UNSIGNED_MOST: usize = 99;

/// Signs the messages of one answer as they are sent, in parts, without holding them.
#[derive(Debug)]
pub struct StreamSigner {
    key: Arc<Key>,
    /// The key's name in canonical form.
    name: Box<[u8]>,
    /// Keyed, and nothing else.
    keyed: Hasher,
    /// What was taken in since the last signature.
    hasher: Hasher,
    first: bool,
}

impl StreamSigner {
    /// For the answer to a request that had this MAC.
    pub fn new(key: Arc<Key>, request: &Mac) -> Self {
        let keyed = Hasher::new(&key);
        let mut hasher = keyed.clone();
        hasher.update_prior(request);
        Self {
            name: key.name.to_lowercase().wire().into(),
            key,
            keyed,
            hasher,
            first: true,
        }
    }

    /// Takes in the next octets of a message as it is without a signature: the header's count of additional records must
    /// not have the TSIG record in it, which is counted in what is sent.
    pub fn update(&mut self, octets: &[u8]) {
        self.hasher.update(octets);
    }

    /// Signs the message that was taken in: the TSIG record to be sent behind it. Every message of a transfer is to be
    /// signed, the first and the last without fail; up to [`UNSIGNED_MOST`] between two signed ones are taken without.
    pub fn sign(&mut self, id: u16, now: u64) -> Vec<u8> {
        let variables = Variables {
            key: &self.name,
            algorithm: self.key.algorithm.wire(),
            time: now,
            fudge: FUDGE,
            error: 0,
            other: &[],
        };
        let mut hasher = std::mem::replace(&mut self.hasher, self.keyed.clone());
        if self.first {
            variables.hash(&mut hasher);
        } else {
            variables.hash_timers(&mut hasher);
        }
        self.first = false;
        let mac = hasher.finish();
        self.hasher.update_prior(&mac);
        let mut record = Vec::with_capacity(self.key.record_length());
        variables.write(mac.octets(), id.to_be_bytes(), &mut record);
        record
    }
}

/// Why a signed answer of many messages is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamFailure {
    /// A message cannot be read.
    #[error("a malformed message: {0}")]
    Malformed(#[from] Malformed),
    /// The first or the last message is not signed, or too many between.
    #[error(
        "the server did not sign its answer (the first message, the last, and every hundredth must be signed)"
    )]
    Unsigned,
    /// The server did not accept the request's signature, and says why: a number of RFC 8945 §3.
    #[error("the server refused the request's signature: {}", describe(*.0))]
    Refused(u16),
    /// A message's signature is not accepted.
    #[error("the server's signature is not accepted: {0}")]
    Failure(#[from] Failure),
}

fn describe(code: u16) -> String {
    match code {
        16 => "BADSIG (the secrets differ)".to_owned(),
        17 => "BADKEY (it does not know the key, or knows it with another algorithm)".to_owned(),
        18 => "BADTIME (the clocks differ)".to_owned(),
        22 => "BADTRUNC".to_owned(),
        code => format!("TSIG error {code}"),
    }
}

/// Checks the messages of one answer in their order.
#[derive(Debug)]
pub struct StreamVerifier {
    key: Arc<Key>,
    keyed: Hasher,
    hasher: Hasher,
    first: bool,
    /// Messages since the last signature.
    unsigned: usize,
}

impl StreamVerifier {
    /// For the answer to the request that was signed with this MAC ([`super::sign`] returned it).
    pub fn new(key: Arc<Key>, request: &Mac) -> Self {
        let keyed = Hasher::new(&key);
        let mut hasher = keyed.clone();
        hasher.update_prior(request);
        Self {
            key,
            keyed,
            hasher,
            first: true,
            unsigned: 0,
        }
    }

    /// Checks the next message. What it says is safe to use only when a later message is found signed, or when
    /// [`StreamVerifier::finish`] succeeds after it.
    ///
    /// # Errors
    /// [`StreamFailure`]: nothing of the answer may be used.
    pub fn message(&mut self, message: &[u8], now: u64) -> Result<(), StreamFailure> {
        let Some(found) = find(message)? else {
            if self.first || self.unsigned >= UNSIGNED_MOST {
                return Err(StreamFailure::Unsigned);
            }
            self.unsigned += 1;
            self.hasher.update(message);
            return Ok(());
        };
        if found.error != 0 {
            return Err(StreamFailure::Refused(found.error));
        }
        let signed = Signed { message, found };
        let mut hasher = std::mem::replace(&mut self.hasher, self.keyed.clone());
        signed.found.hash_message(message, &mut hasher);
        if self.first {
            signed.found.variables().hash(&mut hasher);
        } else {
            signed.found.variables().hash_timers(&mut hasher);
        }
        let mac = signed.check(&self.key, hasher, now)?;
        self.hasher.update_prior(&mac);
        self.first = false;
        self.unsigned = 0;
        Ok(())
    }

    /// To be called after the last message, which must have been signed.
    ///
    /// # Errors
    /// [`StreamFailure::Unsigned`] when it was not.
    pub fn finish(&self) -> Result<(), StreamFailure> {
        if self.first || self.unsigned > 0 {
            return Err(StreamFailure::Unsigned);
        }
        Ok(())
    }
}
