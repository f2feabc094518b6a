//! Spans of time, as people type and read them.

use anyhow::Result;
use chrono::TimeDelta;

/// `90s`, `10m`, `2h`, `1d`.
pub(crate) fn parse_span(text: &str) -> Result<TimeDelta, String> {
    let wrong = || format!("{text:?} is not a span of time such as 30s, 10m, 2h or 1d");
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(wrong)?;
    // Digits alone: `parse` would also take a sign.
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u32 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    Ok(TimeDelta::seconds(i64::from(number) * seconds))
}

/// The two largest units of a span that are not zero: `1 d 2 h`, `3 min 5 s`, `250 ms`.
pub(crate) fn span_text(span: TimeDelta) -> String {
    let seconds = span.num_seconds();
    if seconds < 1 {
        return format!("{} ms", span.num_milliseconds());
    }
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (name, size) in units {
        let count = left / size;
        left %= size;
        // Once the largest is found, only its neighbour is worth telling.
        if count > 0 {
            parts.push(format!("{count} {name}"));
        } else if !parts.is_empty() {
            break;
        }
        if parts.len() == 2 {
            break;
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        let check = |text: &str, seconds: Option<i64>| {
            assert_eq!(
                parse_span(text).ok().map(|span| span.num_seconds()),
                seconds,
                "{text}"
            );
        };
        check("30s", Some(30));
        check("10m", Some(600));
        check("2h", Some(7_200));
        check("1d", Some(86_400));
        check("10", None);
        check("m", None);
        check("", None);
        check("-1m", None);
        check("+1m", None);
        check("1é", None);
    }

    #[test]
    fn spans_are_told_in_two_units() {
        let check = |ms: i64, expected: &str| {
            assert_eq!(span_text(TimeDelta::milliseconds(ms)), expected, "{ms}");
        };
        check(0, "0 ms");
        check(250, "250 ms");
        check(1_999, "1 s");
        check(185_000, "3 min 5 s");
        check(3_600_000, "1 h");
        check(3_605_000, "1 h");
        check(93_784_000, "1 d 2 h");
        check(30 * 86_400_000, "30 d");
    }
}
