//! Billing periods: UTC calendar months.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::ParseError;

/// A calendar month in UTC; as text `2026-10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Month {
    first: NaiveDate,
}

impl Month {
    /// The month that a moment lies in.
    pub fn of(at: DateTime<Utc>) -> Self {
        let day = at.date_naive();
        Self {
            first: day.with_day(1).unwrap_or(day),
        }
    }

    /// Its first moment.
    pub fn start(self) -> DateTime<Utc> {
        self.first.and_time(NaiveTime::MIN).and_utc()
    }

    /// The first moment after it.
    pub fn end(self) -> DateTime<Utc> {
        self.next().start()
    }

    /// The month after this one.
    #[must_use]
    pub fn next(self) -> Self {
        let first = self.first.checked_add_months(chrono::Months::new(1));
        Self {
            first: first.unwrap_or(self.first),
        }
    }

    /// The month before this one.
    #[must_use]
    pub fn previous(self) -> Self {
        let first = self.first.checked_sub_months(chrono::Months::new(1));
        Self {
            first: first.unwrap_or(self.first),
        }
    }

    pub fn contains(self, at: DateTime<Utc>) -> bool {
        self.start() <= at && at < self.end()
    }

    /// The moment of the month that is nearest to `at`, to the microsecond.
    pub fn nearest(self, at: DateTime<Utc>) -> DateTime<Utc> {
        at.clamp(self.start(), self.end() - TimeDelta::microseconds(1))
    }

    /// The month that begins on this day, where it is a first one.
    pub fn starting(day: NaiveDate) -> Option<Self> {
        (day.day() == 1).then_some(Self { first: day })
    }

    /// Its first day.
    pub fn first_day(self) -> NaiveDate {
        self.first
    }

    /// Days in it.
    pub fn days(self) -> u32 {
        u32::from(self.first.num_days_in_month())
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.format("%Y-%m").fmt(f)
    }
}

impl FromStr for Month {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || ParseError::new(format!("a month looks like 2026-10, {text:?} does not"));
        let (year, month) = text.split_once('-').ok_or_else(wrong)?;
        let digits =
            |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return Err(wrong());
        }
        let number = |text: &str| text.parse::<u32>().map_err(|_| wrong());
        let year = i32::try_from(number(year)?).map_err(|_| wrong())?;
        let first = NaiveDate::from_ymd_opt(year, number(month)?, 1).ok_or_else(wrong)?;
        Ok(Self { first })
    }
}
