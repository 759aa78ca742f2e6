//! One suite for every kind of target, on the real servers.
//!
//! A kind says how its server is started, told and asked ([`Kind`]); the cases are the same for all:
//! - told.rs: the target itself is told of zones, with a BIND as the zones' primary;
//! - pooled.rs: the server is a member of a pool, kept in step by a reconciler from MiniDNS. A kind whose server is not told
//!   of single zones is tested by these alone.

mod bind9;
pub(crate) mod catalog;
mod knot;
mod nsd4;
mod pdns4;
mod pooled;
mod told;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt;
use zonelog_central::tsig::TsigKeys;
use zonelog_dns::tsig::{Key, Secret};
use zonelog_dns::{Name, ZoneName};
use zonelog_model::ZoneId;
use zonelog_model::resource::Pool;
use zonelog_reconciler::targets::{TargetConfig, ZoneSpec};
use zonelog_reconciler::topology::servers;
use zonelog_reconciler::{ReconcilerOptions, Timings, Unseal, prepare};
use zonelog_test_parts::bind::{Bind, BindOptions};

use crate::world::{Member, described, pool};

/// From where a server transfers its zones.
#[derive(Clone, Debug)]
pub(crate) struct Primary {
    pub(crate) address: SocketAddr,
    /// The only key with which it gives them away; `None`: it gives them to all.
    pub(crate) key: Option<TransferKey>,
}

/// A TSIG key, as servers' configurations have it.
#[derive(Clone, Debug)]
pub(crate) struct TransferKey {
    pub(crate) name: &'static str,
    pub(crate) algorithm: &'static str,
    /// In base64: for tests only.
    pub(crate) secret: &'static str,
}

/// The key of primaries that want one.
pub(crate) const TRANSFER_KEY: TransferKey = TransferKey {
    name: "transfer-key",
    algorithm: "hmac-sha256",
    secret: "em9uZWxvZyB0ZXN0IHRyYW5zZmVyIGtleSAtIDMyIGI=",
};

/// A kind of target: a server of its own that a test starts, and how it is told.
pub(crate) trait Kind: Send + Sized {
    /// Starts a server that is to transfer from `primary`: for what its own configuration must know of it.
    async fn start(primary: &Primary) -> Self;

    /// Where it answers DNS.
    fn dns_address(&self) -> SocketAddr;

    /// How it is told, directly.
    fn config(&self) -> TargetConfig;

    /// The same as members of a pool have it: the options under Designate's names.
    fn member(&self) -> Member;

    /// What else its pool must say.
    fn describe(&self, _pool: &mut Pool) {}

    /// How it is told with a key, token or certificate that it does not take, and words of the error; `None` if it is told
    /// without any.
    fn with_wrong_key(&self) -> Option<(TargetConfig, &'static str)> {
        None
    }

    /// What no message may ever show.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// Where it is told, as errors name it.
    fn control(&self) -> String;

    /// Makes it a secondary of `primary` for a zone with its own tools, as its operator would.
    async fn add_by_hand(&self, _zone: &str, _primary: SocketAddr) {}

    /// Its operator lets its own configuration say other masters, where that is what decides.
    async fn masters_become(&mut self, _primary: &Primary) {}

    /// Makes it write its copies of zones to its disk, if it has not done so.
    async fn write_copies(&self) {}

    /// Kills it (SIGKILL).
    async fn kill(&mut self);

    /// Kills it and deletes what it was told and transferred.
    async fn wipe(&mut self);

    /// Starts it again where it was.
    async fn start_again(&mut self);
}

/// Makes a test of each case for a kind: `each_case!(module, cases' module, Kind, [case, ...])`.
macro_rules! each_case {
    ($module:ident, $cases:ident, $kind:ty, [$($case:ident),* $(,)?]) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$cases::$case::<$kind>().await;
                }
            )*
        }
    };
}

/// The cases in which the target itself is told.
macro_rules! told {
    ($module:ident, $kind:ty) => {
        each_case!(
            $module,
            told,
            $kind,
            [
                telling_twice_is_as_telling_once,
                an_existing_zone_is_adopted_without_a_gap,
                other_masters_are_taken,
                a_zone_made_again_starts_from_nothing,
                a_wrong_key_is_told_with_what_to_check_and_without_the_secret,
                it_is_told_again_after_a_restart,
                five_hundred_zones_at_once,
                a_primary_may_want_its_key,
            ]
        );
    };
}

