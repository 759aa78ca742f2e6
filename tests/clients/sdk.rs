//! openstacksdk, the library under Ansible's modules and most programs: each of its calls for DNS, by Python scripts.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use crate::Cloud;

const FLOATING_IP: &str = "3fa2c4d8-6c3f-4a34-8a55-0e2a1a5a0009";

#[tokio::test(flavor = "multi_thread")]
async fn openstacksdk_drives_every_resource() {
    let cloud = Cloud::up().await;
    let address: IpAddr = Ipv4Addr::new(192, 0, 2, 77).into();
    cloud.neutron.give(FLOATING_IP, address, cloud.project("alpha"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let beta = cloud.keystone.user("beta-member");

    let member = cloud.client("alpha-member").await;
    let floating_ip = format!("RegionOne:{FLOATING_IP}");
    let arguments = [
        "beta-member",
        &beta.password,
        "beta",
        cloud.project("beta"),
        &floating_ip,
    ];
    let said = member.script(&folder.join("sdk_member.py"), &arguments).await;
    assert!(said.ends_with("all done\n"), "{said}");

    let admin = cloud.client("admin").await;
    let said = admin
        .script(&folder.join("sdk_admin.py"), &[cloud.project("alpha")])
        .await;
    assert!(said.ends_with("all done\n"), "{said}");
}
