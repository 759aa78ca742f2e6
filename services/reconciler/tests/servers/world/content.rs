//! What servers serve, compared with what MiniDNS gives.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::process::Command as Process;
use zonelog_dns::{LongSerial, ZoneName};
use zonelog_reconciler::plan::Observed;
use zonelog_reconciler::probe::{self, Sockets};
use zonelog_test_parts::bind::Bind;
use zonelog_test_parts::eventually;

use super::{PATIENCE, World};

impl World {
    /// How many zones are behind, and how far behind the head the last checkpoint is.
    pub(crate) async fn backlog(&self) -> (i64, i64) {
        let sql = "select (select count(*) from server_zone), (select max(h.position - c.position) \
                   from server_checkpoint c, feed_head h where h.feed = 0)";
        let row = self.client.query_one(sql, &[]).await.unwrap();
        (row.get(0), row.get::<_, Option<i64>>(1).unwrap_or(i64::MAX))
    }

    /// Waits until nothing is left to do, and then compares every zone, record by record, and that deleted zones are gone.
    pub(crate) async fn until_converged(&self, servers: &[&Bind]) {
        let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.dns_address()).collect();
        self.until_converged_at(&addresses).await;
    }

    /// The same for servers of any kind.
    pub(crate) async fn until_converged_at(&self, servers: &[SocketAddr]) {
        let done = async || self.backlog().await == (0, 0);
        eventually("every server is at the log's head", PATIENCE, done).await;
        let rows = self.client.query(
            "select name, bool_and(deleted_position is not null) from zone group by name",
            &[],
        );
        for row in rows.await.unwrap() {
            let (name, deleted): (String, bool) = (row.get(0), row.get(1));
            for &server in servers {
                if deleted {
                    assert_eq!(look(server, &name).await, Observed::NotServing, "{name}");
                } else {
                    let ours = whole_zone(self.master, &name).await;
                    assert!(!ours.is_empty(), "MiniDNS has no {name}");
                    assert_eq!(whole_zone(server, &name).await, ours, "{name}");
                }
            }
        }
    }

    /// Waits until a server gives every live zone as MiniDNS does, record by record.
    pub(crate) async fn until_same_content(&self, server: SocketAddr) {
        let rows = self
            .client
            .query("select name from zone where deleted_position is null", &[]);
        for row in rows.await.unwrap() {
            let name: String = row.get(0);
            eventually(format!("{name} is the same everywhere"), PATIENCE, async || {
                let ours = whole_zone(self.master, &name).await;
                !ours.is_empty() && whole_zone(server, &name).await == ours
            })
            .await;
        }
    }
}

pub(crate) async fn look(server: SocketAddr, zone: &str) -> Observed {
    probe::soa(
        &Sockets::default(),
        server,
        &ZoneName::parse(zone).unwrap(),
        None,
        Duration::from_secs(5),
    )
    .await
}

pub(crate) async fn until_serving(server: SocketAddr, zone: &str, serial: LongSerial) {
    let serving = async || look(server, zone).await == Observed::Serving(serial.wire());
    eventually(format!("{server} serves {zone} at {serial}"), PATIENCE, serving).await;
}

/// The zone as a transfer gives it, its lines sorted.
pub(crate) async fn whole_zone(server: SocketAddr, zone: &str) -> Vec<String> {
    let mut records = transferred(server, zone).await;
    records.sort();
    records
}

/// The zone as a transfer gives it, as lines of a master file: the SOA once, as the first. A transfer that
/// the server refused or broke off (PowerDNS does, when its database is busy) is asked for again.
pub(crate) async fn transferred(server: SocketAddr, zone: &str) -> Vec<String> {
    let mut records = Vec::new();
    let answered = async || {
        let text = axfr(server, zone).await;
        let lines = text
            .lines()
            .filter(|line| !line.starts_with(';') && !line.is_empty());
        records = lines
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        !records.is_empty()
    };
    eventually(format!("{server} transfers {zone}"), PATIENCE, answered).await;
    records
}

async fn axfr(server: SocketAddr, zone: &str) -> String {
    let mut dig = Process::new("dig");
    dig.args(["+noall", "+answer", "+onesoa", "+nocrypto", "-p"])
        .arg(server.port().to_string())
        .arg(format!("@{}", server.ip()))
        .args([zone, "AXFR"]);
    String::from_utf8(dig.output().await.unwrap().stdout).unwrap()
}
