//! `openstack zone share ...` and `openstack zone transfer ...`: zones between projects.

use serde_json::{Value, json};

use crate::Cloud;
use crate::cloud::{column, fields, refused_all, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_zone_takes_recordsets_of_others() {
    let cloud = Cloud::up().await;
    let owner = cloud.client("alpha-member").await;
    let other = cloud.client("beta-member").await;
    let beta = cloud.project("beta");
    let zone = owner
        .json("zone create --email a@example.org shared.example.")
        .await;
    assert_eq!(zone["shared"], false);
    let zone = text(&zone, "id");
    refused_all(&other, &[(&format!("zone show {zone}"), "Could not find Zone")]).await;

    let made = owner
        .json(&format!("zone share create shared.example. {beta}"))
        .await;
    assert_eq!(
        fields(&made),
        "created_at id project_id target_project_id updated_at zone_id"
    );
    assert_eq!([&made["zone_id"], &made["target_project_id"]], [zone, beta]);
    assert_eq!(made["project_id"], cloud.project("alpha"));
    let share = text(&made, "id");
    let listed = owner.json(&format!("zone share list {zone}")).await;
    assert_eq!(column(&listed, "id"), [share]);
    let listed = owner
        .json(&format!(
            "zone share list {zone} --target-project-id {}",
            cloud.project("service")
        ))
        .await;
    assert_eq!(listed, json!([]));
    let shown = owner.json(&format!("zone share show {zone} {share}")).await;
    assert_eq!(shown["id"], made["id"]);
    let nobody = "0123456789abcdef0123456789abcdef";
    refused_all(
        &owner,
        &[
            (&format!("zone share create {zone} {beta}"), "Duplicate"),
            (
                &format!("zone share create {zone} {}", cloud.project("alpha")),
                "",
            ),
            (&format!("zone share create {zone} {nobody}"), nobody),
        ],
    )
    .await;

    assert_eq!(other.json(&format!("zone show {zone}")).await["shared"], true);
    assert_eq!(
        column(&other.json("zone list").await, "name"),
        ["shared.example."]
    );
    let recordset = other
        .json(&format!(
            "recordset create {zone} beta --type A --record 192.0.2.1"
        ))
        .await;
    assert_eq!(recordset["project_id"], beta);
    let recordset = text(&recordset, "id");
    let own = owner
        .json(&format!(
            "recordset create {zone} alpha --type A --record 192.0.2.2"
        ))
        .await;
    let own = text(&own, "id");
    let listed = owner.json(&format!("recordset list {zone} --type A")).await;
    assert_eq!(
        column(&listed, "name"),
        ["beta.shared.example.", "alpha.shared.example."]
    );
    refused_all(
        &other,
        &[
            (&format!("zone set {zone} --ttl 60"), ""),
            (&format!("zone delete {zone}"), ""),
            (&format!("recordset delete {zone} {own}"), ""),
        ],
    )
    .await;

    // Not while the other has something in it; and a shared zone is not deleted by mistake.
    refused_all(
        &owner,
        &[
            (&format!("zone share delete {zone} {share}"), "recordset"),
            (&format!("zone delete {zone}"), "shared"),
        ],
    )
    .await;
    other.ok(&format!("recordset delete {zone} {recordset}")).await;
    owner.ok(&format!("zone share delete {zone} {share}")).await;
    assert_eq!(other.json("zone list").await, json!([]));
    owner.ok(&format!("zone share create {zone} {beta}")).await;
    owner.ok(&format!("zone delete {zone} --delete-shares")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_goes_to_another_project_with_its_key() {
    let cloud = Cloud::up().await;
    let owner = cloud.client("alpha-member").await;
    let other = cloud.client("beta-member").await;
    let [alpha, beta] = [cloud.project("alpha"), cloud.project("beta")];
    let zone = owner
        .json("zone create --email a@example.org moving.example.")
        .await;
    let zone = text(&zone, "id");
    owner
        .ok(&format!(
            "recordset create {zone} www --type A --record 192.0.2.1"
        ))
        .await;

    let made = owner
        .json(&format!(
            "zone transfer request create {zone} --target-project-id {beta} --description 'Yours.'"
        ))
        .await;
    assert_eq!(
        fields(&made),
        "created_at description id key links project_id status target_project_id updated_at zone_id zone_name"
    );
    assert_eq!(
        [&made["status"], &made["zone_name"]],
        ["ACTIVE", "moving.example."]
    );
    let (id, key) = (text(&made, "id"), text(&made, "key"));
    assert_eq!(key.len(), 8, "{key}");
    let set = owner
        .json(&format!(
            "zone transfer request set {id} --description 'Take it.'"
        ))
        .await;
    assert_eq!(set["description"], "Take it.");
    assert_eq!(
        column(&owner.json("zone transfer request list").await, "key"),
        [key]
    );
    let listed = owner.json("zone transfer request list --status COMPLETE").await;
    assert_eq!(listed, json!([]));

    // The one who is to take it sees that it is offered, but not the key.
    let shown = other.json(&format!("zone transfer request show {id}")).await;
    assert_eq!(shown["zone_name"], "moving.example.");
    assert_eq!(shown.get("key").unwrap_or(&Value::Null), &Value::Null);
    let accept = format!("zone transfer accept request --transfer-id {id} --key");
    refused_all(&other, &[(&format!("{accept} WRONGKEY"), "")]).await;
    let accepted = other.json(&format!("{accept} {key}")).await;
    assert_eq!([&accepted["status"], &accepted["zone_id"]], ["COMPLETE", zone]);
    let accept_id = text(&accepted, "id");
    let shown = other
        .json(&format!("zone transfer accept show {accept_id}"))
        .await;
    assert_eq!(
        [&shown["status"], &shown["zone_transfer_request_id"]],
        ["COMPLETE", id]
    );
    let admin = cloud.client("admin").await;
    let listed = admin.json("zone transfer accept list --all-projects").await;
    assert_eq!(column(&listed, "id"), [accept_id]);
    refused_all(
        &other,
        &[
            ("zone transfer accept list", "orbidden"),
            (&format!("{accept} {key}"), ""),
        ],
    )
    .await;

    let shown = other.json(&format!("zone show {zone}")).await;
    assert_eq!(shown["project_id"], beta);
    refused_all(&owner, &[(&format!("zone show {zone}"), "Could not find Zone")]).await;
    other
        .ok(&format!(
            "recordset create {zone} more --type A --record 192.0.2.2"
        ))
        .await;

    // Back without naming who may take it; and one that is taken back.
    let offered = other.json(&format!("zone transfer request create {zone}")).await;
    other
        .ok(&format!("zone transfer request delete {}", text(&offered, "id")))
        .await;
    let offered = other.json(&format!("zone transfer request create {zone}")).await;
    let (id, key) = (text(&offered, "id"), text(&offered, "key"));
    owner
        .ok(&format!(
            "zone transfer accept request --transfer-id {id} --key {key}"
        ))
        .await;
    assert_eq!(
        owner.json(&format!("zone show {zone}")).await["project_id"],
        alpha
    );
}
