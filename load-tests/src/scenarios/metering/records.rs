//! Executions as executors see them: of several accounts and functions, each with another size.

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use domain::execution::{Execution, Outcome};
use domain::{AccountId, Architecture, Region};
use executor::spool::StartRecord;
use uuid::Uuid;

const ACCOUNTS: u64 = 5;
const FUNCTIONS: u64 = 50;

/// The functions, made once: a measured loop only picks one.
pub(crate) struct Functions(Vec<StartRecord>);

impl Functions {
    pub(crate) fn new(now: DateTime<Utc>) -> Result<Self> {
        let region: Region = "us-east-1".parse()?;
        let functions = (0..FUNCTIONS).map(|number| {
            let account = AccountId::new(1 + number % ACCOUNTS).context("an account")?;
            Ok(StartRecord {
                request_id: Uuid::from_u128(number.into()),
                attempt: 1,
                account,
                region: region.clone(),
                function_arn: format!("arn:aws:lambda:{region}:{account}:function:f-{number}"),
                version: "$LATEST".to_owned(),
                architecture: Architecture::X86_64,
                memory_mb: memory_mb(number),
                ephemeral_mb: 512,
                started_at: now,
            })
        });
        Ok(Self(functions.collect::<Result<_>>()?))
    }

    /// What is known of the `number`-th execution before it runs.
    pub(crate) fn start(&self, number: u64) -> &StartRecord {
        let function = usize::try_from(number % FUNCTIONS).unwrap_or_default();
        &self.0[function]
    }
}

fn memory_mb(number: u64) -> u32 {
    u32::try_from(128 + 64 * (number % FUNCTIONS)).unwrap_or(128)
}

fn ms(number: u64) -> u64 {
    1 + number % 97
}

/// How the `number`-th ended.
pub(crate) fn end(start: &StartRecord, number: u64, ended_at: DateTime<Utc>) -> Execution {
    Execution {
        request_id: start.request_id,
        attempt: start.attempt,
        account: start.account,
        region: start.region.clone(),
        function_arn: start.function_arn.clone(),
        version: start.version.clone(),
        architecture: start.architecture,
        memory_mb: start.memory_mb,
        ephemeral_mb: start.ephemeral_mb,
        init_ns: 0,
        invoke_ns: ms(number) * 1_000_000,
        request_bytes: 256,
        response_bytes: 64,
        outcome: Outcome::Success,
        started_at: start.started_at,
        ended_at,
    }
}

/// MB·ms of the first `count` executions.
pub(crate) fn mb_ms(count: u64) -> i128 {
    let one = |number| i128::from(memory_mb(number)) * i128::from(ms(number));
    (0..count).map(one).sum()
}
