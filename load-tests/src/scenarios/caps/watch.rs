//! Looks at a cap while it is spent: with eyes of its own, not with the product's.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use tokio_postgres::Client;

use super::call::Rate;
use super::record;

/// What is held and settled of the cap of an account, and its limit: in 10⁻¹⁰.
const MONTH: &str = "SELECT (month.limit_amt * 10000000000)::bigint, (month.held * 10000000000)::bigint,
        (month.settled * 10000000000)::bigint
    FROM billing.spend_cap AS month JOIN billing.cap ON cap.id = month.cap_id WHERE cap.account_id = $1";

/// A look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Calls that ran, and what they are billed.
    pub(super) runs: u64,
    pub(super) ran_e10: i64,
    pub(super) held_e10: i64,
    pub(super) settled_e10: i64,
}

impl Look {
    pub(super) fn taken_e10(&self) -> i64 {
        self.held_e10 + self.settled_e10
    }
}

/// What is looked at.
pub(super) struct Watch<'a> {
    pub(super) client: Client,
    pub(super) account: i64,
    pub(super) limit_e10: i64,
    pub(super) rate: Rate<'a>,
    pub(super) records: Vec<PathBuf>,
}

impl Watch<'_> {
    /// Looks; a promise that is broken is an error.
    pub(super) async fn look(&self) -> Result<Look> {
        // First what ran, then what was taken for it: it was taken before.
        let mut runs = 0;
        for record in &self.records {
            runs += record::runs(record)?;
        }
        let ran_e10 = self.rate.bill_e10(runs)?;
        let row = self.client.query_one(MONTH, &[&self.account]).await?;
        let look = Look {
            runs,
            ran_e10,
            held_e10: row.get(1),
            settled_e10: row.get(2),
        };
        let (limit_e10, taken_e10): (i64, i64) = (row.get(0), look.taken_e10());
        ensure!(limit_e10 == self.limit_e10, "the limit is {limit_e10}");
        ensure!(
            taken_e10 <= limit_e10,
            "more is held and settled than the limit of {limit_e10}: {look:?}"
        );
        ensure!(
            ran_e10 <= taken_e10,
            "more ran than is held and settled: {look:?}"
        );
        Ok(look)
    }
}
