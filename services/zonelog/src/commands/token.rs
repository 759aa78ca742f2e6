//! `zonelog token`: Zonelog's own API tokens.

use chrono::{Duration, Utc};
use clap::{Args, Subcommand};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use tokio_postgres::Client;
use uuid::Uuid;
use zonelog_central::{clock, ids};
use zonelog_model::{ProjectId, Timestamp};

use crate::cli::{At, CommandError};
use crate::installation::{configuration, connect, urls};
use crate::output;

/// `zonelog token ...`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a token and print it: the only time it can be seen.
    Create(CreateArgs),
    /// List tokens: never the tokens themselves, of which only digests are kept.
    List(ListArgs),
    /// Revoke a token: it is refused from then on.
    Revoke(RevokeArgs),
}

/// `zonelog token create`
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The project in whose scope it acts.
    #[arg(long)]
    project: String,
    /// What it is for; stands as the user in the log.
    #[arg(long)]
    name: String,
    /// A role (`admin`, `member`, `reader`); may be given several times.
    #[arg(long = "role", default_value = "member", value_name = "ROLE")]
    roles: Vec<String>,
    /// When it ends: a number with d, h or m (90d, 12h, 30m), or a time (2027-01-31T00:00:00Z). Never, if left out.
    #[arg(long, value_name = "WHEN", value_parser = parse_expiry)]
    expires: Option<Expiry>,
}

/// `zonelog token list`
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Of this project alone.
    #[arg(long)]
    project: Option<String>,
    /// A JSON array.
    #[arg(long)]
    json: bool,
}

/// `zonelog token revoke`
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// The token's id, as `zonelog token list` shows it.
    id: Uuid,
}

/// When a token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// So long after its creation.
    After(Duration),
    /// At this time.
    At(Timestamp),
}

fn parse_expiry(text: &str) -> Result<Expiry, String> {
    if let Ok(time) = text.parse::<chrono::DateTime<Utc>>() {
        return Ok(Expiry::At(time));
    }
    let wrong = || format!("`{text}` is no time; write 90d, 12h, 30m or 2027-01-31T00:00:00Z");
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let number: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let duration = match unit {
        'd' => Duration::try_days(number),
        'h' => Duration::try_hours(number),
        'm' => Duration::try_minutes(number),
        _ => None,
    };
    duration.filter(|duration| *duration > Duration::zero()).map(Expiry::After).ok_or_else(wrong)
}

/// What a token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The project in whose scope it acts.
    pub project: ProjectId,
    /// What it is for.
    pub name: String,
    /// Its roles in the project.
    pub roles: Vec<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// Runs the command.
pub async fn run(at: &At, command: TokenCommand) -> Result<(), CommandError> {
    let config = configuration(at)?;
    let client = connect(&urls(&config)?.service, "zonelog token").await?;
    zonelog_schema::check(&client).await?;
    match command {
        TokenCommand::Create(args) => {
            let project = ProjectId::new(args.project.clone())
                .ok_or_else(|| format!("--project: a project id has 1 to {} characters", ProjectId::MAX_LENGTH))?;
            if args.name.is_empty() || args.name.chars().any(char::is_control) {
                return Err("--name: a token needs a name without control characters".into());
            }
            let now = clock::now();
            let expires_at = match args.expires {
                None => None,
                Some(Expiry::At(time)) if time <= now => return Err("--expires lies in the past".into()),
                Some(Expiry::At(time)) => Some(time),
                Some(Expiry::After(duration)) => {
                    Some(now.checked_add_signed(duration).ok_or("--expires lies too far in the future")?)
                }
            };
            let new = NewToken { project, name: args.name, roles: args.roles, expires_at };
            let secret = secret();
            store(&client, &new, &secret).await?;
            output::line(&secret)?;
        }
        TokenCommand::List(args) => list(&client, &args).await?,
        TokenCommand::Revoke(args) => revoke(&client, args.id).await?,
    }
    Ok(())
}

/// A new token's text: 256 random bits.
pub fn secret() -> String {
    BASE64URL_NOPAD.encode(&ids::token_bytes())
}

