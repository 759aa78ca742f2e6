//! `/v2/reverse/floatingips`: the PTR records of the addresses that Neutron lends.
//!
//! Which floating IPs there are, and whose they are, is asked of Neutron each time. A PTR that a former owner set is not
//! shown, and reading changes nothing: it goes when the new owner sets or unsets his own.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use serde_json::Value;
use uuid::Uuid;
use zonelog_projections::listing::ManagedRow;

use super::body::{Keys, SelfLink, href, json};
use super::fields::MAX_DESCRIPTION;
use super::floating_ip_json::{FloatingIpJson, FloatingIpListJson};
use super::reverse_record::{self, KIND, NewPtr};
use crate::app::App;
use crate::coerce;
use crate::context::Context;
use crate::error::ApiError;
use crate::json::{Object, read_object};
use crate::neutron::{Endpoint, FloatingIp, Wanted, is_region};
use crate::openapi::{Conflict, bodies};
use crate::policy::Target;
use crate::query::Query;

const KEYS: Keys = Keys {
    resource: "floatingip",
    writable: &["ptrdname", "ttl", "description"],
    fixed: &["id", "address", "status", "action", "links"],
};

/// `/v2/reverse/floatingips/{region}:{floatingip_id}`.
pub(crate) struct FloatingIpPath {
    region: String,
    id: Uuid,
}

impl<S: Send + Sync> FromRequestParts<S> for FloatingIpPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let parameters = RawPathParams::from_request_parts(parts, state).await;
        let parameters = parameters.map_err(|_| bad_key("which is not UTF-8"))?;
        let given = parameters.iter().next().map_or("", |(_, value)| value);
        let parts = given.split_once(':').filter(|(region, _)| is_region(region));
        // A UUID in its hyphenated form alone, as in Designate.
        let id = parts
            .filter(|(_, id)| id.len() == 36)
            .and_then(|(_, id)| Uuid::try_parse(id).ok());
        match (parts, id) {
            (Some((region, _)), Some(id)) => Ok(Self {
                region: region.to_owned(),
                id,
            }),
            _ => Err(bad_key(coerce::excerpt(given))),
        }
    }
}

fn bad_key(given: impl std::fmt::Display) -> ApiError {
    let message = format!("Floating IP {given} is not in the format of <region>:<uuid>");
    ApiError::bad("bad_request", message)
}

/// `GET /v2/reverse/floatingips`: all of them, without pages.
#[utoipa::path(get, path = "/v2/reverse/floatingips", tag = "floating IPs",
    operation_id = "list_floating_ips",
    summary = "List floating IPs with their PTRs", responses((status = 200, body = FloatingIpListJson)))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    context: Context,
    uri: Uri,
) -> Result<Response, ApiError> {
    context.enforce("find_records", &Target::default())?;
    let query = Query::parse(uri.query());
    query.check(&[])?;
    let endpoints = endpoints(&app, &context, None)?;
    let found = ask(&app, &context, &endpoints, None).await?;
    let ptrs = ptrs(&app, &found).await?;
    let items = found.iter().map(|floating_ip| {
        let ptr = ptrs.get(&floating_ip.id).filter(|ptr| is_of(ptr, floating_ip));
        FloatingIpJson::shown(floating_ip, ptr, &context.base)
    });
    let href = href(
        &context.base,
        format_args!("{}{}", uri.path(), query.encode(None)),
    );
    let body = FloatingIpListJson {
        floatingips: items.collect(),
        links: SelfLink { href },
    };
    json(StatusCode::OK, &body)
}

/// `GET /v2/reverse/floatingips/{region}:{floatingip_id}`.
#[utoipa::path(get, path = "/v2/reverse/floatingips/{fip_key}", tag = "floating IPs",
    operation_id = "show_floating_ip",
    summary = "Show a floating IP with its PTR", responses((status = 200, body = FloatingIpJson)))]
pub(crate) async fn show(
    State(app): State<Arc<App>>,
    path: FloatingIpPath,
    context: Context,
) -> Result<Response, ApiError> {
    context.enforce("find_records", &Target::default())?;
    let floating_ip = find(&app, &context, &path).await?;
    let ptr = ptr_of(&app, &floating_ip).await?;
    json(
        StatusCode::OK,
        &FloatingIpJson::shown(&floating_ip, ptr.as_ref(), &context.base),
    )
}

