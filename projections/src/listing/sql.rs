//! Statements put together from a closed set of fragments. Whatever a caller gave is a bind parameter.

use deadpool_postgres::Client;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use super::Pattern;

/// A statement in the making: its text and what is bound to `$1`, `$2` ...
#[derive(Default)]
pub(crate) struct Parameters {
    values: Vec<Box<dyn ToSql + Sync + Send>>,
    types: Vec<Type>,
}

impl Parameters {
    /// Binds a value and returns its place (`$3`).
    pub(crate) fn bind(&mut self, value: impl ToSql + Sync + Send + 'static, r#type: Type) -> String {
        self.values.push(Box::new(value));
        self.types.push(r#type);
        format!("${}", self.values.len())
    }

    /// Runs the statement. `common` statements stay prepared on the connection; the others, of which filters and sort
    /// keys make thousands, are sent with their types in the same single round trip.
    pub(crate) async fn query(
        &self,
        client: &Client,
        text: &str,
        common: bool,
    ) -> Result<Vec<Row>, tokio_postgres::Error> {
        if common {
            let statement = client.prepare_typed_cached(text, &self.types).await?;
            let values: Vec<&(dyn ToSql + Sync)> = self.values.iter().map(|value| &**value as _).collect();
            return client.query(&statement, &values).await;
        }
        let values: Vec<(&(dyn ToSql + Sync), Type)> = self
            .values
            .iter()
            .zip(&self.types)
            .map(|(value, r#type)| (&**value as _, r#type.clone()))
            .collect();
        client.query_typed(text, &values).await
    }
}

/// A filter on a text, whatever its case. `column` is an expression of ours.
pub(crate) fn text_fits(column: &str, pattern: &Pattern, parameters: &mut Parameters) -> String {
    match pattern.exact() {
        Some(exact) => format!(
            "lower({column}) = lower({})",
            parameters.bind(exact.to_owned(), Type::TEXT)
        ),
        None => format!(
            "lower({column}) like lower({})",
            parameters.bind(pattern.like(), Type::TEXT)
        ),
    }
}

/// A filter on a domain name: an exact one goes by its sort key, which has an index.
pub(super) fn name_fits(column: &str, key: &str, pattern: &Pattern, parameters: &mut Parameters) -> String {
    let Some(exact) = pattern.exact() else {
        return text_fits(column, pattern, parameters);
    };
    match zonelog_dns::Name::parse(exact) {
        Ok(name) => format!("{key} = {}", parameters.bind(name.to_key(), Type::BYTEA)),
        Err(_) => "false".to_owned(),
    }
}
