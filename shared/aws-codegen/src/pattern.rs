//! The models' patterns are Java's; the `regex` crate speaks nearly the same language.

use anyhow::{Context as _, Result};
use regex::Regex;

use crate::config::PatternNote;

/// A pattern in the syntax of the `regex` crate, compiled once to be sure.
pub(crate) fn translate(text: &str, note: Option<&PatternNote>) -> Result<String> {
    let rewritten = note.and_then(|note| note.regex.clone());
    let regex = rewritten.unwrap_or_else(|| ascii_classes(text));
    Regex::new(&regex).with_context(|| {
        format!("the pattern {text} needs a [[pattern]] entry in operations.toml")
    })?;
    Ok(regex)
}

/// Spells out `\d`, `\w` and `\s`: Java's are ASCII, those of the `regex` crate are Unicode.
fn ascii_classes(text: &str) -> String {
    let mut regex = String::with_capacity(text.len());
    let mut in_class = false;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            in_class = match letter {
                '[' => true,
                ']' => false,
                _ => in_class,
            };
            regex.push(letter);
            continue;
        }
        let Some(escaped) = letters.next() else { break };
        let members = match escaped {
            'd' => "0-9",
            'w' => "0-9A-Za-z_",
            's' => r" \t\n\x0B\f\r",
            other => {
                regex.extend(['\\', other]);
                continue;
            }
        };
        if in_class {
            regex.push_str(members);
        } else {
            regex.extend(["[", members, "]"]);
        }
    }
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_ascii_inside_and_outside_brackets() {
        assert_eq!(
            ascii_classes(r"\d{12}:[\w+=-]+\.\\d"),
            r"[0-9]{12}:[0-9A-Za-z_+=-]+\.\\d"
        );
        assert_eq!(ascii_classes(r"[^\s]+"), r"[^ \t\n\x0B\f\r]+");
    }

    #[test]
    fn look_around_asks_for_a_rewrite() {
        assert!(translate("(?!^[0-9]+$)a", None).is_err());
        let note = PatternNote {
            text: "(?!x)y".into(),
            regex: Some("y".into()),
            sentence: None,
        };
        assert_eq!(translate("(?!x)y", Some(&note)).unwrap(), "y");
    }
}
