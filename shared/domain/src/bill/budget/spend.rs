//! What a budget's period has cost so far, and will have cost at its end.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Budget, Kind};
use crate::ParseError;
use crate::bill::explorer::forecast::{Forecast, HISTORY_DAYS_MAX, history};
use crate::bill::explorer::sums::{day_of, next_day};
use crate::bill::explorer::{Item, Period, Sum};

/// Figures of a period in the budget's unit, at ten digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spend {
    pub actual_e10: i128,
    /// `None` where no full day is known to go by, and of a period that does not run.
    pub forecast_e10: Option<i128>,
}

impl Budget {
    /// The time that usage must be known of: the period and the days that a forecast looks back on.
    pub fn looks_at(&self, period: Period, now: DateTime<Utc>) -> Period {
        let earliest = day_of(now) - TimeDelta::days(HISTORY_DAYS_MAX.into());
        Period {
            start: period.start.min(earliest),
            end: period.end.min(next_day(now)),
        }
    }

    /// The spend of a period by `now`, from all charges of [`Self::looks_at`].
    pub fn spend<'a>(
        &self,
        period: Period,
        now: DateTime<Utc>,
        items: impl Iterator<Item = Item<'a>>,
    ) -> Result<Spend, ParseError> {
        let filter = self.filter()?;
        let watched: Vec<Item<'a>> = items.filter(|item| filter.passes(item)).collect();
        let mut total = Sum::default();
        for item in watched.iter().filter(|item| self.counts(item)) {
            if period.contains(item.hour) && item.hour <= now {
                total.add(item);
            }
        }
        let actual_e10 = match self.kind {
            Kind::Cost => total.amount_e10,
            Kind::Usage => total.usage_in_e10(&self.unit),
        };
        let figures = watched
            .iter()
            .map(|item| (item.hour, self.figure_e10(item)));
        let (days, today_e10) = history(figures, now);
        let running = Forecast::of(&days).filter(|_| period.contains(now));
        let forecast_e10 = running.map(|forecast| {
            let to_come = (period.end - next_day(now)).num_days().max(0);
            let rest_of_today = forecast.today_e10(today_e10) - today_e10;
            actual_e10 + rest_of_today + forecast.day_e10() * i128::from(to_come)
        });
        Ok(Spend {
            actual_e10,
            forecast_e10,
        })
    }

    /// Whether a charge is in the budget's unit.
    fn counts(&self, item: &Item<'_>) -> bool {
        match self.kind {
            Kind::Cost => item
                .currency
                .is_some_and(|currency| currency.as_str() == self.unit),
            Kind::Usage => true,
        }
    }

    fn figure_e10(&self, item: &Item<'_>) -> i128 {
        if !self.counts(item) {
            return 0;
        }
        match self.kind {
            Kind::Cost => item.amount_e10,
            Kind::Usage => {
                let mut sum = Sum::default();
                sum.add(item);
                sum.usage_in_e10(&self.unit)
            }
        }
    }
}
