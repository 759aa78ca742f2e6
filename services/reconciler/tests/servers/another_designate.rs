//! The target `designate`: the API of another installation, with a Keystone of its own, is told of our zones.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::process::Command;
use zonelog_api::{Api, ApiOptions, Auth, Credential, KeystoneOptions, Secret};
use zonelog_dns::{Serial, ZoneName};
use zonelog_model::ZoneId;
use zonelog_reconciler::targets::{DesignateConfig, Password, PoolTarget, TargetConfig, ZoneSpec, target_of};
use zonelog_store::Database;
use zonelog_test_parts::eventually;
use zonelog_test_parts::keystone::{Keystone, KeystoneOptions as Cloud};

use crate::world::{Member, PATIENCE, Reconciler, World, quick, until_serving};

/// Another installation.
struct Other {
    world: World,
    keystone: Keystone,
    api: String,
}

impl Other {
    async fn start(token_seconds: Option<u32>) -> Self {
        let world = World::new().await;
        let mut keystone = Keystone::start_with(Cloud {
            token_seconds,
            ..Cloud::default()
        })
        .await;
        let credential = Credential::Password {
            username: "zonelog".into(),
            user_domain: "Default".into(),
            project: "service".into(),
            project_domain: "Default".into(),
            password: Secret::new(&*keystone.user("zonelog").password),
        };
        let options = ApiOptions {
            listen: ([127, 0, 0, 1], 0).into(),
            auth: Auth::Keystone(KeystoneOptions {
                timeout: PATIENCE,
                ..KeystoneOptions::new(keystone.url(), credential)
            }),
            ..ApiOptions::default()
        };
        let database = Database::new(world.database.url(), "api").unwrap();
        let api = Api::bind(options, world.central.clone(), &database).unwrap();
        let address = format!("http://{}", api.local_addr());
        tokio::spawn(api.run(world.until_dropped()));
        keystone.point_dns_at(&address).await;
        Self {
            world,
            keystone,
            api: address,
        }
    }

    fn config(&self) -> DesignateConfig {
        DesignateConfig {
            identity: self.keystone.url().trim_end_matches('/').to_owned(),
            username: "alpha-member".to_owned(),
            password: Password::new(&*self.keystone.user("alpha-member").password),
            project: "alpha".to_owned(),
            user_domain: "Default".to_owned(),
            project_domain: "Default".to_owned(),
            region: Some("RegionOne".to_owned()),
            service_type: "dns".to_owned(),
            ca_file: None,
            timeout: PATIENCE,
        }
    }

    /// As the one server of a pool.
    fn member(&self) -> Member {
        let DesignateConfig {
            identity,
            username,
            project,
            ..
        } = self.config();
        let member = Member {
            asked: self.world.master,
            kind: "designate",
            options: BTreeMap::new(),
        };
        member
            .with("auth_url", &identity)
            .with("username", &username)
            .with("password", &self.keystone.user(&username).password)
            .with("project_name", &project)
    }

