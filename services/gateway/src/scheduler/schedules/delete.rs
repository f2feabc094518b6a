//! `DeleteSchedule`.

use aws_model::scheduler::{DeleteScheduleInput, DeleteScheduleOutput};
use store::schedules::Deletion;
use wire::Fault;

use crate::call::Call;
use crate::scheduler::{faults, names, tokens};

pub(in crate::scheduler) async fn delete(
    cx: Call,
    mut input: DeleteScheduleInput,
) -> Result<DeleteScheduleOutput, Fault> {
    let token = input.client_token.take();
    let token = tokens::of("DeleteSchedule", token, &input);
    let name = names::schedule(&cx, input.group_name, input.name);
    let now = cx.app.clock.now();
    let deleted = cx
        .app
        .store
        .delete_schedule(&name, token.as_ref(), now)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    match deleted {
        Deletion::Deleted | Deletion::Repeated => Ok(DeleteScheduleOutput {}),
        Deletion::TokenUsed => Err(faults::token_used()),
        Deletion::NoSchedule => Err(names::missing(&cx, &name).await),
    }
}
