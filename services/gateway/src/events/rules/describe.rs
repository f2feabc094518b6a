//! `DescribeRule`.

use aws_model::events::{DescribeRuleRequest, DescribeRuleResponse};
use wire::Fault;

use super::state;
use crate::call::Call;
use crate::events::{faults, names};

pub(in crate::events) async fn describe(
    cx: Call,
    input: DescribeRuleRequest,
) -> Result<DescribeRuleResponse, Fault> {
    let name = names::rule(&cx, input.name, input.event_bus_name.as_deref())?;
    let rule = cx
        .app
        .store
        .rule(&name)
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .ok_or_else(|| faults::no_rule(&name.name))?;
    Ok(DescribeRuleResponse {
        arn: Some(names::rule_arn(&cx, &rule.name)),
        name: Some(rule.name),
        event_pattern: None,
        schedule_expression: Some(rule.settings.expression),
        state: Some(state(rule.settings.enabled)),
        description: rule.settings.description,
        role_arn: rule.settings.role_arn,
        managed_by: None,
        event_bus_name: Some(names::DEFAULT_BUS.to_owned()),
        created_by: Some(cx.account.to_string()),
    })
}
