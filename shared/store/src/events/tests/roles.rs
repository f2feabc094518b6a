//! What each service may not do. What it must be able to do, the other tests of the queue do with its rights.

use sqlx::PgPool;

use super::Services;
use crate::Store;

async fn refused(store: &Store, statements: &[&str]) {
    for statement in statements {
        let query = sqlx::AssertSqlSafe((*statement).to_owned());
        let answer = sqlx::query(query).execute(&store.pool).await;
        let error = answer.expect_err(statement).to_string();
        assert!(error.contains("permission denied"), "{statement}: {error}");
    }
}

/// An executor's word on what is charged.
const SETTLEMENT: &str = "INSERT INTO billing.usage_settlement
    (executor_id, boot_epoch, attempts, requests, mb_ms, duplicates, duplicate_mb_ms)
    VALUES (gen_random_uuid(), 1, 1, 1, 1, 0, 0)";

/// Facts are inserted, and nothing else: by nobody.
const FACTS: &[&str] = &[
    "UPDATE invocation_00 SET payload = ''",
    "DELETE FROM invocation_31",
    "TRUNCATE invocation_07",
    "UPDATE outcome_00 SET kind = 0",
    "DELETE FROM outcome_31",
    "TRUNCATE outcome_07",
    "UPDATE ring SET hour = 1",
    "UPDATE lane SET function_name = 'mine'",
    "DELETE FROM lane",
    "UPDATE undelivered SET reason = ''",
    "UPDATE dead_letter SET payload = ''",
    "UPDATE idempotency SET inv_id = inv_id",
    "UPDATE attempt_loss SET lost_at = now()",
    "UPDATE billing.usage_settlement SET attempts = 0",
    "DELETE FROM billing.usage_settlement",
];

/// An executor adds, and reads nobody's events.
const EXECUTOR: &[&str] = &[
    "SELECT payload FROM invocation_00",
    "SELECT id FROM invocation_31",
    "SELECT count(*) FROM invocation_00",
    "SELECT response FROM outcome_00",
    "SELECT error FROM outcome_31",
    "SELECT payload FROM dead_letter",
    "SELECT function_name FROM dead_letter",
    "DELETE FROM dead_letter",
    "UPDATE dead_letter SET redriven_as = NULL",
    "SELECT body FROM undelivered",
    "DELETE FROM undelivered",
    "SELECT lost_at FROM attempt_loss",
    "DELETE FROM attempt_loss",
    "SELECT function_name FROM lane",
    "INSERT INTO lane (account_id, region, function_name) VALUES (1, 'r', 'f')",
    "SELECT key FROM idempotency",
    "SELECT id FROM redrive",
    "SELECT owner FROM shard_lease",
    "UPDATE shard_lease SET owner = NULL",
    "SELECT id FROM queue_member",
    "SELECT requests FROM billing.usage_settlement",
];

/// A queue neither bills nor opens accounts.
const QUEUE: &[&str] = &[
    SETTLEMENT,
    "UPDATE billing.usage_hour SET qty = 0",
    "INSERT INTO billing.usage_batch (executor_id) VALUES (gen_random_uuid())",
    "SELECT * FROM access_key",
    "INSERT INTO account (id) VALUES (5)",
    "DELETE FROM function",
    "SELECT * FROM log_event",
    "INSERT INTO shard_lease (shard) VALUES (0)",
    "DELETE FROM shard_lease",
];

/// A gateway takes no shards and notes no losses.
const GATEWAY: &[&str] = &[
    "UPDATE shard_lease SET owner = NULL",
    "INSERT INTO queue_member (id, last_seen) VALUES (gen_random_uuid(), now())",
    "DELETE FROM queue_member",
    "INSERT INTO attempt_loss VALUES (gen_random_uuid(), 1, gen_random_uuid(), 1, now())",
    SETTLEMENT,
];

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn no_service_may_do_more_than_it_must(pool: PgPool) {
    let services = Services::new(pool).await;
    for (store, statements) in [
        (&services.gateway, GATEWAY),
        (&services.queue, QUEUE),
        (&services.executor, EXECUTOR),
    ] {
        refused(store, FACTS).await;
        refused(store, statements).await;
    }
}
