//! `GetFunctionRecursionConfig`: `Terminate` where nothing was set.

use aws_model::lambda::{GetFunctionRecursionConfigRequest, GetFunctionRecursionConfigResponse};
use wire::Fault;

use crate::call::Call;
use crate::lambda::{faults, names};

pub(in crate::lambda) async fn get(
    cx: Call,
    input: GetFunctionRecursionConfigRequest,
) -> Result<GetFunctionRecursionConfigResponse, Fault> {
    let action = "lambda:GetFunctionRecursionConfig";
    let arn = names::whole(&cx, action, &input.function_name)?;
    let setting = cx
        .app
        .store
        .recursive_loop(&arn)
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .ok_or_else(|| faults::function_not_found(&arn))?;
    Ok(GetFunctionRecursionConfigResponse {
        recursive_loop: Some(setting.as_str().to_owned()),
    })
}
