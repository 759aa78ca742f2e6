//! Python programs from PyPI, which the repository's own scripts install below the build folder, once.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

/// A virtual environment with what `ops/python/NAME.txt` pins.
#[derive(Clone, Debug)]
pub struct Environment(PathBuf);

impl Environment {
    /// Makes it, if nobody has yet: that takes half a minute and asks PyPI.
    ///
    /// # Panics
    /// When it cannot be made, with what the script said.
    pub async fn install(name: &str) -> Self {
        let printed = script("ops/python/environment", &[name]).await;
        Self(PathBuf::from(printed.trim()))
    }

    /// One of its programs, to be given arguments and started. It ends with the thread that starts it.
    pub fn program(&self, name: &str) -> Command {
        // It must not outlive the test: the kernel kills it when the thread that started it ends.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .arg(self.0.join("bin").join(name))
            .env("no_proxy", "127.0.0.1")
            .env("PYTHONWARNINGS", "ignore")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

/// The checkout's folder.
pub(crate) fn repository() -> &'static Path {
    let parts = Path::new(env!("CARGO_MANIFEST_DIR"));
    parts
        .ancestors()
        .nth(2)
        .expect("tests/parts lies in the workspace")
}

/// The folder that cargo builds into, by where this program lies: BUILD/PROFILE/deps/TEST, or without `deps`.
fn build_folder() -> PathBuf {
    let program = std::env::current_exe().expect("a test knows its own file");
    let profile = program
        .ancestors()
        .skip(1)
        .find(|folder| !folder.ends_with("deps"));
    let build = profile.and_then(Path::parent);
    build.expect("a build folder").to_owned()
}

/// Runs a script of the repository, which may install something below the build folder, and gives what it printed.
pub(crate) async fn script(path: &str, arguments: &[&str]) -> String {
    let output = Command::new(repository().join(path))
        .args(arguments)
        .env("CARGO_TARGET_DIR", build_folder())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("the script runs (it needs bash)");
    assert!(
        output.status.success(),
        "{path}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("it prints a path")
}
