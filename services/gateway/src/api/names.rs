//! What requests name: functions, conditions, events.

use domain::event::{Condition, EventId};
use domain::{FunctionArn, FunctionName};
use uuid::Uuid;

use super::refusal::Refusal;
use crate::call::Call;

pub(super) fn function(name: &str) -> Result<FunctionName, Refusal> {
    name.parse()
        .map_err(|error: domain::ParseError| Refusal::invalid(error.to_string()))
}

/// The caller's function of this name.
pub(super) fn arn(cx: &Call, name: &str) -> Result<FunctionArn, Refusal> {
    Ok(FunctionArn {
        region: cx.region.clone(),
        account: cx.account,
        name: function(name)?,
        qualifier: None,
    })
}

/// A condition's name, checked.
pub(super) fn condition(name: Option<String>) -> Result<Option<String>, Refusal> {
    if let Some(name) = &name {
        name.parse::<Condition>()
            .map_err(|error| Refusal::invalid(error.to_string()))?;
    }
    Ok(name)
}

/// An event's id. What cannot be one names no event.
pub(super) fn event(id: Uuid) -> Result<EventId, Refusal> {
    EventId::new(id).ok_or_else(|| no_event(id))
}

pub(super) fn no_event(id: Uuid) -> Refusal {
    Refusal::missing(format!(
        "There is no event {id}, or it was longer ago than events are kept."
    ))
}

/// Empty for nothing, as the store has it.
pub(super) fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
