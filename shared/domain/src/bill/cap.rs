//! Spend caps: what a run can cost at most, and what is counted of it afterwards.
//!
//! Amounts are at list price: neither the free tier nor volume tiers lower them. So what is counted is never less than what is billed,
//! and a cap that is not overrun by the one is not overrun by the other.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::UsageRow;
use crate::price::book::hour_of;
use crate::price::{Book, Cost, Currency, Price, Sku};
use crate::{FunctionName, FunctionSpec, ParseError, Region};

/// INIT is charged to the execution that waits for it, up to so long.
pub const INIT_S_MAX: u32 = 10;

/// Each of the three parts of an execution's price may have been rounded down by half a digit.
const ROUNDING_E10: i64 = 2;

/// Runs at once that `throttle` may name.
const THROTTLE_MAX: u16 = 1_000;

/// Whose spending is capped.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    Account,
    Function(Region, FunctionName),
    /// Functions with this tag together.
    Tag(String, String),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account => f.write_str("account"),
            Self::Function(region, name) => write!(f, "function:{region}:{name}"),
            Self::Tag(key, value) => write!(f, "tag:{key}={value}"),
        }
    }
}

impl FromStr for Scope {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            ParseError::new(format!(
                "a cap's scope is account, function:REGION:NAME or tag:KEY=VALUE, got {text:?}"
            ))
        };
        if text == "account" {
            return Ok(Self::Account);
        }
        let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
        match kind {
            "function" => {
                let (region, name) = rest.split_once(':').ok_or_else(wrong)?;
                Ok(Self::Function(region.parse()?, name.parse()?))
            }
            "tag" => match rest.split_once('=') {
                Some((key, value)) if !key.is_empty() => {
                    Ok(Self::Tag(key.to_owned(), value.to_owned()))
                }
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }
}

/// What happens when a cap is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing more runs: the guarantee.
    Stop,
    /// So many run at once, beyond the limit too.
    Throttle(u16),
    /// Everything runs; it is said.
    Alert,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stop => f.write_str("stop"),
            Self::Throttle(runs) => write!(f, "throttle:{runs}"),
            Self::Alert => f.write_str("alert"),
        }
    }
}

impl FromStr for Action {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "stop" => return Ok(Self::Stop),
            "alert" => return Ok(Self::Alert),
            _ => {}
        }
        let runs = text
            .strip_prefix("throttle:")
            .and_then(|runs| runs.parse().ok());
        match runs {
            Some(runs) if (1..=THROTTLE_MAX).contains(&runs) => Ok(Self::Throttle(runs)),
            _ => Err(ParseError::new(format!(
                "a cap's action is stop, alert or throttle:RUNS with 1 to {THROTTLE_MAX} runs at once, got {text:?}"
            ))),
        }
    }
}

/// What one run of a function can cost at most: its requests, and memory and `/tmp` for its timeout and INIT, each rounded up.
/// `None` where the book has no price for one of them: such a run is not charged either.
pub fn ceiling(
    book: &Book,
    spec: &FunctionSpec,
    at: DateTime<Utc>,
    requests: i128,
) -> Option<Cost> {
    let duration = Sku::Duration(spec.architecture);
    let step_ms = i128::from(book.duration_step_ms(&spec.region, duration, hour_of(at)));
    let ms = i128::from(spec.timeout_s + INIT_S_MAX) * 1_000 + step_ms;
    let extra_mb = spec
        .ephemeral_mb
        .saturating_sub(crate::price::rating::EPHEMERAL_FREE_MB);
    let parts = [
        (Sku::Requests, requests),
        (duration, i128::from(spec.memory_mb) * ms),
        (Sku::EphemeralStorage, i128::from(extra_mb) * ms),
    ];
    let mut amount = 0_i128;
    let mut currency = None;
    for (sku, quantity) in parts.into_iter().filter(|(_, quantity)| *quantity > 0) {
        let price = book.in_force(&spec.region, sku, hour_of(at))?;
        if *currency.get_or_insert(price.currency) != price.currency {
            return None;
        }
        amount += dearest_e10(price, quantity)?;
    }
    Some(Cost {
        amount_e10: i64::try_from(amount).ok()?.checked_add(ROUNDING_E10)?,
        currency: currency?,
    })
}

/// What is counted of an execution that cost this.
pub fn counted_e10(cost_e10: i64) -> i64 {
    if cost_e10 == 0 {
        0
    } else {
        cost_e10.saturating_add(ROUNDING_E10)
    }
}

/// What a quantity costs at the dearest tier (a price may rise with the quantity), rounded up.
fn dearest_e10(price: &Price, quantity: i128) -> Option<i128> {
    let unit_e14 = price.tiers.iter().map(|tier| tier.price_e14).max()?;
    let divisor = price.quanta_per_unit.checked_mul(10_000)?;
    Some(quantity.checked_mul(unit_e14)?.checked_add(divisor - 1)? / divisor)
}

