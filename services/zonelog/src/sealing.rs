//! The key that seals secrets.

use std::path::{Path, PathBuf};

use tokio_postgres::Client;
use zonelog_central::seal::{Sealer, new_key_file};

use crate::cli::CommandError;
use crate::config::Config;
use crate::installation::write_secret;

/// The name of the key file that `zonelog up` makes in its data folder.
const KEY_FILE: &str = "sealing-key";

/// Where the key is: `secrets.key_file`, or else what `zonelog up` made. `None`: there is none.
pub fn key_file(config: &Config) -> Option<PathBuf> {
    let own = config.database.data_dir.join(KEY_FILE);
    config
        .secrets
        .key_file
        .clone()
        .or_else(|| own.exists().then_some(own))
}

/// What seals and opens in this installation. Without a key it does neither, and says so.
pub fn sealer(config: &Config) -> Result<Sealer, CommandError> {
    match key_file(config) {
        None => Ok(Sealer::without_key()),
        Some(first) => {
            let mut files = vec![first];
            files.extend(config.secrets.previous_key_files.iter().cloned());
            Ok(Sealer::from_files(&files)?)
        }
    }
}

/// As [`sealer`], for a process that is about to run: refused when the log has secrets, and there is no key to open them.
pub async fn sealer_for(config: &Config, client: &Client) -> Result<Sealer, CommandError> {
    if key_file(config).is_none() && has_secrets(client).await? {
        return Err(
            "the log has sealed secrets (TSIG keys, passwords of pool targets), and there is no key to open them: set \
             secrets.key_file to the file that the other roles use"
                .into(),
        );
    }
    sealer(config)
}

/// Makes the key of `zonelog up` at its first start. Not when the log has secrets already: a new key would not open them.
pub async fn make_key(config: &Config, data: &Path, client: &Client) -> Result<(), CommandError> {
    if key_file(config).is_some() {
        return Ok(());
    }
    let path = data.join(KEY_FILE);
    if has_secrets(client).await? {
        return Err(format!(
            "the log has sealed secrets (TSIG keys, passwords of pool targets), and their key {} is gone: put it back from a \
             backup, or set secrets.key_file",
            path.display()
        )
        .into());
    }
    write_secret(&path, &new_key_file())?;
    tracing::info!(path = %path.display(), "made a key for secrets at rest; keep a copy of it with the backups of the database");
    Ok(())
}

/// Whether anything sealed is in the log that somebody may have to open.
pub async fn has_secrets(client: &Client) -> Result<bool, tokio_postgres::Error> {
    let row = client
        .query_one(
            "select exists (select from resource where kind = 'tsigkey' or (kind = 'pool' and body::text like '%\"v1:%'))",
            &[],
        )
        .await?;
    Ok(row.get(0))
}
