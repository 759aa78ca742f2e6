//! A private Keystone on a free port of 127.0.0.1, with SQLite, copied from a template that is made once for each build
//! folder (`ops/keystone/template`; the first time it takes a minute, as it installs Keystone from PyPI).
//!
//! Projects: `admin`, `service`, `alpha`, `beta`. Users, in the domain `Default`: `admin` (admin in project admin and of
//! the system), `zonelog` (service and admin in project service), `alpha-admin`, `alpha-member`, `alpha-reader`, the
//! same for beta, and `alpha-guest`, whose role no rule names. The catalogue has `dns` in the regions RegionOne and RegionTwo,
//! and `network` in RegionOne.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

/// How long Keystone may take until it listens: it is some two seconds of Python, and many times that where everything is
/// compiled and tested at once.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a Keystone for a test is like.
#[derive(Clone, Debug, Default)]
pub struct KeystoneOptions {
    /// The URL of the service `dns` in the catalogue. [`Keystone::point_dns_at`] changes it.
    pub dns_endpoint: Option<String>,
    /// The URL of the service `network` in the catalogue.
    pub network_endpoint: Option<String>,
    /// How many seconds a token is valid; Keystone's own hour when it is not given.
    pub token_seconds: Option<u32>,
}

/// A person or a service that can log in.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// The id, 32 hexadecimal digits.
    pub id: String,
    /// The password: for tests only.
    pub password: String,
}

/// An application credential.
#[derive(Clone, Debug, Deserialize)]
pub struct ApplicationCredential {
    /// The id, 32 hexadecimal digits.
    pub id: String,
    /// The secret: for tests only.
    pub secret: String,
}

/// What `ops/keystone/bootstrap.py` made.
#[derive(Clone, Debug, Deserialize)]
struct Installation {
    projects: BTreeMap<String, String>,
    users: BTreeMap<String, User>,
    application_credential: ApplicationCredential,
}

/// A Keystone that runs until it is dropped; its folder goes with it.
#[derive(Debug)]
pub struct Keystone {
    folder: TempDir,
    python: PathBuf,
    options: KeystoneOptions,
    installation: Installation,
    child: Option<Child>,
    url: String,
    client: reqwest::Client,
}

