//! `GetAlias`.

use aws_model::lambda::{AliasConfiguration, GetAliasRequest};
use domain::{AliasName, FunctionArn, Qualifier};
use wire::Fault;

use super::answer;
use crate::call::Call;
use crate::lambda::{faults, names};

pub(in crate::lambda) async fn get(
    cx: Call,
    input: GetAliasRequest,
) -> Result<AliasConfiguration, Fault> {
    let arn = names::unqualified(&cx, "lambda:GetAlias", &input.function_name)?;
    let name: AliasName = input
        .name
        .parse()
        .map_err(|_| faults::bad_qualifier(&input.name))?;
    let found = cx
        .app
        .store
        .alias(&arn, &name)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    match found {
        Some(alias) => Ok(answer::of(&arn, &alias)),
        None => Err(missing(&cx, arn, name).await?),
    }
}

/// The fault for an alias that does not exist: of the function where that is what is missing.
pub(super) async fn missing(cx: &Call, arn: FunctionArn, name: AliasName) -> Result<Fault, Fault> {
    let exists = cx
        .app
        .store
        .function_exists(&arn)
        .await
        .map_err(|error| crate::internal(&error, cx))?;
    Ok(if exists {
        faults::alias_not_found(arn.qualified(Some(Qualifier::Alias(name))))
    } else {
        faults::function_not_found(&arn)
    })
}
