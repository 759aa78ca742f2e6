//! Ids in paths.

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use uuid::Uuid;

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