/// `PATCH /v2/reverse/floatingips/{region}:{floatingip_id}`: sets the PTR, or unsets it (`ptrdname` null).
#[utoipa::path(patch, path = "/v2/reverse/floatingips/{fip_key}", tag = "floating IPs",
    operation_id = "update_floating_ip",
    summary = "Set or unset the PTR of a floating IP", request_body = bodies::PtrChange,
    responses((status = 202, description = "The PTR was set; without a body: it was unset.", body = FloatingIpJson), Conflict))]
pub(crate) async fn update(
    State(app): State<Arc<App>>,
    path: FloatingIpPath,
    context: Context,
    request: Request,
) -> Result<Response, ApiError> {
    let (object, _) = read_object(request, app.options.max_body_bytes, app.options.body_timeout).await?;
    let change = PtrChange::read(&object)?;
    let rule = match change.ptrdname {
        Some(None) => "delete_recordset",
        _ => "create_recordset",
    };
    context.enforce(rule, &ptr_target(&context))?;
    let floating_ip = find(&app, &context, &path).await?;
    let present = ptr_of(&app, &floating_ip).await?;
    let fixed = KEYS.fixed_in(&object)?;
    if !fixed.is_empty() {
        let current = FloatingIpJson::shown(&floating_ip, present.as_ref(), &context.base);
        let current = serde_json::to_value(current).map_err(|error| ApiError::internal(&error))?;
        KEYS.check_fixed(&fixed, &current)?;
    }
    if change.ptrdname == Some(None) {
        reverse_record::unset(&app, &context, &floating_ip).await?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::ACCEPTED;
        return Ok(response);
    }
    let new = change.over(present.as_ref())?;
    reverse_record::set(&app, &context, &floating_ip, &new).await?;
    let ptr = ptr_of(&app, &floating_ip).await?;
    json(
        StatusCode::ACCEPTED,
        &FloatingIpJson::shown(&floating_ip, ptr.as_ref(), &context.base),
    )
}

/// Setting a PTR is making a record for what is the caller's own, whoever owns the reverse zone.
fn ptr_target(context: &Context) -> Target<'_> {
    Target {
        zone_type: Some("PRIMARY"),
        zone_shared: Some(false),
        ..Target::of_project(context.actor().project.as_str())
    }
}

/// What a caller asks of a PTR. The outer `None`: not given.
struct PtrChange {
    ptrdname: Option<Option<String>>,
    ttl: Option<zonelog_dns::Ttl>,
    description: Option<String>,
    gives_ttl: bool,
    gives_description: bool,
}

impl PtrChange {
    fn read(object: &Object) -> Result<Self, ApiError> {
        let get = |key: &str| object.get(key).unwrap_or(&Value::Null);
        let description = coerce::short_text("description", get("description"), MAX_DESCRIPTION)?;
        let ptrdname = coerce::short_text("ptrdname", get("ptrdname"), 255)?;
        if let Some(name) = &ptrdname {
            coerce::owner_name(name)?;
        }
        let ttl = coerce::ttl(get("ttl"))?;
        KEYS.fixed_in(object)?;
        Ok(Self {
            ptrdname: object.contains_key("ptrdname").then_some(ptrdname),
            ttl,
            description,
            gives_ttl: object.contains_key("ttl"),
            gives_description: object.contains_key("description"),
        })
    }

    /// The PTR that it makes. A new name begins anew, as in Designate: what is not given with it is unset. Without a name
    /// the present PTR stays but for what is given.
    fn over(self, present: Option<&ManagedRow>) -> Result<NewPtr, ApiError> {
        if let Some(Some(name)) = self.ptrdname {
            return Ok(NewPtr {
                name,
                ttl: self.ttl,
                description: self.description,
            });
        }
        let recordset = present.map(|present| &present.recordset);
        let name = recordset.and_then(|recordset| recordset.records.first());
        let (Some(recordset), Some(name)) = (recordset, name) else {
            return Err(ApiError::bad(
                "invalid_object",
                "'ptrdname' is required: the floating IP has no PTR yet; null unsets it",
            ));
        };
        let ttl = recordset
            .ttl
            .and_then(|ttl| zonelog_dns::Ttl::new(ttl.into()).ok());
        Ok(NewPtr {
            name: name.clone(),
            ttl: if self.gives_ttl { self.ttl } else { ttl },
            description: match self.gives_description {
                true => self.description,
                false => recordset.description.clone(),
            },
        })
    }
}

