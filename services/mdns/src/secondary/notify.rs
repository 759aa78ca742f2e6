//! NOTIFY in (RFC 1996): who may tell that a zone changed, and whether it is news.

use std::net::IpAddr;
use std::time::Duration;

use zonelog_dns::Serial;
use zonelog_model::resource::HostPort;

use crate::heads::Head;

/// How long the name of a master may take to be looked up.
const LOOK_UP: Duration = Duration::from_secs(2);

/// Whether an address is one of the zone's masters; from which port it asks does not matter (RFC 1996 §3.11 has nothing of
/// ports, and servers send from any).
pub(crate) async fn is_from(address: IpAddr, masters: &[HostPort]) -> bool {
    let mut named = Vec::new();
    for master in masters {
        match master.host.parse::<IpAddr>() {
            Ok(ip) if ip.to_canonical() == address => return true,
            Ok(_) => {}
            Err(_) => named.push(master),
        }
    }
    for master in named {
        let looking = tokio::net::lookup_host((master.host.as_str(), master.port));
        if let Ok(Ok(mut found)) = tokio::time::timeout(LOOK_UP, looking).await
            && found.any(|found| found.ip().to_canonical() == address)
        {
            return true;
        }
    }
    false
}

/// Whether the primary should be asked. Not when it says that it has what we have; a zone that is not served needs every
/// sign of life.
pub(crate) fn is_news(serial: Option<Serial>, head: &Head, expired: bool) -> bool {
    expired || serial.is_none_or(|serial| serial.is_newer_than(head.serial.wire()))
}
