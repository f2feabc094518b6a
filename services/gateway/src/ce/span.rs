//! The time that a request is about.

use aws_model::ce::DateInterval;
use chrono::{DateTime, Months, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, Utc};
use domain::bill::Month;
use domain::bill::explorer::sums::{day_of, next_day};
use domain::bill::explorer::{Granularity, Period};
use wire::Fault;

use super::faults;

/// How far back costs can be asked for by day, in months; the running one counts.
const MONTHS_BY_DAY: u32 = 14;
/// The same by month.
const MONTHS_BY_MONTH: u32 = 38;
/// How far back costs can be asked for by the hour.
const DAYS_BY_HOUR: i64 = 14;

/// Charges of a month are final a day after its end at the earliest: usage still arrives.
const FINAL_AFTER: TimeDelta = TimeDelta::hours(24);

/// A span with what AWS demands of one for costs that have come up.
pub(super) fn past(
    interval: &DateInterval,
    granularity: Granularity,
    now: DateTime<Utc>,
) -> Result<Period, Fault> {
    let span = read(interval, granularity == Granularity::Hourly)?;
    if span.end > Month::of(now).end() {
        return Err(faults::ends_too_late());
    }
    if span.start >= next_day(now) {
        return Err(faults::starts_after_today());
    }
    if granularity == Granularity::Hourly {
        let earliest = day_of(now) - TimeDelta::days(DAYS_BY_HOUR);
        return if span.start < earliest {
            Err(faults::too_long_ago("Hourly", "14 days"))
        } else {
            Ok(span)
        };
    }
    if span.start >= months_back(now, MONTHS_BY_DAY) {
        return Ok(span);
    }
    if span.start != Month::of(span.start).start() {
        return Err(faults::beyond_14_months());
    }
    if granularity == Granularity::Daily {
        return Err(faults::too_long_ago("Daily", "14 months"));
    }
    if span.start < months_back(now, MONTHS_BY_MONTH) {
        return Err(faults::too_long_ago("Monthly", "38 months"));
    }
    Ok(span)
}

/// The first moment of so many months, of which the running one is the last.
fn months_back(now: DateTime<Utc>, months: u32) -> DateTime<Utc> {
    let running = Month::of(now).start();
    running
        .checked_sub_months(Months::new(months - 1))
        .unwrap_or(running)
}

/// A span as it is written, the right way round.
pub(super) fn read(interval: &DateInterval, hours: bool) -> Result<Period, Fault> {
    let span = Period {
        start: moment(&interval.start, hours)?,
        end: moment(&interval.end, hours)?,
    };
    if span.start >= span.end {
        return Err(faults::ends_before_it_starts());
    }
    Ok(span)
}

/// A date, or where they make sense a full hour.
fn moment(text: &str, hours: bool) -> Result<DateTime<Utc>, Fault> {
    if let Ok(day) = text.parse::<NaiveDate>() {
        return Ok(day.and_time(NaiveTime::MIN).and_utc());
    }
    let at = DateTime::parse_from_rfc3339(text).map_err(|_| faults::no_date(text))?;
    let at = at.to_utc();
    if !hours {
        return Err(faults::hours_not_asked_for());
    }
    if domain::price::book::hour_of(at) == at {
        Ok(at)
    } else {
        Err(faults::no_date(text))
    }
}

/// A period as answers have it.
pub(super) fn written(period: Period, granularity: Granularity) -> DateInterval {
    let text = |at: DateTime<Utc>| match granularity {
        Granularity::Hourly => at.to_rfc3339_opts(SecondsFormat::Secs, true),
        Granularity::Daily | Granularity::Monthly => at.date_naive().to_string(),
    };
    DateInterval {
        start: text(period.start),
        end: text(period.end),
    }
}

/// Whether charges of a period may still change.
pub(super) fn is_open(period: Period, now: DateTime<Utc>) -> bool {
    let last = period.end - TimeDelta::nanoseconds(1);
    now < Month::of(last).end() + FINAL_AFTER
}

/// As the model's enum has it.
pub(super) fn granularity(text: &str) -> Granularity {
    match text {
        "HOURLY" => Granularity::Hourly,
        "DAILY" => Granularity::Daily,
        _ => Granularity::Monthly,
    }
}
