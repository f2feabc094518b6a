//! `PutRule`: makes a rule, or replaces all of one but its targets and tags.

use aws_model::events::{PutRuleRequest, PutRuleResponse};
use domain::schedule::{Dialect, Expression};
use store::rules::RuleSettings;
use wire::Fault;

use crate::call::Call;
use crate::events::{faults, names, tags};

pub(in crate::events) async fn put(
    cx: Call,
    mut input: PutRuleRequest,
) -> Result<PutRuleResponse, Fault> {
    let expression = expression(&cx, &mut input)?;
    let rule = names::rule(&cx, input.name, input.event_bus_name.as_deref())?;
    let enabled = match input.state.as_deref() {
        None | Some("ENABLED") => true,
        Some("DISABLED") => false,
        Some(other) => return Err(faults::not_supported(&format!("The state {other}"))),
    };
    for (member, text) in [
        ("Description", &input.description),
        ("RoleArn", &input.role_arn),
    ] {
        if text.as_ref().is_some_and(|text| text.contains('\0')) {
            return Err(faults::nul(member));
        }
    }
    let settings = RuleSettings {
        expression,
        enabled,
        description: input.description,
        role_arn: input.role_arn,
    };
    let tags = tags::read(input.tags.unwrap_or_default())?;
    let now = cx.app.clock.now();
    cx.app
        .store
        .put_rule(&rule, cx.app.ids.random(), &settings, &tags, now)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    Ok(PutRuleResponse {
        rule_arn: Some(names::rule_arn(&cx, &rule.name)),
    })
}

/// When the rule is to fire. Clients send empty texts for what they leave out.
fn expression(cx: &Call, input: &mut PutRuleRequest) -> Result<String, Fault> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let pattern = given(input.event_pattern.take());
    let expression = given(input.schedule_expression.take());
    if pattern.is_none() && expression.is_none() {
        return Err(faults::neither_pattern_nor_schedule());
    }
    let bus = input.event_bus_name.as_deref();
    if expression.is_some() && bus.is_some_and(|bus| !names::is_default(cx, bus)) {
        return Err(faults::default_bus_only());
    }
    let (Some(expression), None) = (expression, pattern) else {
        return Err(faults::not_supported(
            "An EventPattern instead of a ScheduleExpression alone",
        ));
    };
    Expression::parse(&expression, Dialect::Rule).map_err(|error| faults::invalid(error.0))?;
    Ok(expression)
}
