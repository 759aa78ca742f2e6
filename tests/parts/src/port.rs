//! Ports that nobody uses.

use std::net::{TcpListener, UdpSocket};

/// A port of 127.0.0.1 that is free at this moment for TCP and for UDP. Another process may take it before it is used:
/// prefer to bind port 0 where the part can tell its port.
///
/// # Panics
/// When the machine has no free port.
pub fn free_port() -> u16 {
    for _ in 0..100 {
        let tcp = TcpListener::bind(("127.0.0.1", 0)).expect("a free TCP port");
        let port = tcp.local_addr().expect("the port's number").port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free for both TCP and UDP");
}
