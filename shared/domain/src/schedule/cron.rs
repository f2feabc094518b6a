//! AWS's cron expressions: `minutes hours day-of-month month day-of-week year` (`spec/schedules.md`, 1.5).

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _, Weekday};

use super::fields::{DAYS_OF_MONTH, DAYS_OF_WEEK, Field, HOURS, MINUTES, MONTHS, YEARS, number};

const YEAR_MIN: i32 = 1970;
const YEAR_MAX: i32 = 2199;

/// The wall-clock minutes that a cron expression names, in whatever zone it is read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cron {
    /// Bit n: minute n.
    minutes: u64,
    hours: u32,
    /// Bit n: month n; bit 0 is not used.
    months: u16,
    days: Days,
    /// In order; `None`: every year.
    years: Option<Box<[u16]>>,
}

/// Which days of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Days {
    /// Bit n: day n of the month.
    OfMonth(u32),
    /// The last day of the month, or so many days before it (`L`, `L-3`).
    Last(u32),
    /// The weekday that is nearest to a day, within its month (`15W`).
    NearestWeekday(u32),
    /// The last weekday (`LW`).
    LastWeekday,
    /// Bit n: day n of the week, Sunday is 1.
    OfWeek(u8),
    /// The last of such a day of the week in the month (`6L`).
    LastOfWeek(u32),
    /// The nth of such a day of the week in the month (`6#3`).
    NthOfWeek(u32, u32),
}

impl Cron {
    /// Reads the text between the parentheses of `cron(...)`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(' ').collect();
        let [minutes, hours, of_month, months, of_week, years] = parts[..] else {
            return None;
        };
        let days = match (of_month, of_week) {
            ("?", "?") => return None,
            (_, "?") => days_of_month(of_month)?,
            ("?", _) => days_of_week(of_week)?,
            _ => return None,
        };
        let years = match years {
            "*" => None,
            list => Some(YEARS.values(list)?.into_boxed_slice()),
        };
        Some(Self {
            minutes: MINUTES.bits(minutes)?,
            hours: narrow(&HOURS, hours)?,
            months: u16::try_from(MONTHS.bits(months)?).ok()?,
            days,
            years,
        })
    }

    /// The first minute of the expression that is not before `from`; `None`: there is none, to the end of 2199.
    pub fn next_from(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        // Seconds are not counted: a minute that has begun is over.
        let whole = from.with_second(0)?.with_nanosecond(0)?;
        let from = if whole == from {
            from
        } else {
            whole.checked_add_signed(chrono::TimeDelta::minutes(1))?
        };
        let from = from.max(NaiveDate::from_ymd_opt(YEAR_MIN, 1, 1)?.and_time(NaiveTime::MIN));
        if let Some(date) = self.date_from(from.date())
            && date == from.date()
            && let Some(time) = self.time_from(from.time())
        {
            return Some(date.and_time(time));
        }
        let date = self.date_from(from.date().succ_opt()?)?;
        Some(date.and_time(self.time_from(NaiveTime::MIN)?))
    }

    fn time_from(&self, from: NaiveTime) -> Option<NaiveTime> {
        let at = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0);
        if self.hours & (1 << from.hour()) != 0
            && let Some(minute) = next_bit(self.minutes, from.minute())
        {
            return at(from.hour(), minute);
        }
        let hour = next_bit(u64::from(self.hours), from.hour() + 1)?;
        at(hour, next_bit(self.minutes, 0)?)
    }

    /// The first day of the expression that is not before `from`.
    fn date_from(&self, from: NaiveDate) -> Option<NaiveDate> {
        let mut year = from.year();
        let (mut month, mut day) = (from.month(), from.day());
        while year <= YEAR_MAX {
            if self.has_year(year) {
                while let Some(next) = next_bit(u64::from(self.months), month) {
                    if next != month {
                        (month, day) = (next, 1);
                    }
                    if let Some(found) = next_bit(self.days.of(year, month)?, day) {
                        return NaiveDate::from_ymd_opt(year, month, found);
                    }
                    (month, day) = (month + 1, 1);
                }
            }
            (year, month, day) = (year + 1, 1, 1);
        }
        None
    }

    fn has_year(&self, year: i32) -> bool {
        let Some(years) = &self.years else {
            return (YEAR_MIN..=YEAR_MAX).contains(&year);
        };
        u16::try_from(year).is_ok_and(|year| years.binary_search(&year).is_ok())
    }
}

