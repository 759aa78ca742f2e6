//! MiniDNS as a whole: sockets, the heads that follow the log, and their end.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use zonelog_central::Unseal;
use zonelog_model::Position;
use zonelog_store::Database;

use crate::answer::Service;
use crate::lag::Lag;
use crate::limits::Connections;
use crate::options::MdnsOptions;
use crate::reader::Reader;
use crate::secondary::Nudge;
use crate::{follow, keys, tcp, udp};

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
    /// A thread cannot be started.
    #[error("MiniDNS cannot start a thread: {0}; does a limit of processes or memory stand in the way?")]
    Thread(std::io::Error),
    /// No address was given.
    #[error("MiniDNS has no address to listen on; give at least one in `listen`")]
    NoAddress,
}

/// A bound MiniDNS: the hidden primary of all zones.
#[derive(Debug)]
pub struct MiniDns {
    sockets: Vec<(Vec<Arc<UdpSocket>>, TcpListener)>,
    addresses: Vec<SocketAddr>,
    service: Arc<Service>,
    wakeups: watch::Receiver<Position>,
    unseal: Unseal,
}

impl MiniDns {
    /// Binds the addresses. PostgreSQL need not be there yet: until the zones were read, answers are
    /// SERVFAIL. Queries and transfers are answered by up to `connections` at once; two more follow the log. `wakeups`
    /// shows the log's head whenever it moves.
    pub async fn bind(
        options: MdnsOptions,
        database: &Database,
        connections: usize,
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
            let (udp, tcp) = bind_both(*address, workers(&options)).map_err(listen)?;
            addresses.push(tcp.local_addr().map_err(listen)?);
            sockets.push((udp, tcp));
        }
        let reader = Reader::new(database, connections, options.database_timeout);
        Ok(Self {
            sockets,
            addresses,
            service: Arc::new(Service::new(reader, Lag::new(wakeups.clone()), options)),
            wakeups,
            unseal: Unseal::without_key(),
        })
    }

    /// With this it opens the secrets of TSIG keys. Without it no key can be used.
    pub fn with_secrets(mut self, unseal: Unseal) -> Self {
        self.unseal = unseal;
        self
    }

    /// Where it listens, in the order of the options, ports filled in.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Wakes whoever refreshes secondary zones in this process when a primary tells of a change.
    pub fn nudge(&self) -> Nudge {
        self.service.nudge.clone()
    }

    /// Serves until the shutdown; then transfers under way may end within the grace period.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), MdnsError> {
        let Self {
            sockets,
            addresses,
            service,
            wakeups,
            unseal,
        } = self;
        let grace = service.options().shutdown_grace;
        let options = service.options();
        let connections = Connections::new(options.max_connections, options.max_connections_per_address);
        let waiting = Arc::new(Semaphore::new(service.options().max_waiting_queries));
        let tasks = TaskTracker::new();
        let aborted = CancellationToken::new();
        let work = Work {
            tasks: tasks.clone(),
            aborted: aborted.clone(),
        };
        // The threads end when this ends, even if it is by being dropped.
        let threads = shutdown.child_token();
        let _threads_end = threads.clone().drop_guard();
        work.spawn(keys::follow(
            Arc::clone(&service),
            unseal,
            wakeups.clone(),
            shutdown.clone(),
        ));
        work.spawn(follow::follow(Arc::clone(&service), wakeups, shutdown.clone()));
        for (udp, tcp) in sockets {
            for socket in udp {
                work.spawn_thread(udp::Worker {
                    service: Arc::clone(&service),
                    socket,
                    waiting: Arc::clone(&waiting),
                    work: work.clone(),
                    runtime: Handle::current(),
                    shutdown: threads.clone(),
                })?;
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

    /// The same, from a thread that is not the runtime's.
    pub(crate) fn spawn_on(&self, task: impl Future<Output = ()> + Send + 'static, runtime: &Handle) {
        let _inside = runtime.enter();
        self.spawn(task);
    }

    /// Runs a UDP worker on a thread of its own.
    fn spawn_thread(&self, worker: udp::Worker) -> Result<(), MdnsError> {
        let token = self.tasks.token();
        let serve = move || {
            worker.serve();
            drop(token);
        };
        let thread = std::thread::Builder::new().name("minidns-udp".to_owned());
        thread.spawn(serve).map(drop).map_err(MdnsError::Thread)
    }
}

/// How many sockets there are for UDP on each address.
fn workers(options: &MdnsOptions) -> usize {
    match options.udp_workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    }
}

/// Binds TCP and so many UDP sockets to one port; a port of 0 is chosen by the system for all.
///
/// TCP is first: its socket is not shared, so no other process of ours can be on that port.
fn bind_both(address: SocketAddr, workers: usize) -> std::io::Result<(Vec<Arc<UdpSocket>>, TcpListener)> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let tcp = listen(address)?;
        match udp::bind(tcp.local_addr()?, workers) {
            Ok(udp) => return Ok((udp, tcp)),
            // The port that is free for TCP may be taken for UDP; another may not be.
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