/// The cases in which the server is a member of a pool.
macro_rules! pooled {
    ($module:ident, $kind:ty) => {
        each_case!(
            $module,
            pooled,
            $kind,
            [
                zones_come_change_and_go,
                a_server_that_was_away_catches_up,
                a_server_that_lost_its_disk_is_filled_again,
                two_hundred_zones_at_once,
                what_is_not_of_the_log_is_replaced_by_a_resync,
            ]
        );
    };
}

told!(bind9_told, super::bind9::OfBind9);
pooled!(bind9_in_a_pool, super::bind9::OfBind9);
pooled!(
    bind9_by_catalog,
    super::catalog::ByCatalog::<zonelog_test_parts::bind::Bind>
);
pooled!(
    knot_by_catalog,
    super::catalog::ByCatalog::<zonelog_test_parts::knot::Knot>
);
pooled!(
    pdns_by_catalog,
    super::catalog::ByCatalog::<zonelog_test_parts::pdns::Pdns>
);
told!(knot_told, super::knot::OfKnot);
pooled!(knot_in_a_pool, super::knot::OfKnot);
told!(nsd4_told_by_tls, super::nsd4::OfNsd4::<true>);
told!(nsd4_told_by_its_socket, super::nsd4::OfNsd4::<false>);
pooled!(nsd4_in_a_pool, super::nsd4::OfNsd4::<true>);

/// How a member of a pool is told, as the reconciler prepares it.
fn as_prepared(member: &Member) -> TargetConfig {
    let pool_of_one = described("default", std::slice::from_ref(member));
    let options = ReconcilerOptions {
        masters: vec![member.asked],
        unseal: Unseal::without_key(),
        timings: Timings::default(),
        holder: "test".to_owned(),
        allow_hmac_md5: false,
    };
    let spec = &servers(pool(), &pool_of_one, &TsigKeys::default())[0];
    // There are only addresses in it, so there is nothing to wait for.
    let prepared = prepare(spec, &options).now_or_never().unwrap();
    prepared.unwrap().targets.remove(0).config
}
told!(pdns4_told, super::pdns4::OfPdns4);
pooled!(pdns4_in_a_pool, super::pdns4::OfPdns4);

/// The zones of these names with one content, at a BIND that has no other secondaries.
async fn primary_of(zones: &[String], serial: u32, key: Option<TransferKey>) -> (Bind, Primary) {
    let text = master_file(serial);
    let (mut options, mut config) = (String::new(), String::new());
    if let Some(TransferKey {
        name,
        algorithm,
        secret,
    }) = &key
    {
        config = format!("key \"{name}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};\n");
        // What the test's BIND allows to all is taken back zone by zone.
        options = format!("allow-transfer {{ key \"{name}\"; }};");
    }
    let bind = Bind::start(BindOptions {
        primary_zones: zones.iter().map(|zone| (zone.clone(), text.clone())).collect(),
        zone_options: options,
        config,
        ..BindOptions::default()
    });
    let bind = bind.await.unwrap();
    let address = bind.dns_address();
    (bind, Primary { address, key })
}

fn master_file(serial: u32) -> String {
    format!("@ 60 SOA ns h {serial} 3600 60 600 60\n@ 60 NS ns.other.\n")
}

/// A zone to be told, with an id of its own.
fn zone(name: &str, primary: &Primary) -> ZoneSpec {
    static MADE: AtomicU32 = AtomicU32::new(1);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let key = primary.key.as_ref().map(|key| Key {
        name: Name::parse(&format!("{}.", key.name)).unwrap(),
        algorithm: key.algorithm.parse().unwrap(),
        secret: Secret::from_base64(key.secret).unwrap(),
    });
    ZoneSpec {
        name: ZoneName::parse(name).unwrap(),
        zone: ZoneId::new(uuid::Uuid::from_u128(number.into())),
        masters: [primary.address].into(),
        key: key.map(Arc::new),
        renew: false,
    }
}
