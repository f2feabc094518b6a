//! What a function's owner decides about its asynchronous invocations: retries, age, where records and dead events go.
//!
//! [`EventConfig`] and [`RecursiveLoop`] are AWS's; [`AsyncPolicy`] is ours and goes further. How they decide what becomes
//! of an attempt is not said here.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{FunctionArn, ParseError, Version};

/// How asynchronous invocations of one qualifier of a function are treated (AWS: `FunctionEventInvokeConfig`). `None`: not
/// set, the default holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventConfig {
    /// Runs after the first one that function errors may cause: 0 to [`EventConfig::RETRY_ATTEMPTS_MAX`].
    pub max_retry_attempts: Option<u8>,
    /// 60 to [`EventConfig::EVENT_AGE_S_MAX`].
    pub max_event_age_s: Option<u32>,
    pub on_success: Option<Destination>,
    pub on_failure: Option<Destination>,
}

impl EventConfig {
    /// The most that can be set, and what holds where nothing is.
    pub const RETRY_ATTEMPTS_MAX: u8 = 2;
    /// Six hours: the most that can be set, and what holds where nothing is.
    pub const EVENT_AGE_S_MAX: u32 = 21_600;
}

/// What takes the record of an invocation, or a dead event, by its ARN.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Destination {
    Function(FunctionArn),
    /// `arn:aws:sqs:REGION:ACCOUNT:QUEUE`.
    Sqs(String),
    /// `arn:aws:sns:REGION:ACCOUNT:TOPIC`.
    Sns(String),
    /// `arn:aws:events:REGION:ACCOUNT:event-bus/BUS`.
    EventBridge(String),
    /// `arn:aws:s3:::BUCKET`.
    S3(String),
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(arn) => arn.fmt(f),
            Self::Sqs(arn) | Self::Sns(arn) | Self::EventBridge(arn) | Self::S3(arn) => {
                f.write_str(arn)
            }
        }
    }
}

impl FromStr for Destination {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bad = || {
            ParseError::new(format!(
                "{text:?} is not the ARN of a function, an SQS queue, an SNS topic, an event bus or an S3 bucket"
            ))
        };
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, region, account, resource] = parts[..] else {
            return Err(bad());
        };
        if !partition.starts_with("aws") || !is_name(partition, 3..=32, "-") {
            return Err(bad());
        }
        if service == "s3" {
            let ok = region.is_empty() && account.is_empty() && is_name(resource, 3..=63, ".-");
            return ok.then(|| Self::S3(text.to_owned())).ok_or_else(bad);
        }
        if service == "lambda" {
            return text.parse().map(Self::Function).map_err(|_| bad());
        }
        let placed =
            region.parse::<crate::Region>().is_ok() && account.parse::<crate::AccountId>().is_ok();
        let bus = resource.strip_prefix("event-bus/").unwrap_or_default();
        match service {
            "sqs" if placed && is_name(resource, 1..=80, "-_.") => Ok(Self::Sqs(text.to_owned())),
            "sns" if placed && is_name(resource, 1..=256, "-_.") => Ok(Self::Sns(text.to_owned())),
            "events" if placed && is_name(bus, 1..=256, "/.-_") => {
                Ok(Self::EventBridge(text.to_owned()))
            }
            _ => Err(bad()),
        }
    }
}

impl TryFrom<String> for Destination {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> Self {
        destination.to_string()
    }
}

/// Letters and digits, and what `others` has.
fn is_name(text: &str, length: std::ops::RangeInclusive<usize>, others: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || others.contains(c);
    length.contains(&text.len()) && text.chars().all(legal)
}

/// What happens to an event that would run a function again in a chain of its own making. The names are AWS's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RecursiveLoop {
    Allow,
    #[default]
    Terminate,
}

impl RecursiveLoop {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "Allow",
            Self::Terminate => "Terminate",
        }
    }
}

impl FromStr for RecursiveLoop {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        [Self::Allow, Self::Terminate]
            .into_iter()
            .find(|setting| setting.as_str() == text)
            .ok_or_else(|| {
                ParseError::new(format!(
                    "recursive loop must be Allow or Terminate, got {text:?}"
                ))
            })
    }
}

/// Tollgate's own settings for all asynchronous invocations of a function, beyond AWS's. What is set here goes before the
/// qualifier's [`EventConfig`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AsyncPolicy {
    /// Runs in all that function errors may cause, the first included: 1 to [`AsyncPolicy::ATTEMPTS_MAX`].
    pub max_attempts: Option<u8>,
    /// Waits between these runs; `None`: AWS's one minute, then two, and so on.
    pub backoff: Option<Backoff>,
    /// 60 to [`AsyncPolicy::EVENT_AGE_S_MAX`].
    pub max_event_age_s: Option<u32>,
    pub priority: Priority,
}

