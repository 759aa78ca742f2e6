//! Zonelog's own API tokens: project-scoped, for installations without Keystone. Only a token's SHA-256 is kept, which is
//! enough, since a token has 256 random bits; its text is shown once, by whoever made it.

use tokio_postgres::{GenericClient, Row};
use uuid::Uuid;
use zonelog_model::{ProjectId, Timestamp};

/// The SHA-256 of a token's text.
pub type TokenDigest = [u8; 32];

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Its id, by which it is revoked.
    pub id: Uuid,
    /// What it is for; the user in the events of its changes.
    pub name: String,
    /// The project in whose scope it acts.
    pub project: ProjectId,
    /// The roles it has there: `admin`, `member`, `reader`.
    pub roles: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl ApiToken {
    /// Whether the token opens the door at `now`.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

const COLUMNS: &str = "id, name, project, roles, created_at, expires_at, revoked_at";

/// Keeps a new token.
pub async fn create<C: GenericClient>(
    client: &C,
    token: &ApiToken,
    digest: &TokenDigest,
) -> Result<(), tokio_postgres::Error> {
    client
        .execute(
            "insert into api_token (id, digest, name, project, roles, created_at, expires_at, revoked_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                &token.id,
                &digest.as_slice(),
                &token.name,
                &token.project.as_str(),
                &token.roles,
                &token.created_at,
                &token.expires_at,
                &token.revoked_at,
            ],
        )
        .await?;
    Ok(())
}

/// All tokens, revoked ones too, the oldest first.
pub async fn list<C: GenericClient>(client: &C) -> Result<Vec<ApiToken>, tokio_postgres::Error> {
    let rows = client
        .query(
            &format!("select {COLUMNS} from api_token order by created_at, id"),
            &[],
        )
        .await?;
    // A project that cannot be one was not written here; such a row opens no door and is left out.
    rows.iter().filter_map(|row| read(row).transpose()).collect()
}

/// Revokes a token from `now` on. False: there is none of that id, or it was revoked before.
pub async fn revoke<C: GenericClient>(
    client: &C,
    id: Uuid,
    now: Timestamp,
) -> Result<bool, tokio_postgres::Error> {
    let revoked = client
        .execute(
            "update api_token set revoked_at = $2 where id = $1 and revoked_at is null",
            &[&id, &now],
        )
        .await?;
    Ok(revoked == 1)
}

/// The token of a digest, whether it is still valid or not.
pub async fn lookup<C: GenericClient>(
    client: &C,
    digest: &TokenDigest,
) -> Result<Option<ApiToken>, tokio_postgres::Error> {
    let row = client
        .query_opt(
            &format!("select {COLUMNS} from api_token where digest = $1"),
            &[&digest.as_slice()],
        )
        .await?;
    row.as_ref().map_or(Ok(None), read)
}

fn read(row: &Row) -> Result<Option<ApiToken>, tokio_postgres::Error> {
    let Some(project) = ProjectId::new(row.try_get::<_, String>(2)?) else {
        return Ok(None);
    };
    Ok(Some(ApiToken {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        project,
        roles: row.try_get(3)?,
        created_at: row.try_get(4)?,
        expires_at: row.try_get(5)?,
        revoked_at: row.try_get(6)?,
    }))
}
