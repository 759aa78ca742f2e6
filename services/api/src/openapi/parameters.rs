//! Query parameters and headers that many requests have, described once.

use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat, SchemaType, Type};
use zonelog_model::ProjectId;

use crate::context::HideCounts;
use crate::idempotency::Retry;
use crate::query::{DEFAULT_LIMIT, MAX_LIMIT};

use super::words::one_of;

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))
}

fn parameter(place: ParameterIn, name: &str, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(description))
}

/// A list's parameters: its filters, what it can be ordered by, and the page.
pub(crate) trait ListParameters {
    /// What the list can be narrowed by.
    fn filters() -> Vec<&'static str>;
    /// What it can be ordered by.
    fn sort_keys() -> Vec<&'static str>;

    /// The description of them.
    fn parameters() -> Vec<Parameter> {
        let query = |name: &str, description: &str| parameter(ParameterIn::Query, name, description);
        let mut parameters: Vec<Parameter> = Self::filters()
            .into_iter()
            .map(|name| {
                let description = format!(
                    "Only those whose {name} is this, in any case of letters; `*` stands for any characters. `!`, `<`, \
                     `<=`, `>`, `>=` and `BETWEEN a,b` in front compare."
                );
                query(name, &description).schema(Some(text())).build()
            })
            .collect();
        let limit = OneOfBuilder::new()
            .item(
                ObjectBuilder::new()
                    .schema_type(SchemaType::Type(Type::Integer))
                    .minimum(Some(1))
                    .maximum(Some(MAX_LIMIT))
                    .default(Some(json!(DEFAULT_LIMIT))),
            )
            .item(one_of(["max"]));
        let marker = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
        parameters.extend([
            query("sort_key", "What the list is ordered by.")
                .schema(Some(one_of(Self::sort_keys())))
                .build(),
            query("sort_dir", "Upwards or downwards.")
                .schema(Some(one_of(["asc", "desc"])))
                .build(),
            query(
                "limit",
                "The most that a page holds; `max` is the largest that there is.",
            )
            .schema(Some(limit))
            .build(),
            query("marker", "The id of the last item of the page before.")
                .schema(Some(marker))
                .build(),
        ]);
        parameters
    }
}

/// Describes the query of a list by the constants that it is read with.
macro_rules! list_query {
    ($name:ident, $filters:expr, $sort_keys:expr) => {
        /// The query of the list, for its description.
        enum $name {}

        impl $crate::openapi::ListParameters for $name {
            fn filters() -> Vec<&'static str> {
                $filters.to_vec()
            }

            fn sort_keys() -> Vec<&'static str> {
                $sort_keys.iter().map(|(name, _)| *name).collect()
            }
        }

        impl utoipa::IntoParams for $name {
            fn into_params(
                _: impl Fn() -> Option<utoipa::openapi::path::ParameterIn>,
            ) -> Vec<utoipa::openapi::path::Parameter> {
                <Self as $crate::openapi::ListParameters>::parameters()
            }
        }
    };
}
pub(crate) use list_query;

fn header(name: &str, description: &str, schema: ObjectBuilder) -> Vec<Parameter> {
    vec![
        parameter(ParameterIn::Header, name, description)
            .schema(Some(schema))
            .build(),
    ]
}

fn switch() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::Boolean))
}

impl IntoParams for Retry {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "A key of the caller's choice. A request that comes again with the same key is answered as it was \
                           the first time, and changes nothing more.";
        let key = text()
            .min_length(Some(1))
            .max_length(Some(255))
            .pattern(Some("^[!-~]+$"));
        header("Idempotency-Key", description, key)
    }
}

impl IntoParams for HideCounts {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "Leaves `metadata.total_count` out, which makes long lists faster.";
        header("OpenStack-DNS-Hide-Counts", description, switch())
    }
}

/// `X-Designate-Delete-Shares`.
pub(crate) enum DeleteShares {}

impl IntoParams for DeleteShares {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let description = "Deletes a shared zone together with its shares; without it a shared zone stays.";
        header("X-Designate-Delete-Shares", description, switch())
    }
}

/// Headers and query parameters that every request below `/v2` and `/admin` may have.
pub(super) fn scope() -> Vec<(&'static str, Value)> {
    let switch = json!({"type": "boolean"});
    let project = json!({"type": "string", "minLength": 1, "maxLength": ProjectId::MAX_LENGTH});
    let header = |name: &str, description: &str, schema: &Value| json!({"name": name, "in": "header", "required": false, "description": description, "schema": schema});
    let query = |name: &str, description: &str| json!({"name": name, "in": "query", "required": false, "description": description, "schema": switch});
    let all = "Asks for the objects of all projects. Policy says who may (`all_tenants`).";
    let managed =
        "Lets the request change what the installation made. Policy says who may (`edit_managed_records`).";
    let sudo = "Acts in another project. Policy says who may (`use_sudo`).";
    let hard = "Deletes a zone from its name servers with its file. Policy says who may (`hard_delete`).";
    vec![
        ("AllProjectsHeader", header("X-Auth-All-Projects", all, &switch)),
        ("SudoProject", header("X-Auth-Sudo-Project-ID", sudo, &project)),
        (
            "SudoTenant",
            header(
                "X-Auth-Sudo-Tenant-ID",
                "The old name of `X-Auth-Sudo-Project-ID`.",
                &project,
            ),
        ),
        (
            "EditManagedHeader",
            header("X-Designate-Edit-Managed-Records", managed, &switch),
        ),
        ("HardDelete", header("X-Designate-Hard-Delete", hard, &switch)),
        ("AllProjects", query("all_projects", all)),
        (
            "AllTenants",
            query("all_tenants", "The old name of `all_projects`."),
        ),
        ("EditManaged", query("edit_managed_records", managed)),
    ]
}

/// What stands in a path: `{zone_id}`.
pub(super) fn in_path(name: &str) -> Value {
    let schema = match name {
        "project_id" => json!({"type": "string", "minLength": 1, "maxLength": ProjectId::MAX_LENGTH}),
        "fip_key" => {
            json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,100}:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"})
        }
        "criterion" => {
            json!({"type": "string", "enum": ["zones", "zones_delayed_notify", "records", "tenants"]})
        }
        _ => json!({"type": "string", "format": "uuid"}),
    };
    let description = match name {
        "project_id" => "A project.".to_owned(),
        "fip_key" => "A floating IP: its region and its id in Neutron.".to_owned(),
        "criterion" => "What is counted.".to_owned(),
        name => format!(
            "The id of the {}.",
            name.trim_end_matches("_id").replace('_', " ")
        ),
    };
    json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema})
}
