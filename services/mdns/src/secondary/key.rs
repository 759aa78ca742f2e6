//! The key with which a secondary zone's primaries are asked: the TSIG key of scope ZONE that is the zone's.

use std::sync::Arc;

use deadpool_postgres::GenericClient;
use zonelog_central::seal::Sealer;
use zonelog_dns::tsig::{Algorithm, Key, Secret};
use zonelog_dns::{Name, NameError};
use zonelog_model::ZoneId;
use zonelog_model::resource::{Body, Kind};
use zonelog_projections::resource::ResourceError;
use zonelog_projections::secondary;

/// Why there is no key where there should be one.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeyProblem {
    #[error(transparent)]
    Read(#[from] ResourceError),
    #[error("the TSIG key {0} cannot be opened: {1}")]
    Sealed(String, String),
    #[error("the TSIG key {0} cannot be used: {1}")]
    Unfit(String, String),
    #[error("the TSIG key {0:?} has no domain name for a name: {1}")]
    Name(String, NameError),
}

/// The zone's key; nothing when it has none. The oldest, should it have several.
pub(super) async fn of_zone<C: GenericClient>(
    client: &C,
    sealer: &Sealer,
    zone: ZoneId,
) -> Result<Option<Arc<Key>>, KeyProblem> {
    let Some(resource) = secondary::tsig_key(client, zone).await? else {
        return Ok(None);
    };
    let Body::TsigKey(key) = resource.body else {
        return Ok(None);
    };
    let secret = sealer
        .open(Kind::TsigKey.label(), "secret", &key.secret)
        .map_err(|error| KeyProblem::Sealed(key.name.clone(), error.to_string()))?;
    let unfit = |error: zonelog_dns::tsig::KeyError| KeyProblem::Unfit(key.name.clone(), error.to_string());
    // Names of keys are written without the final dot as often as with it.
    let name = match key.name.ends_with('.') {
        true => key.name.clone(),
        false => format!("{}.", key.name),
    };
    Ok(Some(Arc::new(Key {
        name: Name::parse(&name).map_err(|error| KeyProblem::Name(key.name.clone(), error))?,
        algorithm: key.algorithm.label().parse::<Algorithm>().map_err(unfit)?,
        secret: Secret::from_base64(&secret).map_err(unfit)?,
    })))
}
