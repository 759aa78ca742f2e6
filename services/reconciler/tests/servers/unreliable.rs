//! A network that cannot be relied on: a proxy that drops, delays, doubles and reorders datagrams, and cuts connections.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

/// What a proxy does, in per cent of what passes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    /// Datagrams that are lost, in each direction.
    pub(crate) lost: u32,
    /// Datagrams that come twice.
    pub(crate) doubled: u32,
    /// Datagrams that are held back for up to half a second, and so overtaken by others.
    pub(crate) late: u32,
    /// Connections that are cut after a moment.
    pub(crate) cut: u32,
}

/// The proxy in front of a server; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Unreliable {
    pub(crate) address: SocketAddr,
    _tasks: JoinSet<()>,
}

#[derive(Clone, Debug)]
struct Chance(Arc<Mutex<TestRng>>);

impl Chance {
    fn of(&self, percent: u32) -> bool {
        self.0.lock().unwrap().next_u32() % 100 < percent
    }

    fn below(&self, milliseconds: u32) -> Duration {
        Duration::from_millis(u64::from(self.0.lock().unwrap().next_u32() % milliseconds))
    }
}

impl Unreliable {
    /// Stands in front of `server`, over UDP and TCP.
    pub(crate) async fn before(server: SocketAddr, faults: Faults, seed: u8) -> Self {
        let chance = Chance(Arc::new(Mutex::new(TestRng::from_seed(
            RngAlgorithm::ChaCha,
            &[seed; 32],
        ))));
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (Arc::new(udp), tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(datagrams(udp, server, faults, chance.clone()));
        tasks.spawn(connections(tcp, server, faults, chance));
        Self {
            address,
            _tasks: tasks,
        }
    }
}

/// How often a datagram arrives, and how much later: nothing, or one time or two.
fn arrivals(faults: Faults, chance: &Chance) -> Vec<Duration> {
    if chance.of(faults.lost) {
        return Vec::new();
    }
    let copies = 1 + usize::from(chance.of(faults.doubled));
    let wait = |_| {
        if chance.of(faults.late) {
            chance.below(500)
        } else {
            Duration::ZERO
        }
    };
    (0..copies).map(wait).collect()
}

async fn datagrams(front: Arc<UdpSocket>, server: SocketAddr, faults: Faults, chance: Chance) {
    let mut under_way = JoinSet::new();
    let mut buffer = [0; 4096];
    loop {
        let (length, client) = tokio::select! {
            received = front.recv_from(&mut buffer) => received.unwrap(),
            Some(_) = under_way.join_next() => continue,
        };
        for wait in arrivals(faults, &chance) {
            let (front, chance, question) = (Arc::clone(&front), chance.clone(), buffer[..length].to_vec());
            under_way.spawn(async move {
                tokio::time::sleep(wait).await;
                let back = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                back.connect(server).await.unwrap();
                let mut answer = [0; 4096];
                let asked = async {
                    back.send(&question).await?;
                    back.recv(&mut answer).await
                };
                // A server that is away is as good as a lost answer.
                let Ok(Ok(length)) = tokio::time::timeout(Duration::from_secs(2), asked).await else {
                    return;
                };
                for wait in arrivals(faults, &chance) {
                    tokio::time::sleep(wait).await;
                    front.send_to(&answer[..length], client).await.unwrap();
                }
            });
        }
    }
}

async fn connections(front: TcpListener, server: SocketAddr, faults: Faults, chance: Chance) {
    let mut under_way = JoinSet::new();
    loop {
        let (mut client, _) = tokio::select! {
            accepted = front.accept() => accepted.unwrap(),
            Some(_) = under_way.join_next() => continue,
        };
        let life = match chance.of(faults.cut) {
            true => chance.below(20),
            false => Duration::from_secs(60),
        };
        under_way.spawn(async move {
            let Ok(mut back) = TcpStream::connect(server).await else {
                return;
            };
            // Cut or ended: both sides are closed.
            let _ = tokio::time::timeout(life, copy_bidirectional(&mut client, &mut back)).await;
        });
    }
}
