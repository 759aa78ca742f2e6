//! Why a schema was not made or not accepted.

use std::fmt;

/// A migration that failed, or a schema that this program must not run on.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Nothing was ever migrated here.
    #[error("the database has no Zonelog schema: run `zonelog migrate`")]
    Missing,
    /// The database lacks migrations that this program has.
    #[error(
        "the database's schema is at migration {found}, this program needs {needed}: run `zonelog migrate`"
    )]
    Older {
        /// The last migration in the database.
        found: i32,
        /// The last migration of this program.
        needed: i32,
    },
    /// The database has migrations that this program does not know.
    #[error(
        "the database's schema is at migration {found} ({name}), this program knows only {known}: \
         run a Zonelog at least as new as the one that migrated it"
    )]
    Newer {
        /// The last migration in the database.
        found: i32,
        /// Its name.
        name: String,
        /// The last migration of this program.
        known: i32,
    },
    /// A migration was applied with another text than this program has.
    #[error(
        "migration {number} ({name}) was applied with a text other than this program's: the database comes from \
         another build; use that build, or restore a database of this one"
    )]
    AnotherText {
        /// Number of the migration.
        number: i32,
        /// Its name in this program.
        name: &'static str,
    },
    /// The tables are not what the migrations make.
    #[error(
        "the database's tables are not what the migrations make, somebody altered them; undo this by hand or restore \
         a backup:{}", List(.differences)
    )]
    Altered {
        /// One line each: `missing: column zone.name text not null`.
        differences: Vec<String>,
    },
    /// The service's role may make no temporary tables, and whoever migrates may not allow it.
    #[error(
        "the role \"{role}\" may make no temporary tables, which imports and first transfers of zones need: as the \
         database's owner, `{grant}`, and try again"
    )]
    NoTemporaryTables {
        /// The service's role.
        role: String,
        /// The statement that allows it.
        grant: String,
    },
    /// The service's role does not exist.
    #[error(
        "there is no database role \"{role}\" for the service: create it (`create role \"{role}\" login`) and try again"
    )]
    NoSuchRole {
        /// The role that was asked for.
        role: String,
    },
    /// The service's role owns the tables, or is a superuser: then nothing protects the log.
    #[error(
        "the role \"{role}\" may change or remove events: the service must use a role that neither owns the tables nor \
         is a superuser, with SELECT and INSERT alone on table event (`zonelog migrate` grants them)"
    )]
    LogNotProtected {
        /// The role.
        role: String,
    },
    /// A migration failed; nothing of it remains.
    #[error("migration {number} ({name}) failed and left nothing behind: {}", sql_message(.source))]
    Failed {
        /// Number of the migration.
        number: i32,
        /// Its name.
        name: &'static str,
        /// What PostgreSQL said.
        source: tokio_postgres::Error,
    },
    /// PostgreSQL refused something, or was not there.
    #[error("cannot read or change the schema: {}", sql_message(.0))]
    Sql(#[from] tokio_postgres::Error),
}

struct List<'a>(&'a [String]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// What PostgreSQL said, without the word "db error" that stands before it.
fn sql_message(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("{} (SQLSTATE {})", db.message(), db.code().code()),
        None => error.to_string(),
    }
}
