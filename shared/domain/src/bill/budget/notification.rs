//! Thresholds, and who hears of them.

use std::str::FromStr;

use super::spend::Spend;
use crate::price::rating::ROW_DIGITS;
use crate::{FunctionArn, ParseError};

/// What is compared with the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Actual,
    Forecasted,
}

/// How it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    GreaterThan,
    LessThan,
    EqualTo,
}

/// What a threshold counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThresholdType {
    /// Percent of the limit.
    Percentage,
    /// The budget's own unit.
    AbsoluteValue,
}

macro_rules! words {
    ($type:ident: $($variant:ident = $word:literal),+) => {
        impl $type {
            /// As AWS writes it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl FromStr for $type {
            type Err = ParseError;

            fn from_str(text: &str) -> Result<Self, ParseError> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(ParseError::new(format!("{text:?} is not one of {:?}", [$($word),+]))),
                }
            }
        }
    };
}

words!(Measure: Actual = "ACTUAL", Forecasted = "FORECASTED");
words!(Operator: GreaterThan = "GREATER_THAN", LessThan = "LESS_THAN", EqualTo = "EQUAL_TO");
words!(ThresholdType: Percentage = "PERCENTAGE", AbsoluteValue = "ABSOLUTE_VALUE");
words!(SubscriberKind: Sns = "SNS", Email = "EMAIL");

/// A threshold of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notification {
    pub measure: Measure,
    pub operator: Operator,
    /// At ten digits.
    pub threshold_e10: i128,
    pub threshold_type: ThresholdType,
}

impl Notification {
    /// Whether a spend is beyond the threshold. One that has no forecast is beyond no threshold of it.
    pub fn is_crossed(&self, spend: Spend, limit_e10: i128) -> bool {
        let figure = match self.measure {
            Measure::Actual => Some(spend.actual_e10),
            Measure::Forecasted => spend.forecast_e10,
        };
        let Some(figure) = figure else { return false };
        let (left, right) = match self.threshold_type {
            ThresholdType::AbsoluteValue => (figure, self.threshold_e10),
            // figure / limit > threshold / 100, without a division. Where a product leaves the range, the threshold is out of
            // reach.
            ThresholdType::Percentage => (
                figure.saturating_mul(100 * 10_i128.pow(ROW_DIGITS)),
                limit_e10.saturating_mul(self.threshold_e10),
            ),
        };
        match self.operator {
            Operator::GreaterThan => left > right,
            Operator::LessThan => left < right,
            Operator::EqualTo => left == right,
        }
    }
}

/// How a subscriber is reached by AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriberKind {
    Sns,
    Email,
}

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    pub kind: SubscriberKind,
    pub address: String,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A function of the account: an event of the queue.
    Function(FunctionArn),
    /// A URL that the message is posted to.
    Webhook(String),
    /// Nowhere yet: a topic or a mailbox. The message is kept with this reason.
    Nowhere(&'static str),
}

impl Subscriber {
    /// Where its messages go: an address of kind SNS may be a topic, and by our own extension a function or a URL.
    pub fn target(&self) -> Result<Target, ParseError> {
        let address = self.address.as_str();
        match self.kind {
            SubscriberKind::Email if address.contains('@') => {
                Ok(Target::Nowhere("Mail is not sent yet."))
            }
            SubscriberKind::Email => Err(ParseError::new("An EMAIL address needs an @.")),
            SubscriberKind::Sns if address.starts_with("arn:aws:lambda:") => address
                .parse()
                .map(Target::Function)
                .map_err(|_| ParseError::new(format!("{address} is not the ARN of a function."))),
            SubscriberKind::Sns if is_url(address) => Ok(Target::Webhook(address.to_owned())),
            SubscriberKind::Sns if address.starts_with("arn:aws") && address.contains(":sns:") => {
                Ok(Target::Nowhere("Topics of SNS are not served yet."))
            }
            SubscriberKind::Sns => Err(ParseError::new(
                "An SNS address is the ARN of a topic or of a function, or an http:// or https:// URL.",
            )),
        }
    }
}

fn is_url(address: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| address.starts_with(scheme))
}
