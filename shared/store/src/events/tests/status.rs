//! What became of events.

use chrono::TimeDelta;
use domain::AccountId;
use domain::event::{Condition, EventId, Source, Verdict};
use sqlx::PgPool;
use uuid::Uuid;

use super::{HOUR_S, Services, accepted_at, alice, cut, id, ran, region, retry};
use crate::events::{Attempt, EventFilter, EventState, EventStatus, Settlement};
use crate::samples::{BOB, at};

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_event_is_told_attempt_by_attempt(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = services.lane("f").await;
    let event = services.event(f, 1).await;
    let look = async |second| {
        let status = services
            .gateway
            .event(alice(), region(), event.id, at(second));
        status.await.unwrap().unwrap()
    };
    let lane = services.gateway.lanes(&[f]).await.unwrap().remove(0);
    let new = EventStatus {
        id: event.id,
        lane,
        qualifier: "live".to_owned(),
        source: Source::Caller.number(),
        trace: event.trace.clone(),
        state: EventState::Queued,
        next_at: None,
        attempts: Vec::new(),
    };
    assert_eq!(look(1).await, new);
    assert!(services.settle(ran(&event, 1, retry(62))).await);
    let failed = Attempt {
        attempt: 1,
        executor: Some(Uuid::from_u128(1)),
        started_at: Some(accepted_at(&event)),
        ended_at: accepted_at(&event) + TimeDelta::seconds(1),
        version: "$LATEST".to_owned(),
        function_error: "Unhandled".to_owned(),
        error: "Error: no".to_owned(),
        next_at: Some(at(62)),
        response: Some(b"{}".to_vec()),
    };
    let waiting = EventStatus {
        state: EventState::Waiting,
        next_at: Some(at(62)),
        attempts: vec![failed.clone()],
        ..new.clone()
    };
    assert_eq!(look(61).await, waiting);
    let due = EventStatus {
        state: EventState::Queued,
        ..waiting
    };
    assert_eq!(look(62).await, due);
    let end = Settlement {
        ended_at: at(70),
        ..cut(&event, 2, Verdict::Dead(Condition::EventAgeExceeded))
    };
    assert!(services.settle(end).await);
    let ended = Attempt {
        attempt: 2,
        executor: None,
        started_at: None,
        ended_at: at(70),
        version: String::new(),
        function_error: String::new(),
        error: String::new(),
        next_at: None,
        response: None,
    };
    let dead = EventStatus {
        state: EventState::Dead(Condition::EventAgeExceeded),
        next_at: None,
        attempts: vec![failed, ended],
        ..new
    };
    assert_eq!(look(71).await, dead);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn nobody_sees_what_is_anothers(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = services.lane("f").await;
    let event = services.event(f, 1).await;
    let bob = AccountId::new(BOB).unwrap();
    let elsewhere = "us-east-1".parse().unwrap();
    for (account, region, asked) in [
        (bob, region().clone(), event.id),
        (alice(), elsewhere, event.id),
        (alice(), region().clone(), id(2)),
        // An hour that the ring has never held.
        (alice(), region().clone(), id(7 * HOUR_S)),
    ] {
        let status = services.gateway.event(account, &region, asked, at(9)).await;
        assert_eq!(status.unwrap(), None);
    }
    let ids = [event.id];
    let of_bob = services.gateway.events_by_id(bob, &ids, at(9)).await;
    assert_eq!(of_bob.unwrap(), []);
    let of_bob = services.gateway.lanes_of_events(bob, &ids).await;
    assert_eq!(of_bob.unwrap(), []);
    let own = services.gateway.lanes_of_events(alice(), &ids).await;
    assert_eq!(own.unwrap(), [(event.id, f)]);
    let filter = EventFilter {
        lanes: vec![f],
        since: at(0),
        before: None,
        state: None,
        limit: 9,
    };
    let of_bob = services.gateway.list_events(bob, &filter, at(9)).await;
    assert_eq!(of_bob.unwrap(), []);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn events_are_listed_by_state_and_in_pages(pool: PgPool) {
    let services = Services::new(pool).await;
    let (f, g) = (services.lane("f").await, services.lane("g").await);
    let mut made = Vec::new();
    for second in 1..=6 {
        made.push(services.event(f, second).await);
    }
    made.push(services.event(f, HOUR_S).await);
    let of_g = services.event(g, 3).await;
    let [fresh, done, dead, gone, waiting, due, later] = &made[..] else {
        panic!("seven");
    };
    assert!(services.settle(ran(done, 1, Verdict::Success)).await);
    services.kill(dead, "f", Condition::RetriesExhausted).await;
    let cancelled = services
        .gateway
        .cancel_event(alice(), region(), gone.id, at(9));
    cancelled.await.unwrap();
    assert!(services.settle(ran(waiting, 1, retry(500))).await);
    assert!(services.settle(ran(due, 1, retry(100))).await);
    let list = async |state: Option<&str>, before: Option<EventId>, limit| {
        let filter = EventFilter {
            lanes: vec![f],
            since: at(0),
            before,
            state: state.map(str::to_owned),
            limit,
        };
        let found = services
            .gateway
            .list_events(alice(), &filter, at(200))
            .await;
        let found = found.unwrap().into_iter();
        found.map(|event| event.id).collect::<Vec<_>>()
    };
    let all: Vec<_> = made.iter().rev().map(|event| event.id).collect();
    assert_eq!(list(None, None, 99).await, all);
    assert_eq!(list(None, None, 3).await, all[..3]);
    assert_eq!(list(None, Some(all[2]), 2).await, all[3..5]);
    let check = async |state: &str, want: &[EventId]| {
        assert_eq!(list(Some(state), None, 9).await, want, "{state}");
    };
    check("queued", &[later.id, due.id, fresh.id]).await;
    check("waiting", &[waiting.id]).await;
    check("succeeded", &[done.id]).await;
    check("dead", &[dead.id]).await;
    check("cancelled", &[gone.id]).await;
    let ids = [done.id, of_g.id, id(4)];
    let found = services.gateway.events_by_id(alice(), &ids, at(200)).await;
    let found: Vec<_> = found
        .unwrap()
        .into_iter()
        .map(|event| (event.id, event.lane, event.attempts))
        .collect();
    assert_eq!(found, [(of_g.id, g, 0), (done.id, f, 1)]);
}
