//! Ends without a run: too old, stopped, in a loop, without a function, or given up after too many lost executors.

use dispatch::{Route, TargetKey};
use domain::FunctionArn;
use domain::event::{Condition, Verdict};
use domain::record::{self, Ended, Ran};
use store::events::{NewDeadLetter, Sender, Settlement, TargetKind};
use uuid::Uuid;

use crate::attempt::{self, Learned, Parts};
use crate::lane::Item;

/// What a lost executor's function is said to have answered (`Runtime.ExecutorLost` is Tollgate's own).
const LOST: &str = r#"{"errorType":"Runtime.ExecutorLost","errorMessage":"The executor was lost with this event, several times in a row"}"#;

/// The same in a line, for the outcome.
const LOST_TEXT: &str =
    "Runtime.ExecutorLost: the executor was lost with this event, several times in a row";

/// An event that ends here.
pub(crate) struct Cut<'a> {
    item: &'a Item,
    key: &'a TargetKey,
    arn: &'a FunctionArn,
    /// `None`: there is no such function.
    route: Option<&'a Route>,
    /// Executors were lost with it: it counts as run, and as failed.
    lost: bool,
}

impl<'a> Cut<'a> {
    pub(crate) fn new(
        item: &'a Item,
        key: &'a TargetKey,
        arn: &'a FunctionArn,
        route: Option<&'a Route>,
    ) -> Self {
        Self {
            item,
            key,
            arn,
            route,
            lost: false,
        }
    }

    pub(crate) fn lost(self) -> Self {
        Self { lost: true, ..self }
    }

    pub(crate) fn learned(&self) -> Learned {
        let settings = self.route.map(|route| &route.settings);
        settings.map_or_else(Learned::default, Learned::of)
    }

    /// Attempts in which the function was started.
    fn attempts(&self) -> u16 {
        if self.lost {
            self.item.attempt
        } else {
            self.item.attempt.saturating_sub(1)
        }
    }

    fn payload(&self) -> &[u8] {
        self.item.event.payload.as_deref().unwrap_or_default()
    }
}

/// Commits the end; answers the events that came of it, or `None` where another outcome was there before.
pub(crate) async fn settle(
    shared: &Parts,
    cut: Cut<'_>,
    verdict: Verdict,
) -> Result<Option<Vec<(i64, Uuid)>>, String> {
    let settlement = settlement(shared, &cut, verdict)
        .await
        .map_err(|error| error.to_string())?;
    let delivered = settlement
        .deliveries
        .iter()
        .map(|one| (one.event.lane, one.event.id.uuid()))
        .collect();
    let bytes = 512 + 2 * cut.payload().len();
    let won = shared.settler.submit(settlement, bytes).await;
    match won.map_err(|error| error.to_string())? {
        Some(true) => Ok(Some(delivered)),
        Some(false) => Ok(None),
        None => Err("the database did not take the end of the event".to_owned()),
    }
}

async fn settlement(
    shared: &Parts,
    cut: &Cut<'_>,
    verdict: Verdict,
) -> Result<Settlement, store::Error> {
    let (now, item) = (shared.clock.now(), cut.item);
    let mut settlement = Settlement::new(item.event.id, item.attempt, verdict, now);
    if cut.lost {
        LOST_TEXT.clone_into(&mut settlement.error);
    }
    let Verdict::Dead(condition) = verdict else {
        return Ok(settlement);
    };
    settlement.dead_letter = Some(dead_letter(cut, condition));
    let version = cut.route.and_then(|route| route.pick(shared.ids.draw()));
    let (Some(route), Some(version)) = (cut.route, version) else {
        return Ok(settlement);
    };
    let from = Sender {
        account: cut.key.account,
        region: &cut.key.region,
        function: &cut.key.name,
        trace: &item.event.trace,
    };
    for target in attempt::targets(shared, cut.key, route, version).await? {
        let body = match target.kind {
            TargetKind::OnSuccess => continue,
            TargetKind::OnFailure => record(cut, condition, now, &version.spec.version.to_string()),
            TargetKind::DeadLetter => cut.payload().to_vec(),
        };
        settlement.send(&target, from, shared.ids.ordered(now), body);
    }
    Ok(settlement)
}

