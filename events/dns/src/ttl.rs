//! Times to live.

use std::fmt;

/// A time to live in seconds: 0 to 2^31-1 (RFC 2181 §8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ttl(u32);

/// Why something is not a TTL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TtlError {
    /// Not from 0 to 2^31-1.
    #[error("a TTL is from 0 to 2147483647 seconds")]
    OutOfRange,
    /// Not a number of seconds, nor numbers with units.
    #[error("a TTL is a number of seconds, or numbers with the units w, d, h, m and s, as in 1h30m")]
    Malformed,
}

impl Ttl {
    /// The longest TTL, some 68 years.
    pub const MAX: Self = Self(i32::MAX as u32);

    /// The TTL of so many seconds.
    pub fn new(seconds: i64) -> Result<Self, TtlError> {
        u32::try_from(seconds)
            .ok()
            .filter(|seconds| *seconds <= Self::MAX.0)
            .map(Self)
            .ok_or(TtlError::OutOfRange)
    }

    /// The TTL of a message. One with the highest bit set counts as zero (RFC 2181 §8).
    pub const fn from_wire(seconds: u32) -> Self {
        if seconds > Self::MAX.0 {
            Self(0)
        } else {
            Self(seconds)
        }
    }

    /// The TTL in seconds.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Reads a TTL of a master file: seconds, or numbers with BIND's units (`1h30m`, `2W`).
    pub fn parse_master(text: &str) -> Result<Self, TtlError> {
        Self::parse_octets(text.as_bytes())
    }

    pub(crate) fn parse_octets(text: &[u8]) -> Result<Self, TtlError> {
        let mut total: u64 = 0;
        let mut number: Option<u64> = None;
        let mut units = false;
        for octet in text {
            if octet.is_ascii_digit() {
                let value = number.unwrap_or(0) * 10 + u64::from(octet - b'0');
                if value > u64::from(u32::MAX) {
                    return Err(TtlError::OutOfRange);
                }
                number = Some(value);
                continue;
            }
            let unit = match octet.to_ascii_lowercase() {
                b'w' => 604_800,
                b'd' => 86_400,
                b'h' => 3_600,
                b'm' => 60,
                b's' => 1,
                _ => return Err(TtlError::Malformed),
            };
            total = total.saturating_add(number.take().ok_or(TtlError::Malformed)? * unit);
            units = true;
        }
        match number {
            Some(seconds) if !units => total = seconds,
            // Seconds may stand last without their unit only when no unit stands before them.
            Some(_) => return Err(TtlError::Malformed),
            None if !units => return Err(TtlError::Malformed),
            None => {}
        }
        i64::try_from(total)
            .map_err(|_| TtlError::OutOfRange)
            .and_then(Self::new)
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_has_31_bits() {
        assert_eq!(Ttl::new(0).unwrap().get(), 0);
        assert_eq!(Ttl::new(2_147_483_647).unwrap(), Ttl::MAX);
        assert_eq!(Ttl::new(2_147_483_648), Err(TtlError::OutOfRange));
        assert_eq!(Ttl::new(-1), Err(TtlError::OutOfRange));
        assert_eq!(Ttl::from_wire(0x8000_0000).get(), 0);
    }

    #[test]
    fn units_add_up() {
        for (text, seconds) in [
            ("0", 0),
            ("3600", 3600),
            ("1h30m", 5400),
            ("2W", 1_209_600),
            ("1d1s", 86_401),
            ("007", 7),
        ] {
            assert_eq!(Ttl::parse_master(text).map(Ttl::get), Ok(seconds), "{text}");
        }
        for text in ["", "h", "1h30", "1x", "-1", "1 h", "1hh"] {
            assert_eq!(Ttl::parse_master(text), Err(TtlError::Malformed), "{text}");
        }
        for text in ["2147483648", "4000000000w", "99999999999999999999", "3551w"] {
            assert_eq!(Ttl::parse_master(text), Err(TtlError::OutOfRange), "{text}");
        }
    }
}
