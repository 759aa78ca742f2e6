//! `/admin`: Designate's API for operators, behind its switch ([`crate::ApiOptions::admin`]).

pub(crate) mod quotas;
pub(crate) mod reports;
pub(crate) mod zones;
