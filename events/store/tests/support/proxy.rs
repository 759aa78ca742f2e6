//! A cable to PostgreSQL that can be cut at the worst moment.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// When the cable is cut, as seen from the bytes that were waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// They never reach PostgreSQL.
    Before,
    /// They are on their way when the cable is cut; PostgreSQL may read them whenever it likes.
    During,
    /// PostgreSQL has answered, and the answer never arrives.
    After,
}

/// What the next cut waits for.
type Armed = Arc<Mutex<Option<(Vec<u8>, Cut)>>>;

/// Forwards connections to PostgreSQL.
pub(crate) struct Proxy {
    address: SocketAddr,
    server: u16,
    armed: Armed,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let armed = Arc::new(Mutex::new(None));
        let accepting = tokio::spawn(accept(listener, port, Arc::clone(&armed)));
        Self {
            address,
            server: port,
            armed,
            accepting,
        }
    }

    /// Cuts all connections, and refuses new ones.
    pub(crate) async fn close(&mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }

    /// Forwards again, on the same port.
    pub(crate) async fn open(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.accepting = tokio::spawn(accept(listener, self.server, Arc::clone(&self.armed)));
    }

    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts the next connection on which the client sends `bytes`.
    pub(crate) fn cut_at(&self, bytes: &[u8], cut: Cut) {
        *self.armed.lock().unwrap() = Some((bytes.to_vec(), cut));
    }

    /// Whether the cut was made.
    pub(crate) fn has_cut(&self) -> bool {
        self.armed.lock().unwrap().is_none()
    }
}

/// Forwards what comes; all connections end with it.
async fn accept(listener: TcpListener, port: u16, armed: Armed) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        // A server that is down refuses: so does the cable, and stays for the next attempt.
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
            continue;
        };
        // An error is a cable that is cut already.
        connections.spawn(forward(client, server, Arc::clone(&armed)));
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream, armed: Armed) -> std::io::Result<()> {
    let (mut from_client, mut from_server) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let sent = &from_client[..read?];
                if sent.is_empty() {
                    return Ok(());
                }
                let cut = {
                    let mut armed = armed.lock().unwrap();
                    let hit = armed.as_ref().is_some_and(|(bytes, _)| sent.windows(bytes.len()).any(|part| part == bytes));
                    if hit { armed.take().map(|(_, cut)| cut) } else { None }
                };
                match cut {
                    None => server.write_all(sent).await?,
                    Some(Cut::Before) => return Ok(()),
                    Some(Cut::During) => return server.write_all(sent).await,
                    Some(Cut::After) => {
                        server.write_all(sent).await?;
                        return server.read(&mut from_server).await.map(drop);
                    }
                }
            }
            read = server.read(&mut from_server) => {
                let answer = &from_server[..read?];
                if answer.is_empty() {
                    return Ok(());
                }
                client.write_all(answer).await?;
            }
        }
    }
}
