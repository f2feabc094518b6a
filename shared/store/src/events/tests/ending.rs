//! Cancelling one event, and all of a lane.

use domain::AccountId;
use domain::event::{Condition, EventId, Verdict};
use sqlx::PgPool;

use super::{HOUR_S, Services, alice, event, id, ran, region, retry};
use crate::events::{Cancelled, EventState, LaneDepth};
use crate::samples::{BOB, at};

async fn cancel(services: &Services, event: EventId) -> Cancelled {
    let cancelled = services
        .gateway
        .cancel_event(alice(), region(), event, at(30));
    cancelled.await.unwrap()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_goes_on_is_cancelled_and_what_has_ended_is_not(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = services.lane("f").await;
    let (queued, waiting) = (services.event(f, 1).await, services.event(f, 2).await);
    let (done, dead) = (services.event(f, 3).await, services.event(f, 4).await);
    assert!(services.settle(ran(&waiting, 1, retry(62))).await);
    assert!(services.settle(ran(&done, 1, Verdict::Success)).await);
    services.kill(&dead, "f", Condition::RetriesExhausted).await;
    for event in [&queued, &waiting] {
        assert_eq!(cancel(&services, event.id).await, Cancelled::Done);
        assert_eq!(
            cancel(&services, event.id).await,
            Cancelled::Ended(EventState::Cancelled)
        );
    }
    let exhausted = EventState::Dead(Condition::RetriesExhausted);
    for (event, state) in [(&done, EventState::Succeeded), (&dead, exhausted)] {
        assert_eq!(cancel(&services, event.id).await, Cancelled::Ended(state));
    }
    assert_eq!(cancel(&services, id(9)).await, Cancelled::NotFound);
    // An attempt that was on its way ends for nothing, and no record tells of what was cancelled.
    assert!(!services.settle(ran(&queued, 1, Verdict::Success)).await);
    assert!(!services.settle(ran(&waiting, 2, retry(200))).await);
    assert_eq!(services.count("dead_letter").await, 1);
    let last = services
        .gateway
        .event(alice(), region(), waiting.id, at(30));
    let last = last.await.unwrap().unwrap();
    assert_eq!(last.attempts.len(), 2);
    assert_eq!(last.attempts[1].executor, None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn nobody_cancels_what_is_anothers(pool: PgPool) {
    let services = Services::new(pool).await;
    let event = services.event(services.lane("f").await, 1).await;
    let bob = AccountId::new(BOB).unwrap();
    let elsewhere = "us-east-1".parse().unwrap();
    for (account, region) in [(bob, region().clone()), (alice(), elsewhere)] {
        let cancelled = services
            .gateway
            .cancel_event(account, &region, event.id, at(2));
        assert_eq!(cancelled.await.unwrap(), Cancelled::NotFound);
    }
    assert!(services.settle(ran(&event, 1, Verdict::Success)).await);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_attempt_that_ends_at_that_moment_is_not_in_the_way(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = services.lane("f").await;
    for _ in 0..20 {
        let event = services.event(f, 1).await;
        let (cancelled, ended) = futures::join!(
            cancel(&services, event.id),
            services.settle(ran(&event, 1, retry(61)))
        );
        assert_eq!(cancelled, Cancelled::Done);
        let status = services.gateway.event(alice(), region(), event.id, at(99));
        let status = status.await.unwrap().unwrap();
        assert_eq!(status.state, EventState::Cancelled);
        assert_eq!(status.attempts.len(), 1 + usize::from(ended));
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_lane_is_purged_in_steps_from_its_oldest_on(pool: PgPool) {
    let services = Services::new(pool).await;
    let (f, g) = (services.lane("f").await, services.lane("g").await);
    let (first, done) = (services.event(f, 1).await, services.event(f, 2).await);
    let (waiting, other) = (services.event(f, 3).await, services.event(g, 3).await);
    let later = services.event(f, HOUR_S).await;
    assert!(services.settle(ran(&done, 1, Verdict::Success)).await);
    assert!(services.settle(ran(&waiting, 1, retry(63))).await);
    assert_eq!(
        services.gateway.lane_depth(f).await.unwrap(),
        (3, Some(first.id))
    );
    let purge = async |limit| {
        let gone = services.gateway.purge_lane(f, limit, at(9)).await;
        gone.unwrap()
    };
    assert_eq!(purge(1).await, [first.id]);
    assert_eq!(purge(9).await, [waiting.id]);
    assert_eq!(purge(9).await, [later.id]);
    assert_eq!(purge(9).await, []);
    assert_eq!(services.gateway.lane_depth(f).await.unwrap(), (0, None));
    assert_eq!(services.gateway.lane_depth(g).await.unwrap().0, 1);
    assert!(services.settle(ran(&other, 1, Verdict::Success)).await);
    let new = event(f, HOUR_S);
    assert!(services.gateway.accept(&[new]).await.unwrap());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn depths_and_rates_are_counted_from_where_they_are_asked(pool: PgPool) {
    let services = Services::new(pool).await;
    let (f, g) = (services.lane("f").await, services.lane("g").await);
    let (one, two) = (services.event(f, 1).await, services.event(f, 2).await);
    let (three, later) = (services.event(f, 3).await, services.event(f, HOUR_S).await);
    let of_g = services.event(g, 2).await;
    assert!(services.settle(ran(&one, 1, Verdict::Success)).await);
    assert!(services.settle(ran(&two, 1, retry(62))).await);
    let depth = |lane, depth, oldest: &crate::events::NewEvent| LaneDepth {
        lane,
        depth,
        oldest: oldest.id,
    };
    let depths = async |asked: &[(i64, EventId)]| {
        let mut found = services.gateway.lane_depths(asked).await.unwrap();
        found.sort_by_key(|one| one.lane);
        found
    };
    let from = EventId::floor(at(0));
    assert_eq!(
        depths(&[(f, from), (g, from)]).await,
        [depth(f, 3, &two), depth(g, 1, &of_g)]
    );
    assert_eq!(
        depths(&[(f, three.id), (g, three.id)]).await,
        [depth(f, 2, &three)]
    );
    assert_eq!(depths(&[(f, later.id)]).await, [depth(f, 1, &later)]);
    assert_eq!(depths(&[]).await, []);
    let accepted = async |from, to| {
        let (lanes, from, to) = ([f, g], at(from), at(to));
        let accepted = services.gateway.lanes_accepted(&lanes, from, to).await;
        let mut accepted = accepted.unwrap();
        accepted.sort_unstable();
        accepted
    };
    assert_eq!(accepted(0, 2 * HOUR_S).await, [(f, 4), (g, 1)]);
    assert_eq!(accepted(2, 3).await, [(f, 1), (g, 1)]);
    assert_eq!(accepted(4, HOUR_S).await, []);
}
