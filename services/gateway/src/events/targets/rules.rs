//! `ListRuleNamesByTarget`.

use aws_model::events::{ListRuleNamesByTargetRequest, ListRuleNamesByTargetResponse};
use wire::Fault;

use crate::call::Call;
use crate::events::{faults, names};
use crate::{function_target, pages};

pub(in crate::events) async fn rules(
    cx: Call,
    input: ListRuleNamesByTargetRequest,
) -> Result<ListRuleNamesByTargetResponse, Fault> {
    names::check_bus(&cx, input.event_bus_name.as_deref())?;
    let after = match &input.next_token {
        Some(token) => pages::name(token).ok_or_else(faults::bad_token)?,
        None => String::new(),
    };
    // What cannot be a target is none.
    let Ok(target) = function_target::read(&cx, &input.target_arn) else {
        return Ok(ListRuleNamesByTargetResponse {
            rule_names: Some(Vec::new()),
            next_token: None,
        });
    };
    let size = pages::size(input.limit);
    let mut names = cx
        .app
        .store
        .rule_names_by_target(cx.account, &cx.region, &target, &after, size + 1)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    let next_token = pages::cut(&mut names, size).map(|last| pages::token(last));
    Ok(ListRuleNamesByTargetResponse {
        rule_names: Some(names),
        next_token,
    })
}
