//! As many queries as a server takes: sockets with a window each, many datagrams with one system call.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use zonelog_mdns::datagrams::{BATCH, Receiver, send_all};

use crate::Result;

/// Threads, and sockets of each: the system spreads clients over a server's sockets by their ports.
const THREADS: usize = 2;
const SOCKETS: usize = 8;
/// Queries of a socket that are under way at a time.
const WINDOW: usize = BATCH;
/// When an answer is late, its query counts as lost.
const LATE: Duration = Duration::from_millis(100);

/// What a flood gave.
pub(crate) struct Flood {
    /// Answers with a record, a second.
    pub(crate) per_second: f64,
    /// Queries without an answer, of all.
    pub(crate) lost: f64,
}

/// Asks these questions (whole packets) again and again until the time is over.
pub(crate) async fn flood(server: SocketAddr, questions: &[Vec<u8>], time: Duration) -> Result<Flood> {
    let share = questions.len().div_ceil(THREADS);
    let threads: Vec<_> = questions
        .chunks(share)
        .map(<[_]>::to_vec)
        .map(|questions| tokio::task::spawn_blocking(move || ask(server, &questions, time)))
        .collect();
    let (mut answered, mut asked) = (0, 0);
    for thread in threads {
        let (of_thread, all) = thread.await??;
        answered += of_thread;
        asked += all;
    }
    Ok(Flood {
        per_second: answered as f64 / time.as_secs_f64(),
        lost: 1.0 - answered as f64 / asked as f64,
    })
}

/// How many queries were answered with a record, and how many there were.
fn ask(server: SocketAddr, questions: &[Vec<u8>], time: Duration) -> Result<(u64, u64)> {
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(LATE))?;
        sockets.push(socket);
    }
    let mut next = questions.iter().cycle();
    let mut receiver = Receiver::new(WINDOW);
    let (mut answered, mut asked) = (0, 0);
    let start = Instant::now();
    while start.elapsed() < time {
        for socket in &sockets {
            let window: Vec<(&[u8], SocketAddr)> = next
                .by_ref()
                .take(WINDOW)
                .map(|question| (question.as_slice(), server))
                .collect();
            send_all(socket, &window);
            asked += window.len() as u64;
        }
        for socket in &sockets {
            let mut awaited = WINDOW;
            while awaited > 0 {
                let received = receiver.receive(socket, |answer, _| {
                    awaited = awaited.saturating_sub(1);
                    // ANCOUNT 1, and the response code NOERROR (RFC 1035 §4.1.1).
                    let is_good = answer.len() > 12 && answer[6..8] == [0, 1] && answer[3] & 0xf == 0;
                    answered += u64::from(is_good);
                });
                // They are late.
                if received.is_err() {
                    break;
                }
            }
        }
    }
    Ok((answered, asked))
}
