//! Who may: roles, tokens, application credentials, and the `openstack` program itself.

use serde_json::Value;

use crate::Cloud;
use crate::cloud::{refused_all, text};

#[tokio::test(flavor = "multi_thread")]
async fn roles_say_who_may_read_and_write() {
    let cloud = Cloud::up().await;
    let member = cloud.client("alpha-member").await;
    let zone = member
        .json("zone create --email a@example.org roles.example.")
        .await;
    let zone = text(&zone, "id");

    let reader = cloud.client("alpha-reader").await;
    assert_eq!(reader.json(&format!("zone show {zone}")).await["id"], zone);
    refused_all(
        &reader,
        &[
            ("zone create --email a@example.org more.example.", "orbidden"),
            (&format!("zone set {zone} --ttl 60"), "orbidden"),
            (&format!("zone delete {zone}"), "orbidden"),
            (
                &format!("recordset create {zone} www --type A --record 192.0.2.1"),
                "orbidden",
            ),
        ],
    )
    .await;
    let guest = cloud.client("alpha-guest").await;
    refused_all(&guest, &[("zone list", "orbidden")]).await;
    let stranger = cloud.client("beta-admin").await;
    refused_all(
        &stranger,
        &[(&format!("zone show {zone}"), "Could not find Zone")],
    )
    .await;

    // The program as it is installed, a process for one command; the region says which of the catalogue's endpoints.
    let output = member
        .program("openstack")
        .args(["zone", "list", "-f", "json"])
        .env("OS_REGION_NAME", "RegionTwo")
        .output()
        .await
        .expect("the client runs");
    let listed: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    assert_eq!(listed[0]["id"], zone, "{output:?}");
}
