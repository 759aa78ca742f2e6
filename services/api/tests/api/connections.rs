//! Clients that are slow, half open or too many.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zonelog_api::ApiOptions;

use crate::parts::{TestApi, options};

async fn connect(api: &TestApi) -> TcpStream {
    TcpStream::connect(api.base.strip_prefix("http://").unwrap())
        .await
        .unwrap()
}

/// Reads until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    // A reset is an end too.
    let _ = tokio::time::timeout(Duration::from_secs(10), reading)
        .await
        .expect("the server closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn who_sends_no_headers_is_hung_up_on() {
    let api = TestApi::with(ApiOptions {
        header_timeout: Duration::from_millis(200),
        ..options()
    })
    .await;
    let mut silent = connect(&api).await;
    let mut half = connect(&api).await;
    half.write_all(b"GET /v2/zones HTTP/1.1\r\nHost: x\r\n")
        .await
        .unwrap();
    let started = Instant::now();
    rest(&mut silent).await;
    rest(&mut half).await;
    assert!(started.elapsed() < Duration::from_secs(8));
    api.get("/v2/zones").await.expect(200);
}

#[tokio::test]
async fn who_sends_no_body_is_told() {
    let api = TestApi::with(ApiOptions {
        body_timeout: Duration::from_millis(200),
        ..options()
    })
    .await;
    let mut slow = connect(&api).await;
    let head =
        "POST /v2/zones HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.unwrap();
    let answer = rest(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("request_timeout"));
}

#[tokio::test]
async fn who_breaks_off_leaves_nothing_behind() {
    let api = TestApi::start().await;
    let mut broken = connect(&api).await;
    let head = "POST /v2/zones HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{";
    broken.write_all(head.as_bytes()).await.unwrap();
    drop(broken);
    let list = api.get("/v2/zones").await.expect(200).json();
    assert_eq!(list["zones"], json!([]));
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let api = TestApi::with(ApiOptions {
        max_connections: 1,
        header_timeout: Duration::from_millis(300),
        ..options()
    })
    .await;
    let mut first = connect(&api).await;
    let asked = tokio::spawn({
        let (http, url) = (api.http.clone(), format!("{}/healthcheck", api.base));
        async move { http.get(url).send().await.unwrap().status() }
    });
    // The only place is the silent connection's until its time is over; then the other gets it.
    rest(&mut first).await;
    assert_eq!(asked.await.unwrap(), 200);
}

#[tokio::test]
async fn nonsense_is_no_request() {
    let api = TestApi::start().await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1_000));
    for bytes in ["\x16\x03\x01\x02\x00", "GET / HTTP/9.9\r\n\r\n", &long, &many] {
        let mut stream = connect(&api).await;
        let _ = stream.write_all(bytes.as_bytes()).await;
        let _ = stream.shutdown().await;
        let answer = rest(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    api.get("/v2/zones").await.expect(200);
}

#[tokio::test]
async fn a_stop_lets_a_request_end() {
    let api = TestApi::start().await;
    api.get("/v2/zones").await.expect(200);
    api.stop().await;
    zonelog_test_parts::eventually("the port is closed", Duration::from_secs(5), async || {
        TcpStream::connect(api.base.strip_prefix("http://").unwrap())
            .await
            .is_err()
    })
    .await;
}
