//! The pools in the log: reading them, and making them what a `pools.yaml` says.

use std::path::Path;

use deadpool_postgres::Client;
use zonelog_central::seal::Sealer;
use zonelog_central::{Central, Command, ExecuteError, Rejection, Request, Scope, ids};
use zonelog_model::resource::{self, Body, Change, Kind};
use zonelog_model::{Actor, Door, Metadata, PoolId, ProjectId};
use zonelog_projections::resource::pools;
use zonelog_store::Database;

use crate::cli::CommandError;
use crate::config::Config;
use crate::output::chain;
use crate::pools_yaml::{self, Present, Step, Wanted, plan};

/// The user, project and role under which operators' commands stand in the log.
const OPERATOR: &str = "operator";
const ADMIN: &str = "admin";

/// Who works on the pools.
pub fn metadata(request: &str) -> Result<Metadata, CommandError> {
    Ok(Metadata {
        actor: Actor {
            user: OPERATOR.to_owned(),
            project: ProjectId::new(ADMIN).ok_or("the operators' project has no valid id")?,
            roles: vec![ADMIN.to_owned()],
            door: Door::Operator,
        },
        change_id: ids::change_id(),
        request_id: None,
        cause: Some(request.to_owned()),
    })
}

/// The pools in the log, oldest first.
pub async fn present(client: &Client) -> Result<Vec<Present>, CommandError> {
    let all = pools(client).await?;
    Ok(all
        .into_iter()
        .filter_map(|resource| match resource.body {
            Body::Pool(pool) => Some(Present {
                id: PoolId::new(resource.id.uuid()),
                pool: *pool,
            }),
            _ => None,
        })
        .collect())
}

/// A client for reading.
pub async fn reader(database: &Database) -> Result<Client, CommandError> {
    let client = database.pool(1).get().await;
    client.map_err(|error| format!("the database: {}", chain(&error)).into())
}

/// Reads a file; its secrets are sealed.
pub fn wanted(path: &Path, present: &[Present], sealer: &Sealer) -> Result<Vec<Wanted>, CommandError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let drafts = pools_yaml::read(&text).map_err(|error| format!("{}, {error}", path.display()))?;
    pools_yaml::sealed(drafts, present, sealer).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// What has to be done for the pools to be as wanted.
pub fn planned(
    config: &Config,
    present: &[Present],
    wanted: &[Wanted],
    delete: bool,
) -> Result<Vec<Step>, CommandError> {
    let default_pool = PoolId::new(config.central.default_pool_id);
    Ok(plan(present, wanted, delete, default_pool, || {
        PoolId::new(ids::resource_id().uuid())
    })?)
}

/// Does one step; `cause` stands with it in the log. `progress` hears how many zones have got other NS records.
pub async fn execute(
    central: &Central,
    step: &Step,
    cause: &str,
    progress: impl FnMut(usize),
) -> Result<(), CommandError> {
    let command = match step {
        Step::Create { id, pool } => resource::Command::Create {
            id: (*id).into(),
            body: Body::Pool(pool.clone()),
        },
        Step::Change { id, after, .. } => resource::Command::Update {
            id: (*id).into(),
            change: Change::Pool(after.clone()),
        },
        Step::Delete { id, .. } => resource::Command::Delete {
            id: (*id).into(),
            kind: Kind::Pool,
        },
    };
    central
        .execute(Request {
            command: Command::Resource(command),
            metadata: metadata(cause)?,
            scope: Scope::AllProjects,
            idempotency: None,
        })
        .await?;
    if let Some(pool) = step.rewrites_nameservers_of() {
        central
            .rewrite_nameservers(pool, &metadata(cause)?, progress)
            .await?;
    }
    Ok(())
}

/// At a start that finds no pool in the log: makes those of `pools.file`.
pub async fn take_up_file(
    config: &Config,
    database: &Database,
    central: &Central,
) -> Result<(), CommandError> {
    let client = reader(database).await?;
    let present = present(&client).await?;
    if !present.is_empty() {
        return Ok(());
    }
    let Some(path) = &config.pools.file else {
        tracing::warn!(
            "there is no pool, so no zone can be made: describe one in a pools.yaml and run `zonelog pool update --file \
             pools.yaml`"
        );
        return Ok(());
    };
    for step in planned(
        config,
        &present,
        &wanted(path, &present, central.sealer())?,
        false,
    )? {
        match execute(central, &step, "pools.file", |_| ()).await {
            Ok(()) => {}
            // Another process that starts at the same time was first.
            Err(error) if is_duplicate(error.as_ref()) => {}
            Err(error) => return Err(format!("{}: {}", path.display(), chain(error.as_ref())).into()),
        }
    }
    tracing::info!(file = %path.display(), "made the pools of the file");
    Ok(())
}

fn is_duplicate(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let Some(ExecuteError::Rejected(rejection)) = error.downcast_ref() else {
        return false;
    };
    matches!(
        **rejection,
        Rejection::Resource(resource::Rejection::Duplicate { .. })
    )
}
