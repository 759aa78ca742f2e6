//! EDNS options. None changes an answer of ours; those whose form is known must have it.

/// Option codes (IANA DNS parameters).
const CLIENT_SUBNET: u16 = 8;
const COOKIE: u16 = 10;

/// Whether options can be read, and those that we know the form of have it; else the request is answered FORMERR. All are
/// read over (RFC 6891 §6.1.2).
pub(super) fn are_well_formed(mut data: &[u8]) -> bool {
    while !data.is_empty() {
        let Some((code, value, rest)) = take(data) else {
            return false;
        };
        let good = match code {
            CLIENT_SUBNET => is_client_subnet(value),
            COOKIE => is_cookie(value),
            _ => true,
        };
        if !good {
            return false;
        }
        data = rest;
    }
    true
}

/// The first option's code and value, and what comes behind it.
fn take(data: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let ([a, b, c, d], rest) = data.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes([*c, *d]));
    let (value, rest) = rest.split_at_checked(length)?;
    Some((u16::from_be_bytes([*a, *b]), value, rest))
}

/// A client's cookie alone, or with a server's (RFC 7873 §4, §5.2.2). Whoever has none does as if it were not there (§5.2.1).
fn is_cookie(value: &[u8]) -> bool {
    matches!(value.len(), 8 | 16..=40)
}

/// As many octets as the prefix has, no bit behind it, and no scope (RFC 7871 §6). Family 0 with nothing is what `dig
/// +subnet=0` sends; of a family that is not known nothing can be said.
fn is_client_subnet(value: &[u8]) -> bool {
    let Some(([a, b, source, scope], address)) = value.split_first_chunk() else {
        return false;
    };
    let most = match u16::from_be_bytes([*a, *b]) {
        0 => 0,
        1 => 32,
        2 => 128,
        _ => return true,
    };
    let bits_behind = match (source % 8, address.last()) {
        (0, _) | (_, None) => 0,
        (used, Some(last)) => last & (0xff >> used),
    };
    *scope == 0 && *source <= most && address.len() == usize::from(source.div_ceil(8)) && bits_behind == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_subnet_has_its_form() {
        for good in [
            &[0, 1, 24, 0, 192, 0, 2][..],
            &[0, 1, 0, 0],
            &[0, 1, 32, 0, 192, 0, 2, 1],
            &[0, 1, 20, 0, 192, 0, 0xf0],
            &[0, 2, 48, 0, 0x20, 1, 0xd, 0xb8, 0, 1],
            &[0, 0, 0, 0],
            &[0, 9, 77, 1, 2],
        ] {
            assert!(is_client_subnet(good), "{good:?}");
        }
        for bad in [
            &[][..],
            &[0],
            &[0, 1, 24],
            &[0, 1, 24, 0, 192, 0],
            &[0, 1, 24, 0, 192, 0, 2, 1],
            &[0, 1, 20, 0, 192, 0, 0xf8],
            &[0, 1, 33, 0, 192, 0, 2, 1, 0],
            &[0, 1, 24, 24, 192, 0, 2],
            &[0, 2, 129, 0],
            &[0, 0, 8, 0, 1],
        ] {
            assert!(!is_client_subnet(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_cookie_has_one_of_its_lengths() {
        for length in 0..60 {
            let good = length == 8 || (16..=40).contains(&length);
            assert_eq!(is_cookie(&vec![7; length]), good, "{length}");
        }
    }

    #[test]
    fn options_that_end_before_their_length_are_refused() {
        assert!(are_well_formed(&[]));
        assert!(are_well_formed(&[0, 3, 0, 0, 0, 3, 0, 1, 9]));
        for bad in [&[0][..], &[0, 3, 0], &[0, 3, 0, 1], &[0, 3, 0, 0, 1]] {
            assert!(!are_well_formed(bad), "{bad:?}");
        }
    }
}
