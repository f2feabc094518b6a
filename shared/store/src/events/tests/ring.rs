//! The ring of hours: a bucket is used again once all its events have an end, and not before.

use domain::event::{Condition, Verdict};
use sqlx::PgPool;

use super::{HOUR, HOUR_S, Services, alice, cut, event, id, ran, region, retry};
use crate::events::{Accepted, EventState, NewRedrive};
use crate::samples::at;

const AROUND: i64 = HOUR + 32;

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_bucket_with_an_event_that_goes_on_is_refused(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = services.lane("f").await;
    assert_eq!(services.queue.ring_hours().await.unwrap(), [] as [i64; 0]);
    let (open, done) = (services.event(f, 1).await, services.event(f, 2).await);
    services.event(f, HOUR_S).await;
    assert_eq!(services.queue.ring_hours().await.unwrap(), [HOUR, HOUR + 1]);
    assert!(services.settle(ran(&done, 1, Verdict::Success)).await);
    let turn = async || services.queue.turn_ring(AROUND).await.unwrap();
    assert!(!turn().await, "one has no outcome at all");
    assert!(services.settle(ran(&open, 1, retry(61))).await);
    assert!(!turn().await, "one waits for a retry");
    // Meanwhile nothing is accepted there, by whatever way it comes.
    let around = event(f, 32 * HOUR_S);
    let accepted = services.gateway.accept(std::slice::from_ref(&around)).await;
    assert!(!accepted.unwrap());
    let once = services
        .gateway
        .accept_once(&around, "k", &[1; 32], at(32 * HOUR_S));
    assert_eq!(once.await.unwrap(), Accepted::Full);
    assert_eq!(services.count("idempotency").await, 0);
    let known = services.gateway.event(alice(), region(), done.id, at(9));
    assert_eq!(known.await.unwrap().unwrap().state, EventState::Succeeded);

    let dead = Verdict::Dead(Condition::EventAgeExceeded);
    assert!(services.settle(cut(&open, 2, dead)).await);
    assert!(turn().await);
    assert!(turn().await, "and once more");
    assert_eq!(services.count("invocation_00").await, 0);
    assert_eq!(services.count("outcome_00").await, 0);
    assert_eq!(services.count("invocation_01").await, 1);
    assert_eq!(
        services.queue.ring_hours().await.unwrap(),
        [HOUR + 1, AROUND]
    );
    let accepted = services.gateway.accept(std::slice::from_ref(&around)).await;
    assert!(accepted.unwrap());
    let gone = services.gateway.event(alice(), region(), done.id, at(9));
    assert_eq!(gone.await.unwrap(), None);
    // Time does not go back: the hour before is not made anew over what is there now.
    let fresh = crate::samples::of_role(&services.owner.pool, crate::Role::Queue).await;
    assert!(!fresh.turn_ring(HOUR).await.unwrap());
    assert_eq!(services.count("invocation_00").await, 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn many_turn_one_bucket_at_once(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = services.lane("f").await;
    let done = services.event(f, 1).await;
    assert!(services.settle(ran(&done, 1, Verdict::Success)).await);
    let events: Vec<_> = (0..8)
        .map(|second| event(f, 32 * HOUR_S + second))
        .collect();
    let accepts = events.chunks(1).map(|one| services.gateway.accept(one));
    let turns = [&services.queue, &services.executor, &services.queue];
    let turns = turns.map(|store| store.turn_ring(AROUND));
    let (accepted, turned) = futures::join!(
        futures::future::join_all(accepts),
        futures::future::join_all(turns)
    );
    assert!(accepted.into_iter().chain(turned).all(Result::unwrap));
    // None was emptied away after it was accepted.
    assert_eq!(services.count("invocation_00").await, 8);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_redrive_waits_for_a_place(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = services.lane("f").await;
    services.event(f, 1).await;
    let dead = services.event(f, 2).await;
    services.kill(&dead, "f", Condition::RetriesExhausted).await;
    let new = NewRedrive {
        id: id(3).uuid(),
        account: alice(),
        region: region().clone(),
        filter: crate::events::DeadLetterFilter::default(),
        rate_per_s: 5,
        now: at(32 * HOUR_S),
    };
    services.gateway.create_redrive(&new).await.unwrap();
    let step = async |second| {
        let ids = [id(second)];
        let step = services.queue.redrive_step(new.id, &ids, at(second)).await;
        step.unwrap().len()
    };
    assert_eq!(step(32 * HOUR_S).await, 0);
    let redrive = services.gateway.redrive(alice(), region(), new.id);
    let redrive = redrive.await.unwrap().unwrap();
    assert_eq!((redrive.state.as_str(), redrive.done), ("running", 0));
    assert_eq!(step(33 * HOUR_S).await, 1);
}
