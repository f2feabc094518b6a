//! Attempts that come later, and attempts that executors were lost with.

use std::collections::{HashMap, HashSet};

use domain::event::{Condition, Verdict, shard};
use sqlx::PgPool;

use super::{HOUR, Services, author, ran, retry};
use crate::events::{Author, PendingRetry};
use crate::samples::at;

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn retries_are_found_by_their_time(pool: PgPool) {
    let services = Services::new(pool).await;
    let (f, g) = (services.lane("f").await, services.lane("g").await);
    let (slow, quick) = (services.event(f, 1).await, services.event(f, 2).await);
    let (of_g, again) = (services.event(g, 3).await, services.event(f, 4).await);
    services.event(f, 5).await;
    assert!(services.settle(ran(&slow, 1, retry(90))).await);
    assert!(services.settle(ran(&quick, 1, retry(60))).await);
    assert!(services.settle(ran(&of_g, 1, retry(70))).await);
    assert!(services.settle(ran(&again, 1, retry(50))).await);
    assert!(services.settle(ran(&again, 2, retry(80))).await);
    let pending = async |until, shards: &[i16], limit| {
        let found = services
            .queue
            .pending_retries(HOUR, at(until), shards, limit);
        found.await.unwrap()
    };
    let due = |event: &crate::events::NewEvent, attempt, second| PendingRetry {
        id: event.id,
        lane: event.lane,
        attempt,
        at: at(second),
    };
    let (of_f, both) = ([shard(f)], [shard(f), shard(g)]);
    let all = [
        due(&quick, 2, 60),
        due(&of_g, 2, 70),
        due(&again, 3, 80),
        due(&slow, 2, 90),
    ];
    assert_eq!(pending(90, &both, 9).await, all);
    assert_eq!(pending(89, &both, 9).await, all[..3]);
    assert_eq!(pending(59, &both, 9).await, []);
    assert_eq!(pending(90, &both, 1).await, all[..1]);
    assert_eq!(
        pending(90, &of_f, 9).await,
        [due(&quick, 2, 60), due(&again, 3, 80), due(&slow, 2, 90)]
    );
    // What came of the next attempt ends the wait.
    assert!(services.settle(ran(&quick, 2, Verdict::Success)).await);
    let dead = Verdict::Dead(Condition::RetriesExhausted);
    assert!(services.settle(ran(&again, 3, dead)).await);
    assert_eq!(pending(90, &of_f, 9).await, [due(&slow, 2, 90)]);

    let asked = [
        (slow.id.uuid(), 1),
        (quick.id.uuid(), 1),
        (quick.id.uuid(), 3),
        (again.id.uuid(), 3),
    ];
    let settled = services.queue.settled_attempts(HOUR, &asked).await;
    let want = HashSet::from([slow.id.uuid(), quick.id.uuid(), again.id.uuid()]);
    assert_eq!(settled.unwrap(), want);
    let settled = services
        .queue
        .settled_attempts(HOUR, &[(slow.id.uuid(), 2)])
        .await;
    assert_eq!(settled.unwrap(), HashSet::new());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_executors_start_counts_once_as_a_loss(pool: PgPool) {
    let services = Services::new(pool).await;
    let f = services.lane("f").await;
    let (one, two) = (services.event(f, 1).await, services.event(f, 2).await);
    let boot = |executor, boot_epoch| Author {
        boot_epoch,
        ..author(executor)
    };
    let attempts = [(one.id.uuid(), 1), (two.id.uuid(), 2)];
    for by in [boot(1, 1), boot(1, 1), boot(1, 2), boot(2, 1)] {
        let noted = services.executor.note_losses(by, &attempts[..1], at(9));
        noted.await.unwrap();
    }
    let noted = services.executor.note_losses(boot(1, 1), &attempts, at(9));
    noted.await.unwrap();
    let ids = [one.id.uuid(), two.id.uuid(), super::id(3).uuid()];
    let losses = services.queue.losses(&ids).await.unwrap();
    assert_eq!(
        losses,
        HashMap::from([((one.id.uuid(), 1), 3), ((two.id.uuid(), 2), 1)])
    );
    // No event lives for two days.
    let (kept, gone) = (at(9 + 2 * 86_400), at(10 + 2 * 86_400));
    services.queue.tidy_queue(kept).await.unwrap();
    assert_eq!(services.count("attempt_loss").await, 4);
    services.queue.tidy_queue(gone).await.unwrap();
    assert_eq!(services.count("attempt_loss").await, 0);
}
