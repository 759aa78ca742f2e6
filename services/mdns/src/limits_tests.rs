#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

const WAIT: Duration = Duration::from_millis(20);

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn one_address_waits_for_itself_and_not_for_others() {
    let turns = Turns::new(3, 2, WAIT);
    let (greedy, modest) = (address("192.0.2.1"), address("192.0.2.2"));
    let first = turns.take(greedy).await.unwrap();
    let _second = turns.take(greedy).await.unwrap();
    assert!(turns.take(greedy).await.is_err(), "its third");
    let _other = turns.take(modest).await.unwrap();
    assert!(turns.take(modest).await.is_err(), "the fourth of three");
    drop(first);
    turns.take(greedy).await.unwrap();
}

#[tokio::test]
async fn nothing_is_kept_of_an_address_that_has_nothing() {
    let turns = Turns::new(8, 1, WAIT);
    let held = turns.take(address("192.0.2.1")).await.unwrap();
    assert!(turns.take(address("192.0.2.1")).await.is_err());
    assert_eq!(turns.shares.lock().len(), 1);
    drop(held);
    assert_eq!(turns.shares.lock().len(), 0);
    // One that gave up waiting leaves nothing behind either.
    let held = turns.take(address("192.0.2.1")).await.unwrap();
    let waiting = turns.take(address("192.0.2.1"));
    drop(waiting);
    drop(held);
    assert_eq!(turns.shares.lock().len(), 0);
}

#[tokio::test]
async fn an_ipv6_client_is_its_64_and_ipv4_is_ipv4() {
    let connections = Connections::new(8, 1);
    let _one = connections.admit(address("2001:db8::1")).unwrap();
    assert!(connections.admit(address("2001:db8::ffff:2")).is_none());
    let _other = connections.admit(address("2001:db8:0:1::1")).unwrap();
    let _four = connections.admit(address("192.0.2.1")).unwrap();
    assert!(connections.admit(address("::ffff:192.0.2.1")).is_none());
}

#[tokio::test]
async fn the_connection_without_a_query_for_longest_makes_room() {
    let connections = Connections::new(2, 8);
    let client = address("192.0.2.1");
    let (old, young) = (
        connections.admit(client).unwrap(),
        connections.admit(client).unwrap(),
    );
    assert!(connections.admit(client).is_none(), "both are at work");
    let never = std::future::pending::<()>;
    let mut waiting = Box::pin(old.listening(never()));
    let mut waiting_too = Box::pin(young.listening(never()));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    assert!(futures_util::poll!(&mut waiting_too).is_pending());
    let third = connections.admit(client).unwrap();
    assert_eq!(waiting.await, None);
    assert!(futures_util::poll!(&mut waiting_too).is_pending());
    // The evicted one's place went over to the third: it is not given back twice.
    drop(old);
    drop(waiting_too);
    assert!(connections.admit(client).is_none());
    assert_eq!(connections.lock().count, 2);
    drop((young, third));
    assert_eq!(connections.lock().count, 0);
    assert!(connections.lock().idle.is_empty());
}
