//! Version 2 of Designate's API, one module a resource.

mod allowed;
pub(crate) mod blacklists;
mod body;
mod collection;
pub(crate) mod convergence;
mod export_text;
pub(crate) mod exports;
mod fields;
mod floating_ip_json;
pub(crate) mod floating_ips;
mod import_body;
pub(crate) mod imports;
pub(crate) mod limits;
pub(crate) mod pools;
pub(crate) mod quotas;
mod recordset_input;
mod recordset_json;
pub(crate) mod recordsets;
mod reverse_record;
pub(crate) mod service_statuses;
pub(crate) mod shares;
mod task;
pub(crate) mod tlds;
pub(crate) mod transfer_accepts;
pub(crate) mod transfer_requests;
pub(crate) mod tsigkeys;
mod zone_input;
mod zone_json;
pub(crate) mod zone_tasks;
pub(crate) mod zones;

pub(crate) use allowed::zone_target;
pub(crate) use body::{ListLinks, SelfLink, accepted, href, json};
pub(crate) use collection::no_content;
pub(crate) use import_body::Room as ImportRoom;
