//! `openstack zone ...` and `openstack recordset ...`.

use serde_json::{Value, json};

use crate::Cloud;
use crate::cloud::{DEFAULT_POOL, column, fields, text, until_gone, until_status};

#[tokio::test(flavor = "multi_thread")]
async fn zones_are_made_listed_changed_and_deleted() {
    let cloud = Cloud::up().await;
    let member = cloud.client("alpha-member").await;

    let made = member
        .json("zone create --email hostmaster@example.org --ttl 7200 --description 'Our first.' cli.example.")
        .await;
    let zone = text(&made, "id");
    assert_eq!(
        fields(&made),
        "action attributes created_at description email id masters name pool_id project_id serial shared status \
         transferred_at ttl type updated_at version"
    );
    assert_eq!(made["name"], "cli.example.");
    assert_eq!(made["project_id"], cloud.project("alpha"));
    assert_eq!([&made["status"], &made["action"]], ["PENDING", "CREATE"]);
    assert_eq!([&made["ttl"], &made["version"]], [7200, 1]);
    assert_eq!([&made["pool_id"], &made["type"]], [DEFAULT_POOL, "PRIMARY"]);
    assert_eq!([&made["masters"], &made["attributes"]], ["", ""]);

    // By its name, which the client looks up, as well as by its id.
    let shown = until_status(&member, "zone show cli.example.", "ACTIVE").await;
    assert_eq!(shown["id"], made["id"]);
    assert_eq!([&shown["action"], &shown["description"]], ["NONE", "Our first."]);

    let set = member
        .json(&format!(
            "zone set {zone} --ttl 300 --email root@example.org --no-description"
        ))
        .await;
    assert_eq!([&set["email"], &set["action"]], ["root@example.org", "UPDATE"]);
    assert_eq!((&set["ttl"], &set["description"]), (&json!(300), &Value::Null));
    for (command, why) in [
        ("zone create --email a@example.org cli.example.", "Duplicate Zone"),
        ("zone create --email a@example.org nodot.example", "nodot.example"),
        ("zone create --email nobody dot.example.", "email"),
        ("zone show none.example.", "didn't resolve"),
        (
            "zone show 6a0f2a0c-5f0e-4f52-8d3c-6ee23f4ba001",
            "Could not find Zone",
        ),
    ] {
        let said = member.refused(command).await;
        assert!(said.contains(why), "{command}: {said}");
    }

    // More than a page, which is twenty: the client follows the links. And more than the quota, which is ten.
    let admin = cloud.client("admin").await;
    let alpha = cloud.project("alpha");
    admin
        .ok(&format!(
            "dns quota set --project-id {alpha} --all-projects --zones 100"
        ))
        .await;
    let names: Vec<String> = (0..22)
        .map(|number| format!("n{number:02}.many.example."))
        .collect();
    for name in &names {
        member
            .ok(&format!("zone create --email a@example.org {name}"))
            .await;
    }
    let listed = member.json("zone list --name *.many.example.").await;
    assert_eq!(column(&listed, "name"), names);
    let listed = member
        .json("zone list --email root@example.org --ttl 300 --type PRIMARY --long")
        .await;
    assert_eq!(column(&listed, "name"), ["cli.example."]);
    assert_eq!(column(&listed, "pool_id"), [DEFAULT_POOL]);
    assert_eq!(member.json("zone list --description *first*").await, json!([]));

    let nameservers = member.json("zone nameservers list cli.example.").await;
    assert_eq!(
        nameservers,
        json!([{ "hostname": "ns1.example.org.", "priority": 1 }])
    );

    let deleted = member.json("zone delete cli.example.").await;
    assert_eq!(deleted["id"], made["id"]);
    assert_eq!([&deleted["action"], &deleted["status"]], ["DELETE", "PENDING"]);
    until_gone(&member, &format!("zone show {zone}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recordsets_are_made_listed_changed_and_deleted() {
    let cloud = Cloud::up().await;
    let member = cloud.client("alpha-member").await;
    let zone = member.json("zone create --email a@example.org rr.example.").await;
    let zone = text(&zone, "id");

    // A name without a dot at its end is one within the zone; zones are found by name.
    let made = member
        .json(
            "recordset create rr.example. www --type A --record 192.0.2.1 --record 192.0.2.2 --ttl 60 \
             --description 'The web.'",
        )
        .await;
    let id = text(&made, "id");
    assert_eq!(
        fields(&made),
        "action created_at description id name project_id records status ttl type updated_at version zone_id zone_name"
    );
    assert_eq!([&made["name"], &made["zone_id"]], ["www.rr.example.", zone]);
    assert_eq!([&made["status"], &made["action"]], ["PENDING", "CREATE"]);
    assert_eq!(made["ttl"], 60);
    let mut records: Vec<&str> = text(&made, "records").lines().collect();
    records.sort_unstable();
    assert_eq!(records, ["192.0.2.1", "192.0.2.2"]);

    let show = format!("recordset show {zone} {id}");
    let shown = until_status(&member, &show, "ACTIVE").await;
    assert_eq!([&shown["action"], &shown["zone_name"]], ["NONE", "rr.example."]);
    let by_name = member.json("recordset show rr.example. www.rr.example.").await;
    assert_eq!(by_name["id"], made["id"]);

    let set = format!("recordset set {zone} {id} --record 192.0.2.9 --no-ttl --no-description");
    let set = member.json(&set).await;
    assert_eq!([&set["records"], &set["status"]], ["192.0.2.9", "PENDING"]);
    assert_eq!([&set["ttl"], &set["description"]], [&Value::Null, &Value::Null]);

    for (name, rrtype, record) in [
        ("rr.example.", "MX", "10 mail.rr.example."),
        ("rr.example.", "TXT", "\"v=spf1 -all\""),
        ("alias.rr.example.", "CNAME", "www.rr.example."),
        ("_sip._tcp.rr.example.", "SRV", "0 5 5060 sip.rr.example."),
        ("rr.example.", "CAA", "0 issue \"ca.example.net\""),
    ] {
        let create = format!("recordset create {zone} {name} --type {rrtype} --record '{record}'");
        let made = member.json(&create).await;
        assert_eq!([&made["type"], &made["records"]], [rrtype, record]);
    }
    let listed = member
        .json(&format!("recordset list {zone} --type MX --long"))
        .await;
    assert_eq!(column(&listed, "records"), ["10 mail.rr.example."]);
    assert_eq!(listed[0]["version"], 1);
    let listed = member
        .json(&format!("recordset list {zone} --data 192.0.2.*"))
        .await;
    assert_eq!(column(&listed, "name"), ["www.rr.example."]);
    let listed = member.json(&format!("recordset list {zone}")).await;
    assert_eq!(column(&listed, "id").len(), 8, "with SOA and NS: {listed}");
    let listed = member
        .json("recordset list all --name *.rr.example. --type CNAME")
        .await;
    assert_eq!(column(&listed, "zone_name"), ["rr.example."]);

    // What the server makes itself is not to be changed by the way.
    let listed = member.json(&format!("recordset list {zone} --type NS")).await;
    let apex = text(&listed[0], "id");
    for (command, why) in [
        (
            format!("recordset set {zone} {apex} --ttl 60"),
            "Managed records may not be updated",
        ),
        (
            format!("recordset delete {zone} {apex}"),
            "Managed records may not be deleted",
        ),
        (
            format!("recordset create {zone} www.elsewhere.example. --type A --record 192.0.2.1"),
            "not contained within",
        ),
        (
            format!("recordset create {zone} bad --type A --record nonsense"),
            "'nonsense' is not a 'A' Record",
        ),
    ] {
        let said = member.refused(&command).await;
        assert!(said.contains(why), "{command}: {said}");
    }

    let deleted = member.json(&format!("recordset delete {zone} {id}")).await;
    assert_eq!(deleted["id"], made["id"]);
    assert_eq!(deleted["action"], "DELETE");
    let said = member.refused(&show).await;
    assert!(said.contains("Could not find RecordSet"), "{said}");
}
