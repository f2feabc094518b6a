//! Log groups as callers name them, and ARNs.

use chrono::{DateTime, Utc};
use wire::Fault;

use super::faults;
use crate::call::Call;

pub(super) fn group_arn(cx: &Call, name: &str) -> String {
    format!("arn:aws:logs:{}:{}:log-group:{name}", cx.region, cx.account)
}

pub(super) fn stream_arn(cx: &Call, group: &str, name: &str) -> String {
    format!("{}:log-stream:{name}", group_arn(cx, group))
}

/// The group's name, given as a name or as an identifier (a name or an ARN), but not as both.
pub(super) fn group(
    cx: &Call,
    name: Option<String>,
    identifier: Option<String>,
) -> Result<String, Fault> {
    match (name, identifier) {
        (Some(name), None) => Ok(name),
        (None, Some(identifier)) => of_identifier(cx, &identifier),
        // Ours.
        _ => Err(faults::invalid(
            "Specify either logGroupName or logGroupIdentifier, and not both.",
        )),
    }
}

/// The name that an identifier means. Another account's or region's group does not exist for the caller.
pub(super) fn of_identifier(cx: &Call, identifier: &str) -> Result<String, Fault> {
    if !identifier.starts_with("arn:") {
        return Ok(identifier.to_owned());
    }
    let name = identifier
        .strip_prefix(&group_arn(cx, ""))
        .ok_or_else(faults::no_group)?;
    Ok(name.strip_suffix(":*").unwrap_or(name).to_owned())
}

/// The id of a group that must exist.
pub(super) async fn group_id(cx: &Call, name: &str) -> Result<i64, Fault> {
    let id = cx.app.store.log_group(cx.account, &cx.region, name).await;
    id.map_err(|error| crate::internal(&error, cx))?
        .ok_or_else(faults::no_group)
}

/// A time in milliseconds, as clients give it; one that no calendar has is as far away as can be.
pub(super) fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// How many items a page may have: `usual` where the client does not say. The model bounds what it says.
pub(super) fn limit(given: Option<i32>, usual: u32) -> u32 {
    given
        .and_then(|limit| u32::try_from(limit).ok())
        .unwrap_or(usual)
}
