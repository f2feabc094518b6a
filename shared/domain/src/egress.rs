//! What a function reaches beyond the platform: nothing, or the internet where it asks for it by a tag.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ParseError;

/// The tag by which a function asks. Every AWS client can set it.
pub const TAG: &str = "tollgate:egress";

/// How far a function's network goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Egress {
    /// To the public gateway.
    #[default]
    None,
    /// To the internet as well; to nothing private.
    Internet,
}

impl Egress {
    /// What the tag's value asks for; nothing without the tag.
    pub fn of_tag(value: Option<&str>) -> Result<Self, ParseError> {
        value.map_or(Ok(Self::None), str::parse)
    }
}

impl fmt::Display for Egress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Internet => "internet",
        })
    }
}

impl FromStr for Egress {
    type Err = ParseError;

    /// Reads the tag's value. There is none for nothing: a function that asks for nothing has no such tag.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "internet" => Ok(Self::Internet),
            _ => Err(ParseError::new(format!(
                "The tag {TAG} must have the value internet, not {text:?}. Functions without the tag reach nothing outside."
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_is_read() {
        assert_eq!(Egress::of_tag(None), Ok(Egress::None));
        assert_eq!(Egress::of_tag(Some("internet")), Ok(Egress::Internet));
        for wrong in ["", "none", "Internet", "vpc"] {
            assert!(Egress::of_tag(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
