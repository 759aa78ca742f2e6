//! Which pool a zone goes to: the scheduler's filters, as Designate's configuration names them.

use std::collections::BTreeMap;

use super::registry::Registry;
use super::rejection::Rejection;
use crate::PoolId;
use crate::resource::Pool;

/// The attribute of a zone that is its group in its pool's catalog zone (RFC 9432 §4.4.2). It is for the name servers: no pool
/// need have it.
const CATALOG_GROUP: &str = "catalog_group";
/// The attribute of a zone that names its pool.
const POOL_ID: &str = "pool_id";

/// A filter of pools. Each is given what the one before it left; what the last one leaves must be one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchedulerFilter {
    /// The default pool, whatever was left.
    DefaultPool,
    /// The pool that the zone's attribute `pool_id` names, for those who may choose.
    PoolIdAttribute,
    /// Pools that have all attributes of the zone, and those without any attributes.
    Attribute,
    /// One of those left, by chance.
    Random,
    /// The default pool when none is left.
    Fallback,
    /// The default pool when it is one of several left.
    InDoubtDefaultPool,
}

impl SchedulerFilter {
    /// All filters.
    pub const ALL: [Self; 6] = [
        Self::DefaultPool,
        Self::PoolIdAttribute,
        Self::Attribute,
        Self::Random,
        Self::Fallback,
        Self::InDoubtDefaultPool,
    ];

    /// The name in the configuration.
    pub const fn label(self) -> &'static str {
        match self {
            Self::DefaultPool => "default_pool",
            Self::PoolIdAttribute => "pool_id_attribute",
            Self::Attribute => "attribute",
            Self::Random => "random",
            Self::Fallback => "fallback",
            Self::InDoubtDefaultPool => "in_doubt_default_pool",
        }
    }

    /// The filter of a name.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|filter| filter.label() == label)
    }
}

/// What the choice depends on beside the registry.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The zone's attributes.
    pub attributes: &'a BTreeMap<String, String>,
    /// Whether the one who asks may name a pool.
    pub may_force_pool: bool,
    /// A number drawn by the caller.
    pub random: u32,
}

/// Chooses the pool of a zone.
pub fn choose<'a>(registry: &'a Registry, choice: &Choice<'_>) -> Result<(PoolId, &'a Pool), Rejection> {
    let filters = &registry.options().scheduler_filters;
    if filters.is_empty() {
        return Err(Rejection::NoFilters);
    }
    let mut left: Vec<(PoolId, &Pool)> = registry.pools().collect();
    for filter in filters {
        left = pass(*filter, left, registry, choice)?;
    }
    match left.as_slice() {
        [] => Err(Rejection::NoValidPool),
        [one] => Ok(*one),
        _ => Err(Rejection::MultiplePools),
    }
}

fn pass<'a>(
    filter: SchedulerFilter,
    left: Vec<(PoolId, &'a Pool)>,
    registry: &'a Registry,
    choice: &Choice<'_>,
) -> Result<Vec<(PoolId, &'a Pool)>, Rejection> {
    let default = registry.default_pool();
    let only_default = || {
        registry
            .pool(default)
            .map(|pool| (default, pool))
            .into_iter()
            .collect()
    };
    Ok(match filter {
        SchedulerFilter::DefaultPool => only_default(),
        SchedulerFilter::PoolIdAttribute => match choice.attributes.get(POOL_ID) {
            Some(_) if !choice.may_force_pool => return Err(Rejection::ForcedPoolForbidden),
            Some(wanted) => left
                .into_iter()
                .filter(|(id, _)| id.to_string().eq_ignore_ascii_case(wanted))
                .collect(),
            None => left,
        },
        SchedulerFilter::Attribute => left
            .into_iter()
            .filter(|(_, pool)| has_attributes(pool, choice.attributes))
            .collect(),
        SchedulerFilter::Random => {
            let count = u32::try_from(left.len()).unwrap_or(u32::MAX).max(1);
            let index = usize::try_from(choice.random % count).unwrap_or(0);
            left.into_iter().skip(index).take(1).collect()
        }
        SchedulerFilter::Fallback if left.is_empty() => only_default(),
        SchedulerFilter::InDoubtDefaultPool
            if left.len() > 1 && left.iter().any(|(id, _)| *id == default) =>
        {
            only_default()
        }
        SchedulerFilter::Fallback | SchedulerFilter::InDoubtDefaultPool => left,
    })
}

fn has_attributes(pool: &Pool, wanted: &BTreeMap<String, String>) -> bool {
    pool.attributes.is_empty()
        || wanted
            .iter()
            .filter(|(key, _)| *key != POOL_ID && *key != CATALOG_GROUP)
            .all(|(key, value)| pool.attributes.get(key).is_some_and(|own| same(own, value)))
}

/// Words for true and false are the same in whatever form.
fn same(left: &str, right: &str) -> bool {
    match (truth(left), truth(right)) {
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

/// The words of oslo.utils' `bool_from_string`.
fn truth(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "t" | "true" | "on" | "y" | "yes" => Some(true),
        "0" | "f" | "false" | "off" | "n" | "no" => Some(false),
        _ => None,
    }
}
