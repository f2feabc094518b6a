//! `RemoveTargets`. Those that the rule does not have are told of, and keep none of the others.

use std::collections::BTreeSet;

use aws_model::events::{RemoveTargetsRequest, RemoveTargetsResponse, RemoveTargetsResultEntry};
use wire::Fault;

use crate::call::Call;
use crate::events::{faults, names};

pub(in crate::events) async fn remove(
    cx: Call,
    input: RemoveTargetsRequest,
) -> Result<RemoveTargetsResponse, Fault> {
    let rule = names::rule(&cx, input.rule, input.event_bus_name.as_deref())?;
    let removed = cx
        .app
        .store
        .remove_rule_targets(&rule, &input.ids)
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .ok_or_else(|| faults::no_rule(&rule.name))?;
    let removed: BTreeSet<_> = removed.into_iter().collect();
    let missing = |id: String| RemoveTargetsResultEntry {
        error_code: Some("ResourceNotFoundException".to_owned()),
        error_message: Some(format!(
            "Rule '{}' does not have a target with the Id '{id}'.",
            rule.name
        )),
        target_id: Some(id),
    };
    let failed: Vec<_> = input
        .ids
        .into_iter()
        .filter(|id| !removed.contains(id))
        .map(missing)
        .collect();
    Ok(RemoveTargetsResponse {
        failed_entry_count: i32::try_from(failed.len()).ok(),
        failed_entries: Some(failed),
    })
}
