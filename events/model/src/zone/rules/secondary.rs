//! Zones that are transferred from elsewhere.

use std::collections::HashSet;
use std::net::IpAddr;

use zonelog_dns::{LongSerial, Name, Rrtype, ZoneName};

use super::Ruling;
use crate::resource::HostPort;
use crate::zone::origin::ZoneKind;
use crate::zone::refresh::RrsetChange;
use crate::zone::rejection::Rejection;
use crate::zone::state::Zone;

/// The most masters of a zone: each may be asked at every refresh.
const MAX_MASTERS: usize = 32;

/// A secondary zone has masters, each named once; each is an address, or a host name in the letters of one.
pub(in crate::zone) fn masters_fit(kind: &ZoneKind) -> Ruling {
    let ZoneKind::Secondary { masters } = kind else {
        return Ok(());
    };
    if masters.is_empty() {
        return Err(Rejection::NoMasters);
    }
    if masters.len() > MAX_MASTERS {
        return Err(Rejection::TooManyMasters { max: MAX_MASTERS });
    }
    let mut seen = HashSet::new();
    for master in masters {
        let HostPort { host, port } = master;
        if *port == 0 || !is_host(host) {
            return Err(Rejection::InvalidMaster {
                master: master.to_string(),
            });
        }
        if !seen.insert((host.to_ascii_lowercase(), *port)) {
            return Err(Rejection::DuplicateMaster {
                master: master.to_string(),
            });
        }
    }
    Ok(())
}

fn is_host(host: &str) -> bool {
    let is_name = || {
        let dotted = format!("{}.", host.trim_end_matches('.'));
        // Neither an address cut short nor a number is a name.
        let named = host.bytes().any(|octet| octet.is_ascii_alphabetic());
        named && Name::parse(&dotted).and_then(ZoneName::from_name).is_ok()
    };
    host.parse::<IpAddr>().is_ok() || is_name()
}

/// Designate: masters, and all that is done with them, are a secondary zone's.
pub(in crate::zone) fn zone_is_secondary(zone: &Zone) -> Ruling {
    if zone.kind.is_secondary() {
        Ok(())
    } else {
        Err(Rejection::ZoneIsPrimary(zone.id))
    }
}

/// Designate: what a secondary zone's SOA says is its primary's.
pub(in crate::zone) fn zone_is_primary(zone: &Zone, field: &'static str) -> Ruling {
    if zone.kind.is_secondary() {
        Err(Rejection::ZoneIsSecondary { field })
    } else {
        Ok(())
    }
}

/// RFC 1034 §4.3.5: changes are made at the primary. Here they would be lost with the next transfer, and at a serial that
/// the primary has not given.
pub(in crate::zone) fn recordsets_are_made_here(zone: &Zone) -> Ruling {
    if zone.kind.is_secondary() {
        Err(Rejection::RecordsetsAreThePrimarys)
    } else {
        Ok(())
    }
}

/// RFC 1995 §4: a difference fits the content that it was made against.
pub(in crate::zone) fn zone_is_at(zone: &Zone, expected: LongSerial) -> Ruling {
    if zone.serial == expected {
        return Ok(());
    }
    Err(Rejection::ZoneMovedOn {
        expected,
        present: zone.serial,
    })
}

/// RFC 5936 §2.2: a transfer holds the names at and below the apex; the SOA is told apart.
pub(in crate::zone) fn owner_can_be_transferred(change: &RrsetChange, zone: &Zone) -> Ruling {
    if change.rrtype == Rrtype::SOA {
        return Err(Rejection::InvalidTransfer("a SOA record among the others".into()));
    }
    if !change.owner.is_in(&zone.name) {
        return Err(Rejection::InvalidTransfer(format!(
            "{} {} is not at or below {}",
            change.owner, change.rrtype, zone.name
        )));
    }
    Ok(())
}
