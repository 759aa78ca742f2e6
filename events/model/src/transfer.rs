//! A zone changes hands: the one decision that concerns a zone and two resources at once.

use thiserror::Error;

use crate::resource::{self, Body, Resource, TransferAccept, TransferRequest, TransferStatus};
use crate::zone::{self, Facts, TransferZone, ZoneSlice};
use crate::{ProjectId, ResourceId, Timestamp, ZoneId};

/// Accepts the offer of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptTransfer {
    /// The offer.
    pub request: ResourceId,
    /// The id of the acceptance.
    pub accept: ResourceId,
    /// The zone, as the offer names it.
    pub zone: ZoneId,
    /// The project that accepts.
    pub project: ProjectId,
    /// Whether the key given is the offer's (compared by who can open the sealed one).
    pub key_fits: bool,
}

/// What an accepted offer becomes: events of three streams, appended together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferDecision {
    /// Of the zone's stream.
    pub zone: Vec<zone::Event>,
    /// Of the offer's stream.
    pub request: resource::Event,
    /// Of the acceptance's stream.
    pub accept: resource::Event,
}

/// Why an offer cannot be accepted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TransferRejection {
    /// There is no such offer.
    #[error("Could not find ZoneTransferRequest")]
    RequestNotFound(ResourceId),
    /// It was accepted before.
    #[error("Zone Transfer Request has been used")]
    Used,
    /// The zone is no more, or its owner is not the one who offered it.
    #[error("the zone has changed hands or is gone since it was offered; ask its owner for a new offer")]
    Outdated,
    /// The key is wrong.
    #[error("Key does not match stored key for request")]
    InvalidKey,
    /// It is for another project.
    #[error("the zone was offered to another project")]
    NotForYou,
    /// A rule of the zone says no.
    #[error("{0}")]
    Zone(zone::Rejection),
}

impl TransferRejection {
    /// The stable label, as Designate's clients know it.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::RequestNotFound(_) => "zone_transfer_request_not_found",
            Self::Used | Self::Outdated => "invalid_zone_transfer_request",
            Self::InvalidKey => "invalid_key",
            Self::NotForYou => "forbidden",
            Self::Zone(rejection) => rejection.label(),
        }
    }
}

/// Decides an acceptance. `facts` holds the quotas and the number of zones of the project that accepts.
pub fn decide_transfer(
    request: Option<&Resource>,
    slice: &ZoneSlice,
    command: &AcceptTransfer,
    facts: &Facts,
    now: Timestamp,
) -> Result<TransferDecision, TransferRejection> {
    let unknown = || TransferRejection::RequestNotFound(command.request);
    let before = request
        .filter(|request| request.id == command.request)
        .ok_or_else(unknown)?;
    let Body::TransferRequest(offer) = &before.body else {
        return Err(unknown());
    };
    if offer.status != TransferStatus::Active {
        return Err(TransferRejection::Used);
    }
    if !command.key_fits {
        return Err(TransferRejection::InvalidKey);
    }
    if offer
        .target_project
        .as_ref()
        .is_some_and(|target| *target != command.project)
    {
        return Err(TransferRejection::NotForYou);
    }
    let zone = slice
        .zone
        .as_ref()
        .filter(|zone| zone.id == offer.zone && !zone.deleted);
    if zone.is_none_or(|zone| zone.project != offer.project) {
        return Err(TransferRejection::Outdated);
    }
    let transfer = TransferZone {
        zone: offer.zone,
        to: command.project.clone(),
    };
    let zone_events = zone::decide(slice, &transfer.into(), facts, now).map_err(TransferRejection::Zone)?;
    Ok(TransferDecision {
        zone: zone_events,
        request: completed(before, offer, now),
        accept: accepted(offer, command, now),
    })
}

fn completed(before: &Resource, offer: &TransferRequest, now: Timestamp) -> resource::Event {
    let body = Body::TransferRequest(TransferRequest {
        status: TransferStatus::Complete,
        ..offer.clone()
    });
    resource::Event::Changed {
        before: before.clone(),
        after: before.changed_to(body, now),
    }
}

fn accepted(offer: &TransferRequest, command: &AcceptTransfer, now: Timestamp) -> resource::Event {
    let body = Body::TransferAccept(TransferAccept {
        request: command.request,
        zone: offer.zone,
        project: command.project.clone(),
    });
    resource::Event::Created {
        resource: Resource::new(command.accept, body, 0, now),
    }
}
