//! Which function an ARN names as the target of a schedule or a rule.

use domain::{FunctionArn, FunctionRef};

use crate::call::Call;

/// Why an ARN is none of our functions. Each service has its own words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unfit<'a> {
    /// Not the form of an ARN, or of a function's.
    Form,
    /// Another service's resource.
    Service(&'a str),
    Region,
    Account,
}

/// The function of this account and region that the ARN names. Whether there is one is not asked: AWS does not ask either.
pub(crate) fn read<'a>(cx: &Call, arn: &'a str) -> Result<FunctionArn, Unfit<'a>> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", partition, service, _, _, _] = parts[..] else {
        return Err(Unfit::Form);
    };
    if !partition.starts_with("aws") || service.is_empty() {
        return Err(Unfit::Form);
    }
    if service != "lambda" {
        return Err(Unfit::Service(service));
    }
    let reference: FunctionRef = arn.parse().map_err(|_| Unfit::Form)?;
    if reference.region.as_ref() != Some(&cx.region) {
        return Err(Unfit::Region);
    }
    if reference.account != Some(cx.account) {
        return Err(Unfit::Account);
    }
    Ok(FunctionArn {
        region: cx.region.clone(),
        account: cx.account,
        name: reference.name,
        qualifier: reference.qualifier,
    })
}
