//! `ListRules`.

use aws_model::events::{ListRulesRequest, ListRulesResponse, Rule};
use wire::Fault;

use super::state;
use crate::call::Call;
use crate::events::{faults, names};
use crate::pages;

pub(in crate::events) async fn list(
    cx: Call,
    input: ListRulesRequest,
) -> Result<ListRulesResponse, Fault> {
    names::check_bus(&cx, input.event_bus_name.as_deref())?;
    let after = match &input.next_token {
        Some(token) => pages::name(token).ok_or_else(faults::bad_token)?,
        None => String::new(),
    };
    let size = pages::size(input.limit);
    let prefix = input.name_prefix.unwrap_or_default();
    let mut rules = cx
        .app
        .store
        .rules(cx.account, &cx.region, &prefix, &after, size + 1)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    let next_token = pages::cut(&mut rules, size).map(|last| pages::token(&last.name));
    let answer = |rule: store::rules::Rule| Rule {
        arn: Some(names::rule_arn(&cx, &rule.name)),
        name: Some(rule.name),
        event_pattern: None,
        state: Some(state(rule.settings.enabled)),
        description: rule.settings.description,
        schedule_expression: Some(rule.settings.expression),
        role_arn: rule.settings.role_arn,
        managed_by: None,
        event_bus_name: Some(names::DEFAULT_BUS.to_owned()),
    };
    Ok(ListRulesResponse {
        rules: Some(rules.into_iter().map(answer).collect()),
        next_token,
    })
}
