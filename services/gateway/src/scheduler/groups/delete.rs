//! `DeleteScheduleGroup`: begins it. The scheduler deletes the group's schedules, then the group.

use aws_model::scheduler::{DeleteScheduleGroupInput, DeleteScheduleGroupOutput};
use store::schedule_groups::{DEFAULT, GroupDeletion};
use wire::Fault;

use crate::call::Call;
use crate::scheduler::{faults, tokens};

pub(in crate::scheduler) async fn delete(
    cx: Call,
    mut input: DeleteScheduleGroupInput,
) -> Result<DeleteScheduleGroupOutput, Fault> {
    if input.name == DEFAULT {
        return Err(faults::default_group());
    }
    let token = input.client_token.take();
    let token = tokens::of("DeleteScheduleGroup", token, &input);
    let now = cx.app.clock.now();
    let deleted = cx
        .app
        .store
        .delete_schedule_group(cx.account, &cx.region, &input.name, token.as_ref(), now)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    match deleted {
        GroupDeletion::Deleting | GroupDeletion::Repeated => Ok(DeleteScheduleGroupOutput {}),
        GroupDeletion::TokenUsed => Err(faults::token_used()),
        GroupDeletion::NoGroup => Err(faults::no_group(&input.name)),
    }
}
