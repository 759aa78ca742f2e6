//! The pools: there is one for new zones, and its targets can be worked with.

use deadpool_postgres::Client;
use zonelog_central::tsig::{TsigKeys, TsigOptions};
use zonelog_model::PoolId;
use zonelog_reconciler::targets::{CATALOG_KINDS, remarks};
use zonelog_reconciler::topology::servers;

use super::Check;
use crate::compose::reconciler_options;
use crate::config::Config;
use crate::installation::Running;
use crate::pools::present;
use crate::pools_yaml::Present;
use crate::{output, sealing};

/// What the sample calls its name servers.
const EXAMPLE: &str = "example.org.";
/// How a pool is changed.
const CHANGE: &str = "change it in pools.yaml and run `zonelog pool update --file pools.yaml`";

/// Checks every pool, and every server of each.
pub(super) async fn check(
    config: &Config,
    running: Option<&Running>,
    client: &Client,
    checks: &mut Vec<Check>,
) {
    let pools = match present(client).await {
        Ok(pools) => pools,
        Err(error) => {
            let found = output::chain(error.as_ref());
            return checks.push(Check::fail("pools", found, "look into PostgreSQL's log"));
        }
    };
    if pools.is_empty() {
        return checks.push(Check::warn(
            "pools",
            "there is none, so no zone can be made",
            "describe one in a pools.yaml (ops/config/pools.yaml shows how) and run `zonelog pool update --file pools.yaml`",
        ));
    }
    let default = PoolId::new(config.central.default_pool_id);
    if pools.iter().all(|pool| pool.id != default) {
        checks.push(Check::fail(
            "central.default_pool_id",
            format!("names no pool that there is ({default}), so zones without another wish cannot be made"),
            "write the id of a pool: `zonelog pool show --all` shows them",
        ));
    }
    // Without a usable key the secrets check has said so; what needs one then says it again at its server.
    let sealer = sealing::sealer(config).unwrap_or_else(|_| zonelog_central::Sealer::without_key());
    let minidns = running.map(|running| running.minidns.as_slice());
    let options = reconciler_options(config, sealer, minidns);
    let keys = TsigOptions {
        unseal: options.unseal.clone(),
        allow_hmac_md5: options.allow_hmac_md5,
    };
    let keys = match TsigKeys::read(client, &keys).await {
        Ok(keys) => keys,
        Err(error) => {
            return checks.push(Check::fail(
                "TSIG keys",
                error.to_string(),
                "look into PostgreSQL's log",
            ));
        }
    };
    for complaint in keys.complaints() {
        checks.push(Check::warn(
            "TSIG keys",
            complaint.to_owned(),
            "change it by the API, or delete it: it is not used",
        ));
    }
    check_catalogs(&pools, client, checks).await;
    for Present { id, pool } in &pools {
        let about = format!("pool {}", pool.name);
        let before = checks.len();
        if pool
            .ns_records
            .iter()
            .any(|record| record.hostname.to_string().ends_with(EXAMPLE))
        {
            checks.push(Check::warn(
                &about,
                "its NS records hold the example's names, and so does every zone",
                CHANGE,
            ));
        }
        let by_catalog = |kind: &str| pool.catalog_zone.is_some() && CATALOG_KINDS.contains(&kind);
        if pool.targets.is_empty() && !by_catalog("catalog") {
            let found = "it has no targets: zones are kept and can be transferred from MiniDNS, but no server is told of them";
            checks.push(Check::warn(&about, found, CHANGE));
        }
        // What follows a catalog is not told by its own options.
        for target in pool.targets.iter().filter(|target| !by_catalog(&target.kind)) {
            for remark in remarks(target) {
                checks.push(Check::warn(
                    format!("{about}: target {}", target.kind),
                    remark,
                    CHANGE,
                ));
            }
        }
        let servers = servers(*id, pool, &keys);
        if checks.len() == before {
            checks.push(Check::ok(&about, format!("{} servers", servers.len())));
        }
        for server in &servers {
            super::servers::check(config, server, &options, client, checks).await;
        }
    }
}

/// A zone of the log that has the name of a pool's catalog was there before the catalog; MiniDNS gives the catalog.
async fn check_catalogs(pools: &[Present], client: &Client, checks: &mut Vec<Check>) {
    let catalogs: Vec<_> = pools
        .iter()
        .filter_map(|present| Some((&present.pool.name, &present.pool.catalog_zone.as_ref()?.name)))
        .collect();
    let keys: Vec<Vec<u8>> = catalogs.iter().map(|(_, name)| name.to_key()).collect();
    let sql = "select name_key from zone where name_key = any($1) and deleted_position is null";
    let rows = match client.query(sql, &[&keys]).await {
        Ok(rows) => rows,
        Err(error) => {
            return checks.push(Check::fail(
                "pools",
                error.to_string(),
                "look into PostgreSQL's log",
            ));
        }
    };
    for row in rows {
        let key: Vec<u8> = row.get(0);
        for ((pool, name), _) in catalogs.iter().zip(&keys).filter(|(_, of)| **of == key) {
            checks.push(Check::fail(
                format!("pool {pool}"),
                format!("its catalog zone {name} has the name of a zone, which no server can be given any more"),
                "give the catalog zone another name in pools.yaml and in its servers' configurations, or delete the zone",
            ));
        }
    }
}
