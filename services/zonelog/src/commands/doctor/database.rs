//! The database: reachable, with the right schema, the right rights and the right time.

use chrono::TimeDelta;
use deadpool_postgres::Client;
use zonelog_central::clock;
use zonelog_model::{Position, Timestamp};
use zonelog_store::Database;

use super::Check;
use crate::config::Config;
use crate::installation::{Running, Urls, configured, connect};
use crate::{output, pools};

/// How far clocks may be apart without a word.
const CLOCKS: TimeDelta = TimeDelta::seconds(1);

/// Checks all of it; returns a connection where there is a schema to read.
pub(super) async fn check(
    config: &Config,
    running: Option<&Running>,
    checks: &mut Vec<Check>,
) -> Option<Client> {
    let urls = configured(config).or_else(|| {
        running.map(|running| Urls {
            service: running.url.clone(),
            owner: running.owner_url.clone(),
        })
    });
    let Some(urls) = urls else {
        checks.push(Check::fail(
            "database",
            format!(
                "database.url is not set, and no `zonelog up` runs in {}",
                config.database.data_dir.display()
            ),
            "start `zonelog up`, or set database.url",
        ));
        return None;
    };
    // Plainly first: it says best why it is refused.
    let client = match connect(&urls.service, "zonelog doctor").await {
        Ok(_) => Database::new(urls.service.expose(), "zonelog doctor").map_err(Into::into),
        Err(error) => Err(error.into()),
    };
    let client = match client {
        Ok(database) => pools::reader(&database).await,
        Err(error) => Err(error),
    };
    let client = match client {
        Ok(client) => client,
        Err(error) => {
            let advice = if config.database.url.is_some() {
                "start PostgreSQL, or correct database.url"
            } else {
                "`zonelog up` has ended without a word (was it killed?): start it again"
            };
            checks.push(Check::fail("database", error.to_string(), advice));
            return None;
        }
    };
    checks.push(match client.query_one("show server_version", &[]).await {
        Ok(row) => Check::ok(
            "database",
            format!("{}, PostgreSQL {}", urls.service.shown(), row.get::<_, &str>(0)),
        ),
        Err(error) => Check::fail("database", output::chain(&error), "look into PostgreSQL's log"),
    });
    durability(&client, checks).await;
    if let Err(error) = zonelog_schema::check(&client).await {
        checks.push(Check::fail(
            "schema",
            output::chain(&error),
            "`zonelog migrate` brings an older schema up to date",
        ));
        return None;
    }
    checks.push(Check::ok("schema", "as this program made it"));
    checks.push(match zonelog_schema::check_log_is_protected(&client).await {
        Ok(()) => Check::ok("rights", "the service can add to the log and cannot change it"),
        Err(error) => Check::fail(
            "rights",
            output::chain(&error),
            "give the service a role of its own and run `zonelog migrate`",
        ),
    });
    clocks(&client, checks).await;
    Some(client)
}

async fn durability(client: &Client, checks: &mut Vec<Check>) {
    let setting = "select current_setting('fsync') = 'on' and current_setting('full_page_writes') = 'on'";
    if let Ok(row) = client.query_one(setting, &[]).await
        && !row.get::<_, bool>(0)
    {
        checks.push(Check::warn(
            "durability",
            "fsync or full_page_writes is off: a power cut can take accepted changes",
            "turn both on in postgresql.conf",
        ));
    }
}

async fn clocks(client: &Client, checks: &mut Vec<Check>) {
    let statement =
        "select clock_timestamp(), (select recorded_at from event order by feed desc, position desc limit 1)";
    let before = clock::now();
    let row = match client.query_one(statement, &[]).await {
        Ok(row) => row,
        Err(error) => {
            checks.push(Check::fail(
                "log",
                output::chain(&error),
                "look into PostgreSQL's log",
            ));
            return;
        }
    };
    let after = clock::now();
    let (theirs, last): (Timestamp, Option<Timestamp>) = (row.get(0), row.get(1));
    let apart = if theirs < before {
        before - theirs
    } else {
        (theirs - after).max(TimeDelta::zero())
    };
    checks.push(if apart <= CLOCKS {
        Check::ok("clock", "agrees with the database's")
    } else {
        let apart = apart.num_seconds();
        Check::warn(
            "clock",
            format!("{apart} s apart from the database's"),
            "let NTP set both machines' clocks",
        )
    });
    if let Some(last) = last
        && last > after + CLOCKS
    {
        checks.push(Check::warn(
            "clock",
            format!(
                "the log's last event is {} s in the future",
                (last - after).num_seconds()
            ),
            "a clock was put back; serials still go up, but times in the log will not be in order",
        ));
    }
}

/// The log's last position.
pub(super) async fn head(client: &Client) -> Option<Position> {
    client
        .query_one("select position from feed_head where feed = 0", &[])
        .await
        .ok()
        .map(|row| row.get(0))
}
