use chrono::{DateTime, Utc};
use domain::event::{Condition, EventId, Source, Verdict};
use domain::schedule::{self, FireResult, Occasion, Overlap};
use sqlx::PgPool;
use uuid::Uuid;

use super::{Due, Fired, Released, Waiting};
use crate::events::Settlement;
use crate::samples::{self, ALICE, arn, at, create, of_role};
use crate::{Role, Store};

/// A store with the rights of the scheduler, and one that may do anything.
struct World {
    scheduler: Store,
    owner: Store,
    group: Uuid,
}

impl World {
    async fn new(pool: PgPool) -> Self {
        let scheduler = of_role(&pool, Role::Scheduler).await;
        let owner = samples::store(pool).await;
        let group = Uuid::from_u128(0x9000);
        sqlx::query(
            "INSERT INTO schedule_group (id, account_id, region, name, created_at, modified_at)
             VALUES ($1, $2, 'eu-west-1', 'jobs', $3, $3)",
        )
        .bind(group)
        .bind(i64::try_from(ALICE).unwrap())
        .bind(at(0))
        .execute(&owner.pool)
        .await
        .unwrap();
        create(&owner, ALICE, "f").await;
        Self {
            scheduler,
            owner,
            group,
        }
    }

    /// A schedule of this number for a function.
    async fn schedule(&self, number: u128, target: &str, overlap: Overlap) -> Uuid {
        let id = Uuid::from_u128(number);
        sqlx::query(
            "INSERT INTO schedule (id, account_id, region, group_id, name, shard, enabled, expression, timezone, anchor_at,
                 valid_from, target_arn, input, retry_attempts_max, retry_age_max_s, dead_letter_arn, overlap, created_at, modified_at)
             VALUES ($1, $2, 'eu-west-1', $3, $4, $5, true, 'rate(1 minute)', 'UTC', $6, $6, $7,
                 '{\"at\":\"<aws.scheduler.scheduled-time>\"}', 185, 86400, 'arn:aws:sqs:eu-west-1:111111111111:q', $8, $6, $6)",
        )
        .bind(id)
        .bind(i64::try_from(ALICE).unwrap())
        .bind(self.group)
        .bind(format!("s{number}"))
        .bind(schedule::shard(id))
        .bind(at(0))
        .bind(format!("arn:aws:lambda:eu-west-1:{ALICE}:function:{target}"))
        .bind(overlap.number())
        .execute(&self.owner.pool)
        .await
        .unwrap();
        id
    }

    async fn fire(&self, due: &[Due], now: DateTime<Utc>) -> Fired {
        self.scheduler.fire(due, now).await.unwrap().unwrap()
    }

    /// What the history says, the newest first.
    async fn history(&self, id: Uuid) -> Vec<(i64, FireResult, Option<Uuid>)> {
        let records = self.scheduler.fires(id, at(1_000_000), 100).await.unwrap();
        let short = |one: super::FireRecord| {
            (
                (one.scheduled_at - at(0)).num_seconds(),
                one.result,
                one.event,
            )
        };
        records.into_iter().map(short).collect()
    }

    async fn end(&self, event: EventId) {
        let settlement = Settlement::new(event, 1, Verdict::Dead(Condition::Cancelled), at(9));
        let won = self.owner.settle(None, &[settlement], at(9)).await.unwrap();
        assert_eq!(won, [true]);
    }
}

fn event(number: u8, now: DateTime<Utc>) -> EventId {
    let ms = u64::try_from(now.timestamp_millis()).unwrap();
    let id = uuid::Builder::from_unix_timestamp_millis(ms, &[number; 10]).into_uuid();
    EventId::new(id).unwrap()
}

