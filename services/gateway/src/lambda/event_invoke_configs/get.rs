//! `GetFunctionEventInvokeConfig`. Of a function that does not exist, AWS says that it has no config.

use aws_model::lambda::{FunctionEventInvokeConfig, GetFunctionEventInvokeConfigRequest};
use wire::Fault;

use super::answer;
use crate::call::Call;
use crate::lambda::{faults, names};

pub(in crate::lambda) async fn get(
    cx: Call,
    input: GetFunctionEventInvokeConfigRequest,
) -> Result<FunctionEventInvokeConfig, Fault> {
    let arn = names::function(
        &cx,
        "lambda:GetFunctionEventInvokeConfig",
        &input.function_name,
        input.qualifier.as_deref(),
    )?;
    let found = cx
        .app
        .store
        .event_invoke_config(&arn)
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .ok_or_else(|| faults::no_event_invoke_config(answer::qualified(&arn)))?;
    Ok(answer::of(&arn, &found.config, found.last_modified))
}
