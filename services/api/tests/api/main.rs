//! The REST API against a real PostgreSQL and the real Central, asked over HTTP as clients ask.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is missing fails the test"
)]

mod admin;
mod auth;
mod bad_input;
mod collections;
mod connections;
mod convergence;
mod discovery;
mod exports;
mod faults;
mod floating_ips;
mod front;
mod idempotency;
mod imports;
mod keystone;
mod keystone_tls;
mod lists;
mod managed;
mod openapi;
mod openapi_answers;
mod outage;
mod parts;
mod policy;
mod pools;
mod quotas;
mod recordsets;
mod registries;
mod secondary;
mod service_statuses;
mod shares;
mod tls;
mod tokens;
mod tour;
mod transfers;
mod zone_tasks;
mod zones;
