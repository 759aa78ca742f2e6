//! Ports for the servers of tests.

use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that the system gives to outgoing connections (32768 and up), so that none of those takes one.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// How many ports this process has looked at.
static LOOKED_AT: AtomicU16 = AtomicU16::new(0);

/// A port of 127.0.0.1 that is free for TCP and for UDP, and this process's alone until it ends: a server may be stopped
/// and started on it, and no other test takes it meanwhile. (Each port has a file whose lock tells.)
///
/// # Panics
/// When the machine has no free port.
pub fn free_port() -> u16 {
    let folder = std::env::temp_dir().join("zonelog-test-ports");
    std::fs::create_dir_all(&folder).expect("a folder for the ports' locks");
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or_default();
    for _ in 0..COUNT {
        let next = LOOKED_AT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (start + next) % COUNT;
        let Ok(lock) = File::create(folder.join(port.to_string())) else {
            continue;
        };
        let is_ours = lock.try_lock().is_ok();
        if is_ours
            && TcpListener::bind(("127.0.0.1", port)).is_ok()
            && UdpSocket::bind(("127.0.0.1", port)).is_ok()
        {
            // Held until the process ends.
            std::mem::forget(lock);
            return port;
        }
    }
    panic!("no port is free for both TCP and UDP");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let ports: Vec<u16> = (0..100).map(|_| free_port()).collect();
        let different: std::collections::HashSet<_> = ports.iter().collect();
        assert_eq!(different.len(), ports.len());
        assert!(ports.iter().all(|port| (FIRST..FIRST + COUNT).contains(port)));
    }
}
