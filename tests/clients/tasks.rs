//! `openstack zone abandon|axfr|move`, and the flags by which an administrator reaches further.

use reqwest::{Method, StatusCode};
use serde_json::json;
use zonelog_test_parts::eventually;
use zonelog_tests::Dig;

use crate::Cloud;
use crate::cloud::{DEFAULT_POOL, IN_STEP, column, refused_all, text, until_gone, until_status};

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_abandons_moves_and_transfers_zones() {
    let cloud = Cloud::up().await;
    let admin = cloud.client("admin").await;
    let member = cloud.client("alpha-member").await;
    let zone = member
        .json("zone create --email a@example.org task.example.")
        .await;
    let zone = text(&zone, "id");
    let show = format!("zone show {zone}");
    until_status(&member, &show, "ACTIVE").await;

    refused_all(
        &member,
        &[
            (&format!("zone abandon {zone}"), "orbidden"),
            (&format!("zone move {zone}"), "orbidden"),
            (&format!("zone axfr {zone}"), "econdary"),
        ],
    )
    .await;
    let nowhere = "11111111-2222-4333-8444-555555555555";
    refused_all(
        &admin,
        &[
            (
                &format!("zone move {zone} --all-projects --pool-id {DEFAULT_POOL}"),
                "pool",
            ),
            (
                &format!("zone move {zone} --all-projects --pool-id {nowhere}"),
                "ool",
            ),
        ],
    )
    .await;
    // To another pool: its name servers stand in the zone, and the old pool's let it go.
    let pool = json!({ "name": "second", "ns_records": [{ "hostname": "ns9.example.org.", "priority": 1 }] });
    let administrator = cloud.administrator().await;
    let made = administrator
        .send(Method::POST, "/v2/pools", &pool)
        .await
        .expect("an answer");
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let pool = text(&made.body, "id");
    let moved = member
        .json("zone create --email a@example.org moved.example.")
        .await;
    let moved = text(&moved, "id");
    until_status(&member, &format!("zone show {moved}"), "ACTIVE").await;
    admin
        .ok(&format!("zone move {moved} --all-projects --pool-id {pool}"))
        .await;
    assert_eq!(member.json(&format!("zone show {moved}")).await["pool_id"], pool);
    let nameservers = member.json(&format!("zone nameservers list {moved}")).await;
    assert_eq!(
        nameservers,
        json!([{ "hostname": "ns9.example.org.", "priority": 1 }])
    );
    let dns = cloud.bind.dns_address();
    eventually("the old pool lets the zone go", IN_STEP, async || {
        Dig::serial(dns, "moved.example.").await.is_none()
    })
    .await;

    // Nobody manages it any more, and the servers go on with what they have.
    admin.ok(&format!("zone abandon {zone} --all-projects")).await;
    until_gone(&member, &show).await;
    assert!(
        Dig::serial(cloud.bind.dns_address(), "task.example.")
            .await
            .is_some()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_reaches_over_projects_and_managed_records() {
    let cloud = Cloud::up().await;
    let admin = cloud.client("admin").await;
    let member = cloud.client("alpha-member").await;
    let alpha = cloud.project("alpha");
    let zone = member
        .json("zone create --email a@example.org reach.example.")
        .await;
    let zone = text(&zone, "id");

    assert_eq!(admin.json("zone list").await, json!([]));
    refused_all(&admin, &[(&format!("zone show {zone}"), "Could not find Zone")]).await;
    let listed = admin.json("zone list --all-projects").await;
    assert_eq!(column(&listed, "project_id"), [alpha]);
    let listed = admin.json(&format!("zone list --sudo-project-id {alpha}")).await;
    assert_eq!(column(&listed, "name"), ["reach.example."]);
    let made = admin
        .json(&format!(
            "zone create --email a@example.org --sudo-project-id {alpha} sudo.example."
        ))
        .await;
    assert_eq!(made["project_id"], alpha);
    let listed = admin.json("recordset list all --all-projects --type NS").await;
    assert_eq!(column(&listed, "project_id"), [alpha, alpha]);
    let shown = admin
        .json(&format!("recordset list {zone} --all-projects --type NS"))
        .await;
    let apex = text(&shown[0], "id");
    // What the zone stands on is edited by nobody.
    let set = format!("recordset set {zone} {apex} --all-projects --ttl 60 --edit-managed");
    refused_all(&admin, &[(&set, "Managed records may not be updated")]).await;

    // Refused where the headers are read: an answer without a body.
    for flags in [
        "--all-projects",
        &format!("--sudo-project-id {}", cloud.project("beta")),
    ] {
        let said = member.run(&format!("zone list {flags}")).await;
        assert_eq!(said.status, 1, "{said:?}");
    }
    let said = member
        .run(&format!("recordset set {zone} {apex} --ttl 90 --edit-managed"))
        .await;
    assert_eq!(said.status, 1, "{said:?}");
    let said = member.run(&format!("zone delete {zone} --hard-delete")).await;
    assert_eq!(said.status, 1, "{said:?}");
    admin
        .ok(&format!("zone delete {zone} --all-projects --hard-delete"))
        .await;
    until_gone(&member, &format!("zone show {zone}")).await;
}
