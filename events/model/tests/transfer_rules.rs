//! Offers of zones, accepted and refused.
#![allow(clippy::unwrap_used, reason = "a test: what is not as expected panics")]

use uuid::Uuid;
use zonelog_model::resource::{self, Body, Quotas, Resource, TransferRequest, TransferStatus};
use zonelog_model::scenario::{Scenario, fixtures::*, resources::*};
use zonelog_model::transfer::{AcceptTransfer, TransferDecision, TransferRejection, decide_transfer};
use zonelog_model::zone::{Facts, ZoneSlice};
use zonelog_model::{ResourceId, Timestamp};

const ACCEPT: ResourceId = ResourceId::new(Uuid::from_u128(0xf2));

fn slice() -> ZoneSlice {
    Scenario::after([create_zone("example.com.").into()])
        .slice()
        .clone()
}

fn now() -> Timestamp {
    time("2026-01-01T00:00:09Z")
}

fn offer(change: impl FnOnce(&mut TransferRequest)) -> Resource {
    let mut request = transfer_request();
    change(&mut request);
    resource(Body::TransferRequest(request))
}

fn accept(offer: &Resource) -> AcceptTransfer {
    AcceptTransfer {
        request: offer.id,
        accept: ACCEPT,
        zone: ZONE,
        project: project("beta"),
        key_fits: true,
    }
}

fn by_beta() -> Facts {
    Facts {
        actor: actor("beta"),
        ..facts()
    }
}

fn decided(offer: &Resource, slice: &ZoneSlice) -> Result<TransferDecision, TransferRejection> {
    decide_transfer(Some(offer), slice, &accept(offer), &by_beta(), now())
}

fn label(result: Result<TransferDecision, TransferRejection>) -> &'static str {
    result.unwrap_err().label()
}

#[test]
fn an_accepted_offer_changes_zone_offer_and_makes_an_acceptance() {
    let offer = offer(|_| {});
    let decision = decided(&offer, &slice()).unwrap();
    let types: Vec<_> = decision.zone.iter().map(|event| event.type_name()).collect();
    assert_eq!(types, ["zone_transferred"]);

    let mut state = Some(offer);
    resource::apply(&mut state, &decision.request).unwrap();
    let after = state.unwrap();
    assert!(
        matches!(&after.body, Body::TransferRequest(request) if request.status == TransferStatus::Complete)
    );
    assert_eq!(
        (after.revision, after.stream_version, after.updated_at),
        (2, 2, Some(now()))
    );

    let mut accepted = None;
    resource::apply(&mut accepted, &decision.accept).unwrap();
    let accepted = accepted.unwrap();
    assert_eq!((accepted.id, accepted.created_at), (ACCEPT, now()));
    assert!(
        matches!(&accepted.body, Body::TransferAccept(accept) if accept.zone == ZONE && accept.project == project("beta"))
    );
}

#[test]
fn an_offer_is_accepted_once() {
    let used = offer(|request| request.status = TransferStatus::Complete);
    let rejection = decided(&used, &slice()).unwrap_err();
    assert_eq!(rejection.label(), "invalid_zone_transfer_request");
    assert_eq!(rejection.to_string(), "Zone Transfer Request has been used");
}

#[test]
fn an_offer_needs_its_key() {
    let offer = offer(|_| {});
    let command = AcceptTransfer {
        key_fits: false,
        ..accept(&offer)
    };
    let result = decide_transfer(Some(&offer), &slice(), &command, &by_beta(), now());
    assert_eq!(label(result), "invalid_key");
}

#[test]
fn an_offer_to_one_project_is_for_that_one() {
    let for_gamma = offer(|request| request.target_project = Some(project("gamma")));
    assert_eq!(label(decided(&for_gamma, &slice())), "forbidden");
    let for_beta = offer(|request| request.target_project = Some(project("beta")));
    assert!(decided(&for_beta, &slice()).is_ok());
}

#[test]
fn an_offer_must_be_there() {
    let known = offer(|_| {});
    let result = decide_transfer(None, &slice(), &accept(&known), &by_beta(), now());
    assert_eq!(label(result), "zone_transfer_request_not_found");
    let something_else = resource(tld("com"));
    assert_eq!(
        label(decided(&something_else, &slice())),
        "zone_transfer_request_not_found"
    );
}

#[test]
fn an_offer_of_a_zone_that_is_gone_or_anothers_is_void() {
    let stale = offer(|_| {});
    for commands in [
        vec![create_zone("example.com.").into(), delete_zone().into()],
        vec![],
    ] {
        let slice = Scenario::after(commands).slice().clone();
        assert_eq!(label(decided(&stale, &slice)), "invalid_zone_transfer_request");
    }
    let moved_on = Scenario::after([create_zone("example.com.").into(), transfer_zone("gamma").into()]);
    assert_eq!(
        label(decided(&stale, moved_on.slice())),
        "invalid_zone_transfer_request"
    );
}

#[test]
fn the_acceptors_quota_of_zones_holds() {
    let offer = offer(|_| {});
    let facts = Facts {
        quotas: Quotas {
            zones: 2,
            ..Quotas::UNLIMITED
        },
        project_zones: 2,
        ..by_beta()
    };
    let result = decide_transfer(Some(&offer), &slice(), &accept(&offer), &facts, now());
    assert_eq!(label(result), "over_quota");
}
