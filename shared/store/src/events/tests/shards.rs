//! Leases on shards. Times are the database's own: what is to have passed is written into the rows.

use sqlx::PgPool;
use uuid::Uuid;

use super::Services;
use crate::events::ShardLease;

const LONG_MS: u32 = 3_600_000;
const A: Uuid = Uuid::from_u128(1);
const B: Uuid = Uuid::from_u128(2);

async fn hold(services: &Services, me: Uuid, shards: &[i16]) -> Vec<(i16, i64)> {
    let held = services.queue.hold_shards(me, shards, LONG_MS).await;
    let mut held: Vec<_> = held
        .unwrap()
        .into_iter()
        .map(|ShardLease { shard, epoch }| (shard, epoch))
        .collect();
    held.sort_unstable();
    held
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_shard_has_one_owner_and_each_change_a_greater_epoch(pool: PgPool) {
    let services = Services::new(pool).await;
    assert_eq!(
        hold(&services, A, &[3, 0, 31]).await,
        [(0, 1), (3, 1), (31, 1)]
    );
    // Renewed, and with one more: the epochs of those that were held stay.
    assert_eq!(
        hold(&services, A, &[0, 3, 4]).await,
        [(0, 1), (3, 1), (4, 1)]
    );
    assert_eq!(hold(&services, B, &[3, 4, 5]).await, [(5, 1)]);
    // Given back, another has it at once; only the owner can give.
    services.queue.release_shards(B, &[3]).await.unwrap();
    services.queue.release_shards(A, &[4]).await.unwrap();
    assert_eq!(hold(&services, B, &[3, 4]).await, [(4, 2)]);
    assert_eq!(hold(&services, A, &[3, 4]).await, [(3, 1)]);
    // Whoever comes back to what he gave is another owner.
    services.queue.release_shards(A, &[3]).await.unwrap();
    assert_eq!(hold(&services, A, &[3]).await, [(3, 2)]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_lapsed_lease_is_anybodys(pool: PgPool) {
    let services = Services::new(pool).await;
    hold(&services, A, &[1, 2]).await;
    let lapse = sqlx::query("UPDATE shard_lease SET expires_at = now() - interval '1 ms'");
    lapse.execute(&services.owner.pool).await.unwrap();
    assert_eq!(hold(&services, B, &[1]).await, [(1, 2)]);
    // The old owner has what nobody took meanwhile; what was done with it in between nobody knows.
    assert_eq!(hold(&services, A, &[1, 2]).await, [(2, 2)]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn replicas_that_want_the_same_at_once_share_it_out(pool: PgPool) {
    let services = Services::new(pool).await;
    let all: Vec<i16> = (0..32).collect();
    let back: Vec<i16> = (0..32).rev().collect();
    let (a, b) = futures::join!(hold(&services, A, &all), hold(&services, B, &back));
    let mut held: Vec<i16> = a.iter().chain(&b).map(|(shard, _)| *shard).collect();
    held.sort_unstable();
    assert_eq!(held, all);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn members_are_those_that_were_seen_lately(pool: PgPool) {
    let services = Services::new(pool).await;
    let members = async |me| services.queue.queue_members(me, LONG_MS).await.unwrap();
    assert_eq!(members(B).await, [B]);
    assert_eq!(members(A).await, [A, B]);
    let seen = async |ago: &str| {
        sqlx::query(
            "UPDATE queue_member SET last_seen = clock_timestamp() - $1::interval WHERE id = $2",
        )
        .bind(ago)
        .bind(B)
        .execute(&services.owner.pool)
        .await
        .unwrap();
    };
    seen("59 minutes").await;
    let short = services.queue.queue_members(A, 60_000).await.unwrap();
    assert_eq!(short, [A]);
    assert_eq!(services.count("queue_member").await, 2);
    seen("61 minutes").await;
    members(A).await;
    assert_eq!(services.count("queue_member").await, 1, "long gone");
    members(B).await;
    services.queue.leave_queue(B).await.unwrap();
    assert_eq!(members(A).await, [A]);
}
