//! What is shown: tables derived from the log, and the queries that read them. One module is one group of tables:
//! what an event does to them, how they are made anew from the log, and how they are read.
//!
//! [`zone_state`] comes first: zones, their recordsets and their serials, written in the transaction that appends the
//! events. The other modules read it, each for one reader: [`listing`] for the REST API, [`transfer`] for MiniDNS,
//! [`delivery`] and [`status`] for the reconciler and for whoever asks whether a change has arrived.

pub mod api_token;
pub mod delivery;
pub mod listing;
pub mod status;
pub mod transfer;
pub mod zone_state;
