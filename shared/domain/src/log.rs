//! Lines that functions and the platform write about executions, and the patterns that search them.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::{AccountId, ParseError, Region};

/// Where lines go: one stream per execution environment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LogStream {
    pub account: AccountId,
    pub region: Region,
    /// `/aws/lambda/NAME`, unless the function's logging configuration names another.
    pub group: String,
    pub name: String,
}

/// One line on its way into a log stream. `Debug` does not show the message: it is the customer's.
#[derive(Clone, PartialEq, Eq)]
pub struct LogLine {
    pub stream: Arc<LogStream>,
    pub at: DateTime<Utc>,
    pub message: String,
}

impl std::fmt::Debug for LogLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogLine")
            .field("stream", &self.stream)
            .field("at", &self.at)
            .field("message_bytes", &self.message.len())
            .finish()
    }
}

/// What the platform's REPORT line says of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub request_id: String,
    pub billed_ms: u64,
    pub memory_mb: u32,
}

impl Report {
    /// Reads a REPORT line; `None` for any other.
    pub fn parse(line: &str) -> Option<Self> {
        let rest = line.strip_prefix("REPORT RequestId: ")?;
        let mut parts = rest.split('\t');
        let request_id = parts.next()?.to_owned();
        let (mut billed_ms, mut memory_mb) = (None, None);
        for part in parts {
            if let Some(text) = part.strip_prefix("Billed Duration: ") {
                billed_ms = text.strip_suffix(" ms")?.parse().ok();
            } else if let Some(text) = part.strip_prefix("Memory Size: ") {
                memory_mb = text.strip_suffix(" MB")?.parse().ok();
            }
        }
        Some(Self {
            request_id,
            billed_ms: billed_ms?,
            memory_mb: memory_mb?,
        })
    }
}

/// What an event counts for besides its message, in bytes (`CloudWatch` Logs quotas, "Batch size").
pub const EVENT_OVERHEAD_BYTES: usize = 26;

/// A filter pattern for unstructured messages, as `CloudWatch` Logs reads it ("Filter pattern syntax", unstructured log
/// events): terms must all occur, `-term` must not, of only `?term`s one is enough. A term with other characters than
/// letters, digits and underscores is quoted. Case matters. The empty pattern matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pattern {
    all: Vec<String>,
    none: Vec<String>,
    /// Where other terms stand beside them, optional ones are ignored (as AWS documents).
    any: Vec<String>,
}

impl Pattern {
    /// Reads a pattern. Refused are the patterns for JSON (`{ ... }`), for columns (`[ ... ]`), and regular expressions
    /// (`%...%`).
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = text.trim();
        if text.starts_with(['{', '[']) {
            return Err(ParseError::new(
                "Invalid filter pattern: patterns for JSON and for space-delimited events are not supported, use plain terms",
            ));
        }
        let mut pattern = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            let list = match rest.as_bytes().first() {
                Some(b'-') => &mut pattern.none,
                Some(b'?') => &mut pattern.any,
                _ => &mut pattern.all,
            };
            rest = rest.strip_prefix(['-', '?']).unwrap_or(rest);
            let (term, behind) = term(rest)?;
            list.push(term);
            rest = behind.trim_start();
        }
        if !(pattern.all.is_empty() && pattern.none.is_empty()) {
            pattern.any.clear();
        }
        Ok(pattern)
    }

    /// Whether a message is searched for.
    pub fn matches(&self, message: &str) -> bool {
        let occurs = |term: &String| message.contains(term.as_str());
        self.all.iter().all(occurs)
            && !self.none.iter().any(occurs)
            && (self.any.is_empty() || self.any.iter().any(occurs))
    }
}

