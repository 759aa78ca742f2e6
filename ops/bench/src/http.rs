//! The least HTTP/1.1 client that a load needs (RFC 9112): one kept connection a caller, so that the two cores work for
//! the server and not for the client.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::Result;

/// A kept connection with a token.
pub(crate) struct Http {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
    token: String,
    line: String,
}

impl Http {
    /// Connects.
    pub(crate) async fn connect(host: SocketAddr, token: &str) -> Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            host,
            token: token.to_owned(),
            line: String::new(),
        })
    }

    /// Sends a request and reads the answer; the status and the body.
    pub(crate) async fn send(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, Vec<u8>)> {
        self.send_as("application/json", method, path, body).await
    }

    /// Sends a request whose body is of a media type, and reads the answer; the status and the body.
    pub(crate) async fn send_as(
        &mut self,
        media_type: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<(u16, Vec<u8>)> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nX-Auth-Token: {}\r\nContent-Type: {media_type}\r\n\
             Content-Length: {}\r\n\r\n",
            self.host,
            self.token,
            body.len(),
        );
        self.stream.write_all(request.as_bytes()).await?;
        self.stream.write_all(body.as_bytes()).await?;
        self.next_line().await?;
        let status: u16 = self.line.split(' ').nth(1).ok_or("no status line")?.parse()?;
        let mut length = 0;
        loop {
            self.next_line().await?;
            if self.line.is_empty() {
                break;
            }
            if let Some((name, value)) = self.line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok((status, body))
    }

    /// Sends a request that must be answered with one of `wanted`.
    pub(crate) async fn expect(
        &mut self,
        method: &str,
        path: &str,
        body: &str,
        wanted: &[u16],
    ) -> Result<Vec<u8>> {
        let (status, answer) = self.send(method, path, body).await?;
        if wanted.contains(&status) {
            return Ok(answer);
        }
        Err(format!("{method} {path}: {status} {}", String::from_utf8_lossy(&answer)).into())
    }

    /// The `id` of an answer's object.
    pub(crate) fn id(answer: &[u8]) -> Result<String> {
        let value: serde_json::Value = serde_json::from_slice(answer)?;
        Ok(value["id"].as_str().ok_or("the answer has no id")?.to_owned())
    }

    async fn next_line(&mut self) -> Result<()> {
        self.line.clear();
        if self.stream.read_line(&mut self.line).await? == 0 {
            return Err("the server closed the connection".into());
        }
        self.line.truncate(self.line.trim_end().len());
        Ok(())
    }
}
