//! `openstack zone create --type SECONDARY` and what can be done with such a zone.

use serde_json::json;

use crate::Cloud;
use crate::cloud::{column, refused_all, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_secondary_zone_is_made_changed_and_asked_for() {
    let cloud = Cloud::up().await;
    let member = cloud.client("alpha-member").await;
    // Nobody listens there.
    let made = member
        .json("zone create --type SECONDARY --masters 127.0.0.11 127.0.0.12:5353 --description Theirs second.example.")
        .await;
    let zone = text(&made, "id");
    assert_eq!([&made["type"], &made["status"]], ["SECONDARY", "PENDING"]);
    assert_eq!(made["serial"], 1);
    assert_eq!(made["masters"], "127.0.0.11, 127.0.0.12:5353");

    let set = member
        .json(&format!("zone set {zone} --masters 127.0.0.13 --no-description"))
        .await;
    assert_eq!(set["masters"], "127.0.0.13");
    member
        .ok("zone create --email a@example.org first.example.")
        .await;
    let listed = member.json("zone list --type SECONDARY").await;
    assert_eq!(column(&listed, "name"), ["second.example."]);
    member.ok(&format!("zone axfr {zone}")).await;
    refused_all(
        &member,
        &[
            (
                "zone create third.example. --type SECONDARY --masters nobody:port",
                "not a master",
            ),
            (
                &format!("recordset create {zone} www --type A --record 192.0.2.1"),
                "the records of a SECONDARY zone are its primary's",
            ),
        ],
    )
    .await;
    let recordsets = member.json(&format!("recordset list {zone}")).await;
    assert_eq!(column(&recordsets, "type"), ["SOA"]);
    let deleted = member.json(&format!("zone delete {zone}")).await;
    assert_eq!(deleted["action"], json!("DELETE"));
}
