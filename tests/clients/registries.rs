//! `openstack tld ...`, `openstack zone blacklist ...` and `openstack tsigkey ...`: an administrator's, and what they do to
//! everybody's zones.

use serde_json::{Value, json};

use crate::Cloud;
use crate::cloud::{DEFAULT_POOL, column, fields, refused_all, text};

#[tokio::test(flavor = "multi_thread")]
async fn tlds_and_blacklists_say_which_zones_may_be() {
    let cloud = Cloud::up().await;
    let admin = cloud.client("admin").await;
    let member = cloud.client("alpha-member").await;

    let made = admin
        .json("tld create --name example --description 'For examples.'")
        .await;
    assert_eq!(fields(&made), "created_at description id name updated_at");
    assert_eq!(
        [&made["name"], &made["description"]],
        ["example", "For examples."]
    );
    let tld = text(&made, "id");
    admin.ok("tld create --name co.uk").await;
    assert_eq!(admin.json("tld show co.uk").await["name"], "co.uk");
    assert_eq!(
        column(&admin.json("tld list").await, "name"),
        ["example", "co.uk"]
    );
    assert_eq!(column(&admin.json("tld list --name *ample").await, "id"), [tld]);
    let set = admin
        .json(&format!("tld set {tld} --name examples --no-description"))
        .await;
    assert_eq!(
        (&set["name"], &set["description"]),
        (&json!("examples"), &Value::Null)
    );
    admin.ok(&format!("tld set {tld} --name example")).await;
    refused_all(
        &admin,
        &[
            ("tld create --name example", "Duplicate"),
            ("zone create --email a@example.org zone.nowhere.", "Invalid TLD"),
            ("zone create --email a@example.org co.uk.", ""),
        ],
    )
    .await;
    refused_all(
        &member,
        &[("tld list", "orbidden"), ("tld create --name test", "orbidden")],
    )
    .await;
    member.ok("zone create --email a@example.org one.co.uk.").await;
    admin.ok("tld delete co.uk").await;
    refused_all(
        &member,
        &[("zone create --email a@example.org two.co.uk.", "Invalid TLD")],
    )
    .await;

    let made = admin
        .json("zone blacklist create --pattern ^bad\\.[a-z]+\\.$ --description 'Not these.'")
        .await;
    assert_eq!(fields(&made), "created_at description id pattern updated_at");
    assert_eq!(made["pattern"], "^bad\\.[a-z]+\\.$");
    let blacklist = text(&made, "id");
    assert_eq!(
        column(&admin.json("zone blacklist list").await, "id"),
        [blacklist]
    );
    let listed = admin.json("zone blacklist list --pattern none").await;
    assert_eq!(listed, json!([]));
    let create = "zone create --email a@example.org bad.example.";
    refused_all(
        &member,
        &[(create, "lacklisted"), ("zone blacklist list", "orbidden")],
    )
    .await;
    refused_all(&admin, &[("zone blacklist create --pattern '(open'", "")]).await;
    let set = format!("zone blacklist set {blacklist} --pattern ^worse\\. --no-description");
    let set = admin.json(&set).await;
    assert_eq!(
        (&set["pattern"], &set["description"]),
        (&json!("^worse\\."), &Value::Null)
    );
    let shown = admin.json(&format!("zone blacklist show {blacklist}")).await;
    assert_eq!(shown["pattern"], "^worse\\.");
    member.ok(create).await;
    // An administrator may use what is blacklisted.
    let create = "zone create --email a@example.org worse.example.";
    refused_all(&member, &[(create, "lacklisted")]).await;
    admin.ok(create).await;
    admin.ok(&format!("zone blacklist delete {blacklist}")).await;
    assert_eq!(admin.json("zone blacklist list").await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn tsig_keys_are_an_administrators() {
    let cloud = Cloud::up().await;
    let admin = cloud.client("admin").await;
    let zone = admin
        .json("zone create --email a@example.org keyed.example.")
        .await;
    let zone = text(&zone, "id");

    let create = format!(
        "tsigkey create --name key-1 --algorithm hmac-sha256 --secret c2VjcmV0LW9uZQ== --scope POOL \
         --resource-id {DEFAULT_POOL}"
    );
    let made = admin.json(&create).await;
    assert_eq!(
        fields(&made),
        "algorithm created_at id name resource_id scope secret updated_at"
    );
    assert_eq!([&made["name"], &made["algorithm"]], ["key-1", "hmac-sha256"]);
    assert_eq!(
        [&made["secret"], &made["resource_id"]],
        ["c2VjcmV0LW9uZQ==", DEFAULT_POOL]
    );
    let key = text(&made, "id");
    admin
        .ok(&format!(
            "tsigkey create --name key-2 --algorithm hmac-sha512 --secret c2VjcmV0LXR3bw== --scope ZONE --resource-id {zone}"
        ))
        .await;
    assert_eq!(
        column(&admin.json("tsigkey list").await, "name"),
        ["key-1", "key-2"]
    );
    let listed = admin
        .json("tsigkey list --name key-2 --algorithm hmac-sha512 --scope ZONE")
        .await;
    assert_eq!(column(&listed, "secret"), ["c2VjcmV0LXR3bw=="]);
    assert_eq!(admin.json("tsigkey show key-1").await["id"], made["id"]);
    let set = admin
        .json(&format!("tsigkey set {key} --name key-3 --secret dGhyZWU="))
        .await;
    assert_eq!([&set["name"], &set["secret"]], ["key-3", "dGhyZWU="]);
    assert_eq!(
        admin.json(&format!("tsigkey show {key}")).await["secret"],
        "dGhyZWU="
    );
    refused_all(
        &admin,
        &[
            (&create.replace("key-1", "key-2"), "Duplicate"),
            (
                &create
                    .replace("key-1", "key-4")
                    .replace("hmac-sha256", "hmac-rot13"),
                "",
            ),
            (&create.replace("key-1", "key-4").replace("POOL", "ZONE"), ""),
        ],
    )
    .await;
    admin.ok(&format!("tsigkey delete {key}")).await;
    assert_eq!(column(&admin.json("tsigkey list").await, "name"), ["key-2"]);
    let member = cloud.client("alpha-member").await;
    refused_all(&member, &[("tsigkey list", "orbidden")]).await;

    // What an administrator may read, nobody else does: neither the log of Zonelog nor that of events has it in clear.
    let events = cloud.zonelog.command(&["events", "tail", "--json"]).await;
    let events = String::from_utf8_lossy(&events.stdout).into_owned();
    assert!(events.contains("tsigkey_created"), "{events}");
    for secret in ["c2VjcmV0LW9uZQ==", "c2VjcmV0LXR3bw==", "dGhyZWU="] {
        assert!(
            !events.contains(secret) && !cloud.zonelog.log().contains(secret),
            "{secret}"
        );
    }
}
