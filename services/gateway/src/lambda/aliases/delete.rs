//! `DeleteAlias`. One that does not exist is not an error, as on AWS.

use aws_model::Unit;
use aws_model::lambda::DeleteAliasRequest;
use domain::AliasName;
use wire::Fault;

use crate::call::Call;
use crate::lambda::{faults, names};

pub(in crate::lambda) async fn delete(cx: Call, input: DeleteAliasRequest) -> Result<Unit, Fault> {
    let arn = names::unqualified(&cx, "lambda:DeleteAlias", &input.function_name)?;
    let name: AliasName = input
        .name
        .parse()
        .map_err(|_| faults::bad_qualifier(&input.name))?;
    let store = &cx.app.store;
    let deleted = store
        .delete_alias(&arn, &name)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    if !deleted
        && !store
            .function_exists(&arn)
            .await
            .map_err(|error| crate::internal(&error, &cx))?
    {
        return Err(faults::function_not_found(&arn));
    }
    cx.app.forget();
    Ok(Unit {})
}
