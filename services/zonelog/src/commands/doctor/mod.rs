//! `zonelog doctor`: says in plain words what is missing or wrong, and what to do.

mod database;
mod keystone;
mod pools;
mod ports;
mod secrets;
mod servers;
mod services;

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::cli::{At, CommandError};
use crate::config::{Auth, Config};
use crate::installation::{Running, configuration};
use crate::output;

/// `zonelog doctor`
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// A JSON array.
    #[arg(long)]
    json: bool,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, but somebody should look.
    Warn,
    /// It does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What was looked at, e.g. `database` or `server ns1: rndc`.
    pub about: String,
    /// How it went.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do; nothing where all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Check {
    pub(super) fn ok(about: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            about: about.into(),
            state: State::Ok,
            found: found.into(),
            advice: None,
        }
    }

    pub(super) fn warn(
        about: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            about: about.into(),
            state: State::Warn,
            found: found.into(),
            advice: Some(advice.into()),
        }
    }

    pub(super) fn fail(
        about: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            about: about.into(),
            state: State::Fail,
            found: found.into(),
            advice: Some(advice.into()),
        }
    }
}

/// Runs the command: exit status 1 when anything fails.
pub async fn run(at: &At, args: DoctorArgs) -> Result<ExitCode, CommandError> {
    let mut checks = Vec::new();
    match configuration(at) {
        Ok(config) => all(&config, &mut checks).await,
        Err(error) => checks.push(Check::fail(
            "configuration",
            error.to_string(),
            "correct it; ops/config/zonelog.toml has every key",
        )),
    }
    if args.json {
        output::line(&serde_json::to_string_pretty(&checks)?)?;
    } else {
        checks.iter().try_for_each(|check| output::line(&shown(check)))?;
    }
    let failed = checks.iter().any(|check| check.state == State::Fail);
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn all(config: &Config, checks: &mut Vec<Check>) {
    let running = Running::read(&config.database.data_dir).unwrap_or_default();
    settings(config, checks);
    let database = database::check(config, running.as_ref(), checks).await;
    ports::check(config, running.as_ref(), checks).await;
    keystone::check(config, checks).await;
    let Some(client) = database else {
        return;
    };
    secrets::check(config, &client, checks).await;
    services::check(&client, checks).await;
    pools::check(config, running.as_ref(), &client, checks).await;
}

/// What is allowed, but hardly meant.
fn settings(config: &Config, checks: &mut Vec<Check>) {
    checks.push(Check::ok("configuration", "readable and complete"));
    if config.api.auth == Auth::None {
        checks.push(Check::warn(
            "api.auth",
            "`none`: every user of this machine may change every zone",
            "use `tokens` outside of trials",
        ));
    }
}

fn shown(check: &Check) -> String {
    let state = match check.state {
        State::Ok => "ok  ",
        State::Warn => "warn",
        State::Fail => "FAIL",
    };
    let advice = check
        .advice
        .as_ref()
        .map(|advice| format!("\n        -> {advice}"))
        .unwrap_or_default();
    format!(
        "{state}  {}: {}{advice}",
        check.about,
        check.found.replace('\n', "\n        ")
    )
}
