//! From a handler's answer to what travels.

use aws_model::schema::{Location, Shape};
use chrono::{DateTime, SecondsFormat, TimeDelta};
use serde_json::Value;

/// Appends a value of a shape as XML elements, in the model's order of members.
pub(crate) fn xml(out: &mut String, name: &str, shape: &Shape, value: &Value) {
    match (shape, value) {
        (_, Value::Null) => {}
        (Shape::Structure(members), Value::Object(object)) => {
            element(out, name, |out| {
                for member in members
                    .iter()
                    .filter(|member| member.location == Location::Body)
                {
                    if let Some(value) = object.get(member.name) {
                        xml(out, member.wire_name, member.shape, value);
                    }
                }
            });
        }
        (Shape::List(inner, _), Value::Array(values)) => element(out, name, |out| {
            for value in values {
                xml(out, "member", inner, value);
            }
        }),
        (Shape::Map(_, inner, _), Value::Object(object)) => element(out, name, |out| {
            for (key, value) in object {
                element(out, "entry", |out| {
                    element(out, "key", |out| escape(out, key));
                    xml(out, "value", inner, value);
                });
            }
        }),
        (Shape::Timestamp, Value::Number(seconds)) => {
            element(out, name, |out| {
                out.push_str(&iso(seconds.as_f64().unwrap_or_default()));
            });
        }
        (_, Value::String(text)) => element(out, name, |out| escape(out, text)),
        (_, scalar) => element(out, name, |out| out.push_str(&scalar.to_string())),
    }
}

/// Appends an element around what `inner` appends.
pub(crate) fn element(out: &mut String, name: &str, inner: impl FnOnce(&mut String)) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    inner(out);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// Appends text with XML's special characters, and those that XML 1.0 cannot carry replaced.
pub(crate) fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            '\t' | '\n' => out.push(letter),
            control if control < ' ' => out.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
}

/// Epoch seconds as Query services print them: `2026-11-23T10:00:00Z`.
fn iso(seconds: f64) -> String {
    let whole = TimeDelta::try_milliseconds(millis(seconds)).unwrap_or_default();
    DateTime::UNIX_EPOCH
        .checked_add_signed(whole)
        .unwrap_or(DateTime::UNIX_EPOCH)
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a float beyond i64 saturates"
)]
fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_seconds_in_utc() {
        assert_eq!(iso(1_764_000_000.75), "2025-11-24T16:00:00Z");
        assert_eq!(iso(f64::MAX), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn text_cannot_break_out() {
        let mut out = String::new();
        escape(&mut out, "<a href=\"x\">&\u{0}\r\n");
        assert_eq!(out, "&lt;a href=&quot;x&quot;&gt;&amp;\u{fffd}&#xD;\n");
    }
}