impl AsyncPolicy {
    /// As many as `EventBridge` Scheduler gives.
    pub const ATTEMPTS_MAX: u8 = 185;
    pub const EVENT_AGE_S_MIN: u32 = 60;
    /// A day: events are kept for little longer.
    pub const EVENT_AGE_S_MAX: u32 = 86_400;

    /// Why a function may not have this policy; `None` if it may.
    pub fn refusal(&self) -> Option<String> {
        let attempts = 1..=Self::ATTEMPTS_MAX;
        if self.max_attempts.is_some_and(|n| !attempts.contains(&n)) {
            return Some(format!(
                "The number of attempts must be 1 to {}.",
                Self::ATTEMPTS_MAX
            ));
        }
        let ages = Self::EVENT_AGE_S_MIN..=Self::EVENT_AGE_S_MAX;
        if self.max_event_age_s.is_some_and(|age| !ages.contains(&age)) {
            return Some(format!(
                "The maximum age of an event must be {} to {} seconds.",
                Self::EVENT_AGE_S_MIN,
                Self::EVENT_AGE_S_MAX
            ));
        }
        self.backoff.as_ref().and_then(Backoff::refusal)
    }
}

/// Waits between the runs of an event whose function fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Backoff {
    /// Seconds before the second run, the third, and so on; the last one repeats.
    List(Vec<u32>),
    Exponential {
        /// Seconds before the second run: 1 or more.
        first_s: u32,
        /// By what each wait is longer than the one before: 1 to [`Backoff::FACTOR_MAX`].
        factor: f64,
        /// The longest wait in seconds.
        max_s: u32,
        /// The share of a wait, 0 to 1, that chance may take away.
        jitter: f64,
    },
}

impl Backoff {
    pub const FACTOR_MAX: f64 = 100.0;
    /// One wait before each run but the first.
    pub const LIST_MAX: usize = AsyncPolicy::ATTEMPTS_MAX as usize - 1;

    /// The wait in milliseconds after run `attempt` (1, 2, ...) failed, for a `draw` in `[0, 1)`.
    pub fn wait_ms(&self, attempt: u32, draw: f64) -> u64 {
        let before = attempt.saturating_sub(1);
        match self {
            Self::List(waits_s) => {
                let nth = usize::try_from(before).unwrap_or(usize::MAX);
                let seconds = waits_s.get(nth).or_else(|| waits_s.last());
                u64::from(seconds.copied().unwrap_or_default()) * 1_000
            }
            Self::Exponential {
                first_s,
                factor,
                max_s,
                jitter,
            } => {
                let nth = i32::try_from(before).unwrap_or(i32::MAX);
                let full_s = (f64::from(*first_s) * factor.powi(nth)).min(f64::from(*max_s));
                whole_ms(full_s * (1.0 - jitter * draw))
            }
        }
    }

    fn refusal(&self) -> Option<String> {
        let max_s = AsyncPolicy::EVENT_AGE_S_MAX;
        match self {
            Self::List(waits_s) => {
                let sized = (1..=Self::LIST_MAX).contains(&waits_s.len());
                let fit = waits_s.iter().all(|wait_s| *wait_s <= max_s);
                (!sized || !fit).then(|| {
                    format!(
                        "A list of waits must have 1 to {} entries of 0 to {max_s} seconds.",
                        Self::LIST_MAX
                    )
                })
            }
            Self::Exponential {
                first_s,
                factor,
                max_s: longest_s,
                jitter,
            } => {
                let fit = (1..=*longest_s).contains(first_s)
                    && *longest_s <= max_s
                    && (1.0..=Self::FACTOR_MAX).contains(factor)
                    && (0.0..=1.0).contains(jitter);
                (!fit).then(|| {
                    format!(
                        "An exponential backoff must have a first wait of 1 second up to the longest one, a longest \
                         wait of at most {max_s} seconds, a factor of 1 to {} and a jitter of 0 to 1.",
                        Self::FACTOR_MAX
                    )
                })
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a wait is at most a day, and what is not finite or below zero becomes the nearest end of the range"
)]
fn whole_ms(seconds: f64) -> u64 {
    (seconds * 1_000.0).round() as u64
}

/// Which function's events go first where there is not room for all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    High,
    #[default]
    Normal,
    Low,
}

impl Priority {
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

impl FromStr for Priority {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|priority| priority.as_str() == text)
            .ok_or_else(|| {
                ParseError::new(format!(
                    "priority must be high, normal or low, got {text:?}"
                ))
            })
    }
}

/// All that decides about the asynchronous invocations of a function by one qualifier.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AsyncSettings {
    /// Of exactly the qualifier that was invoked: an alias does not inherit from its version.
    pub event: EventConfig,
    /// By version, where it has one: the two versions of a weighted alias may differ.
    pub dead_letters: BTreeMap<Version, Destination>,
    /// Of the function.
    pub recursive_loop: RecursiveLoop,
    /// Of the function.
    pub policy: AsyncPolicy,
}

#[cfg(test)]
mod tests;
