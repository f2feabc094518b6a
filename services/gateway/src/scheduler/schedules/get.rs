//! `GetSchedule`.

use aws_model::scheduler::{GetScheduleInput, GetScheduleOutput};
use wire::Fault;

use super::answer;
use crate::call::Call;
use crate::scheduler::names;

pub(in crate::scheduler) async fn get(
    cx: Call,
    input: GetScheduleInput,
) -> Result<GetScheduleOutput, Fault> {
    let name = names::schedule(&cx, input.group_name, input.name);
    let found = cx
        .app
        .store
        .schedule(&name)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    match found {
        Some(schedule) => Ok(answer::of(&cx, name, schedule)),
        None => Err(names::missing(&cx, &name).await),
    }
}
