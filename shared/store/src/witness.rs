//! What gateways and queues have seen of executors' spools: the second witness of what ran (invariant I3).

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Error, Store};

/// The highest number of an event in an executor's spool that somebody was told of. Numbers have no gap, and begin anew with each start
/// of the executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witness {
    pub executor: Uuid,
    pub boot_epoch: i64,
    pub event: i64,
}

impl Store {
    /// Writes down what was seen by `at`. Lower numbers than those that are known change nothing.
    pub async fn witness_usage(&self, seen: &[Witness], at: DateTime<Utc>) -> Result<(), Error> {
        // In one order, so that processes do not wait for each other in a circle.
        let mut seen = seen.to_vec();
        seen.sort_unstable_by_key(|one| (one.executor, one.boot_epoch));
        let executors: Vec<Uuid> = seen.iter().map(|one| one.executor).collect();
        let epochs: Vec<i64> = seen.iter().map(|one| one.boot_epoch).collect();
        let events: Vec<i64> = seen.iter().map(|one| one.event).collect();
        sqlx::query!(
            "INSERT INTO billing.usage_witness (executor_id, boot_epoch, event, seen_at)
             SELECT executor_id, boot_epoch, event, $4
             FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[]) AS seen (executor_id, boot_epoch, event)
             ON CONFLICT (executor_id, boot_epoch) DO UPDATE SET event = excluded.event, seen_at = excluded.seen_at
             WHERE usage_witness.event < excluded.event",
            &executors,
            &epochs,
            &events,
            at,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

/// What I3 found.
pub(crate) struct Compared {
    pub(crate) witnesses: i64,
    /// Seen, and not arrived yet.
    pub(crate) on_the_way: i64,
    /// Executors that say they have told all, and have not.
    pub(crate) bad: Vec<String>,
}

/// Compares what was seen with what arrived. An executor's word that it has told all up to a time counts a minute later: clocks differ.
pub(crate) async fn compare(tx: &mut PgConnection) -> Result<Compared, Error> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "witnesses!", coalesce(sum(greatest(seen - arrived, 0)), 0)::bigint AS "on_the_way!",
               array_agg(format('executor %s, start %s: event %s was seen, %s is the last to have arrived',
                   executor_id, boot_epoch, seen, arrived)) FILTER (WHERE seen > arrived AND told) AS bad
           FROM (SELECT w.executor_id, w.boot_epoch, w.event AS seen, coalesce(last.last_event, 0) AS arrived,
                     coalesce(last.closes_epoch OR last.covers_until > w.seen_at + interval '1 minute', false) AS told
                 FROM billing.usage_witness AS w
                 LEFT JOIN LATERAL (
                     SELECT b.last_event, b.covers_until, b.closes_epoch FROM billing.usage_batch AS b
                     WHERE b.executor_id = w.executor_id AND b.boot_epoch = w.boot_epoch
                     ORDER BY b.batch_seq DESC LIMIT 1
                 ) AS last ON true) AS compared"#
    )
    .fetch_one(tx)
    .await?;
    Ok(Compared {
        witnesses: row.witnesses,
        on_the_way: row.on_the_way,
        bad: row.bad.unwrap_or_default(),
    })
}
