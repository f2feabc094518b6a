//! One outcome for an attempt, with all that follows from it, and nothing of those that came later.

use domain::event::{Condition, Source, Verdict};
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    HOUR, HOUR_S, Services, alice, author, cut, delivery, event, letter, ran, region, retry,
    undelivered,
};
use crate::events::{EventState, Settlement, TargetKind};
use crate::samples::at;

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_first_outcome_wins_and_the_loser_writes_nothing(pool: PgPool) {
    let services = Services::new(pool).await;
    let (f, after) = (services.lane("f").await, services.lane("after").await);
    let event = services.event(f, 1).await;
    let first = Settlement {
        deliveries: vec![delivery(after, 2)],
        undelivered: vec![undelivered(2)],
        ..ran(&event, 1, Verdict::Success)
    };
    let record = first.deliveries[0].event.clone();
    assert!(services.settle(first).await);
    let mut late = Settlement {
        deliveries: vec![delivery(after, 3)],
        undelivered: vec![undelivered(3)],
        dead_letter: Some(letter(&event, "f", Condition::RetriesExhausted)),
        ..ran(&event, 1, Verdict::Dead(Condition::RetriesExhausted))
    };
    assert_eq!(services.settle_as(2, &[late.clone()]).await, [false]);
    // Nor one that ran nothing, nor the winner once more.
    late.ran = None;
    late.usage = None;
    let won = services.queue.settle(None, &[late], at(9)).await;
    assert_eq!(won.unwrap(), [false]);
    assert!(!services.settle(ran(&event, 1, Verdict::Success)).await);

    let status = services.gateway.event(alice(), region(), event.id, at(9));
    let status = status.await.unwrap().unwrap();
    assert_eq!(status.state, EventState::Succeeded);
    assert_eq!(status.attempts.len(), 1);
    let fed = services.queue.feed_lane(HOUR, after, Uuid::nil(), 9).await;
    let fed = fed.unwrap();
    assert_eq!(fed.len(), 1);
    assert_eq!(
        (fed[0].id, fed[0].source, fed[0].payload.as_deref()),
        (
            record.id,
            Source::Destination.number(),
            Some(&record.payload[..])
        )
    );
    assert_eq!(services.count("undelivered").await, 1);
    assert_eq!(services.count("dead_letter").await, 0);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn of_two_ends_in_one_batch_the_first_counts(pool: PgPool) {
    let services = Services::new(pool).await;
    let (f, after) = (services.lane("f").await, services.lane("after").await);
    let event = services.event(f, 1).await;
    let with_record = |second, verdict| Settlement {
        deliveries: vec![delivery(after, second)],
        ..ran(&event, 1, verdict)
    };
    let batch = [
        with_record(2, Verdict::Success),
        with_record(3, Verdict::Dead(Condition::RetriesExhausted)),
    ];
    assert_eq!(services.settle_as(1, &batch).await, [true, false]);
    let fed = services.queue.feed_lane(HOUR, after, Uuid::nil(), 9).await;
    let fed: Vec<_> = fed.unwrap().into_iter().map(|event| event.id).collect();
    assert_eq!(fed, [batch[0].deliveries[0].event.id]);
    let settled = "billing.usage_settlement WHERE attempts = 1 AND duplicates = 1";
    assert_eq!(services.count(settled).await, 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn batches_at_once_neither_wait_in_a_circle_nor_win_twice(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = services.lane("f").await;
    for _ in 0..10 {
        let mut events = Vec::new();
        for second in [1, HOUR_S, 2 * HOUR_S, 2] {
            events.push(services.event(f, second).await);
        }
        let forward: Vec<_> = events
            .iter()
            .map(|event| ran(event, 1, Verdict::Success))
            .collect();
        let backward: Vec<_> = events
            .iter()
            .rev()
            .map(|event| cut(event, 1, Verdict::Dead(Condition::Cancelled)))
            .collect();
        let (one, other) = futures::join!(
            services
                .executor
                .settle(Some(author(1)), &forward, at(5 * HOUR_S)),
            services.queue.settle(None, &backward, at(5 * HOUR_S)),
        );
        let mut other = other.unwrap();
        other.reverse();
        for (one, other) in one.unwrap().into_iter().zip(other) {
            assert_ne!(one, other);
        }
    }
    assert!(services.owner.usage_balance().await.unwrap().holds());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn where_the_queue_has_no_place_a_record_is_left_undelivered(pool: PgPool) {
    let services = Services::new(pool).await;
    let (f, after) = (services.lane("f").await, services.lane("after").await);
    let old = services.event(f, 1).await;
    // Its own bucket is wanted by the record of its end: 32 hours later, and it still has none.
    let full = 32 * HOUR_S + 5;
    let end = Settlement {
        deliveries: vec![delivery(after, full), delivery(after, HOUR_S)],
        undelivered: vec![undelivered(full)],
        ..ran(&old, 1, Verdict::Success)
    };
    let refused = end.deliveries[0].clone();
    assert!(services.settle(end).await);
    let left = services
        .gateway
        .undelivered(alice(), region(), Some("f"), None, 9);
    let left = left.await.unwrap();
    assert_eq!(left.len(), 2);
    let record = left.iter().find(|one| one.id == refused.event.id.uuid());
    let record = record.unwrap();
    assert_eq!(
        (
            record.event,
            record.kind,
            &record.target,
            record.reason.as_str()
        ),
        (
            old.id.uuid(),
            TargetKind::OnSuccess,
            &refused.target,
            "the queue had no place for it: it still held events of 32 hours ago without an end"
        )
    );
    let whole = services
        .gateway
        .undelivered_record(alice(), region(), record.id);
    assert_eq!(whole.await.unwrap().unwrap().body, refused.event.payload);
    // The other one went its way, and nothing lies where it does not belong.
    let fed = services
        .queue
        .feed_lane(HOUR + 1, after, Uuid::nil(), 9)
        .await;
    assert_eq!(fed.unwrap().len(), 1);
    assert_eq!(services.count("invocation_00").await, 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_end_that_comes_when_its_hour_is_gone_changes_nothing(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = services.lane("f").await;
    let event = services.event(f, 1).await;
    assert!(services.settle(ran(&event, 1, retry(61))).await);
    assert!(services.settle(ran(&event, 2, Verdict::Success)).await);
    assert!(services.queue.turn_ring(HOUR + 32).await.unwrap());
    // By an executor that begins only now.
    let late = crate::samples::of_role(&services.owner.pool, crate::Role::Executor).await;
    let end = [ran(&event, 2, Verdict::Success)];
    let won = late.settle(Some(author(2)), &end, at(33 * HOUR_S)).await;
    assert_eq!(won.unwrap(), [false]);
    assert_eq!(services.count("outcome_00").await, 0);
    let known = services.gateway.event(alice(), region(), event.id, at(9));
    assert_eq!(known.await.unwrap(), None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_errors_text_is_cut_between_characters(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = services.lane("f").await;
    let event = services.event(f, 1).await;
    let dead = Verdict::Dead(Condition::RetriesExhausted);
    let end = Settlement {
        error: format!("\0{}ü{}", "x".repeat(1_022), "y".repeat(1_000)),
        dead_letter: Some(letter(&event, "f", Condition::RetriesExhausted)),
        ..ran(&event, 1, dead)
    };
    assert!(services.settle(end).await);
    let status = services.gateway.event(alice(), region(), event.id, at(9));
    let status = status.await.unwrap().unwrap();
    let want = format!("\u{fffd}{}", "x".repeat(1_022));
    assert_eq!(status.attempts[0].error, want);
    let letter = services
        .gateway
        .dead_letter(alice(), region(), event.id)
        .await;
    assert_eq!(letter.unwrap().unwrap().letter.error, want);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn nothing_is_written_where_one_part_fails(pool: PgPool) {
    let services = Services::new(pool).await;
    let (f, after) = (services.lane("f").await, services.lane("after").await);
    let (one, two) = (services.event(f, 1).await, services.event(f, 2).await);
    // The lane of the letter does not exist.
    let mut bad = letter(&two, "f", Condition::RetriesExhausted);
    bad.lane = 999;
    let batch = [
        Settlement {
            deliveries: vec![delivery(after, 3)],
            ..ran(&one, 1, Verdict::Success)
        },
        Settlement {
            dead_letter: Some(bad),
            ..ran(&two, 1, Verdict::Dead(Condition::RetriesExhausted))
        },
    ];
    let failed = services.executor.settle(Some(author(1)), &batch, at(9));
    failed.await.unwrap_err();
    let open = services.queue.lane_depth(f).await.unwrap();
    assert_eq!(open, (2, Some(one.id)));
    assert_eq!(services.queue.lane_depth(after).await.unwrap().0, 0);
    assert_eq!(services.count("billing.usage_settlement").await, 0);
    // The same batch without it goes through.
    assert_eq!(services.settle_as(1, &batch[..1]).await, [true]);
    let event = event(f, 5);
    assert!(services.gateway.accept(&[event]).await.unwrap());
}
