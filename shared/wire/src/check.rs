//! The model's constraints, refused with AWS's texts.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{LazyLock, PoisonError, RwLock};

use aws_model::schema::{
    Length, Member, OperationSchema, Pattern, Protocol, Range, ServiceSchema, Shape,
};
use regex::Regex;
use serde_json::{Map, Value};

use crate::fault::Fault;

/// A value is quoted up to so many characters. AWS quotes all of it; a body of megabytes need not come back.
const QUOTED_CHARS_MAX: usize = 2048;

/// So many errors are told at once, as by AWS; a long list of wrong elements makes no long answer.
const ERRORS_MAX: usize = 10;

/// Checks a decoded input, and tells of all that is wrong with it at once.
pub(crate) fn input(
    schema: &ServiceSchema,
    operation: &OperationSchema,
    input: &Value,
) -> Result<(), Fault> {
    let Some(Shape::Structure(members)) = operation.input else {
        return Ok(());
    };
    let rest = schema.protocol == Protocol::RestJson1;
    let mut check = Check {
        path: String::new(),
        errors: Vec::new(),
        sentence: None,
        elements_not_null: rest,
    };
    if let Value::Object(object) = input {
        check.structure(members, object, false);
    }
    let count = check.errors.len();
    if count == 0 {
        return check
            .sentence
            .map_or(Ok(()), |text| Err(Fault::new(400, schema.invalid, text)));
    }
    let noun = if count == 1 { "error" } else { "errors" };
    let text = format!(
        "{count} validation {noun} detected: {}",
        check.errors.join("; ")
    );
    Err(Fault::new(400, schema.invalid, text))
}

struct Check {
    /// Where we are: `code.s3Bucket`, `tags.1.member.key`.
    path: String,
    errors: Vec<String>,
    /// The first mismatch that the service words in its own way: told when nothing else is wrong.
    sentence: Option<String>,
    /// Lambda's texts for elements and keys end in "Member must not be null"; other services' do not.
    elements_not_null: bool,
}

impl Check {
    fn structure(&mut self, members: &[Member], object: &Map<String, Value>, sensitive: bool) {
        for member in members {
            let depth = self.enter(member.name);
            match object.get(member.name) {
                Some(value) => self.value(member.shape, value, sensitive || member.sensitive),
                None if member.required => self.refuse(None, "Member must not be null"),
                None => {}
            }
            self.path.truncate(depth);
        }
    }

    fn value(&mut self, shape: &Shape, value: &Value, sensitive: bool) {
        let quoted = (!sensitive).then_some(value);
        match (shape, value) {
            (_, Value::Null) => self.refuse(None, "Member must not be null"),
            (Shape::Structure(members), Value::Object(object)) => {
                self.structure(members, object, sensitive);
            }
            (Shape::List(element, length), Value::Array(values)) => {
                self.length(*length, values.len(), quoted);
                self.elements(element, values, quoted);
            }
            (Shape::Map(key, inner, length), Value::Object(object)) => {
                self.length(*length, object.len(), quoted);
                self.entries(key, inner, object, quoted);
            }
            (scalar, value) => {
                if let Some(sentence) = own_sentence(scalar, value) {
                    let text = format!(
                        "The specified value for {} is invalid. {sentence}",
                        self.path
                    );
                    self.sentence.get_or_insert(text);
                }
                for text in violations(scalar, value) {
                    self.refuse(quoted, &text);
                }
            }
        }
    }

    /// Structures are visited; of scalars, AWS quotes the whole list and all constraints of its elements, once.
    fn elements(&mut self, shape: &Shape, values: &[Value], quoted: Option<&Value>) {
        if is_scalar(shape) {
            if values
                .iter()
                .any(|value| value.is_null() || !violations(shape, value).is_empty())
            {
                let rules = self.rules(shape);
                self.refuse(
                    quoted,
                    &format!("Member must satisfy constraint: [{rules}]"),
                );
            }
            return;
        }
        for (index, value) in values.iter().enumerate() {
            let depth = self.path.len();
            let _ = write!(self.path, ".{}.member", index + 1);
            self.value(shape, value, quoted.is_none());
            self.path.truncate(depth);
        }
    }