/// Where Neutron is for the caller: configured, or in the catalogue of his token. 403 when it is nowhere.
fn endpoints(app: &App, context: &Context, region: Option<&str>) -> Result<Vec<Endpoint>, ApiError> {
    let wanted = |name: &str| region.is_none_or(|region| region == name);
    let configured = &app.options.neutron.endpoints;
    let mut found: Vec<Endpoint> = match configured.is_empty() {
        false => configured.iter().map(Endpoint::from).collect(),
        true => {
            let given = context
                .catalog()
                .endpoints("network", &app.options.neutron.interface);
            let given = given.filter(|endpoint| is_region(&endpoint.region));
            let given = given.map(|endpoint| Endpoint {
                region: endpoint.region.clone(),
                url: endpoint.url.clone(),
            });
            given.collect()
        }
    };
    found.retain(|endpoint| wanted(&endpoint.region));
    found.sort();
    found.dedup();
    match found.is_empty() {
        false => Ok(found),
        true => Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "no_endpoint",
            "No endpoint of the network service is known for this request",
        )),
    }
}

async fn ask(
    app: &App,
    context: &Context,
    endpoints: &[Endpoint],
    id: Option<Uuid>,
) -> Result<Vec<FloatingIp>, ApiError> {
    let wanted = Wanted {
        project: (!context.is_for_all_projects()).then_some(&context.actor().project),
        id,
    };
    let token = context.token().map(|token| token.reveal());
    app.neutron.floating_ips(endpoints, token, wanted).await
}

/// A floating IP of the caller's.
async fn find(app: &App, context: &Context, path: &FloatingIpPath) -> Result<FloatingIp, ApiError> {
    let endpoints = endpoints(app, context, Some(&path.region))?;
    let found = ask(app, context, &endpoints, Some(path.id)).await?;
    let found = found.into_iter().find(|floating_ip| floating_ip.id == path.id);
    found.ok_or_else(|| not_found(&path.region, path.id))
}

/// 404: the caller has no such floating IP, or it has no PTR to unset.
pub(super) fn not_found(region: &str, id: Uuid) -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        format!("FloatingIP {region}:{id} is not associated with your project, or has no PTR"),
    )
}

/// The PTRs of floating IPs, by the floating IP's id.
async fn ptrs(app: &App, floating_ips: &[FloatingIp]) -> Result<HashMap<Uuid, ManagedRow>, ApiError> {
    let ids: Vec<String> = floating_ips
        .iter()
        .map(|floating_ip| floating_ip.id.to_string())
        .collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let client = app.client().await?;
    let rows = app.listing.managed_recordsets(&client, KIND, &ids).await?;
    let by_id = rows
        .into_iter()
        .filter_map(|row| Some((Uuid::try_parse(&row.id).ok()?, row)));
    Ok(by_id.collect())
}

/// The floating IP's PTR, if its present owner set one.
async fn ptr_of(app: &App, floating_ip: &FloatingIp) -> Result<Option<ManagedRow>, ApiError> {
    let mut ptrs = ptrs(app, std::slice::from_ref(floating_ip)).await?;
    Ok(ptrs.remove(&floating_ip.id).filter(|ptr| is_of(ptr, floating_ip)))
}

/// Whether a PTR was set for the floating IP as it is now: by its present owner, in its region, at its address.
fn is_of(ptr: &ManagedRow, floating_ip: &FloatingIp) -> bool {
    let owner = crate::neutron::owner_of(floating_ip.address);
    ptr.project == floating_ip.project.as_str()
        && ptr.region.as_deref() == Some(&floating_ip.region)
        && owner.is_ok_and(|owner| owner.to_string().eq_ignore_ascii_case(&ptr.recordset.name))
}