/// Keeps a token's digest. The token itself is kept nowhere.
pub async fn store(client: &Client, new: &NewToken, secret: &str) -> Result<Uuid, tokio_postgres::Error> {
    let id = ids::token_id();
    let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
    client
        .execute(
            "insert into api_token (id, digest, name, project, roles, created_at, expires_at)
             values ($1, $2, $3, $4, $5, $6, $7)",
            &[
                &id,
                &&digest[..],
                &new.name,
                &new.project.as_str(),
                &new.roles,
                &clock::now(),
                &new.expires_at,
            ],
        )
        .await?;
    Ok(id)
}

/// Whether there has ever been a token.
pub async fn any(client: &Client) -> Result<bool, tokio_postgres::Error> {
    Ok(client.query_one("select exists (select from api_token)", &[]).await?.get(0))
}

async fn list(client: &Client, args: &ListArgs) -> Result<(), CommandError> {
    let rows = client
        .query(
            "select id, project, name, roles, created_at, expires_at, revoked_at from api_token
             where $1::text is null or project = $1 order by created_at, id",
            &[&args.project],
        )
        .await?;
    let now = clock::now();
    let state = |expires: Option<Timestamp>, revoked: Option<Timestamp>| match (expires, revoked) {
        (_, Some(_)) => "revoked",
        (Some(expires), None) if expires <= now => "expired",
        _ => "valid",
    };
    if args.json {
        let tokens: Vec<_> = rows
            .iter()
            .map(|row| {
                serde_json::json!({
                    "id": row.get::<_, Uuid>(0), "project": row.get::<_, &str>(1), "name": row.get::<_, &str>(2),
                    "roles": row.get::<_, Vec<&str>>(3), "created_at": row.get::<_, Timestamp>(4),
                    "expires_at": row.get::<_, Option<Timestamp>>(5), "revoked_at": row.get::<_, Option<Timestamp>>(6),
                    "state": state(row.get(5), row.get(6)),
                })
            })
            .collect();
        return Ok(output::line(&serde_json::to_string_pretty(&tokens)?)?);
    }
    let shown = |time: Option<Timestamp>| {
        time.map_or_else(|| "never".to_owned(), |time| time.format("%Y-%m-%d %H:%M").to_string())
    };
    let cells = rows.iter().map(|row| {
        vec![
            row.get::<_, Uuid>(0).to_string(),
            row.get(1),
            row.get(2),
            row.get::<_, Vec<&str>>(3).join(","),
            shown(Some(row.get(4))),
            shown(row.get(5)),
            state(row.get(5), row.get(6)).to_owned(),
        ]
    });
    let head = ["ID", "PROJECT", "NAME", "ROLES", "CREATED", "EXPIRES", "STATE"];
    Ok(output::line(&output::table(&head, cells))?)
}

async fn revoke(client: &Client, id: Uuid) -> Result<(), CommandError> {
    let row = client
        .query_opt(
            "update api_token set revoked_at = coalesce(revoked_at, $2) where id = $1 returning name, project",
            &[&id, &clock::now()],
        )
        .await?;
    let row = row.ok_or_else(|| format!("there is no token {id}; `zonelog token list` shows them all"))?;
    let (name, project): (String, String) = (row.get(0), row.get(1));
    Ok(output::line(&format!("revoked {name} of project {project}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiries_are_read() {
        assert_eq!(parse_expiry("90d"), Ok(Expiry::After(Duration::days(90))));
        assert_eq!(parse_expiry("30m"), Ok(Expiry::After(Duration::minutes(30))));
        assert!(matches!(parse_expiry("2027-01-31T00:00:00Z"), Ok(Expiry::At(_))));
        for wrong in ["", "d", "0d", "-1h", "5", "5w", "tomorrow", "99999999999999999d", "é"] {
            assert!(parse_expiry(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let (a, b) = (secret(), secret());
        assert_eq!(a.len(), 43);
        assert_ne!(a, b);
    }
}
