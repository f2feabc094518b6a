//! Budgets: what is watched, for how long, and when somebody is told.
//!
//! - [`spend`]: what a budget's period has cost and will cost.
//! - [`notification`]: thresholds, and who hears of them.
//! - [`message`]: what a function or a webhook is told.

pub mod message;
pub mod notification;
pub mod spend;

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Months, NaiveTime, TimeDelta, Utc};

use super::Month;
use super::explorer::sums::{day_of, next_day};
use super::explorer::{Dimension, Filter, Match, Period};
use crate::ParseError;
use crate::price::rating::ROW_DIGITS;

pub use message::Message;
pub use notification::{
    Measure, Notification, Operator, Subscriber, SubscriberKind, ThresholdType,
};
pub use spend::Spend;

#[cfg(test)]
mod tests;

/// What is watched: `COST` or `USAGE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Cost,
    Usage,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cost => "COST",
            Self::Usage => "USAGE",
        }
    }
}

impl FromStr for Kind {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "COST" => Ok(Self::Cost),
            "USAGE" => Ok(Self::Usage),
            _ => Err(ParseError::new(format!("{text:?} is no type of budget"))),
        }
    }
}

/// After which time a budget begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    Daily,
    Monthly,
    Quarterly,
    Annually,
    /// Never: its whole life is one period.
    Custom,
}

impl TimeUnit {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "DAILY",
            Self::Monthly => "MONTHLY",
            Self::Quarterly => "QUARTERLY",
            Self::Annually => "ANNUALLY",
            Self::Custom => "CUSTOM",
        }
    }

    /// The period of the UTC calendar that a moment lies in. `life` is that of the budget.
    pub fn period(self, life: Period, at: DateTime<Utc>) -> Period {
        match self {
            Self::Daily => Period {
                start: day_of(at),
                end: next_day(at),
            },
            Self::Monthly => months(at, 1),
            Self::Quarterly => months(at, 3),
            Self::Annually => months(at, 12),
            Self::Custom => life,
        }
    }
}

/// The stretch of so many months, counted from January, that a moment lies in.
fn months(at: DateTime<Utc>, count: u32) -> Period {
    let first = Month::of(at).start().date_naive();
    let start = first - Months::new(first.month0() % count);
    let midnight = |day: chrono::NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    Period {
        start: midnight(start),
        end: midnight(start + Months::new(count)),
    }
}

impl FromStr for TimeUnit {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        [
            Self::Daily,
            Self::Monthly,
            Self::Quarterly,
            Self::Annually,
            Self::Custom,
        ]
        .into_iter()
        .find(|unit| unit.as_str() == text)
        .ok_or_else(|| ParseError::new(format!("{text:?} is no time unit of a budget")))
    }
}

/// Values by the names of AWS's cost filters: `Region`, `TagKeyValue`.
pub type CostFilters = BTreeMap<String, Vec<String>>;

/// Which charges a budget watches, in either of AWS's ways of saying so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    CostFilters(CostFilters),
    /// As in Cost Explorer.
    Expression(Filter),
}

/// Limits of periods, at ten digits, by the periods' starts.
pub type PlannedLimits = BTreeMap<DateTime<Utc>, i128>;

/// A budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Unique in its account.
    pub name: String,
    pub kind: Kind,
    /// At ten digits: of all periods, or of those before the planned ones.
    pub limit_e10: i128,
    /// Those of a MONTHLY or QUARTERLY budget that has another limit in each period.
    pub planned_e10: PlannedLimits,
    /// A currency, or a unit of usage.
    pub unit: String,
    pub time_unit: TimeUnit,
    /// When it watches.
    pub life: Period,
    pub watched: Watched,
}

impl Budget {
    /// The period that runs at a moment; `None` before the budget's time and after it.
    pub fn period(&self, at: DateTime<Utc>) -> Option<Period> {
        self.life
            .contains(at)
            .then(|| self.time_unit.period(self.life, at))
    }

