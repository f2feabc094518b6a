//! `PutTargets`: all of them, or none. `FailedEntries` is for what AWS finds wrong later, and so always empty.

use std::collections::BTreeSet;

use aws_model::events::{PutTargetsRequest, PutTargetsResponse};
use store::rules::TargetsPut;
use wire::Fault;

use super::request;
use crate::call::Call;
use crate::events::{faults, names};

/// Targets that a rule may have.
const TARGETS_MAX: u32 = 5;

pub(in crate::events) async fn put(
    cx: Call,
    input: PutTargetsRequest,
) -> Result<PutTargetsResponse, Fault> {
    let rule = names::rule(&cx, input.rule, input.event_bus_name.as_deref())?;
    let mut ids = BTreeSet::new();
    for target in &input.targets {
        if !ids.insert(&target.id) {
            return Err(faults::same_id(&target.id));
        }
    }
    let targets = input
        .targets
        .into_iter()
        .map(|target| Ok((cx.app.ids.random(), request::read(&cx, target)?)))
        .collect::<Result<Vec<_>, Fault>>()?;
    let now = cx.app.clock.now();
    let put = cx
        .app
        .store
        .put_rule_targets(&rule, &targets, TARGETS_MAX, now)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    match put {
        TargetsPut::Put => Ok(PutTargetsResponse {
            failed_entry_count: Some(0),
            failed_entries: Some(Vec::new()),
        }),
        TargetsPut::NoRule => Err(faults::no_rule(&rule.name)),
        TargetsPut::TooMany => Err(faults::too_many_targets()),
    }
}
