//! Sockets for questions over UDP. Each is connected to one server, so that others are not heard and an unreachable port is told
//! at once, and has a random port (RFC 5452 §9.2). It serves some questions, one after the other: to make one takes longer than
//! to ask.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::Instant;

/// How many questions come from one port, and for how long.
const QUESTIONS: u32 = 100;
const AGE: Duration = Duration::from_secs(1);
/// How many are kept for one server.
const KEPT: usize = 64;

/// Sockets that are not in use.
#[derive(Debug, Default)]
pub struct Sockets {
    kept: Mutex<HashMap<SocketAddr, Vec<Socket>>>,
}

/// A socket in use.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) udp: UdpSocket,
    made: Instant,
    questions: u32,
}

impl Sockets {
    /// One for a question to `server`.
    pub(crate) async fn take(&self, server: SocketAddr) -> io::Result<Socket> {
        let kept = self.lock().get_mut(&server).and_then(|kept| {
            kept.retain(Socket::may_be_used);
            kept.pop()
        });
        if let Some(socket) = kept {
            return Ok(socket);
        }
        let local: SocketAddr = if server.is_ipv4() {
            (Ipv4Addr::UNSPECIFIED, 0).into()
        } else {
            (Ipv6Addr::UNSPECIFIED, 0).into()
        };
        let udp = UdpSocket::bind(local).await?;
        udp.connect(server).await?;
        Ok(Socket {
            udp,
            made: Instant::now(),
            questions: 0,
        })
    }

    /// Keeps it for another question. Only for one whose question was answered: no late answer can come.
    pub(crate) fn keep(&self, server: SocketAddr, mut socket: Socket) {
        socket.questions += 1;
        let mut kept = self.lock();
        let kept = kept.entry(server).or_default();
        if kept.len() < KEPT && socket.may_be_used() {
            kept.push(socket);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Vec<Socket>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Socket {
    fn may_be_used(&self) -> bool {
        self.questions < QUESTIONS && self.made.elapsed() < AGE
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[tokio::test]
    async fn a_port_serves_one_question_at_a_time_and_some_in_all() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let server = server.local_addr().unwrap();
        let sockets = Sockets::default();
        let port = |socket: &Socket| socket.udp.local_addr().unwrap().port();
        let (one, other) = (
            sockets.take(server).await.unwrap(),
            sockets.take(server).await.unwrap(),
        );
        assert_ne!(port(&one), port(&other));
        let first = port(&one);
        sockets.keep(server, one);
        let mut ports = BTreeSet::new();
        for _ in 0..QUESTIONS {
            let socket = sockets.take(server).await.unwrap();
            ports.insert(port(&socket));
            sockets.keep(server, socket);
        }
        assert!(ports.len() == 2 && ports.contains(&first), "{ports:?}");
        // Those of one server are not for another.
        let elsewhere = "127.0.0.2:53".parse().unwrap();
        let socket = sockets.take(elsewhere).await.unwrap();
        assert_eq!(socket.udp.peer_addr().unwrap(), elsewhere);
    }
}
