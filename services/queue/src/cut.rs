//! Ends without a run: too old, stopped, in a loop, without a function, or given up after too many lost executors.

use dispatch::{Route, TargetKey};
use domain::event::{Condition, Verdict};
use domain::event_config::Priority;
use domain::record::{self, Ended, Ran};
use domain::{FunctionArn, retry};
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
        self.route.map_or(
            Learned {
                priority: Priority::Normal,
                age_max_s: retry::AGE_MAX_S_DEFAULT,
            },
            |route| Learned {
                priority: route.settings.policy.priority,
                age_max_s: route
                    .settings
                    .event
                    .max_event_age_s
                    .unwrap_or(retry::AGE_MAX_S_DEFAULT),
            },
        )
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
        .map(|event| (event.lane, event.id.uuid()))
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
