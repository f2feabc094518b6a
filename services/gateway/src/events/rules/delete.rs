//! `DeleteRule`. One that does not exist is not an error, as on AWS.

use aws_model::Unit;
use aws_model::events::DeleteRuleRequest;
use store::rules::RuleDeletion;
use wire::Fault;

use crate::call::Call;
use crate::events::{faults, names};

pub(in crate::events) async fn delete(cx: Call, input: DeleteRuleRequest) -> Result<Unit, Fault> {
    let rule = names::rule(&cx, input.name, input.event_bus_name.as_deref())?;
    let deleted = cx
        .app
        .store
        .delete_rule(&rule)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    match deleted {
        RuleDeletion::Deleted | RuleDeletion::NoRule => Ok(Unit {}),
        RuleDeletion::HasTargets => Err(faults::has_targets()),
    }
}
