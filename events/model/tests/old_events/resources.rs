//! Resources of each kind, and their events.

use uuid::Uuid;
use zonelog_dns::Name;
use zonelog_model::resource::{
    Blacklist, Body, CatalogZone, Event, HostPort, ImportStatus, Kind, NsRecord, OptionValue, Pool,
    PoolNameserver, PoolTarget, QuotaOverrides, Resource, Sealed, Tld, TransferAccept, TransferRequest,
    TransferStatus, TsigAlgorithm, TsigKey, TsigScope, ZoneExport, ZoneImport,
};
use zonelog_model::scenario::fixtures::*;
use zonelog_model::{ResourceId, ZoneId};

use super::zones::long_serial;
use super::{created_at, updated_at};

const KEY: Uuid = Uuid::from_u128(0xf1);

fn sealed(text: &str) -> Sealed {
    Sealed::new(format!("v1:{text}"))
}

fn place(host: &str, port: u16) -> HostPort {
    HostPort {
        host: host.into(),
        port,
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn ns_record(hostname: &str, priority: u16) -> NsRecord {
    NsRecord {
        hostname: name(hostname),
        priority,
    }
}

fn full_pool() -> Pool {
    let target = PoolTarget {
        kind: "pdns4".into(),
        description: Some("the API of PowerDNS".into()),
        tsigkey: None,
        masters: vec![place("192.0.2.2", 5354), place("2001:db8::2", 5354)],
        options: [
            (
                "api_endpoint".into(),
                OptionValue::Plain("http://192.0.2.3:8081".into()),
            ),
            ("api_token".into(), OptionValue::Sealed(sealed("dG9rZW4="))),
        ]
        .into(),
    };
    Pool {
        name: "default".into(),
        description: Some("Zürich".into()),
        project: Some(project("alpha")),
        attributes: [("service".into(), "gold".into())].into(),
        ns_records: vec![
            ns_record("NS1.example.net.", 10),
            ns_record("ns2.example.net.", 1),
        ],
        nameservers: vec![PoolNameserver {
            host: "192.0.2.3".into(),
            port: 53,
            tsigkey: Some(KEY),
        }],
        targets: vec![target],
        also_notifies: vec![place("192.0.2.4", 53)],
        catalog_zone: Some(CatalogZone {
            name: name("catalog.example.net."),
            refresh: 60,
            tsig_key: Some(sealed("a2V5")),
            tsig_algorithm: Some("hmac-sha256".into()),
        }),
    }
}

fn bare_pool() -> Pool {
    Pool {
        description: None,
        project: None,
        attributes: [].into(),
        ns_records: vec![ns_record("ns2.example.net.", 1)],
        nameservers: vec![],
        targets: vec![],
        also_notifies: vec![],
        catalog_zone: None,
        ..full_pool()
    }
}

/// A body as it was made, and one that it was changed to.
fn bodies(kind: Kind) -> (Body, Body) {
    let described = Some("Zürich, \"main\"".to_owned());
    match kind {
        Kind::Tld => {
            let tld = |name: &str, description| {
                Body::Tld(Tld {
                    name: name.into(),
                    description,
                })
            };
            (tld("Co.uk", None), tld("com", described))
        }
        Kind::Blacklist => {
            let blacklist = |pattern: &str, description| {
                Body::Blacklist(Blacklist {
                    pattern: pattern.into(),
                    description,
                })
            };
            (
                blacklist(r"^(?!www)\w+\.example\.com\.$", described),
                blacklist("bad", None),
            )
        }
        Kind::TsigKey => {
            let key = |algorithm, scope| {
                Body::TsigKey(TsigKey {
                    name: "key.example.com.".into(),
                    algorithm,
                    secret: sealed("c2VjcmV0"),
                    scope,
                    resource: POOL.uuid(),
                })
            };
            (
                key(TsigAlgorithm::HmacSha256, TsigScope::Pool),
                key(TsigAlgorithm::HmacMd5, TsigScope::Zone),
            )
        }
        Kind::Pool => (Body::Pool(full_pool().into()), Body::Pool(bare_pool().into())),
        Kind::Quotas => {
            let quotas = |zones, api_export_size| {
                Body::Quotas(QuotaOverrides {
                    project: project("alpha"),
                    zones,
                    zone_recordsets: Some(-1),
                    zone_records: None,
                    recordset_records: Some(0),
                    api_export_size,
                })
            };
            (quotas(Some(20), None), quotas(None, Some(2_147_483_647)))
        }
        Kind::TransferRequest => {
            let request = |target: Option<&str>, description, status| {
                Body::TransferRequest(TransferRequest {
                    zone: ZONE,
                    zone_name: zone_name("Example.COM."),
                    project: project("alpha"),
                    target_project: target.map(project),
                    key: sealed("a2V5"),
                    description,
                    status,
                })
            };
            (
                request(None, described, TransferStatus::Active),
                request(Some("beta"), None, TransferStatus::Complete),
            )
        }
        Kind::TransferAccept => {
            let accept = |project_id: &str| {
                Body::TransferAccept(TransferAccept {
                    request: ResourceId::new(Uuid::from_u128(0xf2)),
                    zone: ZONE,
                    project: project(project_id),
                })
            };
            (accept("beta"), accept("gamma"))
        }
        Kind::ZoneImport => {
            let import = |status, message: Option<&str>, zone: Option<ZoneId>| {
                Body::ZoneImport(ZoneImport {
                    project: project("alpha"),
                    status,
                    message: message.map(str::to_owned),
                    zone,
                })
            };
            (
                import(ImportStatus::Pending, None, None),
                import(ImportStatus::Complete, Some("example.com. imported"), Some(ZONE)),
            )
        }
        Kind::ZoneExport => {
            let export = |message: Option<&str>| {
                Body::ZoneExport(ZoneExport {
                    project: project("alpha"),
                    zone: ZONE,
                    serial: long_serial(7),
                    status: ImportStatus::Complete,
                    message: message.map(str::to_owned),
                })
            };
            (export(None), export(Some("done")))
        }
    }
}

/// What the golden payload of a type means; `None` if it is none of a resource.
pub(super) fn meaning(type_name: &str) -> Option<Event> {
    let (kind, what) = type_name.rsplit_once('_')?;
    let (made, changed) = bodies(Kind::from_label(kind)?);
    let before = Resource::new(ResourceId::new(Uuid::from_u128(0xf0)), made, 0, created_at());
    Some(match what {
        "created" => Event::Created { resource: before },
        "changed" => Event::Changed {
            after: before.changed_to(changed, updated_at()),
            before,
        },
        "deleted" => Event::Deleted {
            before: before.changed_to(changed, updated_at()),
        },
        _ => return None,
    })
}
