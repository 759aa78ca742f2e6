//! One role (`zonelog api`, `mdns`, `reconciler`) as a child process, to be stopped, continued and killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::binary;

const PATIENCE: Duration = Duration::from_secs(60);

/// A process with one role; it is killed when dropped.
#[derive(Debug)]
pub struct Role {
    name: String,
    child: Child,
    log: PathBuf,
    metrics: u16,
}

impl Role {
    /// Starts `zonelog ROLE` on a configuration. What it says goes into `NAME.log` beside that; other starts under the same
    /// name write on.
    pub fn start(config: &Path, role: &str, name: &str) -> Self {
        let log = config.with_file_name(format!("{name}.log"));
        let file = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log");
        let metrics = zonelog_test_parts::free_port();
        // It must not outlive the test: the kernel kills it when the thread that started it ends.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(binary())
            .args([role, "--config"])
            .arg(config)
            .env("ZONELOG_METRICS__LISTEN", format!("127.0.0.1:{metrics}"))
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a log"))
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .expect("zonelog starts");
        Self {
            name: name.to_owned(),
            child,
            log,
            metrics,
        }
    }

    /// Waits until all of it is there.
    pub async fn healthy(mut self) -> Self {
        let url = format!("http://127.0.0.1:{}/healthz", self.metrics);
        let deadline = Instant::now() + PATIENCE;
        while !reqwest::get(&url)
            .await
            .is_ok_and(|response| response.status().is_success())
        {
            let ended = self.child.try_wait().expect("a child");
            assert!(ended.is_none(), "{} ended: {ended:?}\n{}", self.name, self.log());
            assert!(
                Instant::now() < deadline,
                "{} does not become healthy\n{}",
                self.name,
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Stops it where it stands (SIGSTOP): its connections stay open, its clock goes on.
    pub async fn freeze(&self) {
        self.signal("-STOP").await;
    }

    /// Lets it go on (SIGCONT).
    pub async fn thaw(&self) {
        self.signal("-CONT").await;
    }

    async fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        let status = kill.args([signal, &self.pid().to_string()]).status().await;
        assert!(status.expect("kill runs").success());
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("it can be killed");
    }

    /// What was said under its name so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What `/metrics` says.
    pub async fn metrics(&self) -> String {
        let response = reqwest::get(format!("http://127.0.0.1:{}/metrics", self.metrics)).await;
        response.expect("metrics answer").text().await.expect("text")
    }
}

impl Drop for Role {
    /// A test that fails shows what the role said last.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let last: Vec<&str> = log.lines().rev().take(40).collect();
            for line in last.iter().rev() {
                eprintln!("{}: {line}", self.name);
            }
        }
    }
}
