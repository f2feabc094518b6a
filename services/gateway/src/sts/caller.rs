//! Who signed the request. Keys belong to accounts, not to users: every caller is the account's root.

use aws_model::sts::{GetCallerIdentityRequest, GetCallerIdentityResponse};
use wire::Fault;

use crate::call::Call;

pub(super) async fn identity(
    cx: Call,
    _: GetCallerIdentityRequest,
) -> Result<GetCallerIdentityResponse, Fault> {
    let account = cx.account.to_string();
    Ok(GetCallerIdentityResponse {
        arn: Some(format!("arn:aws:iam::{account}:root")),
        // Root's user id is the account's.
        user_id: Some(account.clone()),
        account: Some(account),
    })
}
