//! `ListTargetsByRule`.

use aws_model::events::{
    DeadLetterConfig, ListTargetsByRuleRequest, ListTargetsByRuleResponse, RetryPolicy, Target,
};
use store::rules::RuleTarget;
use store::schedules::{RETRY_AGE_MAX_S, RETRY_ATTEMPTS_MAX};
use wire::Fault;

use crate::call::Call;
use crate::events::{faults, names};
use crate::pages;

pub(in crate::events) async fn list(
    cx: Call,
    input: ListTargetsByRuleRequest,
) -> Result<ListTargetsByRuleResponse, Fault> {
    let rule = names::rule(&cx, input.rule, input.event_bus_name.as_deref())?;
    let after = match &input.next_token {
        Some(token) => pages::name(token).ok_or_else(faults::bad_token)?,
        None => String::new(),
    };
    let size = pages::size(input.limit);
    let store = &cx.app.store;
    let mut targets = store
        .rule_targets(&rule, &after, size + 1)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    if targets.is_empty()
        && store
            .rule(&rule)
            .await
            .map_err(|error| crate::internal(&error, &cx))?
            .is_none()
    {
        return Err(faults::no_rule(&rule.name));
    }
    let next_token = pages::cut(&mut targets, size).map(|last| pages::token(&last.id));
    Ok(ListTargetsByRuleResponse {
        targets: Some(targets.into_iter().map(answer).collect()),
        next_token,
    })
}

/// The retry policy is shown where it is not the default one: AWS shows what was put.
fn answer(target: RuleTarget) -> Target {
    let usual = target.retry_attempts_max == RETRY_ATTEMPTS_MAX
        && target.retry_age_max_s == RETRY_AGE_MAX_S;
    Target {
        id: target.id,
        arn: target.target.to_string(),
        role_arn: target.role_arn,
        input: target.input,
        dead_letter_config: target
            .dead_letter_arn
            .map(|arn| DeadLetterConfig { arn: Some(arn) }),
        retry_policy: (!usual).then(|| RetryPolicy {
            maximum_retry_attempts: Some(target.retry_attempts_max.into()),
            maximum_event_age_in_seconds: Some(target.retry_age_max_s.cast_signed()),
        }),
        ..Target::default()
    }
}
