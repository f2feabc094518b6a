//! What is counted. Without reservations, discounts and an organization, all kinds of cost are the same.

use std::collections::BTreeMap;

use aws_model::ce::MetricValue;
use domain::bill::explorer::Sum;
use domain::bill::explorer::sums::amount_text;
use domain::price::Currency;
use wire::Fault;

use super::faults;
use crate::call::Call;

/// A metric under the name that answers use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    Cost(&'static str),
    UsageQuantity,
    NormalizedUsageAmount,
}

const COSTS: [&str; 5] = [
    "AmortizedCost",
    "BlendedCost",
    "NetAmortizedCost",
    "NetUnblendedCost",
    "UnblendedCost",
];
const USAGE: &str = "UsageQuantity";
const NORMALIZED: &str = "NormalizedUsageAmount";

impl Metric {
    /// `UnblendedCost`, or as forecasts and some clients spell it, `UNBLENDED_COST`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let plain = text.replace('_', "");
        let is =
            |name: &str| name == text || (text.contains('_') && name.eq_ignore_ascii_case(&plain));
        if is(USAGE) {
            return Some(Self::UsageQuantity);
        }
        if is(NORMALIZED) {
            return Some(Self::NormalizedUsageAmount);
        }
        COSTS.into_iter().find(|name| is(name)).map(Self::Cost)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cost(name) => name,
            Self::UsageQuantity => USAGE,
            Self::NormalizedUsageAmount => NORMALIZED,
        }
    }
}

/// All metrics of a request, each once.
pub(super) fn read(names: &[String]) -> Result<Vec<Metric>, Fault> {
    if names.is_empty() {
        return Err(faults::no_metrics());
    }
    let mut metrics = Vec::with_capacity(names.len());
    for name in names {
        let known: Vec<&str> = COSTS.into_iter().chain([USAGE, NORMALIZED]).collect();
        let metric = Metric::read(name).ok_or_else(|| faults::no_metric(name, &known))?;
        if !metrics.contains(&metric) {
            metrics.push(metric);
        }
    }
    Ok(metrics)
}

/// A sum in each metric. `currency` is that of all sums of the answer.
pub(super) fn values(
    metrics: &[Metric],
    sum: &Sum,
    currency: &str,
) -> BTreeMap<String, MetricValue> {
    let value = |metric: &Metric| {
        let (amount_e10, unit) = match metric {
            Metric::Cost(_) => (sum.amount_e10, currency),
            Metric::UsageQuantity => sum.usage_e10(),
            // Only reserved instances have sizes to normalize.
            Metric::NormalizedUsageAmount => (0, "N/A"),
        };
        let value = MetricValue {
            amount: Some(amount_text(amount_e10)),
            unit: Some(unit.to_owned()),
        };
        (metric.name().to_owned(), value)
    };
    metrics.iter().map(value).collect()
}

/// The one currency of these sums; where nothing has a price, that of the account's price book. Costs in several cannot be added.
pub(super) async fn currency<'a>(
    cx: &Call,
    sums: impl Iterator<Item = &'a Sum>,
    metrics: &[Metric],
) -> Result<String, Fault> {
    let mut found: Vec<Currency> = sums
        .flat_map(|sum| sum.currencies.iter().copied())
        .collect();
    found.sort_unstable();
    found.dedup();
    let costs = metrics
        .iter()
        .any(|metric| matches!(metric, Metric::Cost(_)));
    if found.len() > 1 && costs {
        return Err(faults::currencies(&found));
    }
    if let Some(currency) = found.first() {
        return Ok(currency.to_string());
    }
    let known = cx.app.store.currencies(cx.account).await;
    let known = known.map_err(|error| crate::internal(&error, cx))?;
    let dollars = known.iter().find(|currency| currency.as_str() == "USD");
    Ok(dollars
        .or_else(|| known.first())
        .map_or_else(|| "USD".to_owned(), ToString::to_string))
}
