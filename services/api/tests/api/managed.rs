//! Managed recordsets: what Zonelog made itself is changed only by who asks for it explicitly.

use reqwest::Method;
use serde_json::json;
use uuid::Uuid;
use zonelog_central::{Request, Scope, ids};
use zonelog_dns::{OwnerName, Rrtype};
use zonelog_model::zone::{Command, CreateRecordset, Record};
use zonelog_model::{Actor, Door, Metadata, ProjectId, ZoneId};

use crate::parts::TestApi;

const EDIT: (&str, &str) = ("x-designate-edit-managed-records", "true");

/// A managed recordset in a zone; its path.
async fn managed(api: &TestApi, zone: &str, name: &str) -> String {
    let project = ProjectId::new("noauth-project").unwrap();
    let command = CreateRecordset {
        zone: ZoneId::new(Uuid::try_parse(zone).unwrap()),
        recordset: ids::recordset_id(),
        owner: OwnerName::parse(name).unwrap(),
        rrtype: Rrtype::A,
        ttl: None,
        records: vec![Record::parse(Rrtype::A, "192.0.2.1").unwrap()],
        description: None,
        project: project.clone(),
        managed: true,
        managed_resource: None,
        may_use_low_ttl: false,
    };
    let id = command.recordset;
    let actor = Actor {
        user: "operator".to_owned(),
        project,
        roles: Vec::new(),
        door: Door::Operator,
    };
    let request = Request {
        command: Command::from(command).into(),
        metadata: Metadata {
            actor,
            change_id: ids::change_id(),
            request_id: None,
            cause: None,
        },
        scope: Scope::AllProjects,
        idempotency: None,
    };
    api.central.execute(request).await.unwrap();
    format!("/v2/zones/{zone}/recordsets/{id}")
}

#[tokio::test]
async fn managed_recordsets_are_changed_with_the_header_only() {
    let api = TestApi::start().await;
    let zone = api.zone("example.org.").await;
    let path = managed(&api, &zone, "made.example.org.").await;
    api.get(&path).await.expect(200);
    let change = json!({"records": ["192.0.2.9"]});
    let error = api.put(&path, &change).await.expect_error(400, "bad_request");
    assert_eq!(error["message"], "Managed records may not be updated");
    let error = api.delete(&path).await.expect_error(400, "bad_request");
    assert_eq!(error["message"], "Managed records may not be deleted");
    let changed = api
        .send(Method::PUT, &path, &[EDIT], Some(&change))
        .await
        .expect(202)
        .json();
    assert_eq!(changed["records"], json!(["192.0.2.9"]));
    let by_parameter = format!("{path}?edit_managed_records=true");
    api.put(&by_parameter, &json!({"ttl": 60})).await.expect(202);
    api.send(Method::DELETE, &path, &[EDIT], None).await.expect(202);
    api.get(&path).await.expect_error(404, "recordset_not_found");
}
