//! Moments, as people type them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};

/// `2026-11-23`, `2026-11-23T10:00` or `2026-11-23T10:00:00` in UTC; with `Z` or an offset such as `+01:00` as it says.
pub(crate) fn parse_moment(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.to_utc());
    }
    let day =
        || NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|day| day.and_time(NaiveTime::MIN));
    let time = |format| NaiveDateTime::parse_from_str(text, format);
    time("%Y-%m-%dT%H:%M:%S")
        .or_else(|_| time("%Y-%m-%dT%H:%M"))
        .or_else(|_| day())
        .map(|moment| moment.and_utc())
        .map_err(|_| {
            format!(
                "{text:?} is no moment such as 2026-11-23, 2026-11-23T10:00:00 or 2026-11-23T10:00:00+01:00"
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_of_utc_unless_they_say_where() {
        let check = |text: &str, expected: Option<&str>| {
            let moment = parse_moment(text).ok().map(|moment| moment.to_rfc3339());
            assert_eq!(moment.as_deref(), expected, "{text}");
        };
        let noon = Some("2026-11-23T12:00:00+00:00");
        check("2026-11-23", Some("2026-11-23T00:00:00+00:00"));
        check("2026-11-23T12:00", noon);
        check("2026-11-23T12:00:00", noon);
        check("2026-11-23T12:00:00Z", noon);
        check("2026-11-23T13:00:00+01:00", noon);
        for bad in ["", "now", "2026-13-01", "2026-11-23T25:00", "11/23/2026"] {
            check(bad, None);
        }
    }
}