    fn entries(
        &mut self,
        key: &Shape,
        inner: &Shape,
        object: &Map<String, Value>,
        quoted: Option<&Value>,
    ) {
        let is_bad = |name: &String| !violations(key, &Value::String(name.clone())).is_empty();
        if object.keys().any(is_bad) {
            let rules = self.rules(key);
            self.refuse(
                quoted,
                &format!("Map keys must satisfy constraint: [{rules}]"),
            );
        }
        if is_scalar(inner) {
            let is_bad = |value: &Value| value.is_null() || !violations(inner, value).is_empty();
            if object.values().any(is_bad) {
                let rules = self.rules(inner);
                self.refuse(
                    quoted,
                    &format!("Map value must satisfy constraint: [{rules}]"),
                );
            }
            return;
        }
        for (name, value) in object {
            let depth = self.path.len();
            let _ = write!(self.path, ".{name}.member");
            self.value(inner, value, quoted.is_none());
            self.path.truncate(depth);
        }
    }

    fn length(&mut self, length: Length, count: usize, quoted: Option<&Value>) {
        for text in out_of_length(length, count) {
            self.refuse(quoted, &text);
        }
    }

    /// Every constraint of a shape, as AWS lists them for elements and keys.
    fn rules(&self, shape: &Shape) -> String {
        let mut rules = Vec::new();
        match shape {
            Shape::String(length, pattern) => {
                if *length != Length::ANY {
                    rules.extend((length.max != u64::MAX).then(|| at_most("length", length.max)));
                    rules.push(at_least("length", length.min));
                }
                rules.extend(pattern.map(|pattern| matches(&pattern)));
            }
            Shape::Enum(values) => rules.push(one_of(values)),
            Shape::Integer(range) | Shape::Long(range) => {
                rules.extend((range.max != i64::MAX).then(|| at_most("value", range.max)));
                rules.extend((range.min != i64::MIN).then(|| at_least("value", range.min)));
            }
            Shape::Float(min, max) => {
                rules.extend((*max < f64::MAX).then(|| at_most("value", max)));
                rules.extend((*min > f64::MIN).then(|| at_least("value", min)));
            }
            _ => {}
        }
        if self.elements_not_null || rules.is_empty() {
            rules.push("Member must not be null".into());
        }
        rules.join(", ")
    }

    /// Appends a member's name as AWS spells it in paths: with a small first letter.
    fn enter(&mut self, name: &str) -> usize {
        let depth = self.path.len();
        if depth > 0 {
            self.path.push('.');
        }
        let mut letters = name.chars();
        self.path
            .extend(letters.next().map(|letter| letter.to_ascii_lowercase()));
        self.path.push_str(letters.as_str());
        depth
    }

    /// `quoted` is absent for what is missing and for what is secret.
    fn refuse(&mut self, quoted: Option<&Value>, constraint: &str) {
        if self.errors.len() == ERRORS_MAX {
            return;
        }
        let mut text = String::from("Value");
        if let Some(value) = quoted {
            text.push_str(" '");
            let mut shown = String::new();
            quote(&mut shown, value);
            text.extend(shown.chars().take(QUOTED_CHARS_MAX));
            text.push('\'');
        } else if constraint == "Member must not be null" {
            text.push_str(" null");
        }
        let _ = write!(
            text,
            " at '{}' failed to satisfy constraint: {constraint}",
            self.path
        );
        self.errors.push(text);
    }
}

fn is_scalar(shape: &Shape) -> bool {
    !matches!(
        shape,
        Shape::Structure(_) | Shape::List(..) | Shape::Map(..)
    )
}

/// The service's own wording of a mismatch, where it has one.
fn own_sentence(shape: &Shape, value: &Value) -> Option<&'static str> {
    match (shape, value) {
        (Shape::String(_, Some(pattern)), Value::String(text)) if !is_match(pattern, text) => {
            pattern.sentence
        }
        _ => None,
    }
}

