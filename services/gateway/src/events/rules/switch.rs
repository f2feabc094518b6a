//! `EnableRule`, `DisableRule`.

use aws_model::Unit;
use aws_model::events::{DisableRuleRequest, EnableRuleRequest};
use wire::Fault;

use crate::call::Call;
use crate::events::{faults, names};

pub(in crate::events) async fn enable(cx: Call, input: EnableRuleRequest) -> Result<Unit, Fault> {
    switch(&cx, input.name, input.event_bus_name.as_deref(), true).await
}

pub(in crate::events) async fn disable(cx: Call, input: DisableRuleRequest) -> Result<Unit, Fault> {
    switch(&cx, input.name, input.event_bus_name.as_deref(), false).await
}

async fn switch(cx: &Call, name: String, bus: Option<&str>, enabled: bool) -> Result<Unit, Fault> {
    let rule = names::rule(cx, name, bus)?;
    let found = cx
        .app
        .store
        .enable_rule(&rule, enabled, cx.app.clock.now())
        .await
        .map_err(|error| crate::internal(&error, cx))?;
    if found {
        Ok(Unit {})
    } else {
        Err(faults::no_rule(&rule.name))
    }
}