impl Keystone {
    /// Starts one whose catalogue has the DNS service at `dns_endpoint` (such as `http://127.0.0.1:9001`), and waits until
    /// it listens.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(dns_endpoint: &str) -> Self {
        Self::start_with(KeystoneOptions {
            dns_endpoint: Some(dns_endpoint.to_owned()),
            ..KeystoneOptions::default()
        })
        .await
    }

    /// Starts one and waits until it listens.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_with(options: KeystoneOptions) -> Self {
        static TEMPLATE: OnceCell<(PathBuf, PathBuf)> = OnceCell::const_new();
        let (python, template) = TEMPLATE.get_or_init(template).await;
        let folder = tempfile::Builder::new()
            .prefix("zonelog-keystone-")
            .tempdir()
            .expect("a folder");
        copy(template, folder.path()).expect("the template is copied");
        let installation =
            std::fs::read(folder.path().join("installation.json")).expect("the template's passwords");
        let mut keystone = Self {
            installation: serde_json::from_slice(&installation).expect("the template's passwords"),
            python: python.clone(),
            folder,
            options,
            child: None,
            url: String::new(),
            client: reqwest::Client::new(),
        };
        keystone.start_again().await;
        keystone
    }

    /// Where its API is: `http://127.0.0.1:PORT/v3`. The same after a restart.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The id of a project.
    ///
    /// # Panics
    /// When there is none of this name.
    pub fn project(&self, name: &str) -> &str {
        let id = self.installation.projects.get(name);
        id.expect("a project of Keystone's template")
    }

    /// Id and password of a user.
    ///
    /// # Panics
    /// When there is none of this name.
    pub fn user(&self, name: &str) -> &User {
        let user = self.installation.users.get(name);
        user.expect("a user of Keystone's template")
    }

    /// An application credential of the service user `zonelog`.
    pub fn application_credential(&self) -> &ApplicationCredential {
        &self.installation.application_credential
    }

    /// A new token of a user in a project, both by name.
    ///
    /// # Panics
    /// When Keystone refuses.
    pub async fn token(&self, user: &str, project: &str) -> String {
        let domain = json!({ "id": "default" });
        let password = &self.user(user).password;
        let scope = json!({ "project": { "name": project, "domain": domain } });
        self.authenticate(user, password, scope).await
    }

    /// A new token of a user (by name) for the whole system, which belongs to no project.
    ///
    /// # Panics
    /// When Keystone refuses.
    pub async fn system_token(&self, user: &str) -> String {
        let password = &self.user(user).password;
        self.authenticate(user, password, json!({ "system": { "all": true } }))
            .await
    }

    async fn authenticate(&self, user: &str, password: &str, scope: Value) -> String {
        let person = json!({ "name": user, "password": password, "domain": { "id": "default" } });
        let identity = json!({ "methods": ["password"], "password": { "user": person } });
        let body = json!({ "auth": { "identity": identity, "scope": scope } });
        let response = self
            .client
            .post(format!("{}/auth/tokens", self.url))
            .json(&body)
            .send()
            .await
            .expect("Keystone answers");
        let token = response.headers().get("X-Subject-Token").cloned();
        let Some(token) = token.filter(|_| response.status().is_success()) else {
            panic!("Keystone gives {user} no token: {}", response.status());
        };
        token.to_str().expect("a token is ASCII").to_owned()
    }

    /// Whether Keystone takes a token: no longer when it has expired or was revoked.
    ///
    /// # Panics
    /// When Keystone does not answer.
    pub async fn takes(&self, token: &str) -> bool {
        let shown = self
            .client
            .get(format!("{}/auth/tokens", self.url))
            .header("X-Auth-Token", token)
            .header("X-Subject-Token", token)
            .send();
        shown.await.expect("Keystone answers").status().is_success()
    }

    /// Revokes a token.
    ///
    /// # Panics
    /// When Keystone refuses.
    pub async fn revoke(&self, token: &str) {
        let response = self
            .client
            .delete(format!("{}/auth/tokens", self.url))
            .header("X-Auth-Token", token)
            .header("X-Subject-Token", token)
            .send()
            .await
            .expect("Keystone answers");
        assert!(response.status().is_success(), "{}", response.status());
    }

    /// Sends a request of the administrator (of the system) to Keystone: `PATCH /projects/ID` ...; the answer's body, `Null`
    /// when there is none.
    ///
    /// # Panics
    /// When Keystone refuses.
    pub async fn administer(&self, method: reqwest::Method, path: &str, body: &Value) -> Value {
        let token = self.system_token("admin").await;
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .header("X-Auth-Token", token);
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await.expect("Keystone answers");
        let status = response.status();
        let text = response.text().await.expect("Keystone's answer is text");
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Puts another URL of the DNS service into the catalogue: of all its regions.
    ///
    /// # Panics
    /// When Keystone refuses.
    pub async fn point_dns_at(&mut self, endpoint: &str) {
        self.options.dns_endpoint = Some(endpoint.to_owned());
        let services = self
            .administer(reqwest::Method::GET, "/services?type=dns", &Value::Null)
            .await;
        let service = services["services"][0]["id"].as_str().expect("a DNS service");
        let path = format!("/endpoints?service_id={service}");
        let endpoints = self.administer(reqwest::Method::GET, &path, &Value::Null).await;
        for known in endpoints["endpoints"].as_array().expect("its endpoints") {
            let path = format!("/endpoints/{}", known["id"].as_str().expect("an id"));
            let body = json!({ "endpoint": { "url": endpoint } });
            self.administer(reqwest::Method::PATCH, &path, &body).await;
        }
    }

    /// Kills it; its data stay.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub async fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().await.expect("Keystone can be killed");
        }
    }

    /// Lets it hang (SIGSTOP: it takes connections and answers nothing) or go on (SIGCONT).
    ///
    /// # Panics
    /// When it does not run.
    pub async fn hang(&self, hanging: bool) {
        let pid = self.child.as_ref().and_then(Child::id).expect("Keystone runs");
        let signal = if hanging { "-STOP" } else { "-CONT" };
        let sent = Command::new("kill")
            .args([signal, &pid.to_string()])
            .status()
            .await;
        assert!(sent.is_ok_and(|status| status.success()), "kill {signal} {pid}");
    }

    /// Starts it again on the same port and data. Does nothing while it runs.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        if self.child.is_some() {
            return;
        }
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("a log");
        let url_file = self.folder.path().join("url");
        let _ = std::fs::remove_file(&url_file);
        // It must not outlive the test: the kernel kills it when the thread that started it ends.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .arg(&self.python)
            .args(["-W", "ignore"])
            .arg(repository().join("ops/keystone/serve.py"))
            .arg(self.folder.path());
        let port = self.url.trim_end_matches("/v3").rsplit(':').next();
        let flags = [
            ("--port", port.filter(|port| !port.is_empty()).map(str::to_owned)),
            ("--dns-endpoint", self.options.dns_endpoint.clone()),
            ("--network-endpoint", self.options.network_endpoint.clone()),
            (
                "--token-seconds",
                self.options.token_seconds.map(|seconds| seconds.to_string()),
            ),
        ];
        for (flag, value) in flags {
            if let Some(value) = value {
                command.args([flag, &value]);
            }
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("setpriv is installed (Debian: util-linux)");
        let deadline = Instant::now() + PATIENCE;
        while !url_file.exists() {
            let ended = child.try_wait().expect("a child of ours");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "Keystone did not come up: {ended:?}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.url = std::fs::read_to_string(&url_file).expect("Keystone's URL");
        self.child = Some(child);
    }

    /// What it wrote to its log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("keystone.log")
    }
}

