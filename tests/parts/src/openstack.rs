//! The clients that a cloud's users have: the `openstack` command line with the commands of python-designateclient, and
//! Python scripts over openstacksdk. Both are installed from PyPI below the build folder, once
//! (`ops/python/environment clients`).

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, OnceCell};

use crate::keystone::Keystone;
use crate::python::Environment;

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program that runs many commands in one process.
const SHELL: &str = include_str!("openstack_shell.py");

/// The client of one user, who is logged in by the environment (`OS_...`).
#[derive(Debug)]
pub struct OpenStack {
    environment: Environment,
    variables: Vec<(&'static str, String)>,
    shell: Mutex<Option<Shell>>,
}

/// What a command printed, and how it ended.
#[derive(Clone, Debug, Deserialize)]
pub struct Output {
    /// The exit status; 0 is success.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error: what the client says went wrong.
    pub stderr: String,
}

/// A process that runs one command after the other.
#[derive(Debug)]
struct Shell {
    _child: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl OpenStack {
    /// The client of one of the template's users, in one of its projects.
    ///
    /// # Panics
    /// When the clients cannot be installed.
    pub async fn of(keystone: &Keystone, user: &str, project: &str) -> Self {
        Self::with(vec![
            ("OS_AUTH_URL", keystone.url().to_owned()),
            ("OS_USERNAME", user.to_owned()),
            ("OS_PASSWORD", keystone.user(user).password.clone()),
            ("OS_PROJECT_NAME", project.to_owned()),
            ("OS_USER_DOMAIN_ID", "default".to_owned()),
            ("OS_PROJECT_DOMAIN_ID", "default".to_owned()),
            ("OS_IDENTITY_API_VERSION", "3".to_owned()),
            ("OS_REGION_NAME", "RegionOne".to_owned()),
        ])
        .await
    }

    /// The client of somebody with a token of the service's own, where there is no Keystone: every service is at `endpoint`
    /// (`http://127.0.0.1:9001/v2`).
    ///
    /// # Panics
    /// When the clients cannot be installed.
    pub async fn with_token(endpoint: &str, token: &str) -> Self {
        Self::with(vec![
            ("OS_AUTH_TYPE", "admin_token".to_owned()),
            ("OS_ENDPOINT", endpoint.to_owned()),
            ("OS_TOKEN", token.to_owned()),
        ])
        .await
    }

    async fn with(variables: Vec<(&'static str, String)>) -> Self {
        static ENVIRONMENT: OnceCell<Environment> = OnceCell::const_new();
        let environment = ENVIRONMENT.get_or_init(|| Environment::install("clients")).await;
        Self {
            environment: environment.clone(),
            variables,
            shell: Mutex::new(None),
        }
    }

    /// A program of the clients' environment (`openstack`, `python`), logged in, to be given arguments and started.
    pub fn program(&self, name: &str) -> Command {
        let mut command = self.environment.program(name);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("OS_")) {
            command.env_remove(name);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs one command: what stands behind `openstack`, its words parted by spaces; `'between these'` is one word.
    ///
    /// # Panics
    /// When the client itself cannot run, or takes longer than two minutes.
    pub async fn run(&self, command: &str) -> Output {
        let mut shell = self.shell.lock().await;
        if shell.is_none() {
            *shell = Some(self.start());
        }
        let running = shell.as_mut().expect("just started");
        let mut line = serde_json::to_string(&words(command)).expect("strings are JSON");
        line.push('\n');
        let answer = async {
            running.commands.write_all(line.as_bytes()).await?;
            running.answers.next_line().await
        };
        let answer = tokio::time::timeout(PATIENCE, answer)
            .await
            .unwrap_or_else(|_| panic!("openstack {command} takes too long"));
        let answer = answer
            .expect("the client's process lives")
            .expect("the client's process lives");
        serde_json::from_str(&answer).expect("an answer of openstack_shell.py")
    }

    fn start(&self) -> Shell {
        let mut child = self
            .program("python")
            .args(["-c", SHELL])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv is installed (Debian: util-linux)");
        let commands = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Shell {
            _child: child,
            commands,
            answers,
        }
    }

    /// Runs one command that must succeed, and gives what it printed as JSON (`-f json`).
    ///
    /// # Panics
    /// When it fails, with what it said; when it prints no JSON.
    pub async fn json(&self, command: &str) -> Value {
        let stdout = self.ok(&format!("{command} -f json")).await;
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("openstack {command}: {error}: {stdout}"))
    }

    /// Runs one command that must succeed, and gives what it printed.
    ///
    /// # Panics
    /// When it fails, with what it said.
    pub async fn ok(&self, command: &str) -> String {
        let Output {
            status,
            stdout,
            stderr,
        } = self.run(command).await;
        assert_eq!(status, 0, "openstack {command}\n{stdout}\n{stderr}");
        stdout
    }

    /// Runs one command that must fail, and gives what it said.
    ///
    /// # Panics
    /// When it succeeds.
    pub async fn refused(&self, command: &str) -> String {
        let output = self.run(command).await;
        assert_ne!(output.status, 0, "openstack {command}\n{}", output.stdout);
        output.stderr
    }

    /// Runs a Python script over openstacksdk, logged in by its environment, which must succeed; gives what it printed.
    ///
    /// # Panics
    /// When it fails, with what it said.
    pub async fn script(&self, script: &Path, arguments: &[&str]) -> String {
        let output = self
            .program("python")
            .arg(script)
            .args(arguments)
            .output()
            .await
            .expect("setpriv is installed (Debian: util-linux)");
        let (stdout, stderr) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(
            output.status.success(),
            "{}: {}\n{stdout}\n{stderr}",
            script.display(),
            output.status
        );
        stdout.into_owned()
    }
}

/// The words of a command line, as a shell would part them: at spaces, but not between single quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            character => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_parted_as_a_shell_does() {
        assert_eq!(
            words("zone  create --description 'two words' --record '\"a b\"' '' x"),
            [
                "zone",
                "create",
                "--description",
                "two words",
                "--record",
                "\"a b\"",
                "",
                "x"
            ]
        );
    }

    #[tokio::test]
    async fn it_logs_in_and_many_commands_run_in_one_process() {
        let keystone = Keystone::start("http://127.0.0.1:1").await;
        let openstack = OpenStack::of(&keystone, "alpha-member", "alpha").await;
        for _ in 0..2 {
            let token = openstack.json("token issue").await;
            assert_eq!(token["project_id"], keystone.project("alpha"));
        }
        let said = openstack.refused("zone show").await;
        assert!(said.contains("arguments are required"), "{said}");
        let output = openstack.run("no such command").await;
        assert!(output.stdout.contains("not an openstack command"), "{output:?}");
        // The program itself, a process for one command, says the same.
        let output = openstack
            .program("openstack")
            .args(["token", "issue", "-f", "value", "-c", "project_id"])
            .output();
        let stdout = String::from_utf8(output.await.unwrap().stdout).unwrap();
        assert_eq!(stdout.trim(), keystone.project("alpha"));
    }
}
