//! The closed sets of words that requests and answers hold, taken from the types that write them.

use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use zonelog_dns::Rrtype;
use zonelog_model::resource::{ImportStatus, TransferStatus, TsigAlgorithm, TsigScope};
use zonelog_projections::service_status::ServiceState;
use zonelog_projections::status;

/// A text that is one of these words.
pub(crate) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .enum_values(Some(words.into_iter().map(str::to_owned)))
}

macro_rules! words {
    ($($(#[doc = $doc:literal])+ $name:ident = $words:expr;)+) => {$(
        $(#[doc = $doc])+
        pub(crate) enum $name {}

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let description = concat!($($doc),+).trim();
                one_of($words).description(Some(description)).into()
            }
        }

        impl ToSchema for $name {}
    )+};
}

words! {
    /// How far a change has come on the name servers.
    Status = [status::Status::Active, status::Status::Pending, status::Status::Error].map(status::Status::label);
    /// What the name servers are still to do.
    Action = [status::Action::None, status::Action::Create, status::Action::Update, status::Action::Delete]
        .map(status::Action::label);
    /// Where a zone's content comes from: made here, or transferred from its masters.
    ZoneType = ["PRIMARY", "SECONDARY"];
    /// The type of a recordset's records.
    RecordType = Rrtype::SUPPORTED.iter().filter_map(|rrtype| rrtype.mnemonic());
    /// How a service is.
    ServiceStatus = [ServiceState::Up, ServiceState::Down, ServiceState::Stopped].map(ServiceState::label);
    /// How far a transfer of ownership is.
    TransferWord = [TransferStatus::Active, TransferStatus::Complete].map(TransferStatus::label);
    /// How far an import is.
    ImportWord = [ImportStatus::Pending, ImportStatus::Complete, ImportStatus::Error].map(ImportStatus::label);
    /// How far an export is: it is made when it is fetched.
    ExportWord = ["COMPLETE"];
    /// The algorithm of a transaction signature.
    Algorithm = TsigAlgorithm::ALL.map(TsigAlgorithm::label);
    /// What a TSIG key is for.
    KeyScope = [TsigScope::Pool, TsigScope::Zone].map(TsigScope::label);
    /// The status of a floating IP's PTR; without one it is inactive.
    PtrStatus = [
        status::Status::Active.label(), status::Status::Pending.label(), status::Status::Error.label(), "INACTIVE",
    ];
    /// Whether a version of the API is the present one.
    VersionStatus = ["SUPPORTED", "CURRENT"];
}
