//! Who may see and change what: owners, projects that a zone is shared with, strangers.
#![allow(clippy::unwrap_used, reason = "a test: what is not as expected panics")]

use zonelog_dns::Rrtype;
use zonelog_model::scenario::{Scenario, fixtures::*};
use zonelog_model::zone::{
    Command, CreateRecordset, DeleteZone, Event, Patch, Recordset, UpdateRecordset, UpdateZone, Zone,
};

/// A zone of alpha's that is shared with beta, with a recordset of each.
fn shared() -> Scenario {
    let theirs = CreateRecordset {
        project: project("beta"),
        ..create_recordset("theirs", Rrtype::A, ["192.0.2.2"])
    };
    Scenario::after([
        create_zone("example.com.").into(),
        share_zone("beta").into(),
        create_recordset("ours", Rrtype::A, ["192.0.2.1"]).into(),
    ])
    .by("beta")
    .when(theirs)
    .next()
    .by("alpha")
}

fn described(owner: &str) -> UpdateRecordset {
    UpdateRecordset {
        description: Patch::Set(Some("changed".into())),
        ..update_recordset(recordset_id(owner, Rrtype::A))
    }
}

/// What only the owner of a zone may do.
fn owners_commands() -> Vec<Command> {
    vec![
        UpdateZone {
            description: Patch::Set(Some("mine".into())),
            ..update_zone()
        }
        .into(),
        delete_zone().into(),
        share_zone("gamma").into(),
        unshare_zone("beta").into(),
        abandon_zone().into(),
        move_zone(None).into(),
        rewrite_nameservers().into(),
    ]
}

#[test]
fn sharing_is_an_event_that_changes_no_answer() {
    let outcome = Scenario::after([create_zone("example.com.").into()])
        .at("2026-01-01T00:00:00Z")
        .when(share_zone("beta"));
    let zone = outcome.state().zone.unwrap();
    assert_eq!((zone.serial, zone.revision), (serial(0), 2));
    assert_eq!(outcome.state().shares, [share("beta")]);
    outcome.then([Event::ZoneShared { share: share("beta") }]);
}

#[test]
fn a_project_has_one_share_of_a_zone_and_the_owner_none() {
    shared()
        .when(zonelog_model::zone::ShareZone {
            share: share_id("other"),
            ..share_zone("beta")
        })
        .then_rejected("duplicate_shared_zone");
    shared().when(share_zone("alpha")).then_rejected("bad_request");
    shared().when(share_zone("gamma")).then_types(["zone_shared"]);
}

#[test]
fn a_share_in_use_is_not_taken_back() {
    shared()
        .with(|facts| facts.target_has_recordsets = true)
        .when(unshare_zone("beta"))
        .then_rejected("shared_zone_has_recordsets");
    shared()
        .with(|facts| facts.child = Some(zone_ref("sub.example.com.", "beta")))
        .when(unshare_zone("beta"))
        .then_rejected("shared_zone_has_sub_zone");
    shared()
        .when(unshare_zone("gamma"))
        .then_rejected("shared_zone_not_found");
    let outcome = shared().when(unshare_zone("beta")).then_types(["zone_unshared"]);
    outcome
        .next()
        .by("beta")
        .when(described("theirs"))
        .then_rejected("zone_not_found");
}

#[test]
fn to_strangers_a_zone_does_not_exist() {
    let commands = owners_commands().into_iter().chain([
        create_recordset("new", Rrtype::A, ["192.0.2.3"]).into(),
        described("ours").into(),
        delete_recordset(recordset_id("ours", Rrtype::A)).into(),
    ]);
    for command in commands {
        shared().by("gamma").when(command).then_rejected("zone_not_found");
    }
}

#[test]
fn a_share_is_no_right_to_the_zone() {
    for command in owners_commands() {
        shared().by("beta").when(command).then_rejected("forbidden");
    }
}

#[test]
fn who_acts_for_all_projects_does_what_owners_do() {
    for command in owners_commands() {
        let outcome = shared()
            .by("operators")
            .with(|facts| facts.actor.all_projects = true)
            .when(command.clone());
        let allowed = ["zone_is_shared", "no_valid_pool_found", "bad_request"];
        if let Some(label) = outcome.label() {
            assert!(allowed.contains(&label), "{command:?}: {label}");
        }
    }
}

