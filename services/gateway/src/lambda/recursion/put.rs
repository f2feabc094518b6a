//! `PutFunctionRecursionConfig`.

use aws_model::lambda::{PutFunctionRecursionConfigRequest, PutFunctionRecursionConfigResponse};
use domain::RecursiveLoop;
use wire::Fault;

use crate::call::Call;
use crate::lambda::{faults, names};

pub(in crate::lambda) async fn put(
    cx: Call,
    input: PutFunctionRecursionConfigRequest,
) -> Result<PutFunctionRecursionConfigResponse, Fault> {
    let action = "lambda:PutFunctionRecursionConfig";
    let arn = names::whole(&cx, action, &input.function_name)?;
    let setting: RecursiveLoop = input.recursive_loop.parse().map_err(|_| {
        faults::not_in_set(&input.recursive_loop, "recursiveLoop", "[Allow, Terminate]")
    })?;
    let found = cx
        .app
        .store
        .put_recursive_loop(&arn, setting)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    if !found {
        return Err(faults::function_not_found(&arn));
    }
    cx.app.forget();
    Ok(PutFunctionRecursionConfigResponse {
        recursive_loop: Some(setting.as_str().to_owned()),
    })
}
