//! Queries over UDP: several sockets on one address (SO_REUSEPORT), to which the system spreads the clients, and a
//! thread for each. What memory can answer is answered on the spot, a batch of datagrams at a time.

use std::net::{SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::answer::{Reply, Service};
use crate::datagrams::{Receiver, send_all};
use crate::origin::Origin;
use crate::server::Work;

/// How long a socket without queries waits until it looks whether there is a shutdown.
const SHUTDOWN_LOOK: Duration = Duration::from_millis(100);
/// What the system may hold for us while we are busy, in octets; it may allow less.
const QUEUE: usize = 4 << 20;

/// One socket, and what answers on it.
pub(crate) struct Worker {
    pub(crate) service: Arc<Service>,
    pub(crate) socket: Arc<UdpSocket>,
    /// How many queries may wait for PostgreSQL, or for the heads.
    pub(crate) waiting: Arc<Semaphore>,
    /// Where those are answered.
    pub(crate) work: Work,
    pub(crate) runtime: Handle,
    pub(crate) shutdown: CancellationToken,
}

impl Worker {
    /// Answers until the shutdown.
    pub(crate) fn serve(self) {
        let mut receiver = Receiver::new(self.service.options().udp_batch);
        let mut answers: Vec<(Vec<u8>, SocketAddr)> = Vec::new();
        while !self.shutdown.is_cancelled() {
            let received = receiver.receive(&self.socket, |packet, client| {
                if let Some(message) = self.answer(packet, client) {
                    answers.push((message, client));
                }
            });
            // Nothing came for a while, or the error is about a datagram sent before.
            if received.is_err() {
                continue;
            }
            send_all(&self.socket, &answers);
            answers.clear();
        }
    }

    fn answer(&self, packet: &[u8], client: SocketAddr) -> Option<Vec<u8>> {
        let origin = Origin::udp(client);
        // One packet that we cannot stand must not take away this socket, and with it its share of the clients.
        let answered = catch_unwind(AssertUnwindSafe(|| self.service.answer_at_once(packet, origin)));
        let reply = match answered {
            Ok(Ok(reply)) => reply,
            Ok(Err(waiting)) => match Arc::clone(&self.waiting).try_acquire_owned() {
                Err(_) => self.service.turn_away(waiting, origin),
                Ok(permit) => {
                    let (service, socket) = (Arc::clone(&self.service), Arc::clone(&self.socket));
                    let answering = async move {
                        if let Reply::Message(message) = service.answer(waiting, origin).await {
                            send_all(&socket, &[(message, client)]);
                        }
                        drop(permit);
                    };
                    self.work.spawn_on(answering, &self.runtime);
                    Reply::Nothing
                }
            },
            Err(_) => {
                tracing::error!(%client, octets = packet.len(), "a packet made us panic: a bug; it is dropped");
                Reply::Nothing
            }
        };
        match reply {
            Reply::Message(message) => Some(message),
            Reply::Nothing | Reply::Transfer(_) => None,
        }
    }
}

/// Binds `count` sockets to an address. Nobody but us may share its port: the TCP socket on it, which is not shared,
/// sees to that.
pub(crate) fn bind(address: SocketAddr, count: usize) -> std::io::Result<Vec<Arc<UdpSocket>>> {
    use socket2::{Domain, Protocol, Socket, Type};
    let bind = |_| {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_port(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.set_recv_buffer_size(QUEUE)?;
        socket.set_read_timeout(Some(SHUTDOWN_LOOK))?;
        socket.bind(&address.into())?;
        Ok(Arc::new(UdpSocket::from(socket)))
    };
    (0..count).map(bind).collect()
}
