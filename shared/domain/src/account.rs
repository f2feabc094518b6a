//! Accounts: the tenant that owns functions, usage and invoices.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ParseError;

/// An AWS-style account id: exactly 12 decimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AccountId(u64);

impl AccountId {
    /// The largest id that 12 digits can write.
    pub const MAX: u64 = 999_999_999_999;

    /// An id from its number; `None` where it has more than 12 digits.
    pub fn new(number: u64) -> Option<Self> {
        (number <= Self::MAX).then_some(Self(number))
    }

    /// The id as a number, as the database stores it.
    pub fn number(self) -> i64 {
        self.0.cast_signed()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012}", self.0)
    }
}

impl FromStr for AccountId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let digits = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits => Ok(Self(number)),
            _ => Err(ParseError::new(format!(
                "account id must be 12 digits, got {text:?}"
            ))),
        }
    }
}

impl TryFrom<String> for AccountId {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_digits_and_nothing_else() {
        let check =
            |text: &str, ok: bool| assert_eq!(text.parse::<AccountId>().is_ok(), ok, "{text}");
        check("000000000000", true);
        check("123456789012", true);
        check("12345678901", false);
        check("1234567890123", false);
        check("+23456789012", false);
        check("12345678901a", false);
        assert_eq!(
            "000000000042".parse::<AccountId>().unwrap().to_string(),
            "000000000042"
        );
    }
}
