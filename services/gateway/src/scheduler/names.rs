//! Groups and schedules as callers name them, and ARNs.

use store::schedule_groups::DEFAULT;
use store::schedules::ScheduleName;
use wire::Fault;

use super::faults;
use crate::call::Call;

/// A schedule of this account and region; without a group, of the group that is always there.
pub(super) fn schedule(cx: &Call, group: Option<String>, name: String) -> ScheduleName {
    ScheduleName {
        account: cx.account,
        region: cx.region.clone(),
        group: group.unwrap_or_else(|| DEFAULT.to_owned()),
        name,
    }
}

pub(super) fn schedule_arn(cx: &Call, group: &str, name: &str) -> String {
    format!(
        "arn:aws:scheduler:{}:{}:schedule/{group}/{name}",
        cx.region, cx.account
    )
}

pub(super) fn group_arn(cx: &Call, name: &str) -> String {
    format!(
        "arn:aws:scheduler:{}:{}:schedule-group/{name}",
        cx.region, cx.account
    )
}

/// The group that an ARN names. Another account's or region's does not exist for the caller.
pub(super) fn group_of_arn(cx: &Call, arn: &str) -> Result<String, Fault> {
    arn.strip_prefix(&group_arn(cx, ""))
        .map(str::to_owned)
        .ok_or_else(|| faults::no_group(arn.rsplit('/').next().unwrap_or(arn)))
}

/// The fault for a schedule that is not there: its group may not be either.
pub(super) async fn missing(cx: &Call, name: &ScheduleName) -> Fault {
    if name.group == DEFAULT {
        return faults::no_schedule(&name.name);
    }
    let group = cx
        .app
        .store
        .schedule_group(cx.account, &cx.region, &name.group)
        .await;
    match group {
        Ok(Some(_)) => faults::no_schedule(&name.name),
        Ok(None) => faults::no_group(&name.group),
        Err(error) => crate::internal(&error, cx),
    }
}
