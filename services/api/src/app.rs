//! What the handlers share.

use std::sync::Arc;

use deadpool_postgres::{Client, Pool};
use zonelog_central::{Accepted, Central, ExecuteError, Idempotency, Request};
use zonelog_model::ZoneId;
use zonelog_model::zone::{Command, Rejection};
use zonelog_projections::listing::Listing;

use crate::auth::Identification;
use crate::context::Context;
use crate::error::ApiError;
use crate::options::ApiOptions;
use crate::policy::Policies;
use crate::rate_limit::Rates;

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
}

impl App {
    /// A connection for reading.
    pub(crate) async fn client(&self) -> Result<Client, ApiError> {
        Ok(self.pool.get().await?)
    }

    /// Executes a command for the request's caller.
    pub(crate) async fn execute(
        &self,
        context: &Context,
        idempotency: Option<Idempotency>,
        command: Command,
    ) -> Result<Accepted, ApiError> {
        let zone = command.zone();
        let request = Request {
            command,
            metadata: context.metadata(),
            scope: context.scope(),
            idempotency,
        };
        let error = match self.central.execute(request).await {
            // Deleting a deleted zone changes nothing; for who cannot see the zone any more, it is not there.
            Ok(done) if done.position.is_none() && done.zone.deleted => {
                self.require_visible(context, zone).await?;
                return Ok(done);
            }
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        if let ExecuteError::Rejected(rejection) = &error
            && matches!(**rejection, Rejection::ZoneIsDeleting)
        {
            self.require_visible(context, zone).await?;
        }
        Err(error.into())
    }

    /// Refuses a zone that is shown no more. Central keeps deleted zones for ever; the API shows one until the servers
    /// have confirmed its deletion.
    async fn require_visible(&self, context: &Context, zone: ZoneId) -> Result<(), ApiError> {
        let client = self.client().await?;
        let row = self.listing.zone(&client, context.sight(), zone.uuid()).await?;
        row.map(|_| ()).ok_or_else(ApiError::zone_not_found)
    }
}
