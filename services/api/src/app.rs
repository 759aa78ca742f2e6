//! What the handlers share.

use std::sync::Arc;

use deadpool_postgres::{Client, Pool};
use tokio::sync::Semaphore;
use zonelog_central::{Accepted, Central, Changed, Command, ExecuteError, Idempotency, Rejection, Request};
use zonelog_model::resource::Resource;
use zonelog_model::zone::{Recordset, Share, Zone};
use zonelog_model::{ZoneId, zone};
use zonelog_projections::listing::Listing;

use crate::auth::Identification;
use crate::context::Context;
use crate::error::ApiError;
use crate::neutron::Neutron;
use crate::options::ApiOptions;
use crate::policy::Policies;
use crate::rate_limit::Rates;
use crate::v2::ImportRoom;

/// One for a process.
pub(crate) struct App {
    pub(crate) options: ApiOptions,
    pub(crate) central: Central,
    pub(crate) pool: Pool,
    pub(crate) listing: Listing,
    /// Host and port for links of requests that name none.
    pub(crate) host: String,
    pub(crate) identification: Identification,
    pub(crate) policies: Arc<Policies>,
    /// `None`: nobody's requests are counted.
    pub(crate) rates: Option<Rates>,
    pub(crate) neutron: Neutron,
    /// The memory for the bodies of imports.
    pub(crate) import_room: ImportRoom,
    /// One permit for each export that may be read at the same time.
    pub(crate) exports: Arc<Semaphore>,
}

impl App {
    /// A connection for reading.
    pub(crate) async fn client(&self) -> Result<Client, ApiError> {
        Ok(self.pool.get().await?)
    }

    /// Executes a command on a zone for the request's caller.
    pub(crate) async fn execute_on_zone(
        &self,
        context: &Context,
        idempotency: Option<Idempotency>,
        command: impl Into<zone::Command>,
    ) -> Result<ZoneDone, ApiError> {
        let command = command.into();
        let zone = command.zone();
        let error = match self.submit(context, idempotency, command.into()).await {
            Ok(done) => {
                let done = ZoneDone::of(done)?;
                // Deleting a deleted zone changes nothing; for who cannot see the zone any more, it is not there.
                if done.unchanged && done.zone.deleted {
                    self.require_visible(context, zone).await?;
                }
                return Ok(done);
            }
            Err(error) => error,
        };
        if let ExecuteError::Rejected(rejection) = &error
            && matches!(**rejection, Rejection::Zone(zone::Rejection::ZoneIsDeleting))
        {
            self.require_visible(context, zone).await?;
        }
        Err(error.into())
    }

    /// Executes a command on a resource for the request's caller.
    pub(crate) async fn execute_on_resource(
        &self,
        context: &Context,
        idempotency: Option<Idempotency>,
        command: impl Into<Command>,
    ) -> Result<ResourceDone, ApiError> {
        ResourceDone::of(self.submit(context, idempotency, command.into()).await?)
    }

    /// Executes any command for the request's caller.
    pub(crate) async fn submit(
        &self,
        context: &Context,
        idempotency: Option<Idempotency>,
        command: Command,
    ) -> Result<Accepted, ExecuteError> {
        let request = Request {
            command,
            metadata: context.metadata(),
            scope: context.scope(),
            idempotency,
        };
        self.central.execute(request).await
    }

    /// Refuses a zone that is shown no more. Central keeps deleted zones for ever; the API shows one until the servers
    /// have confirmed its deletion.
    async fn require_visible(&self, context: &Context, zone: ZoneId) -> Result<(), ApiError> {
        let client = self.client().await?;
        let row = self.listing.zone(&client, context.sight(), zone.uuid()).await?;
        row.map(|_| ()).ok_or_else(ApiError::zone_not_found)
    }
}

/// An accepted command on a zone.
pub(crate) struct ZoneDone {
    /// The zone after it.
    pub(crate) zone: Box<Zone>,
    /// The recordset of a command on one.
    pub(crate) recordset: Option<Box<Recordset>>,
    /// The share of a command on one.
    pub(crate) share: Option<Share>,
    /// There was nothing to change.
    pub(crate) unchanged: bool,
    /// The answer is the one given to an earlier request.
    pub(crate) replayed: bool,
}

impl ZoneDone {
    fn of(done: Accepted) -> Result<Self, ApiError> {
        let Changed::Zone {
            zone,
            recordset,
            share,
        } = done.changed
        else {
            return Err(ApiError::internal(
                &"Central answered a zone's command without a zone",
            ));
        };
        Ok(Self {
            zone,
            recordset,
            share,
            unchanged: done.position.is_none(),
            replayed: done.replayed,
        })
    }
}

/// An accepted command on a resource.
pub(crate) struct ResourceDone {
    /// The resource after it; a deleted one as it was.
    pub(crate) resource: Box<Resource>,
    /// The answer is the one given to an earlier request.
    pub(crate) replayed: bool,
}

impl ResourceDone {
    pub(crate) fn of(done: Accepted) -> Result<Self, ApiError> {
        match done.changed {
            Changed::Resource(resource) => Ok(Self {
                resource,
                replayed: done.replayed,
            }),
            Changed::Zone { .. } | Changed::Transfer { .. } => Err(ApiError::internal(
                &"Central answered a resource's command without a resource",
            )),
        }
    }
}
