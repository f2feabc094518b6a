//! Tags in services that list them as keys and values.

use std::collections::BTreeMap;

/// Tags that one resource may have.
pub(crate) const TAGS_MAX: u32 = domain::tag::PER_FUNCTION_MAX;

/// The tags of a request, whose lengths the model has checked; an error is the text of the refusal.
pub(crate) fn read(
    tags: impl IntoIterator<Item = (String, String)>,
) -> Result<BTreeMap<String, String>, &'static str> {
    let mut read = BTreeMap::new();
    for (key, value) in tags {
        if key
            .get(..4)
            .is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:"))
        {
            return Err("aws: prefixed tag key names are not allowed for external use.");
        }
        // Ours: the database does not take it.
        if key.contains('\0') || value.contains('\0') {
            return Err("A tag must not contain the character NUL.");
        }
        read.insert(key, value);
    }
    if u32::try_from(read.len()).is_ok_and(|count| count <= TAGS_MAX) {
        Ok(read)
    } else {
        Err(TOO_MANY)
    }
}

/// Ours: AWS's text is not known to us.
pub(crate) const TOO_MANY: &str = "A resource must not have more than 50 tags.";

/// The keys that may exist.
pub(crate) fn keys(keys: Vec<String>) -> Vec<String> {
    keys.into_iter().filter(|key| !key.contains('\0')).collect()
}
