//! `server_lease`: which reconciler works on a server.

use tokio_postgres::GenericClient;

use super::DeliveryError;

/// The right to work on a server. Of all leases of a server, only that with the highest token can write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The server.
    pub server: String,
    /// The fencing token.
    pub token: i64,
}

/// Takes the lease of a server for `seconds`, if nobody else holds it: it ran out by PostgreSQL's clock, or its holder's
/// database session is gone. `client` is the session of the new holder.
pub async fn acquire<C: GenericClient>(
    client: &C,
    server: &str,
    holder: &str,
    seconds: f64,
) -> Result<Option<Lease>, DeliveryError> {
    let row = client
        .query_opt(
            "with me as (select pid, backend_start from pg_stat_activity where pid = pg_backend_pid()) \
             insert into server_lease as l (server, token, holder, backend_pid, backend_start, expires_at) \
             select $1, 1, $2, me.pid, me.backend_start, now() + make_interval(secs => $3) from me \
             on conflict (server) do update set token = l.token + 1, holder = excluded.holder, \
               backend_pid = excluded.backend_pid, backend_start = excluded.backend_start, \
               expires_at = excluded.expires_at \
             where l.expires_at <= now() or not exists (select from pg_stat_activity a \
               where a.pid = l.backend_pid and a.backend_start = l.backend_start) \
             returning token",
            &[&server, &holder, &seconds],
        )
        .await?;
    Ok(row.map(|row| Lease {
        server: server.to_owned(),
        token: row.get(0),
    }))
}

/// Holds a lease for `seconds` more. False: another has it now.
pub async fn renew<C: GenericClient>(client: &C, lease: &Lease, seconds: f64) -> Result<bool, DeliveryError> {
    let renewed = client
        .execute(
            "update server_lease set expires_at = now() + make_interval(secs => $3) where server = $1 and token = $2",
            &[&lease.server, &lease.token, &seconds],
        )
        .await?;
    Ok(renewed == 1)
}

/// Gives a lease back, so that another need not wait for its end.
pub async fn release<C: GenericClient>(client: &C, lease: &Lease) -> Result<(), DeliveryError> {
    client
        .execute(
            "update server_lease set expires_at = now() where server = $1 and token = $2",
            &[&lease.server, &lease.token],
        )
        .await?;
    Ok(())
}
