//! `CreateScheduleGroup`.

use aws_model::scheduler::{CreateScheduleGroupInput, CreateScheduleGroupOutput};
use store::schedule_groups::{DEFAULT, GroupCreation};
use wire::Fault;

use crate::call::Call;
use crate::scheduler::{faults, names, tags, tokens};

pub(in crate::scheduler) async fn create(
    cx: Call,
    mut input: CreateScheduleGroupInput,
) -> Result<CreateScheduleGroupOutput, Fault> {
    if input.name == DEFAULT {
        return Err(faults::default_group());
    }
    let token = input.client_token.take();
    let token = tokens::of("CreateScheduleGroup", token, &input);
    let tags = tags::read(input.tags.unwrap_or_default())?;
    let created = cx
        .app
        .store
        .create_schedule_group(
            cx.account,
            &cx.region,
            &input.name,
            cx.app.ids.random(),
            &tags,
            token.as_ref(),
            cx.app.clock.now(),
        )
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    match created {
        GroupCreation::Created | GroupCreation::Repeated => Ok(CreateScheduleGroupOutput {
            schedule_group_arn: names::group_arn(&cx, &input.name),
        }),
        GroupCreation::TokenUsed => Err(faults::token_used()),
        GroupCreation::Exists => Err(faults::group_exists(&input.name)),
    }
}
