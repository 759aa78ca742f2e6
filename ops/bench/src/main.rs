//! Benchmarks with their yardsticks beside them in the same run: `ops/bench/run store|api|path|transfer`.

mod api;
mod asker;
mod http;
mod load;
mod path;
mod pgbench;
mod report;
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
        "path" => path::run().await,
        "transfer" => transfer::run().await,
        _ => Err("which benchmark? store, api, path or transfer".into()),
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
