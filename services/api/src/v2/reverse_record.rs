//! The PTR recordset of a floating IP: a managed one, in a reverse zone that is made when the first address in it needs it.

use zonelog_central::{ExecuteError, Rejection, Request, Scope, ids};
use zonelog_dns::{OwnerName, Rrtype, Ttl, ZoneName};
use zonelog_model::zone::{
    Command, CreateRecordset, CreateZone, DeleteRecordset, ManagedResource, Patch, Record,
    Rejection as ZoneRejection, UpdateRecordset, ZoneKind,
};
use zonelog_model::{RecordsetId, ZoneId};
use zonelog_projections::reverse::{self, Ptr};

use super::floating_ips::not_found;
use crate::app::App;
use crate::context::Context;
use crate::error::ApiError;
use crate::neutron::{FloatingIp, owner_of, zone_of};

/// The kind of managed resource that these recordsets are made for, as Designate names it.
pub(super) const KIND: &str = "ptr:floatingip";
/// How often what was looked up may have changed before it could be written.
const TRIES: usize = 8;

/// What a PTR is to be.
pub(super) struct NewPtr {
    pub(super) name: String,
    pub(super) ttl: Option<Ttl>,
    pub(super) description: Option<String>,
}

/// Where a floating IP's PTR belongs.
struct Place {
    zone: ZoneName,
    owner: OwnerName,
}

impl Place {
    fn of(floating_ip: &FloatingIp) -> Result<Self, ApiError> {
        let unreadable = |error| ApiError::internal(&error);
        Ok(Self {
            zone: zone_of(floating_ip.address).map_err(unreadable)?,
            owner: owner_of(floating_ip.address).map_err(unreadable)?,
        })
    }
}

/// Sets the PTR of a floating IP. What another owner left at the address goes first.
pub(super) async fn set(
    app: &App,
    context: &Context,
    floating_ip: &FloatingIp,
    new: &NewPtr,
) -> Result<(), ApiError> {
    let place = Place::of(floating_ip)?;
    for _ in 0..TRIES {
        let command: Command = match look_up(app, &place).await? {
            (None, _) => new_zone(app, &place).into(),
            (Some(zone), None) => new_recordset(app, context, zone, &place, floating_ip, new)?.into(),
            (Some(zone), Some(ptr)) => match standing(&ptr, floating_ip)? {
                Standing::Present => changed(context, zone, &ptr, new).into(),
                Standing::Stale => deletion(zone, &ptr).into(),
            },
        };
        let is_last = matches!(command, Command::CreateRecordset(_) | Command::UpdateRecordset(_));
        if execute(app, context, command).await? && is_last {
            return Ok(());
        }
    }
    Err(overtaken())
}

/// Takes the PTR of a floating IP away, whoever set it; 404 when there is none.
pub(super) async fn unset(app: &App, context: &Context, floating_ip: &FloatingIp) -> Result<(), ApiError> {
    let place = Place::of(floating_ip)?;
    for _ in 0..TRIES {
        let (Some(zone), Some(ptr)) = look_up(app, &place).await? else {
            return Err(not_found(&floating_ip.region, floating_ip.id));
        };
        // A record that nobody set for a floating IP is not ours to take away.
        standing(&ptr, floating_ip).map_err(|_| not_found(&floating_ip.region, floating_ip.id))?;
        if execute(app, context, deletion(zone, &ptr).into()).await? {
            return Ok(());
        }
    }
    Err(overtaken())
}

fn overtaken() -> ApiError {
    ApiError::unavailable("The reverse zone changes all the time; try again")
}

/// The live reverse zone, and the PTR recordset at the address's name in it.
async fn look_up(app: &App, place: &Place) -> Result<(Option<ZoneId>, Option<Ptr>), ApiError> {
    let client = app.client().await?;
    Ok(match reverse::find(&client, &place.zone, &place.owner).await? {
        Some((zone, ptr)) => (Some(zone), ptr),
        None => (None, None),
    })
}

enum Standing {
    /// The floating IP's own.
    Present,
    /// Of another floating IP, or of another owner of this one: both had the address before.
    Stale,
}

