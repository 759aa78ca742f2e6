//! The key that seals secrets.

use deadpool_postgres::Client;

use super::Check;
use crate::config::Config;
use crate::output;
use crate::sealing::{has_secrets, key_file, sealer};

/// Checks that there is a key, and that it is one.
pub(super) async fn check(config: &Config, client: &Client, checks: &mut Vec<Check>) {
    let about = "secrets.key_file";
    let sealed = has_secrets(client).await.unwrap_or(false);
    checks.push(match (key_file(config), sealer(config)) {
        (Some(path), Ok(_)) => Check::ok(about, format!("{} holds a key", path.display())),
        (Some(_), Err(error)) => Check::fail(
            about,
            output::chain(error.as_ref()),
            "put the key back from a backup, readable for this user alone",
        ),
        (None, _) if sealed => Check::fail(
            about,
            "the log has sealed secrets, and there is no key to open them",
            "set it to the file that sealed them",
        ),
        (None, _) => Check::warn(
            about,
            "there is no key: no TSIG key can be made, and no password of a pool target kept",
            "make one, (umask 077; openssl rand -base64 32 >FILE), and name it; `zonelog up` makes one by itself",
        ),
    });
}
