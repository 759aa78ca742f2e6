//! Signs of life.

use serde_json::json;
use uuid::Uuid;
use zonelog_projections::listing::Pattern;
use zonelog_projections::service_status::{
    self, Beat, DOWN_AFTER_SECONDS, ServiceFilter, ServiceSort, ServiceState, ServiceStatusError,
};

use crate::world::{World, at, page};

#[tokio::test]
async fn a_service_is_up_while_it_beats() {
    let world = World::new().await;
    let client = world.reader().await;
    let (stats, none) = (json!({"queued": 3}), json!({}));
    let beat = |number, service_name| Beat {
        id: Uuid::from_u128(number),
        service_name,
        hostname: "one",
        stats: &stats,
        capabilities: &none,
    };
    service_status::heartbeat(&client, &beat(1, "api"), at(0))
        .await
        .unwrap();
    service_status::heartbeat(&client, &beat(2, "central"), at(1))
        .await
        .unwrap();
    service_status::heartbeat(&client, &beat(3, "api"), at(10))
        .await
        .unwrap();
    let list = async |filter: ServiceFilter, now| {
        let rows = service_status::list(&client, &filter, ServiceSort::ServiceName, &page(20), at(now))
            .await
            .unwrap();
        rows.iter()
            .map(|row| (row.service_name.clone(), row.status))
            .collect::<Vec<_>>()
    };
    let row = |name: &str, status| (name.to_owned(), status);
    let both = [row("api", ServiceState::Up), row("central", ServiceState::Up)];
    assert_eq!(list(ServiceFilter::default(), 11).await, both);
    let later = DOWN_AFTER_SECONDS + 5;
    let down = ServiceFilter {
        status: Some(Pattern::parse("down")),
        ..ServiceFilter::default()
    };
    assert_eq!(list(down, later).await, [row("central", ServiceState::Down)]);
    let api = service_status::find(&client, Uuid::from_u128(1), at(11))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (api.created_at, api.heartbeated_at, api.updated_at),
        (at(0), at(10), Some(at(10)))
    );
    assert_eq!(api.stats, stats);

    service_status::stop(&client, "api", "one", at(12)).await.unwrap();
    let api = service_status::find(&client, api.id, at(1000))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(api.status, ServiceState::Stopped);
    let mut second = page(20);
    second.marker = Some(api.id);
    let filter = ServiceFilter::default();
    let rows = service_status::list(&client, &filter, ServiceSort::CreatedAt, &second, at(12))
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    second.marker = Some(Uuid::from_u128(99));
    let unknown = service_status::list(&client, &filter, ServiceSort::CreatedAt, &second, at(12)).await;
    assert!(matches!(unknown, Err(ServiceStatusError::MarkerNotFound(_))));
    assert_eq!(service_status::clean(&client, at(5)).await.unwrap(), 1);
}