    /// Asks its API as a user does in the project that the first part of the name tells.
    async fn ask(&self, user: &str, method: &str, path: &str, body: &Value) -> Value {
        let project = user.split('-').next().unwrap_or_default();
        let token = format!("X-Auth-Token: {}", self.keystone.token(user, project).await);
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail-with-body", "-X", method, "-H", &token])
            .args(["-H", "Content-Type: application/json", "-d", &body.to_string()])
            .arg(format!("{}/v2{path}", self.api));
        let output = curl.output().await.unwrap();
        assert!(output.status.success(), "{method} {path}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    /// The zone of that name that is not being deleted.
    async fn zone(&self, name: &str) -> Option<Value> {
        let list = self
            .ask("alpha-member", "GET", &format!("/zones?name={name}"), &json!({}))
            .await;
        list["zones"].as_array().unwrap().first().cloned()
    }
}

fn target(config: DesignateConfig) -> std::sync::Arc<dyn PoolTarget> {
    target_of("one", &TargetConfig::Designate(config))
}

fn spec(name: &str, masters: &[&str]) -> ZoneSpec {
    ZoneSpec {
        name: ZoneName::parse(name).unwrap(),
        zone: ZoneId::new(uuid::Uuid::from_u128(7)),
        masters: masters.iter().map(|master| master.parse().unwrap()).collect(),
        key: None,
        renew: false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zone_is_a_secondary_zone_there() {
    let other = Other::start(Some(10)).await;
    let target = target(other.config());
    let one = spec("One.test.", &["127.0.0.1:5354", "[::1]:53"]);
    target.remove_zone(&one.name, false).await.unwrap();
    for renew in [false, false, true] {
        let one = ZoneSpec { renew, ..one.clone() };
        target.ensure_zone(&one).await.unwrap();
    }
    let there = other.zone("one.test.").await.unwrap();
    assert_eq!(
        (&there["type"], &there["project_id"]),
        (&json!("SECONDARY"), &json!(other.keystone.project("alpha")))
    );
    assert_eq!(there["masters"].as_array().unwrap().len(), 2, "{there}");
    // Other masters, at the same zone: with the token that the target has, and when that has expired.
    for number in 1..=2 {
        let moved = spec("one.test.", &[&format!("127.0.0.1:{}", 6_000 + number)]);
        target.ensure_zone(&moved).await.unwrap();
        let now = other.zone("one.test.").await.unwrap();
        assert_eq!(
            (&now["id"], &now["masters"]),
            (&there["id"], &json!([format!("127.0.0.1:{}", 6_000 + number)]))
        );
        // One that was given later lives longer.
        let later = other.keystone.token("alpha-member", "alpha").await;
        eventually("the token has expired", PATIENCE, async || {
            !other.keystone.takes(&later).await
        })
        .await;
    }
    for _ in 0..2 {
        target.remove_zone(&one.name, true).await.unwrap();
    }
    let gone = other.zone("one.test.").await;
    assert!(
        gone.as_ref().is_none_or(|zone| zone["action"] == "DELETE"),
        "{gone:?}"
    );
}

/// A pool whose one server is the other installation: it transfers the zones from here, and serves them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_of_another_installation_follows_the_log() {
    let (other, world) = (Other::start(None).await, World::new().await);
    let at = other.world.master;
    let reconciler = Reconciler::start(&world, "a", &[other.member()], quick()).await;
    let one = world.create_zone("one.test.").await;
    let two = world.create_zone("two.test.").await;
    for zone in [&one, &two] {
        world.until_active(zone.id).await;
    }
    let one = world.add_record(&one, "www").await;
    world.until_active(one.id).await;
    world.delete_zone(two.id).await;
    world.until_converged_at(&[at]).await;
    // The same name again, with another content.
    let again = world.create_zone("two.test.").await;
    let again = world.add_record(&again, "new").await;
    world.until_active(again.id).await;
    world.until_converged_at(&[at]).await;
    let there = other.zone("two.test.").await.unwrap();
    assert_eq!(
        (&there["serial"], &there["status"]),
        (&json!(again.serial.wire().get()), &json!("ACTIVE"))
    );

    // It has what nobody told it of transferred when it is to transfer anew.
    let resync = world.resync(true).await;
    assert_eq!((resync.asked, resync.failed, resync.error), (2, 0, None));
    reconciler.stop().await;
    let one = world.add_record(&one, "untold").await;
    let target = target(other.config());
    let anew = target.retransfer_zone(&one.name, one.serial.wire()).unwrap();
    anew.await.unwrap();
    until_serving(at, "one.test.", one.serial).await;
    world.until_same_content(at).await;
    // What it has at a newer serial is not taken off the network unasked.
    let older = Serial::new(one.serial.wire().get() - 1);
    let error = target
        .retransfer_zone(&one.name, older)
        .unwrap()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("openstack zone delete"), "{error}");
    until_serving(at, "one.test.", one.serial).await;
    let unknown = ZoneName::parse("unknown.test.").unwrap();
    let error = target
        .retransfer_zone(&unknown, older)
        .unwrap()
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("does not have unknown.test."),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_zone_with_records_of_its_own_there_is_left_alone() {
    let other = Other::start(None).await;
    let target = target(other.config());
    let body = |name: &str| json!({"name": name, "email": "a@example.org"});
    other
        .ask("alpha-member", "POST", "/zones", &body("own.test."))
        .await;
    other
        .ask("beta-member", "POST", "/zones", &body("foreign.test."))
        .await;
    let own = spec("own.test.", &["127.0.0.1:5354"]);
    for error in [
        target.ensure_zone(&own).await.unwrap_err().to_string(),
        target.remove_zone(&own.name, true).await.unwrap_err().to_string(),
    ] {
        assert!(
            error.contains("own.test.") && error.contains("left alone"),
            "{error}"
        );
    }
    assert_ne!(other.zone("own.test.").await.unwrap()["action"], "DELETE");
    let foreign = spec("foreign.test.", &["127.0.0.1:5354"]);
    let error = target.ensure_zone(&foreign).await.unwrap_err().to_string();
    assert!(error.contains("a project that this user does not see"), "{error}");
    // What it does not see is not there for it.
    target.remove_zone(&foreign.name, true).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_failure_is_told_with_what_to_check_and_without_the_password() {
    let mut other = Other::start(None).await;
    let good = other.config();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let cases = [
        (
            DesignateConfig {
                password: Password::new("not-the-password"),
                ..good.clone()
            },
            "check username, password",
        ),
        (
            DesignateConfig {
                project: "beta".into(),
                ..good.clone()
            },
            "project_name",
        ),
        (
            DesignateConfig {
                region: Some("RegionNine".into()),
                ..good.clone()
            },
            "in region RegionNine",
        ),
        (
            DesignateConfig {
                service_type: "dsn".into(),
                ..good.clone()
            },
            "service_type",
        ),
        (
            DesignateConfig {
                username: "alpha-reader".into(),
                password: Password::new(&*other.keystone.user("alpha-reader").password),
                ..good.clone()
            },
            "check the roles",
        ),
        (
            DesignateConfig {
                identity: format!("http://{closed}/v3"),
                ..good.clone()
            },
            "check that it runs",
        ),
    ];
    let one = spec("one.test.", &["127.0.0.1:5354"]);
    for (config, words) in cases {
        let target = target(config.clone());
        let error = target.ensure_zone(&one).await.unwrap_err().to_string();
        assert!(error.starts_with("one: ") && error.contains(words), "{error}");
        let shown = format!("{error} {config:?} {target:?}");
        for user in ["alpha-member", "alpha-reader"] {
            assert!(!shown.contains(&other.keystone.user(user).password), "{shown}");
        }
        assert!(!shown.contains("not-the-password"), "{shown}");
    }
    // A Keystone that was away is asked again.
    let target = target(good);
    other.keystone.stop().await;
    target.ensure_zone(&one).await.unwrap_err();
    other.keystone.start_again().await;
    target.remove_zone(&one.name, true).await.unwrap();
    drop(other.world);
}
