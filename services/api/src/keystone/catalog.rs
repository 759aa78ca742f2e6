//! The service catalogue of a token, as far as the API asks other services.

use serde::de::{Deserialize, Deserializer};

/// The services whose endpoints are kept: a large cloud's catalogue is long, and it is remembered with every token.
const KEPT: [&str; 1] = ["network"];

/// Where a service of the caller's cloud is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CatalogEndpoint {
    /// `network`.
    pub(crate) service: String,
    pub(crate) region: String,
    /// `public`, `internal` or `admin`.
    pub(crate) interface: String,
    pub(crate) url: String,
}

/// The endpoints, in the catalogue's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Catalog(pub(crate) Vec<CatalogEndpoint>);

impl Catalog {
    /// The endpoints of a service with an interface, one or more a region.
    pub(crate) fn endpoints<'a>(
        &'a self,
        service: &'a str,
        interface: &'a str,
    ) -> impl Iterator<Item = &'a CatalogEndpoint> {
        self.0
            .iter()
            .filter(move |endpoint| endpoint.service == service && endpoint.interface == interface)
    }
}

#[derive(serde::Deserialize)]
struct Service {
    r#type: Option<String>,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(serde::Deserialize)]
struct Endpoint {
    interface: Option<String>,
    region_id: Option<String>,
    region: Option<String>,
    url: Option<String>,
}

impl<'de> Deserialize<'de> for Catalog {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut endpoints = Vec::new();
        for service in Vec::<Service>::deserialize(deserializer)? {
            let Some(kind) = service.r#type.filter(|kind| KEPT.contains(&kind.as_str())) else {
                continue;
            };
            for endpoint in service.endpoints {
                if let (Some(interface), Some(region), Some(url)) = (
                    endpoint.interface,
                    endpoint.region_id.or(endpoint.region),
                    endpoint.url,
                ) {
                    endpoints.push(CatalogEndpoint {
                        service: kind.clone(),
                        region,
                        interface,
                        url,
                    });
                }
            }
        }
        Ok(Self(endpoints))
    }
}
