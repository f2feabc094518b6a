//! `GetScheduleGroup`.

use aws_model::scheduler::{GetScheduleGroupInput, GetScheduleGroupOutput};
use store::schedule_groups::DEFAULT;
use wire::Fault;

use super::answer;
use crate::call::Call;
use crate::scheduler::faults;

pub(in crate::scheduler) async fn get(
    cx: Call,
    input: GetScheduleGroupInput,
) -> Result<GetScheduleGroupOutput, Fault> {
    let store = &cx.app.store;
    if input.name == DEFAULT {
        store
            .make_default_schedule_group(cx.account, &cx.region, cx.app.clock.now())
            .await
            .map_err(|error| crate::internal(&error, &cx))?;
    }
    let group = store
        .schedule_group(cx.account, &cx.region, &input.name)
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .ok_or_else(|| faults::no_group(&input.name))?;
    Ok(answer::of(&cx, group))
}
