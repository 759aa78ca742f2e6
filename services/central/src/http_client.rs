//! Asking other services over HTTP: Keystone, Neutron, the API of a name server.
//!
//! Every answer comes within a time and a size, or is an error. TLS is checked against the system's certificates, or
//! against those of one file alone.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
pub use http_body_util::Full;
use http_body_util::{BodyExt, LengthLimitError, Limited};
pub use hyper::http::{self, HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

/// How often a request is sent whose connection ended before the answer began: the server may have given up several that were
/// kept.
const TRIES: usize = 4;
/// How long a connection that is not used is kept.
const IDLE: Duration = Duration::from_secs(60);
/// The most unused connections to one server.
const MOST_IDLE: usize = 32;

/// Why there is no client.
#[derive(Debug, Error)]
pub enum HttpClientError {
    /// The file of certificates cannot be used.
    #[error("cannot read certificates from {}: {source}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// rustls does not support its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum AskError {
    /// It took too long.
    #[error("no answer within {0:?}")]
    TooSlow(Duration),
    /// It said too much.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// What was to be asked is no HTTP.
    #[error("the request cannot be made: {0}")]
    Request(#[from] http::Error),
    /// There is no connection, or TLS refused it.
    #[error("{}", chain(.0))]
    Connection(#[from] hyper_util::client::legacy::Error),
    /// The connection ended in the middle of the answer.
    #[error("the answer broke off: {0}")]
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

impl AskError {
    /// Whether the server ended the connection before it answered: mostly one that was kept from an earlier request, which the
    /// server gave up at that moment. Whether it did what was asked is not known.
    fn is_lost_connection(&self) -> bool {
        let Self::Connection(error) = self else {
            return false;
        };
        if error.is_connect() {
            return false;
        }
        let mut source = std::error::Error::source(error);
        while let Some(error) = source {
            if let Some(error) = error.downcast_ref::<hyper::Error>()
                && (error.is_incomplete_message() || error.is_canceled() || error.is_closed())
            {
                return true;
            }
            if let Some(error) = error.downcast_ref::<io::Error>() {
                use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
                return [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof]
                    .contains(&error.kind());
            }
            source = error.source();
        }
        false
    }
}

/// hyper's errors say what happened in their sources only.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// An answer of any status.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// All of its body.
    pub body: Bytes,
}

/// A client with its connections. Cheap to clone; clones share the connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpClient {
    /// A client that trusts the certificates of `ca_file` (PEM) alone, or else the system's.
    pub fn new(ca_file: Option<&Path>) -> Result<Self, HttpClientError> {
        let mut roots = RootCertStore::empty();
        match ca_file {
            Some(path) => {
                for certificate in read_certificates(path)? {
                    roots.add(certificate)?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                for error in &found.errors {
                    tracing::warn!(%error, "some of the system's certificates cannot be read");
                }
                // Some systems carry certificates that no TLS library takes; those are left out.
                roots.add_parsable_certificates(found.certs);
            }
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MOST_IDLE)
            .build(connector);
        Ok(Self { client })
    }

    /// Sends a request; the whole answer must come within `timeout` and `max_length` bytes. Redirects are not followed:
    /// they would carry a token elsewhere. One whose connection ends before it is answered is sent again if its method is
    /// idempotent (RFC 9110 §9.2.2).
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
        max_length: usize,
    ) -> Result<Answer, AskError> {
        let tries = if request.method().is_idempotent() {
            TRIES
        } else {
            1
        };
        self.try_to_send(request, tries, timeout, max_length).await
    }

    /// The same for a request that may be carried out twice, whatever its method: it is sent again too.
    pub async fn send_repeatable(
        &self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
        max_length: usize,
    ) -> Result<Answer, AskError> {
        self.try_to_send(request, TRIES, timeout, max_length).await
    }

    async fn try_to_send(
        &self,
        request: Request<Full<Bytes>>,
        tries: usize,
        timeout: Duration,
        max_length: usize,
    ) -> Result<Answer, AskError> {
        let asking = async {
            for _ in 1..tries {
                match self.send_once(request.clone(), max_length).await {
                    Err(error) if error.is_lost_connection() => {}
                    done => return done,
                }
            }
            self.send_once(request, max_length).await
        };
        tokio::time::timeout(timeout, asking)
            .await
            .unwrap_or(Err(AskError::TooSlow(timeout)))
    }

    async fn send_once(&self, request: Request<Full<Bytes>>, max_length: usize) -> Result<Answer, AskError> {
        let response = self.client.request(request).await?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, max_length)
            .collect()
            .await
            .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
                Some(_) => AskError::TooLong(max_length),
                None => AskError::Broken(error),
            })?;
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.to_bytes(),
        })
    }
}

/// The certificates of a PEM file; it is an error when there is none.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, HttpClientError> {
    let refused = |source| HttpClientError::Certificates {
        path: path.to_owned(),
        source,
    };
    let bytes = std::fs::read(path).map_err(refused)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates = certificates.map_err(|error| refused(io::Error::other(error.to_string())))?;
    if certificates.is_empty() {
        return Err(refused(io::Error::other("it holds no certificate in PEM form")));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Reads a request without a body.
    async fn read_request(connection: &mut TcpStream) {
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            read.push(connection.read_u8().await.unwrap());
        }
    }

    /// A server that answers the first request of each connection, and gives the connection up when the second has come.
    async fn one_answer_a_connection() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    read_request(&mut connection).await;
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    connection.write_all(answer).await.unwrap();
                    read_request(&mut connection).await;
                });
            }
        });
        format!("http://{address}/")
    }

    fn request(method: Method, url: &str) -> Request<Full<Bytes>> {
        let body = Full::default();
        Request::builder().method(method).uri(url).body(body).unwrap()
    }

    #[tokio::test]
    async fn what_may_be_done_twice_is_sent_again_when_a_kept_connection_ends() {
        let url = one_answer_a_connection().await;
        let client = HttpClient::new(None).unwrap();
        for _ in 0..5 {
            for method in [Method::GET, Method::PUT, Method::DELETE] {
                let answer = client.send(request(method, &url), PATIENCE, 100).await.unwrap();
                assert_eq!(&answer.body[..], b"ok");
            }
            let posted = client.send_repeatable(request(Method::POST, &url), PATIENCE, 100);
            posted.await.unwrap();
        }
        // Nobody knows whether it was done.
        let posted = client.send(request(Method::POST, &url), PATIENCE, 100).await;
        assert!(posted.unwrap_err().is_lost_connection());
        client
            .send(request(Method::POST, &url), PATIENCE, 100)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn nobody_is_asked_again_where_nobody_listens() {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", closed.local_addr().unwrap());
        drop(closed);
        let client = HttpClient::new(None).unwrap();
        let error = client.send(request(Method::GET, &url), PATIENCE, 100).await;
        assert!(!error.unwrap_err().is_lost_connection());
    }
}
