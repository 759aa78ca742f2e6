//! `openstack ptr record ...`: names for floating IPs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Cloud;
use crate::cloud::{column, fields, refused_all, text, until_status};

const FIRST: &str = "RegionOne:3fa2c4d8-6c3f-4a34-8a55-0e2a1a5a0001";
const SECOND: &str = "RegionOne:3fa2c4d8-6c3f-4a34-8a55-0e2a1a5a0002";
const OTHERS: &str = "RegionOne:3fa2c4d8-6c3f-4a34-8a55-0e2a1a5a0003";

#[tokio::test(flavor = "multi_thread")]
async fn floating_ips_get_and_lose_their_names() {
    let cloud = Cloud::up().await;
    let member = cloud.client("alpha-member").await;
    let uuid = |id: &'static str| id.split_once(':').expect("a region").1;
    let addresses: [(&str, IpAddr, &str); 3] = [
        (FIRST, Ipv4Addr::new(192, 0, 2, 10).into(), "alpha"),
        (
            SECOND,
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10).into(),
            "alpha",
        ),
        (OTHERS, Ipv4Addr::new(192, 0, 2, 11).into(), "beta"),
    ];
    for (id, address, project) in addresses {
        cloud.neutron.give(uuid(id), address, cloud.project(project));
    }

    let listed = member.json("ptr record list").await;
    assert_eq!(column(&listed, "id"), [FIRST, SECOND]);
    let shown = member.json(&format!("ptr record show {FIRST}")).await;
    assert_eq!(
        fields(&shown),
        "action address description id ptrdname status ttl"
    );
    assert_eq!([&shown["address"], &shown["status"]], ["192.0.2.10", "INACTIVE"]);
    for (id, name) in [(FIRST, "first.example.net."), (SECOND, "second.example.net.")] {
        let set = format!("ptr record set {id} {name} --ttl 300 --description 'A host.'");
        let set = member.json(&set).await;
        assert_eq!(
            [&set["ptrdname"], &set["status"], &set["action"]],
            [name, "PENDING", "CREATE"]
        );
        let shown = until_status(&member, &format!("ptr record show {id}"), "ACTIVE").await;
        assert_eq!([&shown["ptrdname"], &shown["description"]], [name, "A host."]);
        assert_eq!(shown["ttl"], 300);
    }
    let dns = cloud.bind.dns_address();
    for (address, name) in [
        ("10.2.0.192.in-addr.arpa.", "first.example.net."),
        (
            "0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
            "second.example.net.",
        ),
    ] {
        assert_eq!(zonelog_tests::Dig::short(dns, address, "PTR").await, [name]);
    }
    let listed = member.json("ptr record list").await;
    assert_eq!(
        column(&listed, "ptrdname"),
        ["first.example.net.", "second.example.net."]
    );
    refused_all(
        &member,
        &[
            (&format!("ptr record show {OTHERS}"), "not associated"),
            (
                &format!("ptr record set {OTHERS} mine.example.net."),
                "not associated",
            ),
            ("ptr record show nonsense", ""),
        ],
    )
    .await;

    // The records behind them are managed: an administrator changes them who says so.
    let admin = cloud.client("admin").await;
    let listed = admin
        .json("recordset list all --all-projects --type PTR --name 10.2.0.192.*")
        .await;
    let recordset = text(&listed[0], "id");
    let listed = admin
        .json("zone list --all-projects --name 2.0.192.in-addr.arpa.")
        .await;
    let zone = text(&listed[0], "id");
    let set = format!("recordset set {zone} {recordset} --all-projects --description Edited.");
    refused_all(&admin, &[(&set, "Managed records may not be updated")]).await;
    let set = admin.json(&format!("{set} --edit-managed")).await;
    assert_eq!(set["description"], "Edited.");

    member.ok(&format!("ptr record unset {FIRST}")).await;
    let shown = member.json(&format!("ptr record show {FIRST}")).await;
    assert_eq!(shown["ptrdname"], serde_json::Value::Null);
}
