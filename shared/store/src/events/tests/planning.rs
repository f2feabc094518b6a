//! An hour's tables grow faster than they are analyzed: what the planner believes of them meanwhile must make no look slow.

use super::*;
use crate::events::Window;

/// Too many to compare each with each, in the time that a statement is given here.
const EVENTS: usize = 60_000;

/// As often a statement is planned before its plan is kept, and a few times more.
const LOOKS: usize = 8;

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn no_look_is_slow_where_statistics_are_behind(pool: PgPool) {
    let services = Services::new(pool.clone()).await;
    let lane = services.lane("f").await;
    fill(&services, lane, 1_000, 1).await;
    for statement in [
        "ALTER TABLE invocation_00 SET (autovacuum_enabled = false)",
        "ALTER TABLE outcome_00 SET (autovacuum_enabled = false)",
        "ANALYZE invocation_00, outcome_00",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    let open = services.event(lane, 1_500).await;
    for _ in 0..LOOKS {
        look(&services.queue, lane, open.id).await;
    }
    fill(&services, lane, 1_200, EVENTS).await;
    for _ in 0..LOOKS {
        look(&services.queue, lane, open.id).await;
    }
}

/// All looks find the one event that is open.
async fn look(queue: &Store, lane: i64, open: EventId) {
    let range = (EventId::floor(at(900)), EventId::floor(at(2_000)));
    let shards: Vec<i16> = (0..32).collect();
    let fed = [(lane, open.uuid())];
    let window = Window {
        from: range.0,
        to: range.1,
        to_of_schedules: range.1,
    };
    let found = queue.sweep_events(HOUR, window, &shards, &fed, 9).await;
    let found: Vec<EventId> = found.unwrap().iter().map(|one| one.id).collect();
    assert_eq!(found, [open]);
    let fed = queue.feed_lane(HOUR, lane, range.0.uuid(), 9).await;
    let fed: Vec<EventId> = fed.unwrap().iter().map(|one| one.id).collect();
    assert_eq!(fed, [open]);
    let depths = queue.lane_depths(&[(lane, range.0)]).await.unwrap();
    assert_eq!(depths.iter().map(|one| one.depth).collect::<Vec<_>>(), [1]);
    let retries = queue.pending_retries(HOUR, at(9_000), &shards, 9).await;
    assert_eq!(retries.unwrap(), []);
}

/// Events of the second `second`, all of which have ended.
async fn fill(services: &Services, lane: i64, second: i64, count: usize) {
    let events: Vec<NewEvent> = (0..count).map(|_| event(lane, second)).collect();
    assert!(services.gateway.accept(&events).await.unwrap());
    let ids: Vec<Uuid> = events.iter().map(|event| event.id.uuid()).collect();
    sqlx::query(
        "INSERT INTO outcome_00 (inv_id, attempt, kind, condition, ended_at, version, function_error, error)
         SELECT id, 1, 0, 0, $2, '$LATEST', '', '' FROM UNNEST($1::uuid[]) AS event (id)",
    )
    .bind(ids)
    .bind(at(second))
    .execute(&services.owner.pool)
    .await
    .unwrap();
}
