//! `PutFunctionConcurrency`, `GetFunctionConcurrency`, `DeleteFunctionConcurrency`: executions kept for one function.

use aws_model::Unit;
use aws_model::lambda::{
    Concurrency, DeleteFunctionConcurrencyRequest, GetFunctionConcurrencyRequest,
    GetFunctionConcurrencyResponse, PutFunctionConcurrencyRequest,
};
use domain::{Qualifier, Version};
use store::concurrency::Refusal;
use wire::Fault;

use super::{faults, names};
use crate::call::Call;

/// What reservations must leave to the account's other functions (Lambda quotas).
const UNRESERVED_MIN: u32 = 100;

pub(super) async fn put(
    cx: Call,
    input: PutFunctionConcurrencyRequest,
) -> Result<Concurrency, Fault> {
    let arn = names::whole(&cx, "lambda:PutFunctionConcurrency", &input.function_name)?;
    let wanted = u32::try_from(input.reserved_concurrent_executions)
        .map_err(|_| faults::invalid("ReservedConcurrentExecutions must not be negative."))?;
    cx.app
        .store
        .reserve_concurrency(&arn, wanted, UNRESERVED_MIN)
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .map_err(|refusal| match refusal {
            Refusal::NoFunction => {
                // AWS names the version here, and only here.
                let latest = Qualifier::Version(Version::Latest);
                faults::function_not_found(arn.clone().qualified(Some(latest)))
            }
            Refusal::TooFewLeft { .. } => faults::too_few_unreserved(UNRESERVED_MIN),
        })?;
    cx.app.forget();
    Ok(Concurrency {
        reserved_concurrent_executions: Some(wanted.cast_signed()),
    })
}

pub(super) async fn get(
    cx: Call,
    input: GetFunctionConcurrencyRequest,
) -> Result<GetFunctionConcurrencyResponse, Fault> {
    let arn = names::unqualified(&cx, "lambda:GetFunctionConcurrency", &input.function_name)?;
    let reserved = cx
        .app
        .store
        .reserved_concurrency(&arn)
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .ok_or_else(|| faults::function_not_found(&arn))?;
    Ok(GetFunctionConcurrencyResponse {
        reserved_concurrent_executions: reserved.map(u32::cast_signed),
    })
}

pub(super) async fn delete(
    cx: Call,
    input: DeleteFunctionConcurrencyRequest,
) -> Result<Unit, Fault> {
    let arn = names::whole(
        &cx,
        "lambda:DeleteFunctionConcurrency",
        &input.function_name,
    )?;
    let found = cx
        .app
        .store
        .release_concurrency(&arn)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    if !found {
        return Err(faults::function_not_found(&arn));
    }
    cx.app.forget();
    Ok(Unit {})
}
