//! MiniDNS as a whole: sockets, the heads that follow the log, and their end.

use std::net::SocketAddr;
use std::sync::Arc;

use deadpool_postgres::Pool;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use zonelog_model::Position;

use crate::answer::Service;
use crate::options::MdnsOptions;
use crate::reader::Reader;
use crate::{follow, tcp, udp};

/// How many tasks read from each UDP socket, so that one processor's queue is not the limit.
const UDP_READERS: usize = 2;
/// How often a free port is tried until it is free for UDP and TCP.
const PORT_ATTEMPTS: usize = 16;
/// Connections that the system may hold until we accept them.
const BACKLOG: i32 = 1024;

/// Why MiniDNS cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MdnsError {
    /// An address cannot be listened on.
    #[error("MiniDNS cannot listen on {address}: {source}; is another server running there?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// No address was given.
    #[error("MiniDNS has no address to listen on; give at least one in `listen`")]
    NoAddress,
}

/// A bound MiniDNS: the hidden primary of all zones.
#[derive(Debug)]
pub struct MiniDns {
    sockets: Vec<(UdpSocket, TcpListener)>,
    addresses: Vec<SocketAddr>,
    service: Arc<Service>,
    wakeups: watch::Receiver<Position>,
}

impl MiniDns {
    /// Binds the addresses. PostgreSQL need not be there yet: until the zones were read, answers are
    /// SERVFAIL. The pool must be MiniDNS's own, as it changes settings of the connections. `wakeups`
    /// shows the log's head whenever it moves.
    pub async fn bind(
        options: MdnsOptions,
        pool: Pool,
        wakeups: watch::Receiver<Position>,
    ) -> Result<Self, MdnsError> {
        if options.listen.is_empty() {
            return Err(MdnsError::NoAddress);
        }
        let mut sockets = Vec::new();
        let mut addresses = Vec::new();
        for address in &options.listen {
            let listen = |source| MdnsError::Listen {
                address: *address,
                source,
            };
            let (udp, tcp) = bind_both(*address).await.map_err(listen)?;
            addresses.push(udp.local_addr().map_err(listen)?);
            sockets.push((udp, tcp));
        }
        let reader = Reader::new(pool, options.database_timeout);
        Ok(Self {
            sockets,
            addresses,
            service: Arc::new(Service::new(reader, options)),
            wakeups,
        })
    }

    /// Where it listens, in the order of the options, ports filled in.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until the shutdown; then transfers under way may end within the grace period.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), MdnsError> {
        let Self {
            sockets,
            addresses,
            service,
            wakeups,
        } = self;
        let grace = service.options().shutdown_grace;
        let connections = Arc::new(Semaphore::new(service.options().max_connections));
        let waiting = Arc::new(Semaphore::new(service.options().max_waiting_queries));
        let tasks = TaskTracker::new();
        let aborted = CancellationToken::new();
        let work = Work {
            tasks: tasks.clone(),
            aborted: aborted.clone(),
        };
        work.spawn(follow::follow(Arc::clone(&service), wakeups, shutdown.clone()));
        for (udp, tcp) in sockets {
            let udp = Arc::new(udp);
            for _ in 0..UDP_READERS {
                let (service, udp, waiting) = (Arc::clone(&service), Arc::clone(&udp), Arc::clone(&waiting));
                work.spawn(udp::serve(service, udp, waiting, work.clone(), shutdown.clone()));
            }
            let (service, connections) = (Arc::clone(&service), Arc::clone(&connections));
            work.spawn(tcp::serve(
                service,
                tcp,
                connections,
                work.clone(),
                shutdown.clone(),
            ));
        }
        tracing::info!(?addresses, "MiniDNS listens");
        shutdown.cancelled().await;
        tasks.close();
        if tokio::time::timeout(grace, tasks.wait()).await.is_err() {
            tracing::warn!("transfers broken off: they did not end within {grace:?} of the shutdown");
            aborted.cancel();
            tasks.wait().await;
        }
        Ok(())
    }
}

/// The tasks of a running MiniDNS; all end when the grace period does.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    tasks: TaskTracker,
    aborted: CancellationToken,
}

impl Work {
    /// Runs a task that may be broken off at any point where it waits.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let aborted = self.aborted.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = aborted.cancelled() => {}
                () = task => {}
            }
        });
    }
}

/// Binds UDP and TCP to one port; a port of 0 is chosen by the system for both.
async fn bind_both(address: SocketAddr) -> std::io::Result<(UdpSocket, TcpListener)> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let udp = UdpSocket::bind(address).await?;
        match listen(udp.local_addr()?) {
            Ok(tcp) => return Ok((udp, tcp)),
            // The port that is free for UDP may be taken for TCP; another may not be.
            Err(_) if address.port() == 0 && attempts < PORT_ATTEMPTS => {}
            Err(error) => return Err(error),
        }
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for connections of the former process to fade.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    // Finds clients that are gone without having said so while a transfer waits for them.
    socket.set_keepalive(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
