//! Payloads in answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Bytes as they are kept: JSON as it is, anything else in base64.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Payload {
    /// The value itself.
    Json(Box<RawValue>),
    Base64(String),
}

impl Payload {
    /// Bytes to show.
    pub fn of(bytes: Vec<u8>) -> Self {
        let encode = |bytes: &[u8]| Self::Base64(STANDARD.encode(bytes));
        match String::from_utf8(bytes) {
            Ok(text) => match serde_json::from_str(&text) {
                Ok(value) => Self::Json(value),
                Err(_) => encode(text.as_bytes()),
            },
            Err(error) => encode(error.as_bytes()),
        }
    }

    /// The bytes that it shows; `None` where the base64 is damaged.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Json(value) => Some(value.get().as_bytes().to_vec()),
            Self::Base64(text) => STANDARD.decode(text).ok(),
        }
    }

    /// A value for examples.
    pub(super) fn example(text: &str) -> Self {
        Self::of(text.as_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_were() {
        let check = |bytes: &[u8], expected: &str| {
            let payload = Payload::of(bytes.to_vec());
            let text = serde_json::to_string(&payload).unwrap();
            assert_eq!(text, expected);
            let again: Payload = serde_json::from_str(&text).unwrap();
            assert_eq!(again.bytes().as_deref(), Some(bytes));
        };
        // Not as a parser would write it again.
        check(b"{\"n\":  1.00}", "{\"json\":{\"n\":  1.00}}");
        check(b"", "{\"base64\":\"\"}");
        check(b"{\"n\":", "{\"base64\":\"eyJuIjo=\"}");
        check(b"\xff\x00", "{\"base64\":\"/wA=\"}");
    }
}
