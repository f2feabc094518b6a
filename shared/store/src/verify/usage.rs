//! I1 to I3: nothing between executors and the hours was lost or doubled.

use sqlx::PgConnection;

use super::Check;
use crate::{Error, Store, witness};

/// I1, per start of an executor.
pub(super) async fn epochs(tx: &mut PgConnection) -> Result<Check, Error> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "epochs!",
               array_agg(format('executor %s, start %s', executor_id, boot_epoch))
                   FILTER (WHERE (closed AND missing = 0 AND started <> ended + lost) OR batches <> last_batch OR events <> last_event)
                   AS bad
           FROM (SELECT executor_id, boot_epoch, bool_or(closes_epoch) AS closed, sum(missing) AS missing, sum(started) AS started,
                     sum(ended) AS ended, sum(platform_lost) AS lost, count(*) AS batches, max(batch_seq) AS last_batch,
                     sum(last_event - first_event + 1) AS events, max(last_event) AS last_event
                 FROM billing.usage_batch GROUP BY executor_id, boot_epoch) AS epoch"#
    )
    .fetch_one(tx)
    .await?;
    Ok(Check::of(
        "I1 started = ended + platform_lost, without a gap",
        format!("{} starts of executors", row.epochs),
        &row.bad.unwrap_or_default(),
    ))
}

/// I3: what gateways and queues saw run is in the usage.
pub(super) async fn witnessed(tx: &mut PgConnection) -> Result<Check, Error> {
    let compared = witness::compare(tx).await?;
    Ok(Check::of(
        "I3 what gateways and queues saw of executors has arrived",
        format!(
            "{} starts of executors, {} of their records on the way",
            compared.witnesses, compared.on_the_way
        ),
        &compared.bad,
    ))
}

impl Store {
    /// I2, over all that was ever ingested.
    pub(super) async fn usage_adds_up(&self) -> Result<Check, Error> {
        let balance = self.usage_balance().await?;
        let found = if balance.holds() {
            Vec::new()
        } else {
            vec![format!(
                "batches say {} requests and {} MB·ms, hours hold {} and {}",
                balance.ended, balance.mb_ms, balance.hours_requests, balance.hours_mb_ms
            )]
        };
        let looked_at = format!("{} requests, {} MB·ms", balance.ended, balance.mb_ms);
        Ok(Check::of(
            "I2 sums of batches = usage of the hours",
            looked_at,
            &found,
        ))
    }
}
