//! What requests hold, for their descriptions. The handlers read them field by field, to say of each what is wrong, so
//! these shapes are never made; a test holds their keys against those that the handlers take.
#![expect(dead_code, reason = "shapes to be described, not to be made")]

use std::collections::BTreeMap;

use utoipa::ToSchema;
use uuid::Uuid;

use super::words;

/// A zone to be made.
#[derive(ToSchema)]
pub(crate) struct NewZone {
    /// Its name, with the final dot.
    #[schema(max_length = 255, example = "example.org.")]
    name: String,
    /// The responsible person's address; wanted of a primary zone, and not taken of a secondary one.
    #[schema(max_length = 255, example = "hostmaster@example.org")]
    email: Option<String>,
    /// How long its records may be kept that say nothing else, in seconds; without it the installation's. Not taken of a
    /// secondary zone.
    #[schema(minimum = 0, maximum = 2_147_483_647)]
    ttl: Option<i64>,
    /// Any text.
    #[schema(max_length = 160)]
    description: Option<String>,
    /// Where its content comes from; without it, it is made here.
    #[schema(value_type = Option<words::ZoneType>)]
    r#type: Option<String>,
    /// Where a secondary zone is transferred from: `host` or `host:port`. A primary zone has none.
    #[schema(max_items = 32, example = json!(["192.0.2.1", "[2001:db8::1]:5353"]))]
    masters: Option<Vec<String>>,
    /// What the pool is chosen by.
    attributes: Option<BTreeMap<String, String>>,
}

/// What is to change of a zone.
#[derive(ToSchema)]
pub(crate) struct ZoneChange {
    /// The responsible person's address.
    #[schema(max_length = 255, nullable = false)]
    email: Option<String>,
    /// In seconds.
    #[schema(minimum = 0, maximum = 2_147_483_647, nullable = false)]
    ttl: Option<i64>,
    /// Any text.
    #[schema(max_length = 160)]
    description: Option<String>,
    /// Where a secondary zone is transferred from: `host` or `host:port`. A primary zone has none.
    #[schema(max_items = 32, example = json!(["192.0.2.1", "[2001:db8::1]:5353"]))]
    masters: Option<Vec<String>>,
}

/// Where a zone is to move. Without a pool, the scheduler chooses.
#[derive(ToSchema)]
pub(crate) struct PoolMove {
    /// The pool.
    pool_id: Option<Uuid>,
}

/// A recordset to be made.
#[derive(ToSchema)]
pub(crate) struct NewRecordset {
    /// Its name, with the final dot.
    #[schema(max_length = 255, example = "www.example.org.")]
    name: String,
    /// The type of its records.
    #[schema(value_type = words::RecordType)]
    r#type: String,
    /// In seconds; null is the zone's.
    #[schema(minimum = 0, maximum = 2_147_483_647)]
    ttl: Option<i64>,
    /// Its records as a master file has them.
    #[schema(example = json!(["192.0.2.1"]))]
    records: Option<Vec<String>>,
    /// Any text.
    #[schema(max_length = 160)]
    description: Option<String>,
}

/// What is to change of a recordset: what is left out stays.
#[derive(ToSchema)]
pub(crate) struct RecordsetChange {
    /// In seconds; null is the zone's.
    #[schema(minimum = 0, maximum = 2_147_483_647)]
    ttl: Option<i64>,
    /// Its records as a master file has them.
    #[schema(nullable = false)]
    records: Option<Vec<String>>,
    /// Any text.
    #[schema(max_length = 160)]
    description: Option<String>,
}

/// A share to be made.
#[derive(ToSchema)]
pub(crate) struct NewShare {
    /// The project that may use the zone.
    #[schema(min_length = 1, max_length = 36)]
    target_project_id: String,
}

/// A zone to be offered.
#[derive(ToSchema)]
pub(crate) struct NewTransferRequest {
    /// Any text.
    #[schema(max_length = 160)]
    description: Option<String>,
    /// The only project that may take it; null: whoever has the key.
    #[schema(min_length = 1, max_length = 36)]
    target_project_id: Option<String>,
}

/// What is to change of an offer.
#[derive(ToSchema)]
pub(crate) struct TransferRequestChange {
    /// Any text.
    #[schema(max_length = 160)]
    description: Option<String>,
}

/// An offer to be taken.
#[derive(ToSchema)]
pub(crate) struct NewTransferAccept {
    /// The offer.
    zone_transfer_request_id: Uuid,
    /// The key that the owner was given.
    #[schema(max_length = 160)]
    key: String,
}

/// A master file in JSON.
#[derive(ToSchema)]
pub(crate) struct NewImport {
    /// The file (RFC 1035 §5).
    zonefile: String,
    /// What the zone's pool is chosen by.
    attributes: Option<BTreeMap<String, String>>,
}

/// A TLD to be made.
#[derive(ToSchema)]
pub(crate) struct NewTld {
    /// Its name, without a final dot.
    #[schema(max_length = 255, example = "co.uk")]
    name: String,
    /// Any text.
    #[schema(max_length = 160)]
    description: Option<String>,
}

