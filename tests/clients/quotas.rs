//! `openstack dns quota|limit|service ...`.

use serde_json::json;

use crate::Cloud;
use crate::cloud::{column, fields, refused_all, text};

#[tokio::test(flavor = "multi_thread")]
async fn quotas_are_shown_set_kept_and_reset() {
    let cloud = Cloud::up().await;
    let admin = cloud.client("admin").await;
    let member = cloud.client("alpha-member").await;
    let alpha = cloud.project("alpha");

    let own = member.json("dns quota list").await;
    assert_eq!(
        own,
        json!({ "api_export_size": 1000, "recordset_records": 20, "zone_records": 500, "zone_recordsets": 500, "zones": 10 })
    );
    let set = admin
        .json(&format!(
            "dns quota set --project-id {alpha} --all-projects --zones 1 --recordset-records 2"
        ))
        .await;
    assert_eq!(
        [&set["zones"], &set["recordset_records"], &set["zone_records"]],
        [1, 2, 500]
    );
    let listed = admin
        .json(&format!("dns quota list --project-id {alpha} --all-projects"))
        .await;
    assert_eq!(listed, set);
    assert_eq!(member.json("dns quota list").await, set);

    let zone = member
        .json("zone create --email a@example.org first.example.")
        .await;
    let zone = text(&zone, "id");
    let create = format!("recordset create {zone} www --type A --record 192.0.2.1 --record 192.0.2.2");
    refused_all(
        &member,
        &[
            (
                "zone create --email a@example.org second.example.",
                "Quota exceeded for zones",
            ),
            (
                &format!("{create} --record 192.0.2.3"),
                "Quota exceeded for recordset_records",
            ),
            (
                &format!("dns quota set --project-id {alpha} --zones 100"),
                "orbidden",
            ),
            (
                "dns quota list --project-id 0123456789abcdef0123456789abcdef",
                "orbidden",
            ),
        ],
    )
    .await;
    member.ok(&create).await;
    let limits = member.json("dns limit list").await;
    let limit = |name: &str| {
        let rows = limits.as_array().expect("a list");
        let row = rows.iter().find(|row| row["Limit"] == name);
        row.unwrap_or_else(|| panic!("no limit {name} in {limits}"))["Value"].clone()
    };
    assert_eq!([limit("max_zones"), limit("max_recordset_records")], [1, 2]);
    assert_eq!([limit("max_page_limit"), limit("min_ttl")], [1000, 0]);
    assert_eq!(
        [limit("max_zone_name_length"), limit("max_recordset_name_length")],
        [255, 255]
    );

    admin
        .ok(&format!("dns quota reset --project-id {alpha} --all-projects"))
        .await;
    assert_eq!(member.json("dns quota list").await, own);
    member
        .ok("zone create --email a@example.org second.example.")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_tell_that_they_are_up() {
    let cloud = Cloud::up().await;
    let admin = cloud.client("admin").await;
    let listed = admin.json("dns service list").await;
    let mut names = column(&listed, "service_name");
    names.sort_unstable();
    names.dedup();
    // No notification sink runs here.
    assert_eq!(names, ["api", "central", "mdns", "producer", "worker"]);
    assert!(
        column(&listed, "status").iter().all(|status| *status == "UP"),
        "{listed}"
    );
    let filtered = admin
        .json("dns service list --service_name central --status UP")
        .await;
    let id = text(&filtered[0], "id");
    let shown = admin.json(&format!("dns service show {id}")).await;
    assert_eq!(
        fields(&shown),
        "capabilities created_at heartbeated_at hostname id service_name stats status updated_at"
    );
    assert_eq!([&shown["service_name"], &shown["status"]], ["central", "UP"]);
    let host = text(&shown, "hostname");
    let listed = admin.json(&format!("dns service list --hostname {host}")).await;
    assert!(!column(&listed, "id").is_empty());
    let member = cloud.client("alpha-member").await;
    refused_all(&member, &[("dns service list", "orbidden")]).await;
}
