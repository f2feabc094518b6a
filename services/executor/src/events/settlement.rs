//! From the end of an attempt to what is written down of it.

use chassis::Ids;
use chrono::{DateTime, Utc};
use domain::FunctionSpec;
use domain::event::{Condition, Verdict};
use domain::execution::{Execution, Outcome};
use domain::price::rating::request_units;
use domain::record::{self, Ended};
use domain::retry;
use serde::Deserialize;
use store::events::{NewDeadLetter, Ran, Sender, Settlement, Target, TargetKind, Usage};
use uuid::Uuid;

use super::work::Work;

/// An attempt that has ended.
pub(crate) struct Attempted<'a> {
    pub(crate) executor: Uuid,
    pub(crate) spec: &'a FunctionSpec,
    pub(crate) work: &'a Work,
    pub(crate) execution: Execution,
    pub(crate) billed_ms: u64,
    /// The event as it came.
    pub(crate) request: &'a [u8],
    /// What the function answered, or the platform for it.
    pub(crate) response: &'a [u8],
    /// Header for what follows from this event.
    pub(crate) trace: &'a str,
    /// Its owner wanted it to end.
    pub(crate) cancelled: bool,
}

/// What the end means, and what is to be written.
pub(crate) fn settlement(attempted: &Attempted<'_>, ids: Ids) -> Settlement {
    let now = attempted.execution.ended_at;
    let failed = attempted.execution.outcome != Outcome::Success;
    let verdict = verdict(attempted, failed, now);
    let error = if failed {
        error_text(attempted.response)
    } else {
        String::new()
    };
    let work = attempted.work;
    let mut settlement = Settlement {
        ran: Some(Ran {
            executor: attempted.executor,
            started_at: attempted.execution.started_at,
            version: attempted.spec.version.to_string(),
            function_error: if failed { "Unhandled" } else { "" }.to_owned(),
            response: attempted.response.to_vec(),
        }),
        error,
        usage: Some(Usage {
            requests: u32::try_from(request_units(attempted.execution.request_bytes))
                .unwrap_or(u32::MAX),
            billed_ms: attempted.billed_ms,
            execution: attempted.execution.clone(),
        }),
        ..Settlement::new(work.event, work.attempt, verdict, now)
    };
    match verdict.condition() {
        // Somebody wanted it gone: nobody else needs to hear of it.
        None | Some(Condition::Cancelled) => {}
        Some(condition) => {
            consequences(&mut settlement, attempted, condition, ids);
            settlement.dead_letter =
                (condition != Condition::Success).then(|| dead_letter(attempted, condition));
        }
    }
    settlement
}

fn verdict(attempted: &Attempted<'_>, failed: bool, now: DateTime<Utc>) -> Verdict {
    match (failed, attempted.cancelled) {
        (false, _) => Verdict::Success,
        (true, true) => Verdict::Dead(Condition::Cancelled),
        (true, false) => retry::after_error(now, attempted.work.age, attempted.work.retry_delay),
    }
}

fn consequences(
    settlement: &mut Settlement,
    attempted: &Attempted<'_>,
    condition: Condition,
    ids: Ids,
) {
    let succeeded = condition == Condition::Success;
    let wanted = |target: &&Target| match target.kind {
        TargetKind::OnSuccess => succeeded,
        TargetKind::OnFailure | TargetKind::DeadLetter => !succeeded,
    };
    for target in attempted.work.targets.iter().filter(wanted) {
        let body = match target.kind {
            TargetKind::DeadLetter => attempted.request.to_vec(),
            _ => record(attempted, condition, settlement.ended_at),
        };
        let spec = attempted.spec;
        let from = Sender {
            account: spec.account,
            region: &spec.region,
            function: &spec.name,
            trace: attempted.trace,
        };
        let id = ids.ordered(settlement.ended_at);
        settlement.send(target, from, id, body);
    }
}

fn record(attempted: &Attempted<'_>, condition: Condition, at: DateTime<Utc>) -> Vec<u8> {
    let failed = attempted.execution.outcome != Outcome::Success;
    record::record(&Ended {
        at,
        request_id: attempted.work.event.uuid(),
        function_arn: &attempted.work.function_arn,
        condition,
        invoke_count: u32::from(attempted.work.attempt),
        request: attempted.request,
        ran: Some(record::Ran {
            version: &attempted.execution.version,
            function_error: failed.then_some("Unhandled"),
            response: attempted.response,
        }),
    })
}

fn dead_letter(attempted: &Attempted<'_>, condition: Condition) -> NewDeadLetter {
    let (spec, work) = (attempted.spec, attempted.work);
    NewDeadLetter {
        lane: work.lane,
        account: spec.account,
        region: spec.region.clone(),
        function: spec.name.to_string(),
        qualifier: work.qualifier.clone(),
        condition,
        attempts: work.attempt,
        trace: attempted.trace.to_owned(),
        payload: attempted.request.to_vec(),
    }
}

#[derive(Deserialize)]
struct Reported {
    #[serde(rename = "errorType", default)]
    error_type: String,
    #[serde(rename = "errorMessage", default)]
    error_message: String,
}

/// One line of what a function's error says: `Type: message`.
fn error_text(response: &[u8]) -> String {
    match serde_json::from_slice::<Reported>(response) {
        Ok(reported) if reported.error_type.is_empty() => reported.error_message,
        Ok(reported) => format!("{}: {}", reported.error_type, reported.error_message),
        Err(_) => String::from_utf8_lossy(response).into_owned(),
    }
}
