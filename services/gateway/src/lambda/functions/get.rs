//! `GetFunction` and `GetFunctionConfiguration`.

use aws_model::lambda::{
    Concurrency, FunctionCodeLocation, FunctionConfiguration, GetFunctionConfigurationRequest,
    GetFunctionRequest, GetFunctionResponse,
};
use domain::{FunctionArn, FunctionVersion};
use store::functions::Resolved;
use wire::Fault;

use crate::call::Call;
use crate::lambda::configuration::{self, Progress};
use crate::lambda::{code, faults, names};

pub(in crate::lambda) async fn get(
    cx: Call,
    input: GetFunctionRequest,
) -> Result<GetFunctionResponse, Fault> {
    let qualifier = input.qualifier.as_deref();
    let arn = names::function(&cx, "lambda:GetFunction", &input.function_name, qualifier)?;
    let version = load(&cx, &arn).await?;
    let store = &cx.app.store;
    let tags = store
        .tags(&arn)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    let reserved = store
        .reserved_concurrency(&arn)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    Ok(GetFunctionResponse {
        code: Some(FunctionCodeLocation {
            repository_type: Some("S3".to_owned()),
            location: Some(code::link(&cx, &version.code.sha256)),
            ..FunctionCodeLocation::default()
        }),
        configuration: Some(configuration::of(&version, arn.qualifier, Progress::Done)),
        tags: tags.filter(|tags| !tags.is_empty()),
        concurrency: reserved.flatten().map(|reserved| Concurrency {
            reserved_concurrent_executions: Some(reserved.cast_signed()),
        }),
        ..GetFunctionResponse::default()
    })
}

pub(in crate::lambda) async fn get_configuration(
    cx: Call,
    input: GetFunctionConfigurationRequest,
) -> Result<FunctionConfiguration, Fault> {
    let qualifier = input.qualifier.as_deref();
    let action = "lambda:GetFunctionConfiguration";
    let arn = names::function(&cx, action, &input.function_name, qualifier)?;
    let version = load(&cx, &arn).await?;
    Ok(configuration::of(&version, arn.qualifier, Progress::Done))
}

/// The version that the ARN means.
pub(super) async fn load(cx: &Call, arn: &FunctionArn) -> Result<FunctionVersion, Fault> {
    match cx
        .app
        .store
        .version(arn)
        .await
        .map_err(|error| crate::internal(&error, cx))?
    {
        Resolved::Found(version) => Ok(version),
        Resolved::NoFunction | Resolved::NoQualifier => Err(faults::function_not_found(arn)),
    }
}
