//! What is measured of a server, by whoever holds its lease: a few gauges a server, none a zone.

use tokio_postgres::Client;
use zonelog_central::clock;
use zonelog_model::Position;
use zonelog_projections::delivery::{self, DeliveryError};

/// Measures a server whose checkpoint is at `checkpoint`, in a log whose head is at `head`.
pub(crate) async fn measure(
    client: &Client,
    server: &str,
    (checkpoint, head): (Position, Position),
    paused: bool,
) -> Result<(), DeliveryError> {
    let Some(lag) = delivery::lag(client, server).await? else {
        return Ok(());
    };
    let seconds = lag
        .since
        .map_or(0.0, |since| (clock::now() - since).as_seconds_f64().max(0.0));
    #[expect(clippy::cast_precision_loss, reason = "gauges")]
    let values = [
        ("zonelog_server_parked_zones", lag.behind as f64),
        ("zonelog_server_failing_zones", lag.failing as f64),
        ("zonelog_server_lag_events", (head - checkpoint).max(0) as f64),
        ("zonelog_server_lag_seconds", seconds),
        ("zonelog_server_paused", f64::from(u8::from(paused))),
    ];
    for (name, value) in values {
        metrics::gauge!(name, "server" => server.to_owned()).set(value);
    }
    Ok(())
}
