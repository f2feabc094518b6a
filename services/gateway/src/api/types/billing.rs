//! Cost and usage.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::bill::Money;
use domain::bill::money::fixed;
use domain::bill::report::{Group, Report, Span};
use domain::bill::statement::{quantity_text, unit_text};
use domain::price::rating::ROW_DIGITS;
use domain::price::{Currency, Sku};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use store::reports::Forecast;

use super::Example;
use super::events::moment;

/// Which report. Without `month`, `from` and `to`: this month so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportQuery {
    /// A month, such as `2026-11`.
    pub month: Option<String>,
    /// The first hour, on the full hour; together with `to`.
    pub from: Option<DateTime<Utc>>,
    /// The first hour after it.
    pub to: Option<DateTime<Utc>>,
    /// `day`, `hour`, `function`, `region`, `sku`, `account` or `tag:KEY`; up to two, with a comma between. `day` where it is
    /// left out.
    pub group_by: Option<String>,
}

/// Which forecast. Without `month`: this one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForecastQuery {
    /// A month that is not over, such as `2026-11`.
    pub month: Option<String>,
}

/// Cost and usage over a span, grouped. Costs are before taxes and credits. Every grouping adds up to the same totals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BillingReport {
    /// The first hour.
    pub from: DateTime<Utc>,
    /// The first hour after it.
    pub to: DateTime<Utc>,
    /// What it is grouped by.
    pub group_by: Vec<String>,
    /// In the order of their keys.
    pub groups: Vec<ReportGroup>,
    pub totals: Vec<ReportTotal>,
    /// Usage that the price book has no price for: not charged.
    pub unpriced: Vec<UnpricedUsage>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportGroup {
    /// What each dimension of `group_by` is in it. The value of a tag that a function has not got is empty.
    pub keys: BTreeMap<String, String>,
    pub currency: String,
    /// Ten digits behind the point.
    pub amount: String,
    /// What is free is in it.
    pub usage: Vec<SkuUsage>,
}

/// The sum of all groups in a currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportTotal {
    pub currency: String,
    /// Ten digits behind the point.
    pub amount: String,
    /// The same, in the currency's minor unit: cents.
    pub rounded: String,
    pub usage: Vec<SkuUsage>,
}

/// A quantity of a SKU, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SkuUsage {
    pub sku: String,
    pub quantity: String,
    /// `Requests`, `GB-Seconds` or `GB`.
    pub unit: String,
}

/// A quantity that has no price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnpricedUsage {
    pub region: String,
    #[serde(flatten)]
    pub usage: SkuUsage,
}

/// What a month is expected to cost: the usage of the window goes on until the month's end, and is priced together with what
/// the month has used so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BillingForecast {
    pub month: String,
    /// The moment that it was made at.
    pub at: DateTime<Utc>,
    /// Complete hours of usage that it goes by: seven days at most; 0 where there was none.
    pub window_hours: i64,
    /// One per currency; none where nothing was used.
    pub amounts: Vec<ForecastAmount>,
}

/// Amounts with ten digits behind the point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ForecastAmount {
    pub currency: String,
    /// What the month has cost by now.
    pub so_far: String,
    /// What the whole month is expected to cost.
    pub month: String,
    /// The same, in the currency's minor unit: cents.
    pub month_rounded: String,
}

fn sku_usage(sku: Sku, quantity: i128) -> SkuUsage {
    SkuUsage {
        sku: sku.to_string(),
        quantity: quantity_text(sku, quantity),
        unit: unit_text(sku).to_owned(),
    }
}

fn group_usage(group: &Group) -> Vec<SkuUsage> {
    let usage = group.usage.iter();
    usage
        .map(|(sku, quantity)| sku_usage(*sku, *quantity))
        .collect()
}

fn rounded(amount_e10: i128, currency: Currency) -> String {
    Money::round_e10(amount_e10, currency).amount()
}

impl BillingReport {
    pub fn of(report: &Report, span: Span) -> Self {
        let group_by: Vec<String> = report.by.iter().map(ToString::to_string).collect();
        let groups = report.groups.iter().map(|(key, group)| ReportGroup {
            keys: group_by.iter().cloned().zip(key.values.clone()).collect(),
            currency: key.currency.to_string(),
            amount: fixed(group.amount_e10, ROW_DIGITS),
            usage: group_usage(group),
        });
        let totals = report.totals();
        let totals = totals.iter().map(|(currency, total)| ReportTotal {
            currency: currency.to_string(),
            amount: fixed(total.amount_e10, ROW_DIGITS),
            rounded: rounded(total.amount_e10, *currency),
            usage: group_usage(total),
        });
        let unpriced = report.unpriced.iter();
        let unpriced = unpriced.map(|((region, sku), quantity)| UnpricedUsage {
            region: region.to_string(),
            usage: sku_usage(*sku, *quantity),
        });
        Self {
            from: span.from,
            to: span.to,
            groups: groups.collect(),
            totals: totals.collect(),
            unpriced: unpriced.collect(),
            group_by,
        }
    }
}

impl BillingForecast {
    pub fn of(forecast: &Forecast) -> Self {
        let amounts = forecast.amounts.iter();
        let amounts = amounts.map(|(currency, expected)| ForecastAmount {
            currency: currency.to_string(),
            so_far: fixed(expected.so_far_e10, ROW_DIGITS),
            month: fixed(expected.month_e10, ROW_DIGITS),
            month_rounded: rounded(expected.month_e10, *currency),
        });
        Self {
            month: forecast.month.to_string(),
            at: forecast.at,
            window_hours: forecast.window_hours,
            amounts: amounts.collect(),
        }
    }
}

impl Example for BillingReport {
    fn example() -> Self {
        let usage = vec![SkuUsage {
            sku: "requests".to_owned(),
            quantity: "1250000".to_owned(),
            unit: "Requests".to_owned(),
        }];
        Self {
            from: moment(0),
            to: moment(86_400),
            group_by: vec!["region".to_owned()],
            groups: vec![ReportGroup {
                keys: [("region".to_owned(), "us-east-1".to_owned())].into(),
                currency: "USD".to_owned(),
                amount: "0.0500000000".to_owned(),
                usage: usage.clone(),
            }],
            totals: vec![ReportTotal {
                currency: "USD".to_owned(),
                amount: "0.0500000000".to_owned(),
                rounded: "0.05".to_owned(),
                usage,
            }],
            unpriced: Vec::new(),
        }
    }
}

impl Example for BillingForecast {
    fn example() -> Self {
        Self {
            month: "2026-11".to_owned(),
            at: moment(0),
            window_hours: 168,
            amounts: vec![ForecastAmount {
                currency: "USD".to_owned(),
                so_far: "1.2345678900".to_owned(),
                month: "2.7300000000".to_owned(),
                month_rounded: "2.73".to_owned(),
            }],
        }
    }
}
