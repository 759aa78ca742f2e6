//! HMACs of the six algorithms behind one type.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac as _};

use super::key::{Algorithm, Key, Secret};

/// The longest MAC: of HMAC-SHA-512.
const LONGEST: usize = 64;

/// A message's authentication code.
#[derive(Clone, Copy)]
pub struct Mac {
    octets: [u8; LONGEST],
    length: u8,
}

impl Mac {
    /// The first 64 octets, which are all there can be.
    pub(super) fn new(mac: &[u8]) -> Self {
        let length = mac.len().min(LONGEST);
        let mut octets = [0; LONGEST];
        octets[..length].copy_from_slice(&mac[..length]);
        Self {
            octets,
            length: length as u8,
        }
    }

    /// The octets.
    pub fn octets(&self) -> &[u8] {
        &self.octets[..usize::from(self.length)]
    }
}

impl PartialEq for Mac {
    /// Takes as long whatever differs, so that nobody finds a MAC by the time it takes to refuse guesses.
    fn eq(&self, other: &Self) -> bool {
        let differing = self
            .octets
            .iter()
            .zip(&other.octets)
            .fold(0, |all, (a, b)| all | (a ^ b));
        std::hint::black_box(differing) == 0 && self.length == other.length
    }
}

impl Eq for Mac {}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mac({})", data_encoding::HEXLOWER.encode(self.octets()))
    }
}

macro_rules! hashers {
    ($($algorithm:ident => $digest:ty),* $(,)?) => {
        /// An HMAC under way.
        #[derive(Clone)]
        pub(super) enum Hasher {
            $($algorithm(Hmac<$digest>)),*
        }

        impl Hasher {
            #[allow(clippy::expect_used, reason = "an HMAC takes a key of any length (RFC 2104 §2)")]
            fn of(algorithm: Algorithm, secret: &Secret) -> Self {
                match algorithm {
                    $(Algorithm::$algorithm => Self::$algorithm(
                        KeyInit::new_from_slice(secret.octets()).expect("a key of any length"),
                    )),*
                }
            }

            pub(super) fn update(&mut self, octets: &[u8]) {
                match self {
                    $(Self::$algorithm(hmac) => hmac.update(octets)),*
                }
            }

            pub(super) fn finish(self) -> Mac {
                match self {
                    $(Self::$algorithm(hmac) => Mac::new(&hmac.finalize().into_bytes())),*
                }
            }
        }
    };
}

hashers! {
    HmacMd5 => md5::Md5,
    HmacSha1 => sha1::Sha1,
    HmacSha224 => sha2::Sha224,
    HmacSha256 => sha2::Sha256,
    HmacSha384 => sha2::Sha384,
    HmacSha512 => sha2::Sha512,
}

impl Algorithm {
    /// The HMAC of octets of another protocol than DNS, which uses such keys too.
    pub fn mac(self, secret: &Secret, octets: &[u8]) -> Mac {
        let mut hasher = Hasher::of(self, secret);
        hasher.update(octets);
        hasher.finish()
    }
}

impl Hasher {
    pub(super) fn new(key: &Key) -> Self {
        Self::of(key.algorithm, &key.secret)
    }

    /// Takes in another MAC, with its length before it (RFC 8945 §4.3.1, §5.3.1).
    pub(super) fn update_prior(&mut self, prior: &Mac) {
        self.update(&u16::from(prior.length).to_be_bytes());
        self.update(prior.octets());
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher(..)")
    }
}
