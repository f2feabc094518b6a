//! Rules and buses as callers name them, and ARNs.

use store::rules::RuleName;
use wire::Fault;

use super::faults;
use crate::call::Call;

/// The bus that is always there, and the only one.
pub(super) const DEFAULT_BUS: &str = "default";

/// A rule of this account and region, on the default bus.
pub(super) fn rule(cx: &Call, name: String, bus: Option<&str>) -> Result<RuleName, Fault> {
    check_bus(cx, bus)?;
    Ok(RuleName {
        account: cx.account,
        region: cx.region.clone(),
        name,
    })
}

/// Refuses all buses but the default one.
pub(super) fn check_bus(cx: &Call, bus: Option<&str>) -> Result<(), Fault> {
    match bus {
        Some(name) if !is_default(cx, name) => Err(faults::no_bus(
            name.rsplit("event-bus/").next().unwrap_or(name),
        )),
        _ => Ok(()),
    }
}

/// Whether this is the default bus, by its name or ARN.
pub(super) fn is_default(cx: &Call, bus: &str) -> bool {
    let prefix = format!("arn:aws:events:{}:{}:event-bus/", cx.region, cx.account);
    bus.strip_prefix(&prefix).unwrap_or(bus) == DEFAULT_BUS
}

pub(super) fn rule_arn(cx: &Call, name: &str) -> String {
    format!("arn:aws:events:{}:{}:rule/{name}", cx.region, cx.account)
}

/// The rule that an ARN names. Another account's or region's does not exist for the caller.
pub(super) fn rule_of_arn(cx: &Call, arn: &str) -> Result<RuleName, Fault> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "events", _, _, resource] = parts[..] else {
        return Err(faults::bad_arn(arn));
    };
    let Some(name) = resource.strip_prefix("rule/") else {
        return Err(if resource.starts_with("event-bus/") {
            faults::not_supported("Tagging anything but rules")
        } else {
            faults::bad_arn(arn)
        });
    };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let here = arn == rule_arn(cx, name) && name.bytes().all(legal);
    if !here {
        return Err(faults::no_rule(name));
    }
    rule(cx, name.to_owned(), None)
}
