//! `UpdateSchedule`: replaces all of AWS's settings; what the request leaves out has its default again.

use aws_model::scheduler::{UpdateScheduleInput, UpdateScheduleOutput};
use store::schedules::Edit;
use wire::Fault;

use super::request;
use crate::call::Call;
use crate::scheduler::{faults, names, tokens};

pub(in crate::scheduler) async fn update(
    cx: Call,
    mut input: UpdateScheduleInput,
) -> Result<UpdateScheduleOutput, Fault> {
    let token = input.client_token.take();
    let token = tokens::of("UpdateSchedule", token, &input);
    let name = names::schedule(&cx, input.group_name.clone(), input.name.clone());
    let settings = request::settings(&cx, input)?;
    let now = cx.app.clock.now();
    let edited = cx
        .app
        .store
        .edit_schedule(&name, token.as_ref(), now, |current, _| *current = settings)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    match edited {
        Edit::Edited(_) | Edit::Repeated => Ok(UpdateScheduleOutput {
            schedule_arn: names::schedule_arn(&cx, &name.group, &name.name),
        }),
        Edit::TokenUsed => Err(faults::token_used()),
        Edit::NoSchedule => Err(names::missing(&cx, &name).await),
    }
}
