//! Connections: how many, how slow they may be, how they end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;
use zonelog_central::Central;
use zonelog_projections::listing::Listing;
use zonelog_store::Database;

use crate::app::App;
use crate::auth::Identification;
use crate::cors::{self, BadOrigin};
use crate::middleware::normalize;
use crate::neutron::Neutron;
use crate::options::{ApiOptions, Auth};
use crate::policy::{Policies, PolicyError, PolicyFile};
use crate::rate_limit::Rates;
use crate::router::router;
use crate::tls::{Certificate, CertificateWatch, TlsError};
use crate::v2::ImportRoom;
use zonelog_central::http_client::{HttpClient, HttpClientError};

/// The largest head of a request (line and headers) in octets.
const MAX_HEAD: usize = 64 * 1024;

/// Why the API could not start.
#[derive(Debug, Error)]
pub enum ApiError {
    /// The address cannot be listened on.
    #[error("the API cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// Everybody would be let in from the network.
    #[error(
        "the API lets everybody in (auth = none) and so may listen on a loopback address only, not on {0}; use tokens"
    )]
    OpenToTheNetwork(SocketAddr),
    /// The rules of who may do what cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The listener's certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Other services cannot be asked.
    #[error(transparent)]
    HttpClient(#[from] HttpClientError),
    /// An origin for browsers is none.
    #[error(transparent)]
    Origin(#[from] BadOrigin),
    /// The API's description cannot be written.
    #[error("the API cannot describe itself: {0}")]
    Description(#[from] serde_json::Error),
}

/// The API, bound to its address and not yet serving.
pub struct Api {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    options: ApiOptions,
    certificate: Option<(Arc<Certificate>, CertificateWatch)>,
    policy: Option<(PolicyFile, Arc<Policies>)>,
}

impl Api {
    /// Binds the API to its address. Must be called on a runtime.
    pub fn bind(options: ApiOptions, central: Central, database: &Database) -> Result<Self, ApiError> {
        let wanted = options.listen;
        if options.auth == Auth::None && !wanted.ip().is_loopback() {
            return Err(ApiError::OpenToTheNetwork(wanted));
        }
        let refused = |source| ApiError::Listen {
            address: wanted,
            source,
        };
        let listener = std::net::TcpListener::bind(wanted).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let listener = TcpListener::from_std(listener).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        // The statements are many-branched, and planning one costs more than running it: plan once, not for each value.
        let reading = database
            .clone()
            .with_setting("plan_cache_mode", "force_generic_plan");
        let pool = reading.pool(options.database_connections);
        let certificate = options.tls.clone().map(Certificate::open).transpose()?;
        let (policy, policies) = match &options.policy_file {
            Some(path) => {
                let (file, policies) = PolicyFile::open(path)?;
                let policies = Arc::new(policies);
                (Some((file, Arc::clone(&policies))), policies)
            }
            None => (None, Arc::new(Policies::defaults()?)),
        };
        let cors = cors::layer(&options.cors_origins)?;
        let listing = Listing::new(options.threshold_percent);
        let identification = Identification::new(&options, &pool)?;
        let options = ApiOptions {
            listen: address,
            ..options
        };
        let app = App {
            options: options.clone(),
            central,
            pool,
            listing,
            host: address.to_string(),
            identification,
            policies,
            rates: options.rate_limit.map(Rates::new),
            neutron: Neutron::new(
                HttpClient::new(options.neutron.ca_file.as_deref())?,
                options.neutron.timeout,
            ),
            import_room: ImportRoom::for_largest(options.max_import_bytes),
            exports: Arc::new(Semaphore::new((options.database_connections / 2).max(1))),
        };
        Ok(Self {
            listener,
            address,
            router: router(Arc::new(app), cors)?,
            options,
            certificate,
            policy,
        })
    }

    /// The address bound to: with the port that was free, where port 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`, then lets the requests under way end, for a while.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), ApiError> {
        let places = Arc::new(Semaphore::new(
            self.options.max_connections.min(Semaphore::MAX_PERMITS),
        ));
        let connections = TaskTracker::new();
        if let Some((file, policies)) = self.policy {
            connections.spawn(file.follow(policies, shutdown.clone()));
        }
        let certificate = self.certificate.map(|(certificate, watch)| {
            connections.spawn(watch.follow(shutdown.clone()));
            certificate
        });
        while let Some((stream, place)) = next(&self.listener, &places, &shutdown).await {
            let connection = serve(
                stream,
                certificate.as_deref().map(Certificate::acceptor),
                self.router.clone(),
                self.options.header_timeout,
                shutdown.clone(),
            );
            connections.spawn(async move {
                connection.await;
                drop(place);
            });
        }
        drop(self.listener);
        connections.close();
        if tokio::time::timeout(self.options.stop_timeout, connections.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                connections = connections.len(),
                "stopped with requests still under way"
            );
        }
        Ok(())
    }
}

/// The next connection that there is a place for; `None` at the shutdown.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let accept = async {
        let place = Arc::clone(places).acquire_owned().await.ok()?;
        loop {
            match listener.accept().await {
                Ok((stream, _)) => return Some((stream, place)),
                Err(error) => {
                    // Out of file descriptors, or a connection that was gone before it was accepted.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    };
    shutdown.run_until_cancelled(accept).await.flatten()
}

/// Serves one connection to its end.
async fn serve(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    header_timeout: Duration,
    shutdown: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended at once");
        return;
    }
    let Some(acceptor) = acceptor else {
        return serve_http(stream, router, header_timeout, shutdown).await;
    };
    let handshake = tokio::time::timeout(header_timeout, acceptor.accept(stream));
    match shutdown.run_until_cancelled(handshake).await {
        Some(Ok(Ok(stream))) => serve_http(stream, router, header_timeout, shutdown).await,
        Some(Ok(Err(error))) => tracing::debug!(%error, "a TLS handshake failed"),
        Some(Err(_)) => tracing::debug!("a TLS handshake took too long"),
        None => {}
    }
}

async fn serve_http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    header_timeout: Duration,
    shutdown: CancellationToken,
) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        normalize(request.uri_mut());
        router.clone().call(request.map(Body::new))
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut stopping = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke");
                }
                return;
            }
            () = shutdown.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
