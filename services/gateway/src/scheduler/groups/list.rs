//! `ListScheduleGroups`, `default` among them.

use aws_model::scheduler::{ListScheduleGroupsInput, ListScheduleGroupsOutput};
use wire::Fault;

use super::answer;
use crate::call::Call;
use crate::pages;
use crate::scheduler::faults;

pub(in crate::scheduler) async fn list(
    cx: Call,
    input: ListScheduleGroupsInput,
) -> Result<ListScheduleGroupsOutput, Fault> {
    let after = match &input.next_token {
        Some(token) => pages::name(token).ok_or_else(faults::bad_token)?,
        None => String::new(),
    };
    let size = pages::size(input.max_results);
    let prefix = input.name_prefix.unwrap_or_default();
    let store = &cx.app.store;
    store
        .make_default_schedule_group(cx.account, &cx.region, cx.app.clock.now())
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    let mut groups = store
        .schedule_groups(cx.account, &cx.region, &prefix, &after, size + 1)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    let next_token = pages::cut(&mut groups, size).map(|last| pages::token(&last.name));
    let groups = groups.into_iter().map(|group| answer::summary(&cx, group));
    Ok(ListScheduleGroupsOutput {
        schedule_groups: groups.collect(),
        next_token,
    })
}
