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
    /// they would carry a token elsewhere.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        timeout: Duration,
        max_length: usize,
    ) -> Result<Answer, AskError> {
        let asking = async {
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
        };
        tokio::time::timeout(timeout, asking)
            .await
            .unwrap_or(Err(AskError::TooSlow(timeout)))
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
