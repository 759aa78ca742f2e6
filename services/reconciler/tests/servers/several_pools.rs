//! Several pools, each with servers of several kinds, masters of its own and others to be notified.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::UdpSocket;
use uuid::Uuid;
use zonelog_model::PoolId;
use zonelog_model::resource::Pool;
use zonelog_model::zone::{Command, MoveZone, Zone};
use zonelog_reconciler::plan::Observed;
use zonelog_test_parts::bind::Bind;
use zonelog_test_parts::eventually;
use zonelog_test_parts::knot::{Knot, KnotOptions};
use zonelog_test_parts::pdns::{Pdns, PdnsOptions};

use crate::world::{
    Member, PATIENCE, Reconciler, World, bind, described, look, pdns4, place, pool, quick, server,
    until_serving,
};

const SOUTH: PoolId = PoolId::new(Uuid::from_u128(8));

/// The zones of which it was notified.
type Heard = Arc<Mutex<BTreeSet<String>>>;

/// Somebody who merely listens to NOTIFY.
async fn listener() -> (SocketAddr, Heard) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (address, heard) = (socket.local_addr().unwrap(), Heard::default());
    let names = Arc::clone(&heard);
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, _)) = socket.recv_from(&mut buffer).await {
            // The opcode, and behind the header the question's name (RFC 1035 §4.1.1, §4.1.2).
            if length > 12 && buffer[2] >> 3 & 15 == 4 {
                let mut name = String::new();
                let mut at = 12;
                while at < length && buffer[at] != 0 {
                    let end = at + 1 + usize::from(buffer[at]);
                    name.push_str(&String::from_utf8_lossy(&buffer[at + 1..end]));
                    name.push('.');
                    at = end;
                }
                names.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
            }
        }
    });
    (address, heard)
}

async fn until_heard(heard: &Heard, zone: &str) {
    let heard = async || heard.lock().unwrap().contains(zone);
    eventually(format!("somebody heard of {zone}"), PATIENCE, heard).await;
}

/// A pool whose targets name MiniDNS themselves, and which notifies somebody else.
fn pool_of(name: &str, members: &[Member], master: SocketAddr, also: SocketAddr) -> Pool {
    let mut pool = described(name, members);
    for target in &mut pool.targets {
        target.masters = vec![place(master)];
    }
    pool.also_notifies.push(place(also));
    pool
}

/// The servers of a pool.
struct Servers {
    bind: Bind,
    pdns: Pdns,
}

impl Servers {
    async fn start() -> Self {
        Self {
            bind: bind().await,
            pdns: Pdns::start(PdnsOptions::default()).await.unwrap(),
        }
    }

    fn members(&self) -> Vec<Member> {
        vec![server(&self.bind), pdns4(&self.pdns)]
    }

    fn addresses(&self) -> [SocketAddr; 2] {
        [self.bind.dns_address(), self.pdns.dns_address()]
    }

    async fn until_serving(&self, zone: &Zone) {
        for address in self.addresses() {
            until_serving(address, &zone.name.to_string(), zone.serial).await;
        }
    }

    async fn until_without(&self, zone: &Zone) {
        let name = zone.name.to_string();
        for address in self.addresses() {
            let gone = async || look(address, &name).await == Observed::NotServing;
            eventually(format!("{address} is without {name}"), PATIENCE, gone).await;
        }
    }
}

async fn moved(world: &World, zone: &Zone, to: PoolId) -> Zone {
    let (zone, pool) = (zone.id, Some(to));
    world.execute(Command::MoveZone(MoveZone { zone, pool })).await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_pool_has_its_servers_its_masters_and_its_listeners() {
    let world = World::new().await;
    let (north, mut south) = (Servers::start().await, Servers::start().await);
    let ((north_ear, north_heard), (south_ear, south_heard)) = (listener().await, listener().await);
    // A Knot that its operator configures, and that is only asked and notified.
    let knot = Knot::start(KnotOptions {
        primary: world.master,
        zones: vec!["south.test.".to_owned()],
    });
    let knot = knot.await.unwrap();
    let by_hand = Member {
        asked: knot.dns_address(),
        kind: "fake",
        options: [].into(),
    };
    let members = [south.members(), vec![by_hand]].concat();
    world
        .change_pool(
            pool(),
            pool_of("default", &north.members(), world.master, north_ear),
        )
        .await;
    world
        .make_pool(SOUTH, pool_of("south", &members, world.master, south_ear))
        .await;
    // Without the targets' own masters there are none.
    let _reconciler = Reconciler::with_masters(&world, "a", quick(), Vec::new());

    let stays = world.create_zone("north.test.").await;
    let goes = world.create_zone("south.test.").await;
    let goes = moved(&world, &goes, SOUTH).await;
    for zone in [&stays, &goes] {
        world.until_active(zone.id).await;
    }
    north.until_serving(&stays).await;
    north.until_without(&goes).await;
    south.until_serving(&goes).await;
    south.until_without(&stays).await;
    until_serving(knot.dns_address(), "south.test.", goes.serial).await;
    until_heard(&north_heard, "north.test.").await;
    until_heard(&south_heard, "south.test.").await;
    assert!(!south_heard.lock().unwrap().contains("north.test."));

    // One server of the south is away: the north does not notice, the south waits for it.
    south.pdns.kill().await.unwrap();
    let (stays, goes) = (
        world.add_record(&stays, "www").await,
        world.add_record(&goes, "www").await,
    );
    world.until_active(stays.id).await;
    north.until_serving(&stays).await;
    until_serving(south.bind.dns_address(), "south.test.", goes.serial).await;
    until_serving(knot.dns_address(), "south.test.", goes.serial).await;
    world.until_error("does not answer").await;
    south.pdns.start_again().await.unwrap();
    world.until_active(goes.id).await;
    south.until_serving(&goes).await;

    // And back again.
    let back = moved(&world, &goes, pool()).await;
    world.until_active(back.id).await;
    north.until_serving(&back).await;
    south.until_without(&back).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_two_pools_has_the_zones_of_both() {
    let (world, servers) = (World::new().await, Servers::start().await);
    let (ear, _heard) = listener().await;
    world
        .change_pool(pool(), pool_of("default", &servers.members(), world.master, ear))
        .await;
    world
        .make_pool(SOUTH, pool_of("south", &servers.members(), world.master, ear))
        .await;
    let _reconciler = Reconciler::with_masters(&world, "a", quick(), Vec::new());
    let one = world.create_zone("one.test.").await;
    let two = world.create_zone("two.test.").await;
    let two = moved(&world, &two, SOUTH).await;
    for zone in [&one, &two] {
        world.until_active(zone.id).await;
        servers.until_serving(zone).await;
    }
}
