//! Queries over TCP (RFC 7766): any number on a connection, answered in the order they came.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::answer::{Outgoing, Reply, Service};
use crate::origin::Origin;
use crate::send::send;
use crate::server::Work;

/// How long to hold back when a connection cannot be accepted (no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until the shutdown.
pub(crate) async fn serve(
    service: Arc<Service>,
    listener: TcpListener,
    connections: Arc<Semaphore>,
    tasks: Work,
    shutdown: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a TCP connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else {
            metrics::counter!("zonelog_mdns_connections_refused_total").increment(1);
            tracing::debug!(%client, "too many TCP connections; closing the new one");
            continue;
        };
        let service = Arc::clone(&service);
        let shutdown = shutdown.clone();
        tasks.spawn(async move {
            let mut connection = Connection {
                service,
                stream,
                client,
            };
            if let Err(error) = connection.serve(&shutdown).await {
                tracing::debug!(%client, %error, "TCP connection given up");
            }
            drop(permit);
        });
    }
}

struct Connection {
    service: Arc<Service>,
    stream: TcpStream,
    client: SocketAddr,
}

impl Connection {
    async fn serve(&mut self, shutdown: &CancellationToken) -> Result<(), Error> {
        // Answers are written whole; waiting to join them with others only delays them.
        self.stream.set_nodelay(true)?;
        let mut packet = Vec::new();
        let mut wait = self.service.options().read_timeout;
        loop {
            let read = self.read(&mut packet, wait);
            let more = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                read = read => read?,
            };
            if !more {
                return Ok(());
            }
            let origin = Origin::tcp(self.client);
            let reply = match self.service.answer_at_once(&packet, origin) {
                Ok(reply) => reply,
                Err(waiting) => self.service.answer(waiting, origin).await,
            };
            match reply {
                // Whoever sends what deserves no answer gets no second chance.
                Reply::Nothing => return Ok(()),
                Reply::Message(message) => self.write(&message).await?,
                Reply::Transfer(outgoing) => self.transfer(&outgoing).await?,
            }
            wait = self.service.options().idle_timeout;
        }
    }

    /// Reads the next message; false when the client ended the connection instead. The first octet
    /// may take `wait`, the rest the read timeout.
    async fn read(&mut self, packet: &mut Vec<u8>, wait: Duration) -> Result<bool, Error> {
        let mut length = [0; 2];
        if within(wait, self.stream.read(&mut length[..1])).await? == 0 {
            return Ok(false);
        }
        let rest = async {
            self.stream.read_exact(&mut length[1..]).await?;
            packet.resize(usize::from(u16::from_be_bytes(length)), 0);
            self.stream.read_exact(packet).await
        };
        within(self.service.options().read_timeout, rest).await?;
        Ok(true)
    }

    async fn write(&mut self, message: &[u8]) -> Result<(), Error> {
        let length = u16::try_from(message.len())
            .map_err(|_| Error::new(ErrorKind::InvalidData, "the answer is too long"))?;
        let mut framed = Vec::with_capacity(2 + message.len());
        framed.extend_from_slice(&length.to_be_bytes());
        framed.extend_from_slice(message);
        within(
            self.service.options().write_timeout,
            self.stream.write_all(&framed),
        )
        .await
    }

    async fn transfer(&mut self, outgoing: &Outgoing) -> Result<(), Error> {
        let sent = send(&mut self.stream, outgoing, self.service.options().write_timeout).await;
        let seconds = outgoing.since.elapsed().as_secs_f64();
        match &sent {
            Ok(octets) => {
                metrics::counter!("zonelog_transfers_total", "kind" => outgoing.kind).increment(1);
                metrics::histogram!("zonelog_transfer_seconds", "kind" => outgoing.kind).record(seconds);
                tracing::debug!(client = %self.client, kind = outgoing.kind, octets, seconds, "transfer sent");
            }
            Err(error) => {
                metrics::counter!("zonelog_transfers_total", "kind" => "failed").increment(1);
                tracing::warn!(client = %self.client, kind = outgoing.kind, %error, "transfer broken off");
            }
        }
        sent.map(drop)
    }
}

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(time, work)
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "the client is too slow")))
}
