//! `PutFunctionEventInvokeConfig`: replaces the whole config; what the request leaves out is no longer set.

use aws_model::lambda::{FunctionEventInvokeConfig, PutFunctionEventInvokeConfigRequest};
use domain::EventConfig;
use wire::Fault;

use super::answer;
use super::request::{Request, Settings};
use crate::call::Call;
use crate::lambda::{faults, names};

pub(in crate::lambda) async fn put(
    cx: Call,
    mut input: PutFunctionEventInvokeConfigRequest,
) -> Result<FunctionEventInvokeConfig, Fault> {
    let name = std::mem::take(&mut input.function_name);
    let qualifier = input.qualifier.take();
    // AWS says that nothing is set before it looks for the function.
    let request = Request::of_put(input)?;
    let action = "lambda:PutFunctionEventInvokeConfig";
    let arn = names::function(&cx, action, &name, qualifier.as_deref())?;
    let mut config = EventConfig::default();
    Settings::read(&cx, &arn, request).await?.apply(&mut config);
    let now = cx.app.clock.now();
    let found = cx
        .app
        .store
        .put_event_invoke_config(&arn, &config, now)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    if !found {
        return Err(faults::function_missing());
    }
    cx.app.forget();
    Ok(answer::of(&arn, &config, now))
}
