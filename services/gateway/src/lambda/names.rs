//! Which function a request means.

use domain::{FunctionArn, FunctionRef, Qualifier};
use wire::Fault;

use super::faults;
use crate::call::Call;

/// The function that a caller wrote as name, partial ARN or ARN, with the qualifier of either place.
///
/// `action` is what the caller would need a permission for, such as `lambda:GetFunction`.
pub(super) fn function(
    cx: &Call,
    action: &str,
    name: &str,
    qualifier: Option<&str>,
) -> Result<FunctionArn, Fault> {
    let mut arn = locate(cx, action, name)?;
    let Some(text) = qualifier.filter(|text| !text.is_empty()) else {
        return Ok(arn);
    };
    // Legal to write, but no version or alias can have the name.
    let asked: Qualifier = text.parse().map_err(|_| {
        faults::function_not_found(format!("{}:{text}", arn.clone().qualified(None)))
    })?;
    if arn
        .qualifier
        .as_ref()
        .is_some_and(|written| *written != asked)
    {
        return Err(faults::qualifiers_differ());
    }
    arn.qualifier = Some(asked);
    Ok(arn)
}

/// As [`function`], where only the function as a whole can be meant.
pub(super) fn whole(cx: &Call, action: &str, name: &str) -> Result<FunctionArn, Fault> {
    let arn = locate(cx, action, name)?;
    if arn.qualifier.is_some() {
        return Err(faults::functions_only());
    }
    Ok(arn)
}

/// As [`function`], where AWS takes a qualified name and overlooks the qualifier.
pub(super) fn unqualified(cx: &Call, action: &str, name: &str) -> Result<FunctionArn, Fault> {
    Ok(locate(cx, action, name)?.qualified(None))
}

fn locate(cx: &Call, action: &str, name: &str) -> Result<FunctionArn, Fault> {
    let reference: FunctionRef = name.parse().map_err(|_| nowhere(cx, name))?;
    let FunctionRef {
        region,
        account,
        name,
        qualifier,
    } = reference;
    let arn = FunctionArn {
        region: region.unwrap_or_else(|| cx.region.clone()),
        account: account.unwrap_or(cx.account),
        name,
        qualifier,
    };
    if arn.account != cx.account {
        return Err(faults::other_account(cx, action, &arn));
    }
    if arn.region != cx.region {
        return Err(faults::other_region(&arn.region, &cx.region));
    }
    Ok(arn)
}

/// A name that the model allows, and that no function can have: too long, or with a dot.
fn nowhere(cx: &Call, name: &str) -> Fault {
    if name.starts_with("arn:") {
        return faults::function_not_found(name);
    }
    let name = name.rsplit("function:").next().unwrap_or(name);
    faults::function_not_found(format!(
        "arn:aws:lambda:{}:{}:function:{name}",
        cx.region, cx.account
    ))
}
