//! What the command line says and with which status it ends, without anything that runs.
#![allow(clippy::unwrap_used, reason = "what a test cannot do fails it")]

use std::path::Path;
use std::process::{Command, Output};

fn zonelog(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zonelog"))
        .args(arguments)
        .env_remove("ZONELOG_CONFIG")
        .env_remove("ZONELOG_DATA")
        .output()
        .unwrap()
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn write(folder: &Path, text: &str) -> String {
    let path = folder.join("zonelog.toml");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// A port of 127.0.0.1 where nothing listens: it is held by a socket that does not.
fn silent_port() -> (std::net::UdpSocket, u16) {
    loop {
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = udp.local_addr().unwrap().port();
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            return (udp, port);
        }
    }
}

#[test]
fn help_names_every_command() {
    let (status, out, _) = said(&zonelog(&["--help"]));
    assert_eq!(status, Some(0));
    for command in [
        "up",
        "api",
        "mdns",
        "reconciler",
        "migrate",
        "token",
        "projection",
        "events",
        "server",
        "zone",
        "doctor",
    ] {
        assert!(
            out.lines().any(|line| line.trim_start().starts_with(command)),
            "no {command} in:\n{out}"
        );
    }
    for command in [
        &["token", "create"][..],
        &["events", "tail"],
        &["projection", "rebuild"],
        &["doctor"],
    ] {
        let arguments: Vec<&str> = command.iter().copied().chain(["--help"]).collect();
        let (status, out, _) = said(&zonelog(&arguments));
        assert_eq!(status, Some(0));
        assert!(out.contains("--config") && out.contains("--data"), "{out}");
    }
}

#[test]
fn a_wrong_command_line_is_status_2() {
    for arguments in [
        &[][..],
        &["nonsense"],
        &["up", "--nonsense"],
        &["token", "create", "--name", "x"],
        &[
            "token",
            "create",
            "--project",
            "p",
            "--name",
            "x",
            "--expires",
            "tomorrow",
        ],
        &["token", "revoke", "not-an-id"],
        &["events", "tail", "--from", "0"],
        &["server", "replay", "ns1"],
        &["server", "replay", "ns1", "--from", "0"],
        &["zone", "convergence"],
        &["projection", "rebuild", "--compare", "--replace"],
    ] {
        let (status, _, err) = said(&zonelog(arguments));
        assert_eq!(status, Some(2), "{arguments:?}: {err}");
        assert!(!err.is_empty());
    }
}

#[test]
fn a_wrong_configuration_is_told_whole_and_status_1() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), "[api]\nlisen = 1\nmax_body_bytes = 0\n");
    let (status, _, err) = said(&zonelog(&["up", "--config", &config]));
    assert_eq!(status, Some(1));
    assert!(
        err.starts_with("zonelog: the configuration has 2 problems:\n"),
        "{err}"
    );
    assert!(
        err.contains("did you mean `listen`?") && err.contains("api.max_body_bytes"),
        "{err}"
    );

    let (status, _, err) = said(&zonelog(&["up", "--config", "/nonexistent.toml"]));
    assert_eq!(status, Some(1));
    assert!(
        err.starts_with("zonelog: cannot read the configuration /nonexistent.toml: "),
        "{err}"
    );
    assert_eq!(err.lines().count(), 1, "one sentence: {err}");
}

#[test]
fn a_command_without_a_database_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    for command in [
        &["events", "tail"][..],
        &["token", "list"],
        &["server", "list"],
        &["zone", "convergence", "z.test"],
        &["migrate"],
        &["projection", "rebuild"],
    ] {
        let arguments: Vec<&str> = command.iter().copied().chain(["--data", &data]).collect();
        let (status, out, err) = said(&zonelog(&arguments));
        assert_eq!((status, out.as_str()), (Some(1), ""), "{command:?}");
        assert!(
            err.starts_with("zonelog: there is no database: set database.url, or give --data"),
            "{err}"
        );
        assert_eq!(err.lines().count(), 1, "one sentence: {err}");
    }
    let config = write(folder.path(), "[metrics]\nlisten = \"127.0.0.1:0\"\n");
    for role in ["api", "mdns", "reconciler"] {
        let (status, _, err) = said(&zonelog(&[role, "--config", &config]));
        assert_eq!(status, Some(1));
        assert!(
            err.contains("database.url is not set: only `zonelog up` runs a PostgreSQL of its own"),
            "{err}"
        );
    }
}

#[test]
fn doctor_says_that_the_database_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (_held, port) = silent_port();
    let config = write(
        folder.path(),
        &format!("[database]\nurl = \"postgresql://zonelog:hunter2@127.0.0.1:{port}/zonelog\"\n"),
    );
    let (status, out, _) = said(&zonelog(&["doctor", "--config", &config]));
    assert_eq!(status, Some(1), "{out}");
    assert!(out.contains("ok    configuration: "), "{out}");
    assert!(
        out.contains("FAIL  database: cannot connect to database zonelog at 127.0.0.1"),
        "{out}"
    );
    assert!(
        out.contains("-> start PostgreSQL, or correct database.url"),
        "{out}"
    );
    assert!(!out.contains("hunter2"), "the password is shown:\n{out}");

    let (status, out, _) = said(&zonelog(&["doctor", "--json", "--config", &config]));
    assert_eq!(status, Some(1));
    let checks: Vec<serde_json::Value> = serde_json::from_str(&out).unwrap();
    let database = checks.iter().find(|check| check["about"] == "database").unwrap();
    assert_eq!(database["state"], "fail");
}

#[test]
fn doctor_tells_foreign_ports() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = write(
        folder.path(),
        &format!(
            "[database]\ndata_dir = \"{}\"\n[api]\nlisten = \"{}\"\n[minidns]\nlisten = [\"127.0.0.1:0\"]\n\
             [metrics]\nlisten = \"127.0.0.1:0\"\n",
            folder.path().display(),
            foreign.local_addr().unwrap(),
        ),
    );
    let (status, out, _) = said(&zonelog(&["doctor", "--config", &config]));
    assert_eq!(status, Some(1));
    assert!(
        out.contains("FAIL  database: database.url is not set, and no `zonelog up` runs in "),
        "{out}"
    );
    assert!(out.contains("taken by another program"), "{out}");
}
