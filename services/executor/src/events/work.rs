//! What the owner of an event sends along with it, read and checked.

use chrono::{DateTime, TimeDelta, Utc};
use domain::event::EventId;
use domain::retry::Age;
use rpc::executor::target::Kind;
use rpc::executor::{AsyncWork, Target as WireTarget};
use store::events::{Target, TargetKind};
use tonic::Status;
use uuid::Uuid;

/// An event's part of a job.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    pub(crate) event: EventId,
    pub(crate) attempt: u16,
    pub(crate) shard: u32,
    pub(crate) epoch: i64,
    pub(crate) lane: i64,
    pub(crate) age: Age,
    /// The wait after a function error; `None`: this is the last attempt.
    pub(crate) retry_delay: Option<TimeDelta>,
    pub(crate) targets: Vec<Target>,
    /// For records: qualified, always.
    pub(crate) function_arn: String,
    /// As the caller qualified the function.
    pub(crate) qualifier: String,
}

impl Work {
    pub(crate) fn read(request_id: Uuid, attempt: u32, work: AsyncWork) -> Result<Self, Status> {
        let bad = |what: &str| Status::invalid_argument(format!("{what} of an event is not one"));
        let event = EventId::new(request_id).ok_or_else(|| bad("request_id"))?;
        let accepted_at = DateTime::<Utc>::from_timestamp_millis(work.accepted_at_ms)
            .ok_or_else(|| bad("accepted_at_ms"))?;
        let delay = |ms| {
            i64::try_from(ms)
                .ok()
                .and_then(TimeDelta::try_milliseconds)
                .ok_or_else(|| bad("retry_delay_ms"))
        };
        Ok(Self {
            event,
            attempt: u16::try_from(attempt).map_err(|_| bad("attempt"))?,
            shard: work.shard,
            epoch: work.epoch,
            lane: work.lane_id,
            age: Age {
                accepted_at,
                max: TimeDelta::seconds(i64::from(work.age_max_s)),
            },
            retry_delay: work.retry_delay_ms.map(delay).transpose()?,
            targets: work
                .targets
                .into_iter()
                .map(|sent| target(sent).ok_or_else(|| bad("target")))
                .collect::<Result<_, _>>()?,
            function_arn: work.function_arn,
            qualifier: work.qualifier,
        })
    }
}

fn target(target: WireTarget) -> Option<Target> {
    Some(Target {
        kind: match target.kind() {
            Kind::OnSuccess => TargetKind::OnSuccess,
            Kind::OnFailure => TargetKind::OnFailure,
            Kind::DeadLetter => TargetKind::DeadLetter,
            Kind::Unspecified => return None,
        },
        lane: target.lane_id.ok_or(target.reason),
        arn: target.arn,
        qualifier: target.qualifier,
    })
}