/// What is to change of a TLD.
#[derive(ToSchema)]
pub(crate) struct TldChange {
    /// Its name, without a final dot.
    #[schema(max_length = 255, nullable = false)]
    name: Option<String>,
    /// Any text.
    #[schema(max_length = 160)]
    description: Option<String>,
}

/// A blacklist to be made.
#[derive(ToSchema)]
pub(crate) struct NewBlacklist {
    /// A regular expression, searched for in names.
    #[schema(max_length = 255, example = "^evil\\.example\\.org\\.$")]
    pattern: String,
    /// Any text.
    #[schema(max_length = 160)]
    description: Option<String>,
}

/// What is to change of a blacklist.
#[derive(ToSchema)]
pub(crate) struct BlacklistChange {
    /// A regular expression, searched for in names.
    #[schema(max_length = 255, nullable = false)]
    pattern: Option<String>,
    /// Any text.
    #[schema(max_length = 160)]
    description: Option<String>,
}

/// A TSIG key to be made.
#[derive(ToSchema)]
pub(crate) struct NewTsigKey {
    /// Its name, as both sides know it.
    #[schema(max_length = 160)]
    name: String,
    /// How it signs.
    #[schema(value_type = words::Algorithm)]
    algorithm: String,
    /// Base64.
    #[schema(max_length = 160)]
    secret: String,
    /// What it is for.
    #[schema(value_type = words::KeyScope)]
    scope: String,
    /// The pool or zone.
    resource_id: Uuid,
}

/// What is to change of a TSIG key.
#[derive(ToSchema)]
pub(crate) struct TsigKeyChange {
    /// Its name, as both sides know it.
    #[schema(max_length = 160, nullable = false)]
    name: Option<String>,
    /// How it signs.
    #[schema(value_type = words::Algorithm, required = false)]
    algorithm: Option<String>,
    /// Base64.
    #[schema(max_length = 160, nullable = false)]
    secret: Option<String>,
    /// What it is for.
    #[schema(value_type = words::KeyScope, required = false)]
    scope: Option<String>,
    /// The pool or zone.
    #[schema(nullable = false)]
    resource_id: Option<Uuid>,
}

/// An NS record of a pool.
#[derive(ToSchema)]
pub(crate) struct PoolNsRecord {
    /// The server's name, with the final dot.
    #[schema(max_length = 255, example = "ns1.example.org.")]
    hostname: String,
    /// Lower ones come first.
    #[schema(minimum = 1, maximum = 10_000)]
    priority: i64,
}

/// A pool to be made.
#[derive(ToSchema)]
pub(crate) struct NewPool {
    /// Its name.
    #[schema(max_length = 50)]
    name: String,
    /// Any text.
    #[schema(max_length = 160)]
    description: Option<String>,
    /// The project that it belongs to.
    #[schema(min_length = 1, max_length = 36)]
    project_id: Option<String>,
    /// What zones choose it by.
    attributes: Option<BTreeMap<String, String>>,
    /// The name servers of its zones.
    ns_records: Option<Vec<PoolNsRecord>>,
}

/// What is to change of a pool.
#[derive(ToSchema)]
pub(crate) struct PoolChange {
    /// Its name.
    #[schema(max_length = 50, nullable = false)]
    name: Option<String>,
    /// Any text.
    #[schema(max_length = 160)]
    description: Option<String>,
    /// What zones choose it by.
    attributes: Option<BTreeMap<String, String>>,
    /// The name servers of its zones.
    ns_records: Option<Vec<PoolNsRecord>>,
}

/// What is to change of a project's quotas; -1 is no limit.
#[derive(ToSchema)]
pub(crate) struct QuotasChange {
    /// Zones.
    #[schema(minimum = -1, maximum = 2_147_483_647, nullable = false)]
    zones: Option<i64>,
    /// Recordsets of a zone.
    #[schema(minimum = -1, maximum = 2_147_483_647, nullable = false)]
    zone_recordsets: Option<i64>,
    /// Records of a zone.
    #[schema(minimum = -1, maximum = 2_147_483_647, nullable = false)]
    zone_records: Option<i64>,
    /// Records of a recordset.
    #[schema(minimum = -1, maximum = 2_147_483_647, nullable = false)]
    recordset_records: Option<i64>,
    /// Recordsets of a zone that is exported.
    #[schema(minimum = -1, maximum = 2_147_483_647, nullable = false)]
    api_export_size: Option<i64>,
}

/// Quotas in the envelope that `/admin` has.
#[derive(ToSchema)]
pub(crate) struct QuotasChangeEnvelope {
    /// The quotas.
    quota: QuotasChange,
}

/// What is to become of a floating IP's PTR.
#[derive(ToSchema)]
pub(crate) struct PtrChange {
    /// The name that the address leads to, with the final dot; null takes the PTR away.
    #[schema(max_length = 255, example = "host.example.org.")]
    ptrdname: Option<String>,
    /// In seconds; null is the zone's.
    #[schema(minimum = 0, maximum = 2_147_483_647)]
    ttl: Option<i64>,
    /// Any text.
    #[schema(max_length = 160)]
    description: Option<String>,
}
