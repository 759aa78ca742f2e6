//! Logs and metrics of the process.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// What `/healthz` answers: `zonelog doctor` knows its own by it.
pub const HEALTHY: &str = "zonelog ok\n";

/// Upper bounds of the histograms in seconds: from an append on a fast disk to a transfer of a large zone.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
];

/// Upper bounds of the histogram of batch sizes.
const SIZES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The level is none.
    #[error("log.level: {0}")]
    Level(#[from] tracing_subscriber::filter::ParseError),
    /// The metrics' recorder could not be set up.
    #[error("cannot set up the metrics: {0}")]
    Metrics(String),
    /// Something stands in this process's place already.
    #[error("logs are set up already")]
    Twice,
    /// The port cannot be had.
    #[error("cannot listen on {address} for metrics (metrics.listen): {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Starts the logs, to standard error.
pub fn start_logs(log: &Log) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(&log.level)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => lines
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|_| TelemetryError::Twice)
}

/// The metrics of this process, and the port that shows them.
#[derive(Debug)]
pub struct Metrics {
    handle: PrometheusHandle,
    listener: TcpListener,
    address: SocketAddr,
}

impl Metrics {
    /// Starts to record, and takes the port.
    pub async fn bind(address: SocketAddr, role: &'static str) -> Result<Self, TelemetryError> {
        let failed = |error: &dyn std::fmt::Display| TelemetryError::Metrics(error.to_string());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Full("zonelog_batch_size".to_owned()), SIZES)
            })
            .map_err(|error| failed(&error))?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|error| failed(&error))?;
        describe();
        metrics::gauge!("zonelog_info", "version" => env!("CARGO_PKG_VERSION"), "role" => role).set(1.0);
        let started = zonelog_central::clock::now().timestamp_millis();
        metrics::gauge!("process_start_time_seconds").set(started as f64 / 1000.0);
        let listen = |source| TelemetryError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self {
            handle,
            listener,
            address,
        })
    }

    /// Where `/metrics` is.
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers `/metrics` and `/healthz` until the end.
    pub async fn run(self, shutdown: CancellationToken) -> std::io::Result<()> {
        let Self { handle, listener, .. } = self;
        let upkeep = handle.clone();
        let text = move || {
            let body = handle.render();
            async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4")], body).into_response() }
        };
        let routes = Router::new()
            .route("/metrics", get(text))
            .route("/healthz", get(|| async { HEALTHY }));
        let serve = axum::serve(listener, routes);
        let mut every = tokio::time::interval(Duration::from_secs(5));
        // A connection that a scraper keeps open must not hold the end up: dropping the server closes it.
        tokio::select! {
            served = serve.into_future() => served,
            () = async { loop { every.tick().await; upkeep.run_upkeep(); } } => Ok(()),
            () = shutdown.cancelled() => Ok(()),
        }
    }
}

/// What each metric says, for `# HELP`.
fn describe() {
    metrics::describe_gauge!(
        "zonelog_info",
        "1; the version and the role of this process as labels"
    );
    metrics::describe_gauge!(
        "process_start_time_seconds",
        "When this process started, in seconds since 1970"
    );
    metrics::describe_histogram!(
        "zonelog_append_seconds",
        "From a batch's start to its commit, in seconds"
    );
    metrics::describe_histogram!("zonelog_batch_size", "Commands in a batch");
    metrics::describe_gauge!("zonelog_queue_depth", "Commands that wait to be written");
    metrics::describe_gauge!(
        "zonelog_feed_lag_events",
        "Events of the log that a role has not read yet"
    );
    metrics::describe_gauge!(
        "zonelog_server_lag_events",
        "Events of the log that a server is behind"
    );
    metrics::describe_gauge!(
        "zonelog_server_parked_zones",
        "Zones that a server does not follow"
    );
    metrics::describe_counter!("zonelog_transfers_total", "Zone transfers served, by kind");
    metrics::describe_histogram!(
        "zonelog_transfer_seconds",
        "Duration of a zone transfer, in seconds"
    );
    metrics::describe_counter!(
        "zonelog_queries_total",
        "DNS queries answered, by kind and response code"
    );
    metrics::describe_counter!(
        "zonelog_notifies_total",
        "NOTIFY messages sent, by server and outcome"
    );
    metrics::describe_counter!(
        "zonelog_http_requests_total",
        "HTTP requests answered, by route, method and status"
    );
    metrics::describe_histogram!("zonelog_http_seconds", "Duration of an HTTP request, in seconds");
}