#[test]
fn a_project_changes_its_own_recordsets_in_a_zone_shared_with_it() {
    shared()
        .by("beta")
        .when(described("theirs"))
        .then_types(["recordset_changed"]);
    shared()
        .by("beta")
        .when(delete_recordset(recordset_id("theirs", Rrtype::A)))
        .then_types(["recordset_deleted"]);
    shared()
        .by("beta")
        .when(described("ours"))
        .then_rejected("forbidden");
    shared()
        .by("beta")
        .when(delete_recordset(recordset_id("ours", Rrtype::A)))
        .then_rejected("forbidden");
}

#[test]
fn the_owner_changes_every_recordset() {
    shared()
        .when(described("theirs"))
        .then_types(["recordset_changed"]);
    shared()
        .when(delete_recordset(recordset_id("theirs", Rrtype::A)))
        .then_types(["recordset_deleted"]);
}

#[test]
fn a_shared_zone_is_deleted_with_its_shares_or_not_at_all() {
    shared().when(delete_zone()).then_rejected("zone_is_shared");
    let command = DeleteZone {
        delete_shares: true,
        ..delete_zone()
    };
    let outcome = shared()
        .when(command)
        .then_types(["zone_unshared", "zone_deleted"]);
    let state = outcome.state();
    assert!(state.shares.is_empty() && state.zone.is_some_and(|zone| zone.deleted));
}

#[test]
fn an_abandoned_zone_is_gone() {
    let outcome = shared()
        .when(abandon_zone())
        .then_types(["zone_unshared", "zone_abandoned"]);
    let zone = outcome.state().zone.unwrap();
    assert!(zone.deleted);
    assert_eq!((zone.recordset_count, zone.record_count), (0, 0));
    outcome.next().when(abandon_zone()).then_rejected("bad_request");
    outcome.next().when(delete_zone()).then_nothing();
    Scenario::after([create_zone("example.com.").into()])
        .with(|facts| facts.child = Some(zone_ref("sub.example.com.", "alpha")))
        .when(abandon_zone())
        .then_rejected("zone_has_sub_zone");
}

#[test]
fn a_zone_is_made_below_another_projects_only_if_that_is_shared() {
    let below = || Scenario::nothing().with(|facts| facts.parents = vec![zone_ref("example.com.", "beta")]);
    below()
        .when(create_zone("sub.example.com."))
        .then_rejected("illegal_child");
    below()
        .with(|facts| facts.parent_is_shared = true)
        .when(create_zone("sub.example.com."))
        .then_types(["zone_created", "recordset_created"]);
}

#[test]
fn a_zone_changes_hands_with_the_recordsets_of_its_owner() {
    let outcome = shared().when(transfer_zone("gamma"));
    outcome.clone().then([Event::ZoneTransferred {
        before: project("alpha"),
        after: project("gamma"),
    }]);
    let state = outcome.state();
    let zone = state.zone.unwrap();
    assert_eq!((zone.project, zone.transferred_at), (project("gamma"), None));
    let owner_of = |name: &str| {
        let mut recordsets = state.recordsets.iter();
        let found: Option<&Recordset> = recordsets.find(|recordset| recordset.owner == owner(name));
        found.unwrap().project.clone()
    };
    assert_eq!(owner_of("ours"), project("gamma"));
    assert_eq!(owner_of("@"), project("gamma"));
    assert_eq!(owner_of("theirs"), project("beta"));
}

#[test]
fn a_share_with_the_new_owner_ends_with_the_transfer() {
    let outcome = shared()
        .when(transfer_zone("beta"))
        .then_types(["zone_unshared", "zone_transferred"]);
    let next = outcome.next().by("beta");
    assert!(next.slice().shares.is_empty());
    next.when(delete_zone()).then_types(["zone_deleted"]);
}

#[test]
fn a_zone_is_not_given_to_its_owner() {
    shared().when(transfer_zone("alpha")).then_nothing();
}

#[test]
fn the_events_of_a_zones_end_tell_no_counts() {
    let events = Scenario::after([
        create_zone("example.com.").into(),
        create_recordset("www", Rrtype::A, ["192.0.2.1"]).into(),
    ])
    .when(delete_zone())
    .events();
    let [Event::ZoneDeleted { zone, hard: false }] = events.as_slice() else {
        panic!("{events:?}")
    };
    let Zone {
        recordset_count,
        record_count,
        ..
    } = zone;
    assert_eq!((*recordset_count, *record_count), (0, 0));
}
