//! `GetAccountSettings`: the account's limits in this region, and what it uses.

use aws_model::lambda::{
    AccountLimit, AccountUsage, GetAccountSettingsRequest, GetAccountSettingsResponse,
};
use package::Limits;
use wire::Fault;

use super::upload::STORAGE_BYTES_MAX;
use crate::call::Call;

pub(super) async fn get(
    cx: Call,
    _input: GetAccountSettingsRequest,
) -> Result<GetAccountSettingsResponse, Fault> {
    let usage = cx
        .app
        .store
        .function_usage(cx.account, &cx.region)
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        // The account whose key signed the request was deleted meanwhile.
        .ok_or_else(Fault::internal)?;
    Ok(GetAccountSettingsResponse {
        account_limit: Some(AccountLimit {
            total_code_size: Some(STORAGE_BYTES_MAX.cast_signed()),
            code_size_unzipped: Some(Limits::LAMBDA.unzipped_bytes.cast_signed()),
            code_size_zipped: Some(Limits::LAMBDA.zipped_bytes.cast_signed()),
            concurrent_executions: Some(usage.concurrency_limit.cast_signed()),
            unreserved_concurrent_executions: Some(usage.unreserved.cast_signed()),
        }),
        account_usage: Some(AccountUsage {
            total_code_size: Some(usage.code_bytes.cast_signed()),
            function_count: Some(usage.functions.cast_signed()),
        }),
    })
}