/// What usage cost at list price, each row rounded up: what a cap that is set within a month begins with. `None`: out of range.
pub fn spent_e10(book: &Book, usage: &[UsageRow], currency: Currency) -> Option<i64> {
    let mut sum = 0_i64;
    for row in usage {
        let Some(price) = book.in_force(&row.region, row.sku, row.hour) else {
            continue;
        };
        if price.currency != currency {
            continue;
        }
        let amount = i64::try_from(dearest_e10(price, row.quantity)?).ok()?;
        sum = sum.checked_add(amount)?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::TimeZone as _;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::execution::{Execution, Outcome};
    use crate::{Architecture, Egress, Version};

    fn book() -> Book {
        Book::parse(include_str!("../../../../data/price-book.csv")).unwrap()
    }

    fn at() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 1, 5, 30, 0).unwrap()
    }

    fn spec(memory_mb: u32, timeout_s: u32, ephemeral_mb: u32) -> FunctionSpec {
        FunctionSpec {
            spec_id: "s".to_owned(),
            account: crate::AccountId::new(0).unwrap(),
            region: "us-east-1".parse().unwrap(),
            name: "f".parse().unwrap(),
            version: Version::Latest,
            runtime: "python3.11".to_owned(),
            handler: String::new(),
            architecture: Architecture::X86_64,
            memory_mb,
            timeout_s,
            ephemeral_mb,
            egress: Egress::default(),
            environment: BTreeMap::new(),
            code_sha256: String::new(),
            code_size: 0,
        }
    }

    /// The design's own figures: 128 MB for 3 s, and the largest function there can be.
    #[test]
    fn the_most_a_run_can_cost() {
        let of = |memory, timeout| {
            ceiling(&book(), &spec(memory, timeout, 512), at(), 1)
                .unwrap()
                .to_string()
        };
        assert_eq!(of(128, 3), "0.0000272857 USD");
        assert_eq!(of(10_240, 900), "0.1516673369 USD");
        let elsewhere = FunctionSpec {
            region: "xx-nowhere-1".parse().unwrap(),
            ..spec(128, 3, 512)
        };
        assert_eq!(ceiling(&book(), &elsewhere, at(), 1), None);
    }

    #[test]
    fn scopes_and_actions_are_read_as_they_are_written() {
        for text in [
            "account",
            "function:eu-west-1:thumbs",
            "tag:team=red=1",
            "tag:team=",
        ] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "function:thumbs",
            "function:eu-west-1:a b",
            "tag:=x",
            "tag:x",
            "alias:x:y",
        ] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
        for text in ["stop", "alert", "throttle:1", "throttle:1000"] {
            assert_eq!(text.parse::<Action>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "Stop",
            "throttle",
            "throttle:0",
            "throttle:1001",
            "throttle:x",
        ] {
            assert!(text.parse::<Action>().is_err(), "{text}");
        }
    }

    proptest! {
        /// Whatever a run does within its limits: what is counted of it is at most what was held, and at least its exact price.
        #[test]
        fn a_hold_covers_what_is_counted_and_that_covers_the_price(
            memory_mb in 128_u32..=10_240, timeout_s in 1_u32..=900, ephemeral_mb in 512_u32..=10_240,
            init_ns in 0_u64..=10_000_000_000, part in 0_u64..=1_000,
        ) {
            let (book, spec) = (book(), spec(memory_mb, timeout_s, ephemeral_mb));
            let execution = Execution {
                request_id: Uuid::nil(), attempt: 1, account: spec.account, region: spec.region.clone(),
                function_arn: spec.arn().to_string(), version: "1".to_owned(), architecture: spec.architecture,
                memory_mb, ephemeral_mb, init_ns, invoke_ns: u64::from(timeout_s) * 1_000_000 * part,
                request_bytes: 0, response_bytes: 0, outcome: Outcome::Success, started_at: at(), ended_at: at(),
            };
            let cost = book.cost(&execution, 1).unwrap();
            let held = ceiling(&book, &spec, at(), 1).unwrap();
            prop_assert!(counted_e10(cost.amount_e10) <= held.amount_e10);
            let exact: i128 = crate::price::rating::metered(&execution, execution.billed_ms(1)).map(|part| {
                let price = book.in_force(&spec.region, part.sku, at()).unwrap();
                // At 10 to the minus 20, exactly enough for the comparison.
                part.quantity * price.tiers[0].price_e14 * 1_000_000 / price.quanta_per_unit
            }).sum();
            prop_assert!(exact <= i128::from(counted_e10(cost.amount_e10)) * 10_000_000_000);
        }
    }
}
