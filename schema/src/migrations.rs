//! The migrations, as they stand in `schema/migrations/`. A migration that was released is never edited.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// 1, 2, 3 ... without holes.
    pub number: i32,
    /// What it is about; the file's name without number.
    pub name: &'static str,
    /// The statements, run in one transaction. Tables are named without a schema: they are made in the first schema
    /// of the connection's search path.
    pub sql: &'static str,
}

impl Migration {
    /// SHA-256 of the text, in lower-case hexadecimal.
    pub fn digest(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.sql.as_bytes()))
    }
}

macro_rules! migrations {
    ($($number:literal $name:literal $file:literal),* $(,)?) => {
        &[$(Migration { number: $number, name: $name, sql: include_str!(concat!("../migrations/", $file)) }),*]
    };
}

/// All migrations, in the order in which they are applied.
pub const MIGRATIONS: &[Migration] = migrations![
    1 "log" "0001_log.sql",
    2 "zone_state" "0002_zone_state.sql",
    3 "delivery" "0003_delivery.sql",
    4 "api_token" "0004_api_token.sql",
    5 "lease" "0005_lease.sql",
    6 "resource" "0006_resource.sql",
    7 "zone_ownership" "0007_zone_ownership.sql",
    8 "service_status" "0008_service_status.sql",
    9 "hard_delete" "0009_hard_delete.sql",
    10 "pool_nameservers" "0010_pool_nameservers.sql",
    11 "catalog" "0011_catalog.sql",
    12 "secondary" "0012_secondary.sql",
    13 "deadline" "0013_deadline.sql",
    14 "server_control" "0014_server_control.sql",
    15 "catalog_coo" "0015_catalog_coo.sql",
    16 "serial_position" "0016_serial_position.sql",
];

/// The last migration's number.
pub(crate) const fn latest() -> i32 {
    MIGRATIONS[MIGRATIONS.len() - 1].number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_embedded_once_and_in_order() {
        let mut files: Vec<_> = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let embedded: Vec<_> = MIGRATIONS
            .iter()
            .map(|m| format!("{:04}_{}.sql", m.number, m.name))
            .collect();
        assert_eq!(files, embedded);
        assert!(MIGRATIONS.iter().zip(1..).all(|(m, number)| m.number == number));
    }
}
