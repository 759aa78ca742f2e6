//! Ids in paths.

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use uuid::Uuid;
use zonelog_model::ProjectId;

use crate::auth::project_id;
use crate::error::ApiError;

/// `/v2/zones/{zone_id}`.
pub(crate) struct ZonePath(pub(crate) Uuid);

/// `/v2/zones/{zone_id}/recordsets/{recordset_id}`.
pub(crate) struct RecordsetPath {
    pub(crate) zone: Uuid,
    pub(crate) recordset: Uuid,
}

/// `/v2/recordsets/{recordset_id}`.
pub(crate) struct AnyRecordsetPath(pub(crate) Uuid);

/// The one id of a path, whatever its name there: `/v2/tlds/{tld_id}`.
pub(crate) struct IdPath(pub(crate) Uuid);

/// `/v2/zones/{zone_id}/shares/{zone_share_id}`.
pub(crate) struct SharePath {
    pub(crate) zone: Uuid,
    pub(crate) share: Uuid,
}

/// `/v2/quotas/{project_id}`: projects' ids are not always UUIDs.
pub(crate) struct ProjectPath(pub(crate) ProjectId);

/// The one word of a path: `/admin/reports/counts/{criterion}`.
pub(crate) struct WordPath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for WordPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(unreadable)?;
        let word = parameters.iter().next().map_or("", |(_, value)| value);
        Ok(Self(word.to_owned()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(unreadable)?;
        let name = parameters.iter().next().map_or("id", |(name, _)| name);
        Ok(Self(id(&parameters, name)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SharePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(unreadable)?;
        Ok(Self {
            zone: id(&parameters, "zone_id")?,
            share: id(&parameters, "zone_share_id")?,
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ProjectPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(unreadable)?;
        let given = parameters.iter().next().map_or("", |(_, value)| value);
        Ok(Self(project_id("The project's id", given)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ZonePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(unreadable)?;
        Ok(Self(id(&parameters, "zone_id")?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RecordsetPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(unreadable)?;
        Ok(Self {
            zone: id(&parameters, "zone_id")?,
            recordset: id(&parameters, "recordset_id")?,
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AnyRecordsetPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(unreadable)?;
        Ok(Self(id(&parameters, "recordset_id")?))
    }
}

fn unreadable(_: RawPathParamsRejection) -> ApiError {
    ApiError::bad("invalid_uuid", "Invalid UUID: the path is not UTF-8")
}

fn id(parameters: &RawPathParams, name: &str) -> Result<Uuid, ApiError> {
    let given = parameters
        .iter()
        .find(|(key, _)| *key == name)
        .map_or("", |(_, value)| value);
    Uuid::try_parse(given).map_err(|_| ApiError::invalid_uuid(name, given))
}
