//! Queries over UDP. What memory can answer is answered on the spot.

use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::answer::{Reply, Service};
use crate::origin::Origin;
use crate::server::Work;

/// The longest datagram.
const DATAGRAM: usize = 65_535;

/// Answers until the shutdown.
pub(crate) async fn serve(
    service: Arc<Service>,
    socket: Arc<UdpSocket>,
    waiting: Arc<Semaphore>,
    tasks: Work,
    shutdown: CancellationToken,
) {
    let mut packet = vec![0; DATAGRAM];
    loop {
        let received = tokio::select! {
            () = shutdown.cancelled() => return,
            received = socket.recv_from(&mut packet) => received,
        };
        // An error here is about a datagram sent before, to a port where nobody listens any more.
        let Ok((length, client)) = received else {
            tokio::task::yield_now().await;
            continue;
        };
        let origin = Origin::udp(client);
        let reply = match service.answer_at_once(&packet[..length], origin) {
            Ok(reply) => reply,
            Err(query) => match Arc::clone(&waiting).try_acquire_owned() {
                Err(_) => query.turn_away(),
                Ok(permit) => {
                    let (service, socket) = (Arc::clone(&service), Arc::clone(&socket));
                    tasks.spawn(async move {
                        if let Reply::Message(message) = service.answer(query, origin).await {
                            send(&socket, &message, client).await;
                        }
                        drop(permit);
                    });
                    Reply::Nothing
                }
            },
        };
        if let Reply::Message(message) = reply {
            send(&socket, &message, client).await;
        }
    }
}

async fn send(socket: &UdpSocket, message: &[u8], client: std::net::SocketAddr) {
    if let Err(error) = socket.send_to(message, client).await {
        tracing::debug!(%client, %error, "cannot send an answer");
    }
}
