//! What is shown: tables derived from the log, and the queries that read them. One module is one group of tables:
//! what an event does to them, how they are made anew from the log, and how they are read.
//!
//! [`zone_state`] comes first: zones, their recordsets and their serials; then [`resource`], everything else that the API
//! can change. Both are written in the transaction that appends the events ([`inline`]), and made anew from the log by the
//! same code ([`rebuild`]). The other modules read them, each for one reader: [`listing`] for the REST API, [`transfer`] and [`catalog`] for MiniDNS,
//! [`delivery`] and [`status`] for the reconciler and for whoever asks whether a change has arrived.

pub mod api_token;
pub mod catalog;
pub mod deadline;
pub mod delivery;
pub mod existence;
pub mod inline;
pub mod listing;
pub mod purge;
pub mod rebuild;
pub mod resource;
pub mod reverse;
pub mod secondary;
pub mod service_status;
pub mod status;
pub mod transfer;
pub mod usage;
pub mod zone_state;
