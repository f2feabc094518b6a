//! `CreateSchedule`. Whether its function exists is not asked, as on AWS.

use aws_model::scheduler::{CreateScheduleInput, CreateScheduleOutput};
use store::schedules::{Creation, Policy};
use wire::Fault;

use super::request;
use crate::call::Call;
use crate::scheduler::{faults, names, tokens};

pub(in crate::scheduler) async fn create(
    cx: Call,
    mut input: CreateScheduleInput,
) -> Result<CreateScheduleOutput, Fault> {
    let token = input.client_token.take();
    let token = tokens::of("CreateSchedule", token, &input);
    let name = names::schedule(&cx, input.group_name.clone(), input.name.clone());
    let settings = request::settings(&cx, request::of_create(input))?;
    let created = cx
        .app
        .store
        .create_schedule(
            &name,
            cx.app.ids.random(),
            &settings,
            Policy::default(),
            token.as_ref(),
            cx.app.clock.now(),
        )
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    match created {
        Creation::Created | Creation::Repeated => Ok(CreateScheduleOutput {
            schedule_arn: names::schedule_arn(&cx, &name.group, &name.name),
        }),
        Creation::TokenUsed => Err(faults::token_used()),
        Creation::Exists => Err(faults::schedule_exists(&name.name)),
        Creation::NoGroup => Err(faults::no_group(&name.group)),
        Creation::GroupDeleting => Err(faults::group_deleting(&name.group)),
    }
}
