//! Temporary.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, missing_docs)]
#[path = "api/exports.rs"]
mod exports;
#[path = "api/floating_ips.rs"]
mod floating_ips;
#[path = "api/imports.rs"]
mod imports;
#[path = "api/parts.rs"]
mod parts;
#[path = "api/transfers.rs"]
mod transfers;
#[path = "api/zone_tasks.rs"]
mod zone_tasks;