/// What is wrong with a scalar.
fn violations(shape: &Shape, value: &Value) -> Vec<String> {
    match (shape, value) {
        (Shape::String(length, pattern), Value::String(text)) => {
            let mut texts = if *length == Length::ANY {
                Vec::new()
            } else {
                // AWS counts UTF-16 units, as Java does.
                out_of_length(*length, text.encode_utf16().count())
            };
            texts.extend(
                pattern
                    .filter(|pattern| pattern.sentence.is_none() && !is_match(pattern, text))
                    .map(|pattern| matches(&pattern)),
            );
            texts
        }
        (Shape::Enum(values), Value::String(text)) if !values.contains(&text.as_str()) => {
            vec![one_of(values)]
        }
        (Shape::Integer(range) | Shape::Long(range), Value::Number(number)) => {
            out_of_range(*range, number.as_i64().unwrap_or_default())
        }
        (Shape::Float(min, max), Value::Number(number)) => {
            let float = number.as_f64().unwrap_or_default();
            let above = (float > *max).then(|| at_most("value", max));
            let below = (float < *min).then(|| at_least("value", min));
            above.into_iter().chain(below).collect()
        }
        (Shape::Blob(length), Value::String(base64)) => out_of_length(*length, decoded_len(base64)),
        _ => Vec::new(),
    }
}

/// How many bytes a base64 text stands for.
fn decoded_len(base64: &str) -> usize {
    base64.trim_end_matches('=').len() * 3 / 4
}

fn out_of_length(length: Length, count: usize) -> Vec<String> {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    let above = (count > length.max).then(|| at_most("length", length.max));
    let below = (count < length.min).then(|| at_least("length", length.min));
    above.into_iter().chain(below).collect()
}

fn out_of_range(range: Range, value: i64) -> Vec<String> {
    let above = (value > range.max).then(|| at_most("value", range.max));
    let below = (value < range.min).then(|| at_least("value", range.min));
    above.into_iter().chain(below).collect()
}

fn at_most(what: &str, bound: impl std::fmt::Display) -> String {
    format!("Member must have {what} less than or equal to {bound}")
}

fn at_least(what: &str, bound: impl std::fmt::Display) -> String {
    format!("Member must have {what} greater than or equal to {bound}")
}

fn matches(pattern: &Pattern) -> String {
    format!(
        "Member must satisfy regular expression pattern: {}",
        pattern.text
    )
}

fn one_of(values: &[&str]) -> String {
    format!(
        "Member must satisfy enum value set: [{}]",
        values.join(", ")
    )
}

/// Patterns compiled so far, by their source.
static COMPILED: LazyLock<RwLock<HashMap<&'static str, Option<Regex>>>> =
    LazyLock::new(RwLock::default);

/// Whether the whole text matches. The generator has compiled every pattern; one that did not compile would match all.
fn is_match(pattern: &Pattern, text: &str) -> bool {
    let known = {
        let compiled = COMPILED.read().unwrap_or_else(PoisonError::into_inner);
        compiled.get(pattern.regex).cloned()
    };
    let regex = known.unwrap_or_else(|| {
        let regex = Regex::new(&format!(r"\A(?:{})\z", pattern.regex)).ok();
        let mut compiled = COMPILED.write().unwrap_or_else(PoisonError::into_inner);
        compiled.insert(pattern.regex, regex.clone());
        regex
    });
    regex.is_none_or(|regex| regex.is_match(text))
}

/// Writes a value as Java prints it.
fn quote(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => out.push_str(text),
        Value::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                quote(out, value);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (index, (key, value)) in object.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                out.push_str(key);
                out.push('=');
                quote(out, value);
            }
            out.push('}');
        }
        Value::Null => out.push_str("null"),
        scalar => {
            let _ = write!(out, "{scalar}");
        }
    }
}
