//! ARNs, ids, tags and times, as IAM writes them.

use aws_model::iam::Tag;
use chrono::{DateTime, Utc};
use store::iam::Tags;
use wire::Fault;

use super::faults;
use crate::call::Call;

pub(super) fn role_arn(cx: &Call, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{}:role{path}{name}", cx.account)
}

pub(super) fn policy_arn(cx: &Call, path: &str, name: &str) -> String {
    format!("arn:aws:iam::{}:policy{path}{name}", cx.account)
}

/// A new unique id: `AROA` for roles, `ANPA` for policies, and 17 characters.
pub(super) fn unique_id(cx: &Call, kind: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let chance: [u8; 17] = cx.app.ids.bytes();
    let letters = chance
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    kind.chars().chain(letters).collect()
}

/// IAM's times have whole seconds.
pub(super) fn seconds(at: DateTime<Utc>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for 285 million years")]
    let seconds = at.timestamp() as f64;
    seconds
}

/// Tags as they are stored; keys may not differ in case alone.
pub(super) fn tags(given: Option<Vec<Tag>>) -> Result<Tags, Fault> {
    let tags: Tags = given
        .unwrap_or_default()
        .into_iter()
        .map(|tag| (tag.key, tag.value))
        .collect();
    let mut keys: Vec<_> = tags.iter().map(|(key, _)| key.to_lowercase()).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(faults::invalid_input(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ));
    }
    Ok(tags)
}

pub(super) fn tag_list(tags: Tags) -> Vec<Tag> {
    tags.into_iter()
        .map(|(key, value)| Tag { key, value })
        .collect()
}
