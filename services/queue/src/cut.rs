//! Ends without a run: too old, stopped, in a loop, without a function, or given up after too many lost executors.

use dispatch::{Route, TargetKey};
use domain::event::{Condition, EventId, Source, Verdict};
use domain::event_config::Priority;
use domain::record::{self, Ended, Ran};
use domain::{FunctionArn, retry};
use rpc::executor::target::Kind;
use store::events::{NewDeadLetter, NewEvent, NewUndelivered, Settlement, TargetKind};
use uuid::Uuid;

use crate::attempt::{self, Learned, Parts};
use crate::lane::Item;

/// What a lost executor's function is said to have answered (`Runtime.ExecutorLost` is Tollgate's own).
const LOST: &str = r#"{"errorType":"Runtime.ExecutorLost","errorMessage":"The executor was lost with this event, several times in a row"}"#;

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
    let now = shared.clock.now();
    let mut settlement = Settlement {
        event: cut.item.event.id,
        attempt: cut.item.attempt,
        verdict,
        ended_at: now,
        ran: None,
        error: if cut.lost {
            "Runtime.ExecutorLost: the executor was lost with this event, several times in a row"
                .to_owned()
        } else {
            String::new()
        },
        usage: None,
        deliveries: Vec::new(),
        undelivered: Vec::new(),
        dead_letter: None,
    };
    let Verdict::Dead(condition) = verdict else {
        return Ok(settlement);
    };
    settlement.dead_letter = Some(NewDeadLetter {
        lane: cut.item.event.lane,
        account: cut.key.account,
        region: cut.key.region.clone(),
        function: cut.key.name.to_string(),
        qualifier: cut.item.event.qualifier.clone(),
        condition,
        attempts: cut.attempts(),
        trace: cut.item.event.trace.clone(),
        payload: cut.payload().to_vec(),
    });
    let Some(route) = cut.route else {
        return Ok(settlement);
    };
    let Some(version) = route.pick(shared.ids.draw()) else {
        return Ok(settlement);
    };
    for target in attempt::targets(shared, cut.key, route, version).await? {
        let (kind, body) = match target.kind() {
            Kind::OnFailure => (
                TargetKind::OnFailure,
                record(
                    cut,
                    condition,
                    settlement.ended_at,
                    &version.spec.version.to_string(),
                ),
            ),
            Kind::DeadLetter => (TargetKind::DeadLetter, cut.payload().to_vec()),
            Kind::OnSuccess | Kind::Unspecified => continue,
        };
        let id = shared.ids.ordered(now);
        match (target.lane_id, EventId::new(id)) {
            (Some(lane), Some(id)) => settlement.deliveries.push(NewEvent {
                id,
                lane,
                account: cut.key.account,
                qualifier: target.qualifier,
                source: match kind {
                    TargetKind::DeadLetter => Source::DeadLetter,
                    _ => Source::Destination,
                },
                trace: cut.item.event.trace.clone(),
                age_max_s: None,
                attempts_max: None,
                payload: body,
            }),
            _ => settlement.undelivered.push(NewUndelivered {
                id,
                account: cut.key.account,
                region: cut.key.region.clone(),
                function: cut.key.name.to_string(),
                kind,
                target: target.arn,
                reason: target.reason,
                body,
            }),
        }
    }
    Ok(settlement)
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
