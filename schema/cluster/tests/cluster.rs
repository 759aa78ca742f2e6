//! A real cluster: made, started, found again, owned once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails where something is not as expected"
)]

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};
use zonelog_cluster::{Cluster, ClusterError, ClusterOptions, DATABASE, Role};

fn options(folder: &TempDir) -> ClusterOptions {
    ClusterOptions::new(folder.path().join("cluster"))
}

/// A folder that user postgres can pass through.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

async fn connect(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn show(client: &Client, setting: &str) -> String {
    client
        .query_one(&format!("show {setting}"), &[])
        .await
        .unwrap()
        .get(0)
}

#[tokio::test]
async fn a_fresh_cluster_starts_and_a_restart_finds_its_data() {
    let folder = folder();
    let cluster = Cluster::start(options(&folder)).await.unwrap();
    let owner = connect(&cluster.url(Role::Owner, DATABASE)).await.unwrap();
    assert_eq!(show(&owner, "fsync").await, "on");
    assert_eq!(show(&owner, "listen_addresses").await, "127.0.0.1");
    assert_eq!(show(&owner, "server_encoding").await, "UTF8");
    assert_eq!(show(&owner, "data_checksums").await, "on");
    assert_eq!(show(&owner, "lc_collate").await, "C");
    owner
        .batch_execute("create table kept (n integer); insert into kept values (42)")
        .await
        .unwrap();
    cluster.stop().await.unwrap();

    // A pid file as a power failure leaves it, with the number of a process that is not PostgreSQL.
    let stale = format!(
        "{}\n{}\n",
        std::process::id(),
        folder.path().join("cluster/data").display()
    );
    std::fs::write(folder.path().join("cluster/data/postmaster.pid"), stale).unwrap();
    let cluster = Cluster::start(options(&folder)).await.unwrap();
    let owner = connect(&cluster.url(Role::Owner, DATABASE)).await.unwrap();
    assert_eq!(
        owner
            .query_one("select n from kept", &[])
            .await
            .unwrap()
            .get::<_, i32>(0),
        42
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn passwords_guard_tcp_and_permissions_guard_the_socket() {
    let folder = folder();
    let cluster = Cluster::start(options(&folder)).await.unwrap();
    for role in [Role::Owner, Role::Service] {
        let url = cluster.tcp_url(role, DATABASE).unwrap();
        let client = connect(&url).await.unwrap();
        let name: String = client
            .query_one("select current_user::text", &[])
            .await
            .unwrap()
            .get(0);
        assert_eq!(name, role.name());
        let without = format!(
            "postgresql://{}@127.0.0.1:{}/{DATABASE}",
            role.name(),
            cluster.port()
        );
        assert!(connect(&without).await.is_err());
        let wrong = format!(
            "postgresql://{}:wrong@127.0.0.1:{}/{DATABASE}",
            role.name(),
            cluster.port()
        );
        assert!(connect(&wrong).await.is_err());
    }
    assert!(cluster.tcp_url(Role::Superuser, DATABASE).is_none());
    let mode = |name: &str| {
        std::fs::metadata(folder.path().join("cluster").join(name))
            .unwrap()
            .mode()
            & 0o777
    };
    assert_eq!(
        (mode("run"), mode("data"), mode("password")),
        (0o700, 0o700, 0o600)
    );
    let service = connect(&cluster.url(Role::Service, DATABASE)).await.unwrap();
    assert!(
        service
            .batch_execute("create table mine (n integer)")
            .await
            .is_err()
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn postgresql_never_runs_as_root() {
    let folder = folder();
    let cluster = Cluster::start(options(&folder)).await.unwrap();
    let me = std::fs::metadata("/proc/self").unwrap().uid();
    let status = std::fs::read_to_string(format!("/proc/{}/status", cluster.pid())).unwrap();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let postgres = passwd
        .lines()
        .find_map(|line| line.strip_prefix("postgres:x:")?.split(':').next());
    let expected = if me == 0 {
        postgres.unwrap().to_owned()
    } else {
        me.to_string()
    };
    assert!(
        uids.split_whitespace().all(|uid| uid == expected),
        "runs as {uids}, not {expected}"
    );
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_owner_is_refused() {
    let folder = folder();
    let cluster = Cluster::start(options(&folder)).await.unwrap();
    let error = Cluster::start(options(&folder)).await.unwrap_err();
    assert!(matches!(error, ClusterError::InUse { .. }), "{error}");
    assert!(
        error.to_string().contains("is in use by another process"),
        "{error}"
    );
    // And the first is none the worse for it.
    connect(&cluster.url(Role::Service, DATABASE)).await.unwrap();
    cluster.stop().await.unwrap();
    Cluster::start(options(&folder))
        .await
        .unwrap()
        .stop()
        .await
        .unwrap();
}

#[tokio::test]
async fn an_interrupted_initdb_is_begun_anew() {
    let folder = folder();
    let unfinished = folder.path().join("cluster/data.unfinished");
    std::fs::create_dir_all(&unfinished).unwrap();
    std::fs::write(unfinished.join("PG_VERSION"), "15\n").unwrap();
    let cluster = Cluster::start(options(&folder)).await.unwrap();
    assert!(!Path::new(&unfinished).exists());
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_is_said_with_what_to_do() {
    let folder = folder();
    let mut nowhere = options(&folder);
    nowhere.binaries = Some("/nonexistent".into());
    let error = Cluster::start(nowhere).await.unwrap_err().to_string();
    assert!(
        error.contains("/nonexistent") && error.contains("apt install postgresql"),
        "{error}"
    );

    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut taken = options(&folder);
    taken.port = Some(listener.local_addr().unwrap().port());
    let error = Cluster::start(taken).await.unwrap_err().to_string();
    assert!(error.contains("Address already in use"), "{error}");

    let mut odd = options(&folder);
    odd.settings.push(("no_such_setting".to_owned(), "1".to_owned()));
    let error = Cluster::start(odd).await.unwrap_err().to_string();
    assert!(error.contains("no_such_setting"), "{error}");

    let data = folder.path().join("cluster/data/PG_VERSION");
    std::fs::write(data, "9\n").unwrap();
    let error = Cluster::start(options(&folder)).await.unwrap_err().to_string();
    assert!(error.contains("made by PostgreSQL 9"), "{error}");

    let long = ClusterOptions::new(folder.path().join("x".repeat(120)));
    let error = Cluster::start(long).await.unwrap_err().to_string();
    assert!(error.contains("too long for a Unix socket"), "{error}");

    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let error = Cluster::start(options(&folder)).await.unwrap_err().to_string();
        assert!(error.contains("user postgres cannot enter"), "{error}");
    }
}
