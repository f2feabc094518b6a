//! Which row of an hour an addition goes to.
//!
//! An hour of a function is the sum of its rows, so additions may go to any of them. Executors spread over sixteen, so that they do not
//! wait for each other. And no row is added to for ever: every addition leaves a dead version behind, and while somebody's
//! transaction is open, none of them can be removed and each addition passes by all of them. So a row is left for a new one
//! after a while.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chrono::{DateTime, Utc};
use domain::usage::{Place, Sums};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

use super::decimal;
use crate::Error;

/// Rows over which the executors spread the additions to one hour.
const SPREAD: u32 = 16;

/// Additions of one process to one row: a few dozen pages of dead versions at most.
const ADDITIONS_MAX: u32 = 1_000;

/// Rows after each other before the first is added to again: what a `smallint` has room for.
const TURNS: u32 = 2_000;

/// Places are counted by their hash. Two that share a counter leave their rows sooner, which does no harm.
const COUNTERS: usize = 1 << 12;

/// What this process has added, by place. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Rows(Arc<[AtomicU32]>);

impl Default for Rows {
    fn default() -> Self {
        Self((0..COUNTERS).map(|_| AtomicU32::new(0)).collect())
    }
}

impl Rows {
    /// Adds sums to the hours: the only place that does.
    pub(crate) async fn add(
        &self,
        connection: &mut PgConnection,
        executor: Uuid,
        sums: &Sums,
    ) -> Result<(), Error> {
        if sums.is_empty() {
            return Ok(());
        }
        let lines = self.lines(executor, sums)?;
        sqlx::query!(
            "INSERT INTO billing.usage_hour (account_id, hour, region, sku, resource, shard, qty)
             -- Sorted by key, so that executors lock rows in one order.
             SELECT account_id, hour, region, sku, resource, shard, qty
             FROM UNNEST($1::smallint[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::numeric[])
                  AS line (shard, account_id, hour, region, sku, resource, qty)
             ON CONFLICT (account_id, hour, region, sku, resource, revision, shard)
             DO UPDATE SET qty = usage_hour.qty + excluded.qty",
            &lines.shards,
            &lines.accounts,
            &lines.hours,
            &lines.regions as &[&str],
            &lines.skus as &[&str],
            &lines.resources as &[&str],
            &lines.quantities,
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    /// The sums as columns, each with its row.
    fn lines<'a>(&self, executor: Uuid, sums: &'a Sums) -> Result<Lines<'a>, Error> {
        let sums = sums.iter();
        let mut lines = Lines {
            shards: Vec::with_capacity(sums.len()),
            accounts: Vec::with_capacity(sums.len()),
            hours: Vec::with_capacity(sums.len()),
            regions: Vec::with_capacity(sums.len()),
            skus: Vec::with_capacity(sums.len()),
            resources: Vec::with_capacity(sums.len()),
            quantities: Vec::with_capacity(sums.len()),
        };
        for (place, quantity) in sums {
            lines.shards.push(self.shard(executor, place));
            lines.accounts.push(place.account.number());
            lines.hours.push(place.hour);
            lines.regions.push(place.region.as_str());
            lines.skus.push(place.sku.as_str());
            lines.resources.push(&place.resource);
            lines.quantities.push(decimal(quantity)?);
        }
        Ok(lines)
    }

    /// The row that the next addition to a place goes to; counts that addition.
    fn shard(&self, executor: Uuid, place: &Place) -> i16 {
        let mut hasher = DefaultHasher::new();
        place.hash(&mut hasher);
        let counter = usize::try_from(hasher.finish() % COUNTERS as u64).unwrap_or(0);
        let additions = self.0[counter].fetch_add(1, Ordering::Relaxed);
        let turn = additions / ADDITIONS_MAX % TURNS;
        let spread = executor.as_u128() % u128::from(SPREAD);
        let spread = u32::try_from(spread).unwrap_or(0);
        i16::try_from(turn * SPREAD + spread).unwrap_or(0)
    }
}

/// Sums as columns, in the order of their keys: so all lock rows in one order.
struct Lines<'a> {
    shards: Vec<i16>,
    accounts: Vec<i64>,
    hours: Vec<DateTime<Utc>>,
    regions: Vec<&'a str>,
    skus: Vec<&'a str>,
    resources: Vec<&'a str>,
    quantities: Vec<Decimal>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::TimeZone as _;
    use domain::AccountId;
    use domain::price::Sku;

    use super::*;

    fn place(resource: &str) -> Place {
        Place {
            account: AccountId::new(1).unwrap(),
            hour: Utc.with_ymd_and_hms(2026, 11, 1, 0, 0, 0).unwrap(),
            region: "eu-west-1".parse().unwrap(),
            sku: Sku::Requests,
            resource: resource.to_owned(),
        }
    }

    #[test]
    fn a_row_is_left_after_a_while_and_executors_keep_apart() {
        let rows = Rows::default();
        let place = place("busy");
        let mut additions: BTreeMap<i16, u32> = BTreeMap::new();
        for _ in 0..5 * ADDITIONS_MAX {
            *additions
                .entry(rows.shard(Uuid::from_u128(3), &place))
                .or_default() += 1;
        }
        let expected = (0..5).map(|turn| (turn * 16 + 3, ADDITIONS_MAX)).collect();
        assert_eq!(additions, expected);
        assert_eq!(rows.shard(Uuid::from_u128(20), &place) % 16, 4);
    }

    #[test]
    fn turns_come_round_within_the_column() {
        let rows = Rows::default();
        let place = place("busy");
        rows.shard(Uuid::max(), &place);
        let last = TURNS * ADDITIONS_MAX - 1;
        let counter = rows
            .0
            .iter()
            .find(|one| one.load(Ordering::Relaxed) == 1)
            .unwrap();
        counter.store(last, Ordering::Relaxed);
        assert_eq!(rows.shard(Uuid::max(), &place), 31_999);
        assert_eq!(rows.shard(Uuid::max(), &place), 15);
    }
}
