//! Who signed a request (RFC 8945): the keys, kept as the log has them, and what becomes of a signature.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use zonelog_central::Unseal;
use zonelog_central::clock;
use zonelog_central::tsig::{TsigKeys, TsigOptions, TsigReach, TsigTable};
use zonelog_dns::tsig::{Failure, Key, Malformed, Signed};
use zonelog_model::Position;

use crate::answer::Service;
use crate::message::Rcode;
use crate::reader::ReadError;
use crate::request::{Envelope, Signature};

/// The keys are not looked at more often than this, however busy the log is.
const PACE: Duration = Duration::from_millis(100);

/// Seconds since 1970, as TSIG counts them.
pub(crate) fn now() -> u64 {
    u64::try_from(clock::now().timestamp()).unwrap_or(0)
}

/// Why a signature was not accepted.
pub(crate) enum Unaccepted<'a> {
    /// The keys were not read yet.
    NotYet,
    /// It cannot be read.
    Malformed(Malformed),
    /// It is not right.
    Failed {
        /// The signature.
        signed: Signed<'a>,
        /// What is wrong.
        failure: Failure,
        /// The key that it was verified with, if that is known.
        key: Option<Arc<Key>>,
        /// When, in seconds since 1970.
        at: u64,
    },
}

impl Unaccepted<'_> {
    /// The answer: NOTAUTH with a TSIG record that says why (RFC 8945 §5.2), never silence.
    pub(crate) fn answer(&self, envelope: &Envelope) -> (Rcode, Vec<u8>) {
        let (rcode, reason) = match self {
            Self::NotYet => (Rcode::SERVER_FAILURE, "not yet"),
            Self::Malformed(_) => (Rcode::FORMAT_ERROR, "FORMERR"),
            Self::Failed {
                failure: Failure::Length,
                ..
            } => (Rcode::FORMAT_ERROR, "FORMERR"),
            Self::Failed { failure, .. } => (Rcode::NOT_AUTHORITATIVE, failure.mnemonic()),
        };
        metrics::counter!("zonelog_tsig_failures_total", "reason" => reason).increment(1);
        let mut answer = envelope.empty(rcode);
        match self {
            Self::NotYet => {}
            Self::Malformed(error) => tracing::debug!(%error, "a request's TSIG record is malformed"),
            Self::Failed {
                signed,
                failure,
                key,
                at,
            } => {
                tracing::debug!(key = %signed.key_name(), %failure, "a request's signature is not accepted");
                signed.refuse(&mut answer, *failure, key.as_deref(), *at);
            }
        }
        (rcode, answer)
    }
}

/// Verifies a request's signature, and says for which zones its key signs; `None`: it has none.
pub(crate) fn authenticate<'a>(
    table: &TsigTable,
    packet: &'a [u8],
) -> Result<Option<(Signature, TsigReach)>, Unaccepted<'a>> {
    // Without additional records there is no signature: most queries.
    if packet.get(10..12).is_none_or(|count| count == [0, 0]) {
        return Ok(None);
    }
    let signed = match zonelog_dns::tsig::read(packet) {
        Ok(Some(signed)) => signed,
        Ok(None) => return Ok(None),
        Err(error) => return Err(Unaccepted::Malformed(error)),
    };
    let Some(keys) = table.current() else {
        return Err(Unaccepted::NotYet);
    };
    let at = now();
    let Some(found) = keys.named(signed.key_name()) else {
        return Err(Unaccepted::Failed {
            signed,
            failure: Failure::BadKey,
            key: None,
            at,
        });
    };
    match signed.verify(&found.key, at, None) {
        Ok(mac) => {
            let key = Arc::clone(&found.key);
            Ok(Some((Signature { key, mac, at }, found.reach)))
        }
        Err(failure) => Err(Unaccepted::Failed {
            signed,
            failure,
            key: Some(Arc::clone(&found.key)),
            at,
        }),
    }
}

/// Keeps the keys as the log has them, until the shutdown.
pub(crate) async fn follow(
    service: Arc<Service>,
    unseal: Unseal,
    mut wakeups: watch::Receiver<Position>,
    shutdown: CancellationToken,
) {
    let options = TsigOptions {
        unseal,
        allow_hmac_md5: service.options().allow_hmac_md5,
    };
    let mut read_at = None;
    let mut wakeups_end = false;
    loop {
        wakeups.mark_unchanged();
        let step = look(&service, &options, read_at).await;
        service.reader.observe("reading TSIG keys", &step);
        if let Ok(position) = step {
            read_at = Some(position);
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(PACE) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(service.options().poll_interval) => {}
            changed = wakeups.changed(), if !wakeups_end => wakeups_end = changed.is_err(),
        }
    }
}

/// Reads the keys if the registries changed since that position; returns the position of the registries.
async fn look(
    service: &Service,
    options: &TsigOptions,
    since: Option<Position>,
) -> Result<Position, ReadError> {
    let client = service.reader.follower().await?;
    // Read before the keys: what comes in between is read again.
    let statement = client
        .prepare_cached("select position from registry_head where feed = 0")
        .await?;
    let row = client.query_opt(&statement, &[]).await?;
    let position: Position = row.map_or(0, |row| row.get(0));
    if since != Some(position) {
        service.keys.replace(TsigKeys::read(&client, options).await?);
    }
    Ok(position)
}
