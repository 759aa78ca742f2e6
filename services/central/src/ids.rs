//! Randomness: the only place of the program that makes ids and other random values.
//!
//! All of it comes from `rand`'s thread-local generator, a cryptographic one (ChaCha) seeded by the operating system.

use rand::Rng;
use uuid::{Builder, Uuid};
use zonelog_model::{ChangeId, RecordsetId, ResourceId, ShareId, ZoneId};

use crate::clock;

/// A new zone's id: wholly random (version 4), so that any cut of its digits spreads zones evenly over shards.
pub fn zone_id() -> ZoneId {
    ZoneId::new(random_uuid())
}

/// A new recordset's id: it begins with the time (version 7), so that the rows of a busy zone are added at one end of
/// its index and not all over it.
pub fn recordset_id() -> RecordsetId {
    RecordsetId::new(timed_uuid())
}

/// A new change's id (version 7).
pub fn change_id() -> ChangeId {
    ChangeId::new(timed_uuid())
}

/// A new API token's id (version 4).
pub fn token_id() -> Uuid {
    random_uuid()
}

/// A new request's id, as callers are told: `req-` and a UUID.
pub fn request_id() -> String {
    format!("req-{}", random_uuid())
}

/// A number from 0 up to, not including, `limit`; 0 when `limit` is 0.
pub fn random_below(limit: u32) -> u32 {
    if limit == 0 {
        0
    } else {
        rand::rng().random_range(0..limit)
    }
}

/// A new resource's id (version 4).
pub fn resource_id() -> ResourceId {
    ResourceId::new(random_uuid())
}

/// A new share's id (version 4).
pub fn share_id() -> ShareId {
    ShareId::new(random_uuid())
}

/// The key of a new offer of a zone: eight letters and digits, as Designate's clients know them.
pub fn transfer_key() -> String {
    const ALPHABET: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let mut random = rand::rng();
    (0..8)
        .map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())]))
        .collect()
}

/// A new key for sealing secrets.
pub fn sealing_key() -> [u8; 32] {
    rand::random()
}

/// The nonce of one sealing.
pub(crate) fn nonce() -> [u8; 12] {
    rand::random()
}

/// Any number, for choices left to chance.
pub fn random() -> u32 {
    rand::random()
}

/// The 256 random bits of a token.
pub fn token_bytes() -> [u8; 32] {
    rand::random()
}

fn random_uuid() -> Uuid {
    Builder::from_random_bytes(rand::random()).into_uuid()
}

fn timed_uuid() -> Uuid {
    let milliseconds = u64::try_from(clock::now().timestamp_millis()).unwrap_or_default();
    Builder::from_unix_timestamp_millis(milliseconds, &rand::random()).into_uuid()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_of_their_version() {
        let zones: HashSet<_> = (0..1_000).map(|_| zone_id()).collect();
        let recordsets: HashSet<_> = (0..1_000).map(|_| recordset_id()).collect();
        assert_eq!((zones.len(), recordsets.len()), (1_000, 1_000));
        assert!(zones.iter().all(|id| id.uuid().get_version_num() == 4));
        assert!(recordsets.iter().all(|id| id.uuid().get_version_num() == 7));
    }

    #[test]
    fn a_transfer_key_has_eight_letters_and_digits() {
        let keys: HashSet<_> = (0..100).map(|_| transfer_key()).collect();
        assert_eq!(keys.len(), 100);
        let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        assert!(keys.iter().all(|key| key.len() == 8 && key.chars().all(allowed)));
    }

    #[test]
    fn a_random_number_stays_below_its_limit() {
        assert_eq!(random_below(0), 0);
        let seen: HashSet<_> = (0..1_000).map(|_| random_below(3)).collect();
        assert_eq!(seen, HashSet::from([0, 1, 2]));
    }

    #[test]
    fn a_request_id_is_recognised_by_its_prefix() {
        let id = request_id();
        assert!(
            id.strip_prefix("req-")
                .is_some_and(|uuid| Uuid::try_parse(uuid).is_ok())
        );
    }
}
