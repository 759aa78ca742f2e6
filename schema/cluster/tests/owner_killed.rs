//! PostgreSQL ends with its owner, even when that is killed, and the next owner finds the data.
//!
//! This test has a `main` of its own: started with `owner DIRECTORY`, it is the owner that is killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where something is not as expected"
)]

use std::future::pending;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_postgres::NoTls;
use zonelog_cluster::{Cluster, ClusterOptions, DATABASE, Role};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["owner", directory] => own(directory).await,
        _ if arguments.iter().any(|argument| argument == "--list") => {
            println!("postgresql_ends_with_its_owner: test")
        }
        _ => {
            postgresql_ends_with_its_owner().await;
            println!("test postgresql_ends_with_its_owner ... ok");
        }
    }
}

/// Starts the cluster, commits a row, tells PostgreSQL's process id, and waits to be killed.
async fn own(directory: &str) {
    let cluster = Cluster::start(ClusterOptions::new(directory)).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&cluster.url(Role::Owner, DATABASE), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client
        .batch_execute("create table kept (n integer); insert into kept values (42)")
        .await
        .unwrap();
    println!("{}", cluster.pid());
    pending().await
}

async fn postgresql_ends_with_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let directory = folder.path().join("cluster");
    let mut owner = tokio::process::Command::new(std::env::current_exe().unwrap())
        .arg("owner")
        .arg(&directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let postgres = lines.next_line().await.unwrap().expect("PostgreSQL's process id");
    let process = Path::new("/proc").join(&postgres);
    assert!(process.exists());
    owner.kill().await.unwrap();

    // At once, while the old one still ends: the next owner waits for it.
    let begun = Instant::now();
    let cluster = Cluster::start(ClusterOptions::new(&directory)).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert_ne!(cluster.pid().to_string(), postgres);
    // A process that nobody has waited for yet has no working directory any more.
    while std::fs::read_link(process.join("cwd")).is_ok() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "the old PostgreSQL does not end"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let (client, connection) = tokio_postgres::connect(&cluster.url(Role::Owner, DATABASE), NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    assert_eq!(
        client
            .query_one("select n from kept", &[])
            .await
            .unwrap()
            .get::<_, i32>(0),
        42
    );
    cluster.stop().await.unwrap();
}
