//! What the handlers share.

use deadpool_postgres::{Client, Pool};
use zonelog_central::{Accepted, Central, ExecuteError, Idempotency, Request};
use zonelog_model::zone::{Command, Rejection};
use zonelog_projections::listing::Listing;

use crate::auth::Tokens;
use crate::context::Context;
use crate::error::ApiError;
use crate::options::ApiOptions;

/// One for a process.
pub(crate) struct App {
    pub(crate) options: ApiOptions,
    pub(crate) central: Central,
    pub(crate) pool: Pool,
    pub(crate) listing: Listing,
    /// `None`: everybody is believed.
    pub(crate) tokens: Option<Tokens>,
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
            Ok(accepted) => return Ok(accepted),
            Err(error) => error,
        };
        // Central keeps deleted zones; once the servers have confirmed the deletion, nobody is shown one.
        if let ExecuteError::Rejected(rejection) = &error
            && matches!(**rejection, Rejection::ZoneIsDeleting)
        {
            let client = self.client().await?;
            if self
                .listing
                .zone(&client, context.sight(), zone.uuid())
                .await?
                .is_none()
            {
                return Err(ApiError::zone_not_found());
            }
        }
        Err(error.into())
    }
}
