//! Accepting events: what is answered, and what is in the database when it is. Nobody runs them here.

use bytes::Bytes;
use chrono::TimeDelta;
use domain::event::{Condition, EventId, Verdict};
use http::{Request, Response};
use serde_json::Value;
use store::events::{EventState, EventStatus, Settlement};

use super::*;
use crate::lambda::invoke;

const TRACE: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=a87bd80c:1";

/// Sends an event to `f`.
async fn send(world: &World, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let mut request = Request::post("/2015-03-31/functions/f/invocations")
        .header("x-amz-invocation-type", "Event");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let body = Bytes::copy_from_slice(body.as_bytes());
    invoke::serve(world.call(ALICE), &parts, "f", body).await
}

/// As [`send`], for one that is accepted; answers its id.
async fn accepted(world: &World, headers: &[(&str, &str)], body: &str) -> EventId {
    let answer = send(world, headers, body).await;
    assert_eq!((answer.status().as_u16(), answer.body().len()), (202, 0));
    let id = answer.headers()["x-amzn-requestid"].to_str().unwrap();
    EventId::new(id.parse().unwrap()).unwrap()
}

async fn turned_down(world: &World, headers: &[(&str, &str)], status: u16, text: &str) {
    let answer = send(world, headers, "{}").await;
    let body: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(
        (answer.status().as_u16(), body["message"].as_str()),
        (status, Some(text))
    );
}

async fn stored(world: &World, id: EventId) -> EventStatus {
    let call = world.call(ALICE);
    let now = world.clock.now();
    let event = world.app.store.event(call.account, &call.region, id, now);
    event.await.unwrap().unwrap()
}

async fn count(world: &World) -> u64 {
    let call = world.call(ALICE);
    let lanes = world.app.store.lanes_of(call.account, &call.region).await;
    let mut count = 0;
    for lane in lanes.unwrap() {
        count += world.app.store.lane_depth(lane.id).await.unwrap().0;
    }
    count
}

#[tokio::test]
async fn an_event_is_there_when_it_is_answered() {
    let world = World::new().await;
    create(&world, "f").await;
    // Whoever should hear of it cannot be reached: that is no reason to refuse it.
    let id = accepted(&world, &[("x-amzn-trace-id", TRACE)], r#"{"n":  1}"#).await;
    let event = stored(&world, id).await;
    assert_eq!(event.state, EventState::Queued);
    assert_eq!(
        (event.trace.as_str(), event.qualifier.as_str()),
        (TRACE, "")
    );
    assert_eq!(id.accepted_at_ms(), world.clock.now().timestamp_millis());
    let read = world.app.store.read_events(id.hour(), &[id.uuid()]).await;
    let payload = read.unwrap().remove(0).payload;
    assert_eq!(payload.as_deref(), Some(&br#"{"n":  1}"#[..]), "as it came");
    let another = accepted(&world, &[("x-amzn-trace-id", "nonsense")], "").await;
    let trace = stored(&world, another).await.trace;
    assert!(trace.starts_with("Root=1-6b"), "a trace begins: {trace}");
}

#[tokio::test]
async fn events_at_once_are_committed_together_and_told_apart() {
    let world = World::new().await;
    create(&world, "f").await;
    let all = (0..600).map(|n| {
        let world = &world;
        async move {
            let id = accepted(world, &[], &n.to_string()).await;
            (id.uuid(), n.to_string().into_bytes())
        }
    });
    let sent: BTreeMap<_, _> = futures::future::join_all(all).await.into_iter().collect();
    let ids: Vec<_> = sent.keys().copied().collect();
    let hour = EventId::floor(world.clock.now()).hour();
    let read = world.app.store.read_events(hour, &ids).await.unwrap();
    let read = read.into_iter();
    let read: BTreeMap<_, _> = read
        .map(|event| (event.id.uuid(), event.payload.unwrap()))
        .collect();
    assert_eq!((read.len(), read), (600, sent));
    assert_eq!(count(&world).await, 600);
}

#[tokio::test]
async fn a_key_that_comes_many_times_at_once_is_one_event() {
    let world = World::new().await;
    create(&world, "f").await;
    let key = [("x-tollgate-idempotency-key", "k")];
    let all = (0..8).map(|_| accepted(&world, &key, "{}"));
    let mut ids = futures::future::join_all(all).await;
    ids.dedup();
    assert_eq!((ids.len(), count(&world).await), (1, 1));
    // The body that a caller leaves out is the one that it stands for.
    assert_eq!(accepted(&world, &key, "").await, ids[0]);
}

#[tokio::test]
async fn nothing_is_accepted_where_there_is_no_place_for_it() {
    let world = World::new().await;
    create(&world, "f").await;
    let old = accepted(&world, &[], "{}").await;
    world.clock.advance(TimeDelta::hours(32));
    let text = "The queue still holds events of 32 hours ago that have no end. Start `tollgate queue-service`, or wait until it \
                has given them up.";
    let key = [("x-tollgate-idempotency-key", "k")];
    turned_down(&world, &[], 503, text).await;
    turned_down(&world, &key, 503, text).await;
    assert_eq!(count(&world).await, 1);
    let dead = Verdict::Dead(Condition::EventAgeExceeded);
    let end = [Settlement::new(old, 1, dead, world.clock.now())];
    let won = world.app.store.settle(None, &end, world.clock.now());
    assert_eq!(won.await.unwrap(), [true]);
    let new = accepted(&world, &key, "{}").await;
    assert_eq!(accepted(&world, &key, "{}").await, new);
    accepted(&world, &[], "{}").await;
    assert_eq!(count(&world).await, 2);
}

#[tokio::test]
async fn nothing_is_promised_while_the_database_is_away() {
    let world = World::new().await;
    create(&world, "f").await;
    accepted(&world, &[], "{}").await;
    world.app.store.close().await;
    let text = "The database does not take events at the moment. The event may or may not have been accepted: try again, \
                with the header X-Tollgate-Idempotency-Key if it must not run twice.";
    turned_down(&world, &[], 503, text).await;
    let key = [("x-tollgate-idempotency-key", "k")];
    turned_down(&world, &key, 503, text).await;
}
