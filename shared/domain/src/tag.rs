//! Tags: keys and values that users hang on functions.

use crate::{Egress, egress};

/// Tags that one function may have (Lambda quotas).
pub const PER_FUNCTION_MAX: u32 = 50;

const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

/// Why a tag may not be set; `None` if it may.
///
/// The first text is AWS's. AWS has limits for the lengths too, but no text of theirs is known to us.
pub fn refusal(key: &str, value: &str) -> Option<String> {
    if key
        .get(..4)
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
    {
        return Some("aws: prefixed tag key names are not allowed for external use.".to_owned());
    }
    if key.is_empty() || key.chars().count() > KEY_CHARS_MAX {
        return Some(format!(
            "A tag's key must have 1 to {KEY_CHARS_MAX} characters."
        ));
    }
    if value.chars().count() > VALUE_CHARS_MAX {
        return Some(format!(
            "A tag's value must have at most {VALUE_CHARS_MAX} characters."
        ));
    }
    if key == egress::TAG
        && let Err(error) = Egress::of_tag(Some(value))
    {
        return Some(error.to_string());
    }
    if key.contains('\0') || value.contains('\0') {
        return Some("A tag must not contain the character NUL.".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values() {
        let check = |key: &str, value: &str, ok: bool| {
            assert_eq!(refusal(key, value).is_none(), ok, "{key:?} {value:?}");
        };
        check("team", "billing", true);
        check("", "x", false);
        check("aws:owner", "x", false);
        check("AWS:owner", "x", false);
        check("awsome", "", true);
        check("aé€", "x", true);
        check(&"k".repeat(128), &"ü".repeat(256), true);
        check(&"k".repeat(129), "", false);
        check("k", &"v".repeat(257), false);
        check("k", "a\0b", false);
        check("tollgate:egress", "internet", true);
        check("tollgate:egress", "everywhere", false);
        check("tollgate:egress", "", false);
    }
}
