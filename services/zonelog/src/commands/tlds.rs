//! `zonelog tlds`: top-level domains from a list.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;
use zonelog_central::{Central, Command, ExecuteError, Rejection, Request, Scope, ids};
use zonelog_model::resource::{self, Body, Tld};
use zonelog_store::Database;

use crate::cli::{At, CommandError};
use crate::compose::central_options;
use crate::installation::{configuration, connect, urls};
use crate::{output, pools, sealing};

/// What stands in the log with the changes.
const CAUSE: &str = "zonelog tlds import";

/// `zonelog tlds ...`
#[derive(Debug, Subcommand)]
pub enum TldsCommand {
    /// Make TLDs from a file: a name a line, and a description behind a delimiter. Those that exist are passed over.
    Import(ImportArgs),
}

/// `zonelog tlds import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file. Empty lines, and lines that begin with #, are passed over.
    #[arg(long, alias = "input_file", alias = "input-file", value_name = "FILE")]
    file: PathBuf,
    /// What stands between a name and its description.
    #[arg(long, default_value = ",")]
    delimiter: String,
}

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    number: usize,
    tld: Tld,
}

/// Runs the command.
pub async fn run(at: &At, command: TldsCommand) -> Result<(), CommandError> {
    let TldsCommand::Import(args) = command;
    let lines = read(&args.file, &args.delimiter)?;
    let config = configuration(at)?;
    let urls = urls(&config)?;
    let client = connect(&urls.service, "zonelog tlds").await?;
    zonelog_schema::check(&client).await?;
    let database = Database::new(urls.service.expose(), "zonelog tlds")?;
    let shutdown = CancellationToken::new();
    let options = central_options(&config, sealing::sealer(&config)?)?;
    let central = Central::start(database, options, shutdown.clone());
    let done = import(&central, lines).await;
    shutdown.cancel();
    done
}

async fn import(central: &Central, lines: Vec<Line>) -> Result<(), CommandError> {
    let (mut made, mut known, mut wrong) = (0, 0, Vec::new());
    for Line { number, tld } in lines {
        let name = tld.name.clone();
        let request = Request {
            command: Command::Resource(resource::Command::Create {
                id: ids::resource_id(),
                body: Body::Tld(tld),
            }),
            metadata: pools::metadata(CAUSE)?,
            scope: Scope::AllProjects,
            idempotency: None,
        };
        match central.execute(request).await {
            Ok(_) => made += 1,
            Err(ExecuteError::Rejected(rejection)) => match *rejection {
                Rejection::Resource(resource::Rejection::Duplicate { .. }) => known += 1,
                other => wrong.push(format!("line {number}: {name}: {other}")),
            },
            Err(error) => return Err(format!("line {number}: {name}: {}", output::chain(&error)).into()),
        }
    }
    output::line(&format!("made {made} TLDs; {known} were there already"))?;
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("{} lines are no TLDs:\n  {}", wrong.len(), wrong.join("\n  ")).into())
    }
}

fn read(path: &Path, delimiter: &str) -> Result<Vec<Line>, CommandError> {
    if delimiter.is_empty() {
        return Err("--delimiter must not be empty".into());
    }
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(parse(&text, delimiter))
}

fn parse(text: &str, delimiter: &str) -> Vec<Line> {
    let lines = text.lines().enumerate();
    lines
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| {
            let (name, description) = match line.split_once(delimiter) {
                Some((name, description)) => (name.trim(), Some(description.trim().to_owned())),
                None => (line, None),
            };
            let tld = Tld {
                name: name.trim_end_matches('.').to_owned(),
                description: description.filter(|description| !description.is_empty()),
            };
            Line { number, tld }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_name_and_perhaps_a_description() {
        let lines = parse("# the list\ncom\n\n org. , For all, and everybody\nco.uk,\n", ",");
        let read: Vec<_> = lines
            .iter()
            .map(|line| {
                (
                    line.number,
                    line.tld.name.as_str(),
                    line.tld.description.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            read,
            [
                (2, "com", None),
                (4, "org", Some("For all, and everybody")),
                (5, "co.uk", None)
            ]
        );
        assert_eq!(parse("a;b", ";")[0].tld.description.as_deref(), Some("b"));
    }
}
