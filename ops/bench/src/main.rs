//! Benchmarks with their yardsticks beside them in the same run: `ops/bench/run store|api|import|path|transfer|soa|change|lists|provision|recovery|inbound`.

mod api;
mod asker;
mod beside;
mod change;
mod flood;
mod generated_zone;
mod http;
mod import;
mod inbound;
mod lists;
mod load;
mod memory;
mod path;
mod pgbench;
mod provision;
mod recovery;
mod report;
mod soa;
mod store;
mod transfer;

use std::process::ExitCode;

/// What went wrong, in words: a benchmark ends at its first failure.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let outcome = match name.as_str() {
        "store" => store::run().await,
        "api" => api::run().await,
        "import" => import::run().await,
        "path" => path::run().await,
        "transfer" => transfer::run().await,
        "soa" => soa::run().await,
        "change" => change::run().await,
        "provision" => provision::run().await,
        "lists" => lists::run().await,
        "recovery" => recovery::run().await,
        "inbound" => inbound::run().await,
        _ => Err(
            "which benchmark? store, api, import, path, transfer, soa, change, lists, provision, recovery or inbound"
                .into(),
        ),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            report::say(&format!("the benchmark failed: {error}"));
            ExitCode::from(2)
        }
    }
}
