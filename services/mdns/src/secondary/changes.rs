//! What a transfer changes: the whole zone against the live rows, by a merge in canonical order in which only the
//! differences are kept; or a difference against the RRsets that it touches.

use std::cmp::Ordering;
use std::pin::pin;

use deadpool_postgres::GenericClient;
use futures_util::{Stream, StreamExt};
use zonelog_central::ids;
use zonelog_dns::{Name, OwnerName, Rdata, Rrtype, Ttl, pack_rdata, unpack_rdata};
use zonelog_model::ZoneId;
use zonelog_model::zone::RrsetChange;
use zonelog_projections::secondary;
use zonelog_projections::transfer::TransferRow;

use super::gathered::{Gathered, Group, Unfit};

/// How many RRsets are looked up at a time.
const LOOKED_UP: usize = 1_000;

/// Why it cannot be told what changes.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChangesError {
    /// The database.
    #[error("PostgreSQL: {0}")]
    Database(#[from] tokio_postgres::Error),
    /// The difference does not fit.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// A row of ours that cannot be read.
    #[error("the owner {0:?} in the database cannot be read")]
    Row(String),
}

/// What a whole zone changes: told lazily, RRset by RRset, of the records as they came.
#[derive(Debug)]
pub(super) struct WholeChanges {
    gathered: Gathered,
    differing: Vec<Differing>,
}

/// One RRset that differs.
#[derive(Debug)]
enum Differing {
    /// The primary has it like this: the records from here on, so many.
    Taken { start: u32, count: u32 },
    /// The primary does not have it.
    Gone { owner: OwnerName, rrtype: Rrtype },
}

/// Compares the zone with the live rows, which come in canonical order; `zone_ttl` is that of rows without their own.
pub(super) async fn whole(
    gathered: Gathered,
    rows: impl Stream<Item = Result<TransferRow, tokio_postgres::Error>>,
    zone_ttl: u32,
) -> Result<WholeChanges, ChangesError> {
    let mut differing = Vec::new();
    let mut at = 0;
    let mut groups = gathered.groups().peekable();
    let mut rows = pin!(rows);
    let taken = |at: &mut usize, group: &Group<'_>| {
        // Fewer than 2^32, as the limit of a stream has it.
        let (start, count) = (*at as u32, group.len() as u32);
        *at += group.len();
        Differing::Taken { start, count }
    };
    while let Some(row) = rows.next().await {
        tokio::task::consume_budget().await;
        let row = row?;
        while let Some(group) =
            groups.next_if(|group| group.cmp_place(row.owner_key(), row.rrtype()) == Ordering::Less)
        {
            differing.push(taken(&mut at, &group));
        }
        match groups.next_if(|group| group.cmp_place(row.owner_key(), row.rrtype()) == Ordering::Equal) {
            Some(group) => {
                let change = taken(&mut at, &group);
                let rrset = group.rrset()?;
                let same_ttl = row.ttl().unwrap_or(zone_ttl) == rrset.ttl.get();
                if !(same_ttl && pack_rdata(&rrset.rdata) == row.rdata()) {
                    differing.push(change);
                }
            }
            None => {
                let name = Name::parse(row.owner()).map_err(|_| ChangesError::Row(row.owner().to_owned()))?;
                differing.push(Differing::Gone {
                    owner: OwnerName::from_name(name),
                    rrtype: row.rrtype(),
                });
            }
        }
    }
    for group in groups {
        differing.push(taken(&mut at, &group));
    }
    Ok(WholeChanges { gathered, differing })
}

impl WholeChanges {
    /// How many RRsets differ.
    pub(super) fn len(&self) -> usize {
        self.differing.len()
    }

    /// The changes in canonical order.
    pub(super) fn into_changes(self) -> impl Iterator<Item = RrsetChange> + Send + 'static {
        let Self { gathered, differing } = self;
        differing
            .into_iter()
            .filter_map(move |differing| match differing {
                Differing::Gone { owner, rrtype } => Some(RrsetChange {
                    recordset: ids::recordset_id(),
                    owner,
                    rrtype,
                    after: None,
                }),
                Differing::Taken { start, count } => {
                    let rrset = gathered.group(start as usize, count as usize)?.rrset();
                    // It was made once before, when it was compared or checked.
                    let rrset = rrset.ok()?;
                    Some(RrsetChange {
                        recordset: ids::recordset_id(),
                        owner: rrset.owner,
                        rrtype: rrset.rrtype,
                        after: Some((rrset.ttl, rrset.rdata)),
                    })
                }
            })
    }
}

/// What a difference makes of the RRsets that it touches, in canonical order.
pub(super) async fn difference<C: GenericClient>(
    client: &C,
    zone: ZoneId,
    gathered: &Gathered,
    zone_ttl: u32,
) -> Result<Vec<RrsetChange>, ChangesError> {
    let mut changes = Vec::new();
    let groups: Vec<Group<'_>> = gathered.groups().collect();
    for some in groups.chunks(LOOKED_UP) {
        let places: Vec<_> = some.iter().map(|group| (group.key, group.rrtype)).collect();
        let held = secondary::held(client, zone, &places).await?;
        for (group, held) in some.iter().zip(held) {
            let held = held.map(|held| {
                let rdata = unpack_rdata(&held.rdata)
                    .map(|wire| Rdata::from_wire(group.rrtype, wire))
                    .collect::<Result<Vec<_>, _>>();
                rdata.map(|rdata| (Ttl::from_wire(held.ttl.unwrap_or(zone_ttl)), rdata))
            });
            let held = held.transpose().map_err(Unfit::from)?;
            let after = group.apply(held)?;
            changes.push(RrsetChange {
                recordset: ids::recordset_id(),
                owner: group.owner()?,
                rrtype: group.rrtype,
                after: after.map(|rrset| (rrset.ttl, rrset.rdata)),
            });
        }
    }
    Ok(changes)
}
