//! `DeleteFunction`: a whole function, or one published version.

use aws_model::lambda::{DeleteFunctionRequest, DeleteFunctionResponse};
use domain::{Qualifier, Version};
use wire::Fault;

use crate::call::Call;
use crate::lambda::{faults, names};

pub(in crate::lambda) async fn delete(
    cx: Call,
    input: DeleteFunctionRequest,
) -> Result<DeleteFunctionResponse, Fault> {
    let qualifier = input.qualifier.as_deref();
    let arn = names::function(
        &cx,
        "lambda:DeleteFunction",
        &input.function_name,
        qualifier,
    )?;
    let whole = arn.clone().qualified(None);
    let store = &cx.app.store;
    match arn.qualifier {
        Some(Qualifier::Version(Version::Latest)) => return Err(faults::latest_not_deletable()),
        Some(Qualifier::Alias(_)) => return Err(faults::aliases_not_deletable()),
        Some(Qualifier::Version(Version::Published(number))) => store
            .delete_version(&whole, number)
            .await
            .map_err(|error| crate::internal(&error, &cx))?
            .map_err(|refusal| faults::refused(&whole, refusal, None))?,
        None => {
            let found = store
                .delete_function(&whole)
                .await
                .map_err(|error| crate::internal(&error, &cx))?;
            if !found {
                return Err(faults::function_not_found(&whole));
            }
        }
    }
    cx.app.forget();
    Ok(DeleteFunctionResponse {
        status_code: Some(204),
    })
}
