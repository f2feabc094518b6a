//! `ListSchedules`: of a group, or of all of them.

use aws_model::scheduler::{ListSchedulesInput, ListSchedulesOutput};
use store::schedule_groups::DEFAULT;
use store::schedules::ScheduleFilter;
use wire::Fault;

use super::answer;
use crate::call::Call;
use crate::pages;
use crate::scheduler::faults;

pub(in crate::scheduler) async fn list(
    cx: Call,
    input: ListSchedulesInput,
) -> Result<ListSchedulesOutput, Fault> {
    // The names of group and schedule, which have no slash.
    let place = match &input.next_token {
        Some(token) => Some(pages::name(token).ok_or_else(faults::bad_token)?),
        None => None,
    };
    let after = match &place {
        Some(place) => Some(place.split_once('/').ok_or_else(faults::bad_token)?),
        None => None,
    };
    let size = pages::size(input.max_results);
    let filter = ScheduleFilter {
        group: input.group_name.as_deref(),
        prefix: input.name_prefix.as_deref().unwrap_or_default(),
        enabled: input.state.as_deref().map(|state| state == "ENABLED"),
        after,
        limit: size + 1,
    };
    let mut schedules = cx
        .app
        .store
        .schedules(cx.account, &cx.region, &filter)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    if let Some(group) = filter.group.filter(|_| schedules.is_empty()) {
        check_group(&cx, group).await?;
    }
    let next_token = pages::cut(&mut schedules, size)
        .map(|last| pages::token(&format!("{}/{}", last.group, last.name)));
    let schedules = schedules
        .into_iter()
        .map(|schedule| answer::summary(&cx, schedule));
    Ok(ListSchedulesOutput {
        schedules: schedules.collect(),
        next_token,
    })
}

/// An empty group is no error, one that is not there is.
async fn check_group(cx: &Call, name: &str) -> Result<(), Fault> {
    let found = cx
        .app
        .store
        .schedule_group(cx.account, &cx.region, name)
        .await
        .map_err(|error| crate::internal(&error, cx))?;
    if found.is_none() && name != DEFAULT {
        return Err(faults::no_group(name));
    }
    Ok(())
}
