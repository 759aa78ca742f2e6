//! Queries over TCP (RFC 7766): any number on a connection, answered in the order they came.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::answer::{Outgoing, Reply, Service};
use crate::limits::{Admitted, Connections};
use crate::origin::Origin;
use crate::send::send;
use crate::server::Work;

/// How long to hold back when a connection cannot be accepted (no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until the shutdown.
pub(crate) async fn serve(
    service: Arc<Service>,
    listener: TcpListener,
    connections: Arc<Connections>,
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
        let Some(admitted) = connections.admit(client.ip()) else {
            metrics::counter!("zonelog_mdns_connections_refused_total").increment(1);
            tracing::debug!(%client, "too many TCP connections, all of them busy or from this address; closing the new one");
            continue;
        };
        let service = Arc::clone(&service);
        let shutdown = shutdown.clone();
        tasks.spawn(async move {
            let mut connection = Connection {
                service,
                stream,
                client,
                admitted,
            };
            if let Err(error) = connection.serve(&shutdown).await {
                tracing::debug!(%client, %error, "TCP connection given up");
            }
        });
    }
}

struct Connection {
    service: Arc<Service>,
    stream: TcpStream,
    client: SocketAddr,
    admitted: Admitted,
}

impl Connection {
    async fn serve(&mut self, shutdown: &CancellationToken) -> Result<(), Error> {
        // Answers are written whole; waiting to join them with others only delays them.
        self.stream.set_nodelay(true)?;
        let mut packet = Vec::new();
        let rest = self.service.options().read_timeout;
        let mut wait = rest;
        loop {
            let read = read(&mut self.stream, &mut packet, wait, rest);
            let more = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                read = self.admitted.listening(read) => read,
            };
            match more {
                Some(Ok(true)) => {}
                Some(Ok(false)) => return Ok(()),
                Some(Err(error)) => return Err(error),
                None => {
                    metrics::counter!("zonelog_mdns_connections_evicted_total").increment(1);
                    return Err(Error::other(
                        "too many TCP connections, and this one waited for longest",
                    ));
                }
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

/// Reads the next message; false when the client ended the connection instead. Its first octet may take `wait`, the
/// others `rest`.
async fn read(
    stream: &mut TcpStream,
    packet: &mut Vec<u8>,
    wait: Duration,
    rest: Duration,
) -> Result<bool, Error> {
    let mut length = [0; 2];
    if within(wait, stream.read(&mut length[..1])).await? == 0 {
        return Ok(false);
    }
    let message = async {
        stream.read_exact(&mut length[1..]).await?;
        packet.resize(usize::from(u16::from_be_bytes(length)), 0);
        stream.read_exact(packet).await
    };
    within(rest, message).await?;
    Ok(true)
}

async fn within<T>(time: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(time, work)
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "the client is too slow")))
}
