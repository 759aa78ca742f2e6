//! What others notice while something large goes on: callers that write little, and servers that ask.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zonelog_tests::Zonelog;

use crate::Result;
use crate::asker::{Asker, SOA};
use crate::http::Http;

/// A caller that makes recordsets one after the other in a zone of its own, and tries again when it is told to.
pub(crate) struct SmallWrites(Beside);

impl SmallWrites {
    /// Begins, in a new zone of this name.
    pub(crate) async fn start(zonelog: &Zonelog, token: &str, name: &str) -> Result<Self> {
        let mut http = Http::connect(zonelog.api(), token).await?;
        let body = format!(r#"{{"name":"{name}","email":"hostmaster@example.org"}}"#);
        let zone = Http::id(&http.expect("POST", "/v2/zones", &body, &[202]).await?)?;
        let name = name.to_owned();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let longest = tokio::spawn(async move {
            let (mut longest, mut count) = (Duration::ZERO, 0);
            while !stopped.is_cancelled() {
                count += 1;
                let body = format!(r#"{{"name":"h{count}.{name}","type":"A","records":["192.0.2.1"]}}"#);
                let begun = Instant::now();
                let path = format!("/v2/zones/{zone}/recordsets");
                loop {
                    match http.send("POST", &path, &body).await? {
                        (202, _) => break,
                        // It was not done, and is to be tried again.
                        (503, _) => {}
                        (status, answer) => {
                            let answer = String::from_utf8_lossy(&answer);
                            return Err(format!("POST {path}: {status} {answer}").into());
                        }
                    }
                }
                longest = longest.max(begun.elapsed());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(longest)
        });
        Ok(Self(Beside { stop, longest }))
    }

    /// The longest wait until one was taken, in milliseconds.
    pub(crate) async fn stop(self) -> Result<f64> {
        self.0.stop().await
    }
}

/// A server that asks for the SOA of a zone, a millisecond after each answer.
pub(crate) struct Questions(Beside);

impl Questions {
    /// Begins.
    pub(crate) async fn start(server: SocketAddr, zone: &str) -> Result<Self> {
        let (mut asker, zone) = (Asker::new(server).await?, zone.to_owned());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let longest = tokio::spawn(async move {
            let mut longest = Duration::ZERO;
            while !stopped.is_cancelled() {
                let begun = Instant::now();
                asker.until_answered(&zone, SOA).await?;
                longest = longest.max(begun.elapsed());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok(longest)
        });
        Ok(Self(Beside { stop, longest }))
    }

    /// The longest time from a question to the first answer with a record, in milliseconds.
    pub(crate) async fn stop(self) -> Result<f64> {
        self.0.stop().await
    }
}

struct Beside {
    stop: CancellationToken,
    longest: JoinHandle<Result<Duration>>,
}

impl Beside {
    async fn stop(self) -> Result<f64> {
        self.stop.cancel();
        Ok(self.longest.await??.as_secs_f64() * 1_000.0)
    }
}
