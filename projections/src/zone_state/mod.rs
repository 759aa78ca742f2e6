//! Zone state by serial: the tables `zone`, `recordset_version` and `zone_serial`; and whose zones are: `zone_share`,
//! `zone_departure` and `project_usage`; and which pool's they are and were: `catalog_member`.
//!
//! A recordset version carries the range of serials in which it is live, so that the zone at any serial, the difference
//! between any two, and what the API lists are all read from one table. The tables are written in the transaction that
//! appends the events, by the same two steps with which they are made anew from the log:
//! [`ZoneStateDelta::of`] folds events into row changes (pure), [`ZoneStateWriter::write`] writes those.
//!
//! Decisions worth knowing:
//! * Deleting a zone touches its row in `zone` (and its project's in `project_usage`) alone, whatever it holds. A recordset is live when its version has no
//!   `until_serial` *and* its zone has no `deleted_position`.
//! * A change that makes no serial (a description, anything of a recordset without records) alters the live version in
//!   place. A recordset that is made without records begins at the zone's present serial, since it changes no answer.
//! * A step that alters the TTL of every RRset without one of its own is marked `whole`, and so is a zone's first:
//!   recordset versions do not tell such a step apart, a whole transfer does. In a secondary zone every RRset has a TTL of
//!   its own, so that its SOA's TTL is the SOA's alone.

mod bulk;
mod delta;
mod fold;
mod membership;
mod ownership;
mod read;
mod rows;
mod write;

pub use bulk::{EncodedVersions, GoesOn, VersionEnder, VersionRows};
pub use delta::ZoneStateDelta;
pub use read::{
    RECORDSET_COLUMNS, RowError, SHARE_COLUMNS, ZONE_COLUMNS, masters_from_json, recordset_from_row,
    share_from_row, zone_from_row,
};
pub use write::{WriteError, ZoneStateWriter};