/// How a PTR at the address stands to the floating IP that has the address now; 409 when a user made it by hand.
fn standing(ptr: &Ptr, floating_ip: &FloatingIp) -> Result<Standing, ApiError> {
    match &ptr.managed {
        Some(managed) if managed.kind == KIND => {
            let own = managed.id == floating_ip.id.to_string()
                && managed.region.as_deref() == Some(&floating_ip.region)
                && managed.project == floating_ip.project;
            Ok(if own { Standing::Present } else { Standing::Stale })
        }
        _ => Err(ApiError::new(
            axum::http::StatusCode::CONFLICT,
            "duplicate_recordset",
            "A PTR recordset that was not made for a floating IP stands at the address's name; delete it first",
        )),
    }
}

/// The zone belongs to the installation, and is made under its rules, not the caller's.
fn new_zone(app: &App, place: &Place) -> CreateZone {
    CreateZone {
        zone: ids::zone_id(),
        soa_recordset: ids::recordset_id(),
        ns_recordset: ids::recordset_id(),
        name: place.zone.clone(),
        project: app.options.managed_project.clone(),
        kind: ZoneKind::Primary,
        email: app.options.managed_email.clone(),
        ttl: None,
        description: None,
        attributes: std::collections::BTreeMap::new(),
        timers: app.central.soa_timers(),
        may_use_low_ttl: true,
        may_use_blacklisted: true,
        may_force_pool: false,
    }
}

fn new_recordset(
    app: &App,
    context: &Context,
    zone: ZoneId,
    place: &Place,
    floating_ip: &FloatingIp,
    new: &NewPtr,
) -> Result<CreateRecordset, ApiError> {
    let record = Record::parse(Rrtype::PTR, &new.name).map_err(ApiError::value)?;
    Ok(CreateRecordset {
        zone,
        recordset: ids::recordset_id(),
        owner: place.owner.clone(),
        rrtype: Rrtype::PTR,
        ttl: new.ttl,
        records: vec![record],
        description: new.description.clone(),
        project: app.options.managed_project.clone(),
        managed: true,
        managed_resource: Some(ManagedResource {
            kind: KIND.to_owned(),
            id: floating_ip.id.to_string(),
            region: Some(floating_ip.region.clone()),
            project: floating_ip.project.clone(),
        }),
        may_use_low_ttl: context.may_use_low_ttl(),
    })
}

fn changed(context: &Context, zone: ZoneId, ptr: &Ptr, new: &NewPtr) -> UpdateRecordset {
    UpdateRecordset {
        zone,
        recordset: RecordsetId::new(ptr.recordset),
        ttl: Patch::Set(new.ttl),
        records: Patch::Set(vec![new.name.clone()]),
        description: Patch::Set(new.description.clone()),
        may_edit_managed: true,
        may_use_low_ttl: context.may_use_low_ttl(),
    }
}

fn deletion(zone: ZoneId, ptr: &Ptr) -> DeleteRecordset {
    DeleteRecordset {
        zone,
        recordset: RecordsetId::new(ptr.recordset),
        may_edit_managed: true,
    }
}

/// Executes a command in the caller's name on the installation's own zones; false when what was looked up has changed
/// meanwhile.
async fn execute(app: &App, context: &Context, command: Command) -> Result<bool, ApiError> {
    let request = Request {
        command: command.into(),
        metadata: context.metadata(),
        scope: Scope::AllProjects,
        idempotency: None,
    };
    match app.central.execute(request).await {
        Ok(_) => Ok(true),
        Err(ExecuteError::Rejected(rejection)) if is_overtaken(&rejection) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn is_overtaken(rejection: &Rejection) -> bool {
    matches!(
        rejection,
        Rejection::Zone(
            ZoneRejection::DuplicateZone { .. }
                | ZoneRejection::DuplicateRecordset { .. }
                | ZoneRejection::ZoneNotFound(_)
                | ZoneRejection::ZoneIsDeleting
                | ZoneRejection::RecordsetNotFound(_)
        )
    )
}