    /// A period's limit, at ten digits. Behind the planned ones, the last of them holds (API reference, `PlannedBudgetLimits`).
    pub fn limit_of_e10(&self, period: Period) -> i128 {
        let planned = self.planned_e10.range(..=period.start).next_back();
        planned.map_or(self.limit_e10, |(_, limit_e10)| *limit_e10)
    }

    /// Which charges it watches.
    pub fn filter(&self) -> Result<Filter, ParseError> {
        match &self.watched {
            Watched::CostFilters(filters) => filter(filters),
            Watched::Expression(filter) => Ok(filter.clone()),
        }
    }
}

/// The end of a budget that has none: AWS's own.
pub fn no_end() -> DateTime<Utc> {
    // 2087-06-15.
    DateTime::UNIX_EPOCH + TimeDelta::days(42_899)
}

/// Names of cost filters that are not those of a dimension without underscores.
const TAG: &str = "TagKeyValue";
/// What user's tags are prefixed with in budgets, and nowhere else.
const USER_TAG: &str = "user:";

/// The charges that pass all filters; of one filter's values, one must fit.
pub fn filter(filters: &CostFilters) -> Result<Filter, ParseError> {
    let all = filters
        .iter()
        .map(|(name, values)| match name.as_str() {
            TAG => tags(values),
            "Service" => Ok(Filter::Or(vec![
                Filter::Dimension(Dimension::Service, Match::one_of(values.clone())),
                Filter::Dimension(Dimension::ServiceCode, Match::one_of(values.clone())),
            ])),
            _ => Ok(Filter::Dimension(
                dimension(name)?,
                Match::one_of(values.clone()),
            )),
        })
        .collect::<Result<_, ParseError>>()?;
    Ok(Filter::And(all))
}

fn dimension(name: &str) -> Result<Dimension, ParseError> {
    let known = Dimension::names().find(|known| known.replace('_', "").eq_ignore_ascii_case(name));
    let unknown = || {
        ParseError::new(format!(
            "{name} is not a cost filter. There are Service, Region, UsageType, Operation, LinkedAccount, TagKeyValue and the \
             other dimensions of Cost Explorer."
        ))
    };
    known.ok_or_else(unknown)?.parse()
}

fn tags(values: &[String]) -> Result<Filter, ParseError> {
    let one = |text: &String| {
        let (key, value) = text.split_once('$').ok_or_else(|| {
            ParseError::new(format!(
                "A TagKeyValue is user:KEY$VALUE, {text:?} has no $."
            ))
        })?;
        let key = key.strip_prefix(USER_TAG).unwrap_or(key);
        Ok(Filter::Tag(
            key.to_owned(),
            Match::one_of(vec![value.to_owned()]),
        ))
    };
    Ok(Filter::Or(
        values.iter().map(one).collect::<Result<_, _>>()?,
    ))
}

/// Largest amount: what the database's column holds with room for sums.
pub const AMOUNT_MAX_E10: i128 = 1_000_000_000_000_000 * 10_i128.pow(ROW_DIGITS);

/// An amount such as `100`, `.5` or `12.5`, at ten digits.
pub fn parse_amount(text: &str) -> Result<i128, ParseError> {
    let wrong = || {
        ParseError::new(format!(
            "{text:?} is not an amount: a number up to 10^15 with at most {ROW_DIGITS} digits behind the point."
        ))
    };
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let rest = rest.trim_end_matches('0');
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let width = usize::try_from(ROW_DIGITS).unwrap_or(0);
    if !digits(whole) || !digits(rest) || rest.len() > width || text.is_empty() || text == "." {
        return Err(wrong());
    }
    let number: i128 = format!("0{whole}{rest:0<width$}")
        .parse()
        .map_err(|_| wrong())?;
    Some(number)
        .filter(|number| *number <= AMOUNT_MAX_E10)
        .ok_or_else(wrong)
}

/// An amount as AWS shows those of budgets: with one digit behind the point at least.
pub fn amount_text(e10: i128) -> String {
    let text = super::explorer::sums::amount_text(e10);
    if text.contains('.') {
        text
    } else {
        format!("{text}.0")
    }
}
