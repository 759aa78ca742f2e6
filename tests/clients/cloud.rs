//! A small cloud: Keystone, Zonelog with a BIND, and people with the `openstack` command line.

use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use zonelog_test_parts::bind::{Bind, BindOptions};
use zonelog_test_parts::eventually;
use zonelog_test_parts::keystone::{Keystone, KeystoneOptions};
use zonelog_test_parts::neutron::Neutron;
use zonelog_test_parts::openstack::OpenStack;
use zonelog_tests::{Rest, Zonelog, ZonelogOptions};

/// How long the slowest machine may take until its name servers are in step.
pub(crate) const IN_STEP: Duration = Duration::from_secs(60);

/// The default pool, by Designate's id.
pub(crate) const DEFAULT_POOL: &str = "794ccc2c-d751-44fe-b57f-8894c9f5c842";

/// All of it, stopped when it is dropped.
pub(crate) struct Cloud {
    pub(crate) keystone: Keystone,
    pub(crate) neutron: Neutron,
    pub(crate) zonelog: Zonelog,
    pub(crate) bind: Bind,
    _secrets: TempDir,
}

impl Cloud {
    pub(crate) async fn up() -> Self {
        let neutron = Neutron::start().await;
        let options = KeystoneOptions {
            network_endpoint: Some(neutron.url().to_owned()),
            ..KeystoneOptions::default()
        };
        let (mut keystone, bind) =
            tokio::join!(Keystone::start_with(options), Bind::start(BindOptions::default()));
        let bind = bind.expect("BIND starts");
        let secrets = tempfile::tempdir().expect("a folder");
        let secret_file = secrets.path().join("keystone.secret");
        let credential = keystone.application_credential();
        std::fs::write(&secret_file, &credential.secret).expect("the secret is written");
        let options = ZonelogOptions {
            api: "auth = \"keystone\"".to_owned(),
            more: format!(
                "[quotas]\n[keystone]\nauth_url = \"{}\"\napplication_credential_id = \"{}\"\n\
                 application_credential_secret_file = \"{}\"\n",
                keystone.url(),
                credential.id,
                secret_file.display(),
            ),
            ..ZonelogOptions::default()
        };
        let zonelog = Zonelog::up(&[&bind], &options).await;
        keystone.point_dns_at(&format!("http://{}", zonelog.api())).await;
        Self {
            keystone,
            neutron,
            zonelog,
            bind,
            _secrets: secrets,
        }
    }

    /// The id of a project: `alpha`.
    pub(crate) fn project(&self, name: &str) -> &str {
        self.keystone.project(name)
    }

    /// The API itself, with a token of the administrator's.
    pub(crate) async fn administrator(&self) -> Rest {
        Rest::new(self.zonelog.api(), self.keystone.token("admin", "admin").await)
    }

    /// The command line of a user in the project that the first part of the name tells: `alpha-member`.
    pub(crate) async fn client(&self, user: &str) -> OpenStack {
        let project = user.split('-').next().unwrap_or_default();
        OpenStack::of(&self.keystone, user, project).await
    }
}

/// Waits until a `show` command prints `status`.
pub(crate) async fn until_status(client: &OpenStack, show: &str, status: &str) -> Value {
    let mut shown = Value::Null;
    eventually(format!("{show} is {status}"), IN_STEP, async || {
        shown = client.json(show).await;
        shown["status"] == status
    })
    .await;
    shown
}

/// Waits until a `show` command finds nothing more.
pub(crate) async fn until_gone(client: &OpenStack, show: &str) {
    eventually(format!("{show} is gone"), IN_STEP, async || {
        let output = client.run(show).await;
        assert!(
            output.status == 0 || output.stderr.contains("Could not find"),
            "openstack {show}: {output:?}"
        );
        output.status != 0
    })
    .await;
}

/// A text field of what a command printed.
pub(crate) fn text<'a>(shown: &'a Value, field: &str) -> &'a str {
    shown[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field:?} in {shown}"))
}

/// The values of one column of what a `list` command printed.
pub(crate) fn column<'a>(listed: &'a Value, name: &str) -> Vec<&'a str> {
    let rows = listed.as_array().expect("a list");
    rows.iter().map(|row| text(row, name)).collect()
}

/// The names of all fields of what a `show` command printed, sorted.
pub(crate) fn fields(shown: &Value) -> String {
    let mut names: Vec<&str> = shown
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names.join(" ")
}

/// Runs commands that must fail, each with a part of what the client says then.
pub(crate) async fn refused_all(client: &OpenStack, commands: &[(&str, &str)]) {
    for (command, why) in commands {
        let said = client.refused(command).await;
        assert!(said.contains(why), "openstack {command}\n{said}");
    }
}
