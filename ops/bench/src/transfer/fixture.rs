//! Zones of a million records in seconds. The zone itself is created through the API; its recordsets are then written as
//! rows of the zone state, as if the event that made the zone had brought them: this release has no import, and a million
//! POSTs would take many minutes. The log does not have them, so a rebuild would not either: a fixture, for reading alone.

use std::pin::pin;

use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;
use zonelog_dns::{OwnerName, Rdata, Rrtype, pack_rdata};
use zonelog_model::Timestamp;
use zonelog_tests::Zonelog;

use crate::Result;
use crate::generated_zone::{GeneratedRrset, rrsets};

/// A connection to a running Zonelog's database as the tables' owner.
pub(crate) async fn owner(zonelog: &Zonelog) -> Result<Client> {
    let running: serde_json::Value =
        serde_json::from_slice(&std::fs::read(zonelog.data().join("running.json"))?)?;
    let url = running["owner_url"]
        .as_str()
        .ok_or("running.json names no owner_url")?;
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// Writes a generated zone's rows.
pub(crate) async fn fill(client: &Client, zone: Uuid, records: usize) -> Result<()> {
    let facts = client
        .query_one(
            "select name, serial, project, created_at from zone where id = $1",
            &[&zone],
        )
        .await?;
    let (name, serial): (String, i64) = (facts.get(0), facts.get(1));
    let (project, at): (String, Timestamp) = (facts.get(2), facts.get(3));
    let columns = "zone, recordset, owner, owner_key, type, ttl, records, rdata, managed, project, revision, \
                   created_at, since_serial";
    let sink = client
        .copy_in(&format!(
            "copy recordset_version ({columns}) from stdin (format binary)"
        ))
        .await?;
    let types = [
        Type::UUID,
        Type::UUID,
        Type::TEXT,
        Type::BYTEA,
        Type::INT4,
        Type::INT4,
        Type::TEXT_ARRAY,
        Type::BYTEA,
        Type::BOOL,
        Type::TEXT,
        Type::INT8,
        Type::TIMESTAMPTZ,
        Type::INT8,
    ];
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    for (number, rrset) in rrsets(&name, records).enumerate() {
        // Of the zone's id and a number: unique, and in time's order as ids of this release are.
        let id = Uuid::from_u128(zone.as_u128() << 32 | number as u128);
        let row = Row::of(&rrset)?;
        writer
            .as_mut()
            .write(&[
                &zone,
                &id,
                &rrset.owner,
                &row.owner_key,
                &row.rrtype,
                &row.ttl,
                &rrset.records,
                &row.rdata,
                &false,
                &project,
                &1_i64,
                &at,
                &serial,
            ])
            .await?;
    }
    writer.as_mut().finish().await?;
    // What autovacuum does in its time.
    client.batch_execute("vacuum analyze recordset_version").await?;
    Ok(())
}

struct Row {
    owner_key: Vec<u8>,
    rrtype: i32,
    ttl: Option<i32>,
    rdata: Vec<u8>,
}

impl Row {
    fn of(rrset: &GeneratedRrset) -> Result<Self> {
        let rrtype = Rrtype::parse(rrset.rrtype)?;
        let rdata = rrset
            .records
            .iter()
            .map(|text| Rdata::parse(rrtype, text))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(Self {
            owner_key: OwnerName::parse(&rrset.owner)?.to_key(),
            rrtype: rrtype.get().into(),
            ttl: rrset.ttl.map(i32::try_from).transpose()?,
            rdata: pack_rdata(&rdata),
        })
    }
}
