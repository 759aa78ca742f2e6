//! Version 2 of Designate's API, one module a resource.

mod allowed;
mod body;
mod recordset_input;
mod recordset_json;
pub(crate) mod recordsets;
mod zone_input;
mod zone_json;
pub(crate) mod zones;