impl Days {
    /// The days of a month, as bits.
    fn of(self, year: i32, month: u32) -> Option<u64> {
        let first = NaiveDate::from_ymd_opt(year, month, 1)?;
        let last = u32::from(first.num_days_in_month());
        let within = |day: u32| if day <= last { 1 << day } else { 0 };
        // The day of the month of the first such day of the week (1 to 7).
        let first_of = |of_week: u32| {
            let begins = first.weekday().num_days_from_sunday() + 1;
            (of_week + 7 - begins) % 7 + 1
        };
        Some(match self {
            Self::OfMonth(bits) => u64::from(bits) & ((2 << last) - 1),
            Self::Last(before) => last
                .checked_sub(before)
                .map_or(0, |day| if day == 0 { 0 } else { 1 << day }),
            Self::NearestWeekday(day) if day > last => 0,
            Self::NearestWeekday(day) => 1 << nearest_weekday(first, day, last)?,
            Self::LastWeekday => 1 << nearest_weekday(first, last, last)?,
            Self::OfWeek(bits) => (1..=7)
                .filter(|of_week| bits & (1 << of_week) != 0)
                .flat_map(|of_week| (first_of(of_week)..=last).step_by(7))
                .fold(0, |all, day| all | 1 << day),
            Self::LastOfWeek(of_week) => {
                let day = first_of(of_week);
                1 << (day + (last - day) / 7 * 7)
            }
            Self::NthOfWeek(of_week, nth) => within(first_of(of_week) + 7 * (nth - 1)),
        })
    }
}

/// Monday to Friday that is nearest to a day, without leaving its month.
fn nearest_weekday(first: NaiveDate, day: u32, last: u32) -> Option<u32> {
    Some(match first.with_day(day)?.weekday() {
        Weekday::Sat if day == 1 => 3,
        Weekday::Sat => day - 1,
        Weekday::Sun if day == last => day - 2,
        Weekday::Sun => day + 1,
        _ => day,
    })
}

fn days_of_month(text: &str) -> Option<Days> {
    let upper = text.to_ascii_uppercase();
    if upper == "L" {
        return Some(Days::Last(0));
    }
    if upper == "LW" {
        return Some(Days::LastWeekday);
    }
    if let Some(before) = upper.strip_prefix("L-") {
        let before = number(before).filter(|before| (1..=30).contains(before))?;
        return Some(Days::Last(u32::from(before)));
    }
    if let Some(day) = upper.strip_suffix('W') {
        return Some(Days::NearestWeekday(DAYS_OF_MONTH.value(day)?.into()));
    }
    narrow(&DAYS_OF_MONTH, text).map(Days::OfMonth)
}

fn days_of_week(text: &str) -> Option<Days> {
    let upper = text.to_ascii_uppercase();
    if upper == "L" {
        // The week's last day.
        return Some(Days::OfWeek(1 << 7));
    }
    if let Some(day) = upper.strip_suffix('L') {
        return Some(Days::LastOfWeek(DAYS_OF_WEEK.value(day)?.into()));
    }
    if let Some((day, nth)) = upper.split_once('#') {
        let nth = number(nth).filter(|nth| (1..=5).contains(nth))?;
        return Some(Days::NthOfWeek(DAYS_OF_WEEK.value(day)?.into(), nth.into()));
    }
    let bits = DAYS_OF_WEEK.bits(text)?;
    u8::try_from(bits).ok().map(Days::OfWeek)
}

fn narrow(field: &Field, text: &str) -> Option<u32> {
    u32::try_from(field.bits(text)?).ok()
}

/// The first bit that is set, from `from` on.
fn next_bit(bits: u64, from: u32) -> Option<u32> {
    let left = bits.checked_shr(from)?;
    (left != 0).then(|| from + left.trailing_zeros())
}
