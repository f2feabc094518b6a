//! From an expression to instants: time zones, clock changes, bounds.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

use super::expression::Expression;
use crate::ParseError;

/// Longer than any gap that a clock change ever made (a whole day, where a zone changed sides of the date line).
const GAP_MAX: TimeDelta = TimeDelta::hours(26);

/// The moments at which a schedule fires.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Timetable {
    pub expression: Expression,
    pub zone: Tz,
    /// No fire before; not for `at`.
    pub start_at: Option<DateTime<Utc>>,
    /// No fire after; not for `at`.
    pub end_at: Option<DateTime<Utc>>,
    /// What a rate counts from: a fire is due then, and after each period.
    pub anchor_at: DateTime<Utc>,
}

/// A time zone by its IANA name, such as `Europe/Berlin`.
pub fn zone(name: &str) -> Result<Tz, ParseError> {
    name.parse()
        .map_err(|_| ParseError::new(format!("{name:?} is no time zone of the IANA database")))
}

impl Timetable {
    /// The first fire that is not before `from`; `None`: there is none any more.
    ///
    /// A time that a clock change leaves out does not fire; one that a clock change repeats fires the first time. A single `at` that
    /// was left out fires when the clock has jumped over it: nobody would hear of it otherwise.
    pub fn next_from(&self, from: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if let Expression::At(wall) = &self.expression {
            let at = self.once(*wall)?;
            return (at >= from).then_some(at);
        }
        let from = self.start_at.map_or(from, |start| start.max(from));
        let next = match &self.expression {
            Expression::At(_) => None,
            Expression::Rate(rate) => {
                let period = rate.period().num_microseconds()?;
                let late = (from - self.anchor_at).num_microseconds()?;
                let periods = if late <= 0 {
                    0
                } else {
                    (late - 1) / period + 1
                };
                let since = TimeDelta::microseconds(periods.checked_mul(period)?);
                self.anchor_at.checked_add_signed(since)
            }
            Expression::Cron(cron) => {
                let mut wall = from.with_timezone(&self.zone).naive_local();
                loop {
                    wall = cron.next_from(wall)?;
                    let instant = self.instant(wall);
                    // In the second pass of a repeated hour its first pass is over.
                    if let Some(at) = instant.filter(|at| *at >= from) {
                        break Some(at);
                    }
                    wall = wall.checked_add_signed(TimeDelta::minutes(1))?;
                }
            }
        }?;
        (self.end_at.is_none_or(|end| next <= end)).then_some(next)
    }

    /// The last fire before `before` that is not before `since`, and how many there are.
    pub fn last_between(
        &self,
        since: DateTime<Utc>,
        before: DateTime<Utc>,
    ) -> (Option<DateTime<Utc>>, u64) {
        let (mut last, mut count, mut from) = (None, 0, since);
        while let Some(next) = self.next_from(from).filter(|next| *next < before) {
            (last, count) = (Some(next), count + 1);
            from = next + TimeDelta::milliseconds(1);
        }
        (last, count)
    }

    /// The instant of a wall-clock time; `None`: the zone has no such time.
    fn instant(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self.zone.from_local_datetime(&wall) {
            MappedLocalTime::Single(at) | MappedLocalTime::Ambiguous(at, _) => {
                Some(at.with_timezone(&Utc))
            }
            MappedLocalTime::None => None,
        }
    }

    /// The instant of a time that comes once: in a gap, what the clock before the gap would have shown.
    fn once(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        self.instant(wall).or_else(|| {
            let before = wall.checked_sub_signed(GAP_MAX)?;
            let at = self.instant(before)?;
            at.checked_add_signed(GAP_MAX)
        })
    }
}
