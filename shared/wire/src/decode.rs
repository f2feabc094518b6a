//! From what travelled to a value in the model's names and types.
//!
//! The result has no explicit nulls (AWS takes them as absent), no unknown members, and the JSON types that the generated
//! structs expect. Constraints are not looked at here.

use std::borrow::Cow;

use aws_model::schema::{Location, Member, Shape};
use chrono::DateTime;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Number, Value};

/// An input that is not of the model's shape, with AWS's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Undecodable {
    /// The body is no JSON, or no form.
    Syntax(String),
    /// The body is well-formed but has a value of the wrong type.
    Type(String),
}

/// The generated structs refuse only what the walk lets pass: blobs that are not base64.
impl From<serde_json::Error> for Undecodable {
    fn from(_: serde_json::Error) -> Self {
        Self::Type("Blob value could not be decoded as base64".into())
    }
}

/// Decodes a JSON value of a shape. The value is taken apart, not copied: bodies may be large.
pub(crate) fn json(shape: &Shape, value: Value) -> Result<Value, Undecodable> {
    match (shape, value) {
        (Shape::Structure(members), Value::Object(object)) => {
            structure(members, object).map(Value::Object)
        }
        (Shape::List(element, _), Value::Array(values)) => values
            .into_iter()
            .map(|value| nullable(element, value))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        (Shape::Map(_, value_shape, _), Value::Object(object)) => object
            .into_iter()
            .map(|(key, value)| Ok((key, nullable(value_shape, value)?)))
            .collect::<Result<_, _>>()
            .map(Value::Object),
        (Shape::String(..) | Shape::Enum(_) | Shape::Blob(_), text @ Value::String(_)) => Ok(text),
        (Shape::Integer(_) | Shape::Long(_), Value::Number(number)) => {
            integer(shape, &number).map(Value::Number)
        }
        (Shape::Float(..) | Shape::Timestamp, number @ Value::Number(_)) => Ok(number),
        (Shape::Float(..) | Shape::Timestamp, Value::String(text)) => text_value(shape, &text),
        (Shape::Boolean, flag @ Value::Bool(_)) => Ok(flag),
        (shape, value) => Err(mismatch(shape, &value)),
    }
}

/// The members of a structure that travel in a JSON body. Nulls are absent; unknown members are ignored, as by AWS.
pub(crate) fn structure(
    members: &[Member],
    mut object: Map<String, Value>,
) -> Result<Map<String, Value>, Undecodable> {
    let mut decoded = Map::new();
    for member in members
        .iter()
        .filter(|member| member.location == Location::Body)
    {
        match object.remove(member.wire_name) {
            None | Some(Value::Null) => {}
            Some(value) => {
                decoded.insert(member.name.to_owned(), json(member.shape, value)?);
            }
        }
    }
    Ok(decoded)
}

/// Nulls inside collections stay: the checks refuse them with AWS's text.
fn nullable(shape: &Shape, value: Value) -> Result<Value, Undecodable> {
    if value.is_null() {
        Ok(value)
    } else {
        json(shape, value)
    }
}

/// A whole number within the shape's type. AWS truncates fractions.
fn integer(shape: &Shape, number: &Number) -> Result<Number, Undecodable> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a fraction is dropped and the range is checked"
    )]
    let whole = number.as_i64().or_else(|| {
        number
            .as_f64()
            .filter(|float| float.abs() < 9.0e18)
            .map(|float| float as i64)
    });
    whole
        .filter(|whole| matches!(shape, Shape::Long(_)) || i32::try_from(*whole).is_ok())
        .map(Number::from)
        .ok_or_else(|| mismatch(shape, &Value::Number(number.clone())))
}

/// Decodes a scalar that travelled as text: a label, a query parameter, a header, a form field.
pub(crate) fn text_value(shape: &Shape, text: &str) -> Result<Value, Undecodable> {
    let refused = || mismatch(shape, &Value::String(text.to_owned()));
    match shape {
        Shape::Integer(_) => text
            .trim()
            .parse::<i32>()
            .map(Value::from)
            .map_err(|_| refused()),
        Shape::Long(_) => text
            .trim()
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| refused()),
        Shape::Float(..) => text
            .trim()
            .parse::<f64>()
            .ok()
            .and_then(Number::from_f64)
            .map(Value::Number)
            .ok_or_else(refused),
        Shape::Boolean => match text {
            "true" | "True" | "TRUE" => Ok(Value::Bool(true)),
            "false" | "False" | "FALSE" => Ok(Value::Bool(false)),
            _ => Err(refused()),
        },
        Shape::Timestamp => epoch_seconds(text).map(Value::Number).ok_or_else(refused),
        Shape::String(..) | Shape::Enum(_) | Shape::Blob(_) => Ok(Value::String(text.to_owned())),
        Shape::Structure(_) | Shape::List(..) | Shape::Map(..) => Err(refused()),
    }
}

/// Epoch seconds of an ISO 8601 or HTTP date, or of a plain number.
fn epoch_seconds(text: &str) -> Option<Number> {
    let date = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text));
    let seconds = match date {
        #[expect(
            clippy::cast_precision_loss,
            reason = "microseconds of any date in use fit an f64"
        )]
        Ok(date) => date.timestamp_micros() as f64 / 1e6,
        Err(_) => text.parse().ok()?,
    };
    Number::from_f64(seconds)
}

/// AWS's text for a value of the wrong type.
fn mismatch(shape: &Shape, value: &Value) -> Undecodable {
    let expected = match shape {
        Shape::Structure(_) | Shape::Map(..) => None,
        Shape::List(..) => return Undecodable::Type("Expected list or null".into()),
        Shape::String(..) | Shape::Enum(_) => Some("a String"),
        Shape::Integer(_) => Some("an Integer"),
        Shape::Long(_) => Some("a Long"),
        Shape::Float(..) => Some("a Double"),
        Shape::Boolean => Some("a Boolean"),
        Shape::Blob(_) => Some("a Blob"),
        Shape::Timestamp => Some("a Timestamp"),
    };
    let found = match value {
        Value::Object(_) => {
            return Undecodable::Type("Start of structure or map found where not expected.".into());
        }
        Value::Array(_) => {
            return Undecodable::Type("Start of list found where not expected".into());
        }
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
    };
    Undecodable::Type(match expected {
        Some(expected) => format!("{found} can not be converted to {expected}"),
        None => "Unexpected value type in payload".into(),
    })
}

/// A path segment, decoded. Bytes that are no UTF-8 become replacement characters, which no AWS name contains.
pub fn percent_decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// The decoded value of a query parameter; of several, the last.
pub fn query_value<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    query_pairs(query)
        .filter(|(key, _)| key == name)
        .last()
        .map(|(_, value)| value)
}

/// The decoded pairs of a query string or a form.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (form_decoded(key), form_decoded(value))
        })
}

fn form_decoded(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(text).decode_utf8_lossy()
}
