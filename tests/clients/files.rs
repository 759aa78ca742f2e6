//! `openstack zone import|export ...`: zones as master files.

use serde_json::{Value, json};

use crate::Cloud;
use crate::cloud::{column, fields, refused_all, text, until_status};

const MASTER_FILE: &str = "\
$ORIGIN import.example.
$TTL 300
@ IN SOA ns1.elsewhere.example. hostmaster.import.example. 1 3600 600 86400 300
@ IN NS ns1.elsewhere.example.
www IN A 192.0.2.1
www IN A 192.0.2.2
@ 60 IN MX 10 mail
";

#[tokio::test(flavor = "multi_thread")]
async fn a_master_file_becomes_a_zone_and_a_zone_a_master_file() {
    let cloud = Cloud::up().await;
    let member = cloud.client("alpha-member").await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("import.zone");
    std::fs::write(&path, MASTER_FILE).expect("a file");
    let path = path.display();

    let made = member.json(&format!("zone import create {path}")).await;
    assert_eq!(
        fields(&made),
        "created_at id message project_id status updated_at version zone_id"
    );
    let id = text(&made, "id");
    let shown = until_status(&member, &format!("zone import show {id}"), "COMPLETE").await;
    assert_eq!(shown["message"], "import.example. imported");
    let zone = text(&shown, "zone_id");
    let listed = member
        .json(&format!("zone import list --status COMPLETE --zone-id {zone}"))
        .await;
    assert_eq!(column(&listed, "id"), [id]);
    let listed = member.json(&format!("recordset list {zone} --long")).await;
    let names: Vec<(&Value, &Value)> = listed
        .as_array()
        .expect("a list")
        .iter()
        .filter(|row| row["type"] != "SOA" && row["type"] != "NS")
        .map(|row| (&row["name"], &row["ttl"]))
        .collect();
    assert_eq!(names.len(), 2, "{listed}");
    assert!(
        names.contains(&(&json!("import.example."), &json!(60))),
        "{listed}"
    );

    // A second time there is such a zone, and a bad file says what is bad: in the import, not as an error.
    let again = member.json(&format!("zone import create {path}")).await;
    let again = text(&again, "id");
    let shown = until_status(&member, &format!("zone import show {again}"), "ERROR").await;
    assert_eq!(shown["message"], "Duplicate zone.");
    let bad = folder.path().join("bad.zone");
    std::fs::write(&bad, "www IN A 192.0.2.1\n").expect("a file");
    let made = member
        .json(&format!("zone import create {}", bad.display()))
        .await;
    let shown = until_status(
        &member,
        &format!("zone import show {}", text(&made, "id")),
        "ERROR",
    )
    .await;
    assert!(text(&shown, "message").contains("$ORIGIN"), "{shown}");
    let listed = member
        .json("zone import list --status ERROR --message 'Duplicate zone.'")
        .await;
    assert_eq!(column(&listed, "id"), [again]);
    member.ok(&format!("zone import delete {again}")).await;
    refused_all(
        &member,
        &[(&format!("zone import show {again}"), "ould not find")],
    )
    .await;
    // With attributes of the zone, the file goes as JSON.
    let file = MASTER_FILE.replace("import.example.", "attributed.example.");
    let attributed = folder.path().join("attributed.zone");
    std::fs::write(&attributed, file).expect("a file");
    let create = format!(
        "zone import create {} --attributes colour:blue",
        attributed.display()
    );
    let made = member.json(&create).await;
    let show = format!("zone import show {}", text(&made, "id"));
    until_status(&member, &show, "COMPLETE").await;
    let shown = member.json("zone show attributed.example.").await;
    assert_eq!(shown["attributes"], "colour:blue\n");

    let made = member.json(&format!("zone export create {zone}")).await;
    assert_eq!(
        fields(&made),
        "created_at id location message project_id status updated_at version zone_id"
    );
    let id = text(&made, "id");
    let shown = until_status(&member, &format!("zone export show {id}"), "COMPLETE").await;
    assert_eq!(
        shown["location"],
        format!("designate://v2/zones/tasks/exports/{id}/export")
    );
    // What is shown is the zone as it was when the export was asked for.
    member
        .ok(&format!(
            "recordset create {zone} later --type A --record 192.0.2.9"
        ))
        .await;
    let file = member.json(&format!("zone export showfile {id}")).await;
    let file = text(&file, "data");
    assert!(file.starts_with("$ORIGIN import.example.\n$TTL 300\n"), "{file}");
    assert!(
        file.contains("192.0.2.2") && !file.contains("192.0.2.9"),
        "{file}"
    );
    let listed = member
        .json(&format!("zone export list --status COMPLETE --zone-id {zone}"))
        .await;
    assert_eq!(column(&listed, "id"), [id]);
    member.ok(&format!("zone export delete {id}")).await;
    assert_eq!(member.json("zone export list").await, json!([]));
}