fn dead_letter(cut: &Cut<'_>, condition: Condition) -> NewDeadLetter {
    let event = &cut.item.event;
    NewDeadLetter {
        lane: event.lane,
        account: cut.key.account,
        region: cut.key.region.clone(),
        function: cut.key.name.to_string(),
        qualifier: event.qualifier.clone(),
        condition,
        attempts: cut.attempts(),
        trace: event.trace.clone(),
        payload: cut.payload().to_vec(),
    }
}

fn record(
    cut: &Cut<'_>,
    condition: Condition,
    at: chrono::DateTime<chrono::Utc>,
    version: &str,
) -> Vec<u8> {
    record::record(&Ended {
        at,
        request_id: cut.item.event.id.uuid(),
        function_arn: &attempt::qualified(cut.arn),
        condition,
        invoke_count: u32::from(cut.attempts()),
        request: cut.payload(),
        ran: cut.lost.then_some(Ran {
            version,
            function_error: Some("Unhandled"),
            response: LOST.as_bytes(),
        }),
    })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::event::EventId;
    use serde_json::{Value, json};

    use super::*;

    /// The record of an event that ends with this attempt, without the parts that are the same in all.
    fn of(attempt: u16, lost: bool, condition: Condition) -> Value {
        let id = EventId::floor(DateTime::UNIX_EPOCH);
        let mut item = Item::by_id(id, 1, attempt);
        item.event.payload = Some(b"{\"n\":  1}".to_vec());
        let key = TargetKey {
            account: domain::AccountId::new(42).unwrap(),
            region: "eu-west-1".parse().unwrap(),
            name: "f".parse().unwrap(),
            qualifier: None,
        };
        let arn = attempt::arn(&key);
        let cut = Cut::new(&item, &key, &arn, None);
        let cut = if lost { cut.lost() } else { cut };
        let letter = dead_letter(&cut, condition);
        assert_eq!(letter.payload, b"{\"n\":  1}");
        let record = record(&cut, condition, DateTime::UNIX_EPOCH, "7");
        let mut record: Value = serde_json::from_slice(&record).unwrap();
        let context = record["requestContext"].clone();
        assert_eq!(context["approximateInvokeCount"], letter.attempts);
        assert_eq!(context["condition"], condition.as_str());
        assert_eq!(
            context["functionArn"],
            "arn:aws:lambda:eu-west-1:000000000042:function:f:$LATEST"
        );
        assert_eq!(record["requestPayload"], json!({"n": 1}));
        let mut rest = record.as_object_mut().unwrap().clone();
        for same in ["version", "timestamp", "requestPayload", "requestContext"] {
            assert!(rest.remove(same).is_some());
        }
        rest.insert(
            "count".to_owned(),
            context["approximateInvokeCount"].clone(),
        );
        Value::Object(rest)
    }

    #[test]
    fn an_attempt_that_was_not_made_is_not_counted_and_has_no_response() {
        let stopped = of(1, false, Condition::ZeroReservedConcurrency);
        assert_eq!(stopped, json!({"count": 0}));
        let old = of(3, false, Condition::EventAgeExceeded);
        assert_eq!(old, json!({"count": 2}));
    }

    #[test]
    fn a_function_that_took_its_executors_along_has_failed() {
        let lost = of(2, true, Condition::RetriesExhausted);
        let text = "The executor was lost with this event, several times in a row";
        assert_eq!(
            lost,
            json!({
                "count": 2,
                "responseContext": {"statusCode": 200, "executedVersion": "7", "functionError": "Unhandled"},
                "responsePayload": {"errorType": "Runtime.ExecutorLost", "errorMessage": text},
            })
        );
    }
}