fn due(schedule: Uuid, second: i64, number: u8) -> Due {
    Due {
        schedule,
        generation: Some(1),
        scheduled_at: at(second),
        occasion: Occasion::Time,
        result: FireResult::Fired,
        event: event(number, at(100)),
        trace: "Root=1-5759e988-bd862e3fe1be46a994272793".to_owned(),
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_time_fires_once(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.schedule(1, "f", Overlap::Allow).await;
    let fired = world.fire(&[due(id, 60, 1), due(id, 0, 2)], at(100)).await;
    assert_eq!((fired.events.len(), fired.known), (2, 0));
    let first = &fired.events[0];
    assert_eq!(
        (first.id, first.source),
        (event(1, at(100)), Source::Schedule)
    );
    let want = format!("{{\"at\":\"{}\"}}", at(60).format("%Y-%m-%dT%H:%M:%SZ"));
    assert_eq!(String::from_utf8_lossy(&first.payload), want);
    let account = first.account;
    let kept = world
        .owner
        .event(account, &"eu-west-1".parse().unwrap(), first.id, at(101))
        .await
        .unwrap();
    assert!(kept.is_some());
    // Another replica, a moment later, with ids of its own.
    let again = world
        .fire(&[due(id, 60, 3), due(id, 120, 4), due(id, 120, 5)], at(100))
        .await;
    assert_eq!((again.events.len(), again.known), (1, 2));
    // By request it fires again.
    let mut asked = due(id, 60, 6);
    (asked.generation, asked.occasion) = (None, Occasion::Backfill);
    assert_eq!(world.fire(&[asked], at(100)).await.events.len(), 1);
    let seconds: Vec<i64> = world.history(id).await.iter().map(|one| one.0).collect();
    assert_eq!(seconds, [120, 60, 60, 0]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_not_what_it_was_does_not_fire(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.schedule(1, "f", Overlap::Allow).await;
    let gone = Uuid::from_u128(77);
    let mut old = due(id, 60, 1);
    old.generation = Some(0);
    let fired = world.fire(&[old, due(gone, 60, 2)], at(100)).await;
    assert_eq!((fired.events, fired.stale), (vec![], vec![id, gone]));
    sqlx::query("UPDATE schedule SET enabled = false")
        .execute(&world.owner.pool)
        .await
        .unwrap();
    assert_eq!(world.fire(&[due(id, 60, 3)], at(100)).await.stale, [id]);
    let mut asked = due(id, 100, 4);
    (asked.generation, asked.occasion) = (None, Occasion::Now);
    assert_eq!(world.fire(&[asked], at(100)).await.events.len(), 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn without_a_function_it_is_a_dead_letter(pool: PgPool) {
    let world = World::new(pool).await;
    let none = world.schedule(1, "none", Overlap::Allow).await;
    let alias = world.schedule(2, "f:live", Overlap::Allow).await;
    let latest = world.schedule(3, "f:$LATEST", Overlap::Allow).await;
    let list = [due(none, 60, 1), due(alias, 60, 2), due(latest, 60, 3)];
    let fired = world.fire(&list, at(100)).await;
    assert_eq!(fired.events.len(), 1);
    assert_eq!(fired.others, [FireResult::Dead, FireResult::Dead]);
    let event = event(1, at(100)).uuid();
    assert_eq!(
        world.history(none).await,
        [(60, FireResult::Dead, Some(event))]
    );
    let (condition, error): (String, String) =
        sqlx::query_as("SELECT condition, error FROM dead_letter WHERE id = $1")
            .bind(event)
            .fetch_one(&world.owner.pool)
            .await
            .unwrap();
    assert_eq!(condition, "FunctionNotFound");
    assert_eq!(
        error,
        format!("There is no function {}.", arn(ALICE, "none"))
    );
    let targets: Vec<String> = sqlx::query_scalar("SELECT target FROM undelivered ORDER BY id")
        .fetch_all(&world.owner.pool)
        .await
        .unwrap();
    assert_eq!(targets, ["arn:aws:sqs:eu-west-1:111111111111:q"; 2]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn runs_that_may_not_overlap(pool: PgPool) {
    let world = World::new(pool).await;
    let skip = world.schedule(1, "f", Overlap::Skip).await;
    let buffer = world.schedule(2, "f", Overlap::BufferOne).await;
    let cancel = world.schedule(3, "f", Overlap::CancelOther).await;
    let all = [skip, buffer, cancel];
    let round = |second: i64, number: u8| {
        let list = all
            .iter()
            .zip(0..)
            .map(|(id, n)| due(*id, second, number + n));
        list.collect::<Vec<_>>()
    };
    assert_eq!(world.fire(&round(0, 10), at(100)).await.events.len(), 3);
    let second = world.fire(&round(60, 20), at(100)).await;
    assert_eq!(
        second.others,
        [FireResult::Overlapped, FireResult::Buffered]
    );
    assert_eq!(second.events.len(), 1);
    assert_eq!(second.replaced.len(), 1);
    assert_eq!(second.replaced[0].2, event(12, at(100)));
    let third = world.fire(&round(120, 30), at(100)).await;
    assert_eq!(
        third.others,
        [FireResult::Overlapped, FireResult::Overlapped]
    );
    assert_eq!(third.replaced[0].2, event(22, at(100)));

    // What waits fires once the event before it has ended.
    let shard = [schedule::shard(buffer)];
    let waiting = world.scheduler.waiting_fires(&shard).await.unwrap();
    let want = Waiting {
        schedule: buffer,
        scheduled_at: at(60),
    };
    assert_eq!(waiting, std::slice::from_ref(&want));
    let release = async |number| {
        let event = event(number, at(200));
        world
            .scheduler
            .release_fire(&want, event, "Root=1".to_owned(), at(200))
            .await
            .unwrap()
    };
    assert_eq!(release(40).await, Released::NotYet);
    world.end(event(11, at(100))).await;
    let Released::Fired(new) = release(41).await else {
        panic!("it is free to fire");
    };
    assert_eq!(new.id, event(41, at(200)));
    assert_eq!(release(42).await, Released::Gone);
    assert_eq!(
        world.history(buffer).await,
        [
            (120, FireResult::Overlapped, None),
            (60, FireResult::Fired, Some(event(41, at(200)).uuid())),
            (0, FireResult::Fired, Some(event(11, at(100)).uuid())),
        ]
    );
    // And what is skipped is skipped only as long as the other runs.
    world.end(event(10, at(100))).await;
    assert_eq!(
        world
            .fire(&[due(skip, 180, 50)], at(100))
            .await
            .events
            .len(),
        1
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_day_too_old_counts_as_fired(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.schedule(1, "f", Overlap::Allow).await;
    let day = 86_400;
    assert_eq!(world.fire(&[due(id, 0, 1)], at(100)).await.events.len(), 1);
    // The same bucket, eight days later.
    // In another hour of the queue's ring, where the first event is still open.
    let now = at(8 * day + 3_700);
    let mut later = due(id, 8 * day, 2);
    later.event = event(2, now);
    let mut old = due(id, 60, 3);
    old.event = event(3, now);
    let fired = world.fire(&[later, old], now).await;
    assert_eq!((fired.events.len(), fired.known), (1, 1));
    let seconds: Vec<i64> = world.history(id).await.iter().map(|one| one.0).collect();
    assert_eq!(seconds, [8 * day]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn changes_are_seen(pool: PgPool) {
    let world = World::new(pool).await;
    let first = world.scheduler.schedules_now().await.unwrap();
    let id = world.schedule(1, "f", Overlap::Allow).await;
    let shards = [schedule::shard(id)];
    let changed = async |since| {
        let changed = world
            .scheduler
            .changed_schedules(&shards, since)
            .await
            .unwrap();
        changed
            .into_iter()
            .map(|one| (one.id, one.generation))
            .collect::<Vec<_>>()
    };
    assert_eq!(changed(&first).await, [(id, 1)]);
    let second = world.scheduler.schedules_now().await.unwrap();
    assert_eq!(changed(&second).await, []);

    // A transaction that began before a look and commits after it is found by the next one.
    let mut slow = world.owner.pool.begin().await.unwrap();
    sqlx::query("UPDATE schedule SET generation = 2, changed_by = pg_current_xact_id()")
        .execute(&mut *slow)
        .await
        .unwrap();
    let third = world.scheduler.schedules_now().await.unwrap();
    assert_eq!(changed(&third).await, []);
    slow.commit().await.unwrap();
    assert_eq!(changed(&third).await, [(id, 2)]);
    assert_eq!(world.scheduler.planned(shards[0]).await.unwrap().len(), 1);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_cursor_never_goes_back(pool: PgPool) {
    let store = of_role(&pool, Role::Scheduler).await;
    store.move_fire_cursors(&[0, 1], at(50)).await.unwrap();
    store.move_fire_cursors(&[1, 2], at(20)).await.unwrap();
    let mut cursors = store.fire_cursors(&[0, 1, 2, 3]).await.unwrap();
    cursors.sort_unstable();
    assert_eq!(cursors, [(0, at(50)), (1, at(50)), (2, at(20))]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn groups_go_with_their_schedules(pool: PgPool) {
    let world = World::new(pool).await;
    let id = world.schedule(1, "f", Overlap::Allow).await;
    assert!(
        !world
            .scheduler
            .delete_completed_schedule(id, 1)
            .await
            .unwrap()
    );
    assert!(!world.scheduler.delete_groups().await.unwrap());
    sqlx::query("UPDATE schedule_group SET state = 'DELETING'")
        .execute(&world.owner.pool)
        .await
        .unwrap();
    while world.scheduler.delete_groups().await.unwrap() {}
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM schedule_group")
        .fetch_one(&world.owner.pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
    assert!(!world.scheduler.tidy_schedules(at(0)).await.unwrap());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_schedulers_shards_are_leased_apart(pool: PgPool) {
    let store = of_role(&pool, Role::Scheduler).await;
    let me = Uuid::from_u128(5);
    assert_eq!(store.scheduler_members(me, 1_000).await.unwrap(), [me]);
    let held = store.hold_shards(me, &[super::FIRST_SHARD, super::FIRST_SHARD + 15], 60_000);
    assert_eq!(held.await.unwrap().len(), 2);
    store
        .release_shards(me, &[super::FIRST_SHARD])
        .await
        .unwrap();
    store.leave_scheduler(me).await.unwrap();
}
