//! `UpdateFunctionEventInvokeConfig`: what the request leaves out stays, each side of the destinations by itself.

use aws_model::lambda::{FunctionEventInvokeConfig, UpdateFunctionEventInvokeConfigRequest};
use wire::Fault;

use super::answer;
use super::request::{Request, Settings};
use crate::call::Call;
use crate::lambda::{faults, names};

pub(in crate::lambda) async fn update(
    cx: Call,
    mut input: UpdateFunctionEventInvokeConfigRequest,
) -> Result<FunctionEventInvokeConfig, Fault> {
    let name = std::mem::take(&mut input.function_name);
    let qualifier = input.qualifier.take();
    let request = Request::of_update(input)?;
    let action = "lambda:UpdateFunctionEventInvokeConfig";
    let arn = names::function(&cx, action, &name, qualifier.as_deref())?;
    let settings = Settings::read(&cx, &arn, request).await?;
    let store = &cx.app.store;
    let updated = store
        .update_event_invoke_config(&arn, |config| settings.apply(config), cx.app.clock.now())
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    let Some(updated) = updated else {
        let exists = store
            .qualifier_exists(&arn)
            .await
            .map_err(|error| crate::internal(&error, &cx))?;
        return Err(if exists {
            faults::no_event_invoke_config(answer::qualified(&arn))
        } else {
            faults::function_missing()
        });
    };
    cx.app.forget();
    Ok(answer::of(&arn, &updated.config, updated.last_modified))
}
