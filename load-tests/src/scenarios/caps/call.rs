//! The call that limits are spent on: 128 MB for 100 ms.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use domain::bill::UsageRow;
use domain::bill::cap::{ceiling, counted_e10, spent_e10};
use domain::execution::{Execution, Outcome};
use domain::price::Book;
use domain::price::book::hour_of;
use domain::price::rating::metered;
use domain::{AccountId, Architecture, Egress, FunctionSpec, Version};
use uuid::Uuid;

const MEMORY_MB: u32 = 128;
const RUNS_NS: u64 = 100_000_000;
const TIMEOUT_S: u32 = 3;
const EPHEMERAL_MB: u32 = 512;

/// The function that is called.
pub(super) fn spec(account: AccountId) -> Result<FunctionSpec> {
    Ok(FunctionSpec {
        spec_id: "capped".to_owned(),
        account,
        region: "us-east-1".parse()?,
        name: "capped".parse()?,
        version: Version::Latest,
        runtime: "provided.al2023".to_owned(),
        handler: String::new(),
        architecture: Architecture::X86_64,
        memory_mb: MEMORY_MB,
        timeout_s: TIMEOUT_S,
        ephemeral_mb: EPHEMERAL_MB,
        egress: Egress::default(),
        environment: BTreeMap::new(),
        code_sha256: String::new(),
        code_size: 0,
    })
}

/// What calls cost, by a price book.
pub(super) struct Rate<'a> {
    book: &'a Book,
    spec: FunctionSpec,
    execution: Execution,
}

impl<'a> Rate<'a> {
    pub(super) fn new(book: &'a Book, account: AccountId, at: DateTime<Utc>) -> Result<Self> {
        let spec = spec(account)?;
        let execution = Execution {
            request_id: Uuid::nil(),
            attempt: 1,
            account,
            region: spec.region.clone(),
            function_arn: spec.arn().to_string(),
            version: spec.version.to_string(),
            architecture: spec.architecture,
            memory_mb: MEMORY_MB,
            ephemeral_mb: EPHEMERAL_MB,
            init_ns: 0,
            invoke_ns: RUNS_NS,
            request_bytes: 0,
            response_bytes: 0,
            outcome: Outcome::Success,
            started_at: at,
            ended_at: at,
        };
        Ok(Self {
            book,
            spec,
            execution,
        })
    }

    /// One call's cost, as an executor says it.
    pub(super) fn cost_e10(&self) -> Result<i64> {
        let cost = self.book.cost(&self.execution, 1).context("no price")?;
        Ok(cost.amount_e10)
    }

    /// What a cap counts of one call.
    pub(super) fn counted_e10(&self) -> Result<i64> {
        Ok(counted_e10(self.cost_e10()?))
    }

    /// What is held for one call.
    pub(super) fn ceiling_e10(&self) -> Result<i64> {
        let most = ceiling(self.book, &self.spec, self.execution.ended_at, 1);
        Ok(most.context("no price")?.amount_e10)
    }

    /// What so many calls are billed at list price, from their sums as a bill is; rounded up.
    pub(super) fn bill_e10(&self, calls: u64) -> Result<i64> {
        let execution = &self.execution;
        let rows: Vec<UsageRow> = metered(execution, execution.billed_ms(1))
            .map(|part| UsageRow {
                hour: hour_of(execution.ended_at),
                region: execution.region.clone(),
                sku: part.sku,
                resource: execution.function_arn.clone(),
                coverable: true,
                quantity: part.quantity * i128::from(calls),
            })
            .collect();
        spent_e10(self.book, &rows, "USD".parse()?).context("out of range")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone as _;

    /// By hand: 0.0125 GB-s of 0.0000166667 USD are 0.00000020833375 USD, and a request is 0.0000002 USD.
    #[test]
    fn a_call_costs_what_the_price_list_says() {
        let book = Book::parse(store::prices::SHIPPED).expect("the shipped list");
        let at = Utc.with_ymd_and_hms(2026, 11, 15, 0, 0, 0);
        let account = AccountId::new(1).expect("an account");
        let rate = Rate::new(&book, account, at.single().expect("a time")).expect("a rate");
        assert_eq!(rate.cost_e10().expect("a cost"), 2_083 + 2_000);
        assert_eq!(rate.counted_e10().expect("a cost"), 2_085 + 2_000);
        assert_eq!(rate.ceiling_e10().expect("a cost"), 272_857);
        let bill = rate.bill_e10(1_000_000).expect("a bill");
        assert_eq!(bill, 2_083_337_500 + 2_000_000_000);
    }
}
