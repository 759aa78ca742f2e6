//! `zonelog token`: Zonelog's own API tokens.

use chrono::{Duration, Utc};
use clap::{Args, Subcommand};
use tokio_postgres::Client;
use uuid::Uuid;
use zonelog_api::TokenSecret;
use zonelog_central::{clock, ids};
use zonelog_model::{ProjectId, Timestamp};
use zonelog_projections::api_token::{self, ApiToken};

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
    let number: i64 = text[..text.len() - unit.len_utf8()]
        .parse()
        .map_err(|_| wrong())?;
    let duration = match unit {
        'd' => Duration::try_days(number),
        'h' => Duration::try_hours(number),
        'm' => Duration::try_minutes(number),
        _ => None,
    };
    duration
        .filter(|duration| *duration > Duration::zero())
        .map(Expiry::After)
        .ok_or_else(wrong)
}

/// Runs the command.
pub async fn run(at: &At, command: TokenCommand) -> Result<(), CommandError> {
    let config = configuration(at)?;
    let client = connect(&urls(&config)?.service, "zonelog token").await?;
    zonelog_schema::check(&client).await?;
    match command {
        TokenCommand::Create(args) => {
            let project = ProjectId::new(args.project.clone()).ok_or_else(|| {
                format!(
                    "--project: a project id has 1 to {} characters",
                    ProjectId::MAX_LENGTH
                )
            })?;
            if args.name.is_empty() || args.name.chars().any(char::is_control) {
                return Err("--name: a token needs a name without control characters".into());
            }
            let now = clock::now();
            let expires_at = match args.expires {
                None => None,
                Some(Expiry::At(time)) if time <= now => return Err("--expires lies in the past".into()),
                Some(Expiry::At(time)) => Some(time),
                Some(Expiry::After(duration)) => Some(
                    now.checked_add_signed(duration)
                        .ok_or("--expires lies too far in the future")?,
                ),
            };
            output::line(
                create(&client, project, args.name, args.roles, expires_at)
                    .await?
                    .reveal(),
            )?;
        }
        TokenCommand::List(args) => list(&client, &args).await?,
        TokenCommand::Revoke(args) => revoke(&client, args.id).await?,
    }
    Ok(())
}

/// Makes a token. Its text is kept nowhere: only its digest.
pub async fn create(
    client: &Client,
    project: ProjectId,
    name: String,
    roles: Vec<String>,
    expires_at: Option<Timestamp>,
) -> Result<TokenSecret, tokio_postgres::Error> {
    let secret = TokenSecret::new(ids::token_bytes());
    store(client, &secret, project, name, roles, expires_at).await?;
    Ok(secret)
}

/// Keeps the digest of a token.
pub async fn store(
    client: &Client,
    secret: &TokenSecret,
    project: ProjectId,
    name: String,
    roles: Vec<String>,
    expires_at: Option<Timestamp>,
) -> Result<(), tokio_postgres::Error> {
    let id = ids::token_id();
    let token = ApiToken {
        id,
        name,
        project,
        roles,
        created_at: clock::now(),
        expires_at,
        revoked_at: None,
    };
    api_token::create(client, &token, &secret.digest()).await
}

async fn list(client: &Client, args: &ListArgs) -> Result<(), CommandError> {
    let mut tokens = api_token::list(client).await?;
    tokens.retain(|token| {
        args.project
            .as_ref()
            .is_none_or(|project| token.project.as_str() == project)
    });
    let now = clock::now();
    let state = |token: &ApiToken| match token {
        ApiToken {
            revoked_at: Some(_), ..
        } => "revoked",
        token if token.is_valid(now) => "valid",
        _ => "expired",
    };
    if args.json {
        let tokens: Vec<_> = tokens
            .iter()
            .map(|token| {
                serde_json::json!({
                    "id": token.id, "project": token.project.as_str(), "name": token.name, "roles": token.roles,
                    "created_at": token.created_at, "expires_at": token.expires_at,
                    "revoked_at": token.revoked_at, "state": state(token),
                })
            })
            .collect();
        return Ok(output::line(&serde_json::to_string_pretty(&tokens)?)?);
    }
    let time = |time: Timestamp| time.format("%Y-%m-%d %H:%M").to_string();
    let rows = tokens.iter().map(|token| {
        vec![
            token.id.to_string(),
            token.project.to_string(),
            token.name.clone(),
            token.roles.join(","),
            time(token.created_at),
            token.expires_at.map_or_else(|| "never".to_owned(), time),
            state(token).to_owned(),
        ]
    });
    let head = ["ID", "PROJECT", "NAME", "ROLES", "CREATED", "EXPIRES", "STATE"];
    Ok(output::line(&output::table(&head, rows))?)
}

async fn revoke(client: &Client, id: Uuid) -> Result<(), CommandError> {
    if api_token::revoke(client, id, clock::now()).await? {
        return Ok(output::line(&format!("revoked {id}"))?);
    }
    Err(format!("there is no valid token {id}; `zonelog token list` shows them all").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiries_are_read() {
        assert_eq!(parse_expiry("90d"), Ok(Expiry::After(Duration::days(90))));
        assert_eq!(parse_expiry("30m"), Ok(Expiry::After(Duration::minutes(30))));
        assert!(matches!(parse_expiry("2027-01-31T00:00:00Z"), Ok(Expiry::At(_))));
        for wrong in [
            "",
            "d",
            "0d",
            "-1h",
            "5",
            "5w",
            "tomorrow",
            "99999999999999999d",
            "é",
        ] {
            assert!(parse_expiry(wrong).is_err(), "{wrong}");
        }
    }
}
