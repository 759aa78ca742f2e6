//! Rows for `COPY ... FROM STDIN BINARY`: the cheapest way for many rows into a table.

use std::error::Error;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::SinkExt;
use tokio_postgres::Client;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::error::StoreError;

/// What a binary copy begins with: signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What it ends with.
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// Rows in the binary form of COPY, made apart from any connection.
#[derive(Debug)]
pub struct CopyRows {
    types: &'static [Type],
    octets: BytesMut,
    rows: u64,
}

/// Rows that are ready to be sent.
#[derive(Clone, Debug)]
pub struct EncodedRows {
    octets: Bytes,
    rows: u64,
}

impl CopyRows {
    /// No rows yet; `types` are those of the columns that the statement names.
    pub fn new(types: &'static [Type]) -> Self {
        Self {
            types,
            octets: BytesMut::from(HEADER),
            rows: 0,
        }
    }

    /// Adds a row with a value for each column.
    ///
    /// # Errors
    /// [`StoreError::Decode`] when there are more or fewer values than columns, or one is not of its column's type.
    pub fn push(&mut self, values: &[&(dyn ToSql + Sync)]) -> Result<(), StoreError> {
        let wrong = |why: String| StoreError::decode("a row to be copied".to_owned(), why);
        if values.len() != self.types.len() {
            return Err(wrong(format!(
                "{} values for {} columns",
                values.len(),
                self.types.len()
            )));
        }
        let columns = i16::try_from(values.len()).map_err(|error| wrong(error.to_string()))?;
        self.octets.put_i16(columns);
        for (value, column) in values.iter().zip(self.types) {
            let length_at = self.octets.len();
            self.octets.put_i32(-1);
            let is_null = value
                .to_sql_checked(column, &mut self.octets)
                .map_err(|error| wrong(error.to_string()))?;
            if matches!(is_null, IsNull::No) {
                let length = i32::try_from(self.octets.len() - length_at - 4)
                    .map_err(|error| wrong(error.to_string()))?;
                self.octets[length_at..length_at + 4].copy_from_slice(&length.to_be_bytes());
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Ends the rows.
    pub fn finish(mut self) -> EncodedRows {
        self.octets.put_slice(&TRAILER);
        EncodedRows {
            octets: self.octets.freeze(),
            rows: self.rows,
        }
    }
}

impl EncodedRows {
    /// Sends them with a statement `copy TABLE (COLUMNS) from stdin (format binary)`, in the client's open transaction.
    pub async fn copy(self, client: &Client, statement: &str) -> Result<(), StoreError> {
        if self.rows == 0 {
            return Ok(());
        }
        let sink = client.copy_in::<_, Bytes>(statement).await?;
        let mut sink = std::pin::pin!(sink);
        sink.send(self.octets).await?;
        let copied = sink.finish().await?;
        if copied == self.rows {
            Ok(())
        } else {
            Err(StoreError::decode(
                "rows copied".to_owned(),
                format!("{copied} of {} arrived", self.rows),
            ))
        }
    }
}

/// JSON text as a value of a `jsonb` column.
#[derive(Debug)]
pub struct JsonText<'a>(pub &'a str);

impl ToSql for JsonText<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        // The version of the binary form; the only one there is.
        out.put_u8(1);
        out.put_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(column: &Type) -> bool {
        *column == Type::JSONB
    }

    to_sql_checked!();
}
