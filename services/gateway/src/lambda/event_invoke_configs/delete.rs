//! `DeleteFunctionEventInvokeConfig`. One that does not exist is an error, unlike an alias.

use aws_model::Unit;
use aws_model::lambda::DeleteFunctionEventInvokeConfigRequest;
use wire::Fault;

use super::answer;
use crate::call::Call;
use crate::lambda::{faults, names};

pub(in crate::lambda) async fn delete(
    cx: Call,
    input: DeleteFunctionEventInvokeConfigRequest,
) -> Result<Unit, Fault> {
    let arn = names::function(
        &cx,
        "lambda:DeleteFunctionEventInvokeConfig",
        &input.function_name,
        input.qualifier.as_deref(),
    )?;
    let deleted = cx
        .app
        .store
        .delete_event_invoke_config(&arn)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    if !deleted {
        return Err(faults::no_event_invoke_config(answer::qualified(&arn)));
    }
    cx.app.forget();
    Ok(Unit {})
}