/// The Python that serves Keystone, and the folder to copy.
async fn template() -> (PathBuf, PathBuf) {
    let printed = crate::python::script("ops/keystone/template", &[]).await;
    let mut lines = printed.lines().map(PathBuf::from);
    match (lines.next(), lines.next()) {
        (Some(python), Some(folder)) => (python, folder),
        _ => panic!("ops/keystone/template printed {printed:?}"),
    }
}

fn repository() -> &'static Path {
    crate::python::repository()
}

/// Copies what is in a folder, with its folders.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn validated(keystone: &Keystone, token: &str) -> u16 {
        let service = keystone.token("zonelog", "service").await;
        let request = keystone
            .client
            .get(format!("{}/auth/tokens", keystone.url()))
            .header("X-Auth-Token", service)
            .header("X-Subject-Token", token);
        request.send().await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn its_tokens_are_valid_until_they_are_revoked() {
        let mut keystone = Keystone::start("http://127.0.0.1:9001").await;
        let token = keystone.token("alpha-member", "alpha").await;
        assert_eq!(validated(&keystone, &token).await, 200);
        keystone.revoke(&token).await;
        assert_eq!(validated(&keystone, &token).await, 404);

        // Another address in the catalogue is there for the next token, and after a restart on the same port.
        keystone.point_dns_at("http://127.0.0.1:9999").await;
        let url = keystone.url().to_owned();
        let token = keystone.token("beta-reader", "beta").await;
        keystone.stop().await;
        keystone.start_again().await;
        assert_eq!(keystone.url(), url);
        let answer = keystone
            .client
            .get(format!("{url}/auth/tokens"))
            .header("X-Auth-Token", &token)
            .header("X-Subject-Token", &token)
            .send();
        let body: Value = answer.await.unwrap().json().await.unwrap();
        assert_eq!(body["token"]["project"]["id"], keystone.project("beta"));
        let catalog = body["token"]["catalog"].as_array().unwrap();
        let dns = catalog.iter().find(|service| service["type"] == "dns").unwrap();
        assert_eq!(dns["endpoints"][1]["url"], "http://127.0.0.1:9999");
    }

    #[tokio::test]
    async fn a_token_can_be_of_the_system_and_can_expire() {
        let keystone = Keystone::start_with(KeystoneOptions {
            token_seconds: Some(2),
            ..KeystoneOptions::default()
        })
        .await;
        let token = keystone.system_token("admin").await;
        let other = keystone.token("alpha-guest", "alpha").await;
        assert_ne!(token, other);
        crate::eventually("the token expires", Duration::from_secs(20), async || {
            validated(&keystone, &other).await == 404
        })
        .await;
    }
}