/// Takes one term off the front, quoted or not; `rest` does not start with a space.
fn term(rest: &str) -> Result<(String, &str), ParseError> {
    let bad = |what: String| ParseError::new(format!("Invalid filter pattern: {what}"));
    if let Some(quoted) = rest.strip_prefix('"') {
        return phrase(quoted).ok_or_else(|| bad("a quoted phrase does not end".to_owned()));
    }
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (word, behind) = rest.split_at(end);
    if word.starts_with('%') {
        return Err(bad(
            "regular expressions are not supported, use plain terms".to_owned(),
        ));
    }
    match word.chars().find(|c| !c.is_alphanumeric() && *c != '_') {
        Some(odd) => Err(bad(format!(
            "a term with {odd:?} must stand in double quotes"
        ))),
        None if word.is_empty() => Err(bad("a term is missing behind - or ?".to_owned())),
        None => Ok((word.to_owned(), behind)),
    }
}

/// A phrase up to its closing quote; a backslash takes the next character as it is.
fn phrase(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' => text.push(chars.next()?.1),
            c => text.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_lines_are_read() {
        let line = "REPORT RequestId: 7f\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 40 MB\t";
        let report = Report {
            request_id: "7f".to_owned(),
            billed_ms: 2,
            memory_mb: 128,
        };
        assert_eq!(Report::parse(line), Some(report));
        for other in [
            "END RequestId: 7f",
            "REPORT RequestId: 7f",
            "REPORT RequestId: 7f\tBilled Duration: 2 s\tMemory Size: 128 MB",
        ] {
            assert_eq!(Report::parse(other), None, "{other}");
        }
    }

    fn check(pattern: &str, message: &str, want: bool) {
        let got = Pattern::parse(pattern).unwrap().matches(message);
        assert_eq!(got, want, "{pattern:?} on {message:?}");
    }

    #[test]
    fn terms_exclusions_options_and_phrases() {
        check("", "anything", true);
        check("ERROR", "[ERROR 400] BAD REQUEST", true);
        check("ERROR", "[error 400]", false);
        check("ERROR REQUEST", "[ERROR 400] BAD REQUEST", true);
        check("ERROR REQUEST", "[ERROR 400]", false);
        check("ERROR -REQUEST", "[ERROR 400] BAD REQUEST", false);
        check("ERROR -REQUEST", "[ERROR 400]", true);
        check("-ERROR", "fine", true);
        check("?ERROR ?WARN", "a WARN", true);
        check("?ERROR ?WARN", "fine", false);
        // Beside a required term the optional ones do not count.
        check("400 ?WARN", "[ERROR 400]", true);
        check(r#""[ERROR 400]" BAD"#, "[ERROR 400] BAD REQUEST", true);
        check(r#"-"BAD REQUEST""#, "[ERROR 400] BAD REQUEST", false);
        check(r#""say \"hi\"""#, r#"they say "hi""#, true);
        check("größe_1", "die größe_1", true);
    }

    #[test]
    fn what_is_not_a_plain_pattern_is_refused_in_words() {
        let refused = |text: &str| Pattern::parse(text).unwrap_err().to_string();
        assert!(refused("{ $.level = \"ERROR\" }").contains("JSON"));
        assert!(refused("[ip, user]").contains("space-delimited"));
        assert!(refused("%ERR.*%").contains("regular expressions"));
        assert!(refused("\"open").contains("does not end"));
        assert!(refused("a.b").contains("double quotes"));
        assert!(refused("ERROR -").contains("missing"));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_quoting_finds_it_in_itself(text in ".{1,40}") {
            let _ = Pattern::parse(&text);
            let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let pattern = Pattern::parse(&quoted).unwrap();
            let around = ["before", text.as_str(), "after"].concat();
            proptest::prop_assert!(pattern.matches(&around));
            let without = Pattern::parse(&format!("-{quoted}")).unwrap();
            proptest::prop_assert!(!without.matches(&text));
        }
    }

    #[test]
    fn a_line_does_not_show_its_message() {
        let line = LogLine {
            stream: Arc::new(LogStream {
                account: AccountId::new(1).unwrap(),
                region: "eu-west-1".parse().unwrap(),
                group: "g".to_owned(),
                name: "s".to_owned(),
            }),
            at: DateTime::UNIX_EPOCH,
            message: "password".to_owned(),
        };
        assert!(!format!("{line:?}").contains("password"));
    }
}
