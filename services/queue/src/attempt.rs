//! One attempt of one event: read, check, admit, run; or end it without a run.
//!
//! The order of the checks is the decision table's (`spec/async-invocation.md`, 1.1): what makes a run pointless comes before what
//! would have to wait for one.

use std::sync::Arc;

use bytes::Bytes;
use chassis::batch::Batcher;
use chassis::{Clock, Ids};
use chrono::{DateTime, TimeDelta, Utc};
use dispatch::{Dispatch, Ended, Missing, Route, Run, Runnable, TargetKey};
use domain::event::{Condition, Verdict};
use domain::event_config::{AsyncSettings, Destination, Priority, RecursiveLoop};
use domain::price::rating::request_units;
use domain::retry;
use domain::trace::{RECURSION_MAX, TraceHeader};
use domain::{FunctionArn, Qualifier};
use rpc::executor::target::Kind;
use rpc::executor::{AsyncWork, InvokeReply, Settled, Target as WireTarget};
use store::Store;
use store::events::{Settlement, Target, TargetKind};
use store::functions::State;
use tonic::Status;
use uuid::Uuid;

use crate::cut::{self, Cut};
use crate::lane::Item;

/// What attempts share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) dispatch: Dispatch,
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    /// Ends without a run.
    pub(crate) settler: Batcher<Settlement, Option<bool>>,
}

/// How an attempt ended, for the owner.
#[derive(Debug)]
pub(crate) enum Done {
    /// An outcome is committed; events of other lanes may have come of it.
    Settled {
        verdict: Verdict,
        delivered: Vec<(i64, Uuid)>,
        settings: Learned,
    },
    /// Somebody else's outcome was there, or the event is gone.
    Stale,
    /// Concurrency or room is used up.
    Throttled(Learned),
    /// The platform could not run it: no executor, the database away.
    Failed(String),
    /// It runs on an executor already.
    Elsewhere,
    /// A later owner has spoken: this one is out of date.
    OutOfDate,
    /// An executor was lost, and the function may have run.
    Lost { executor: String, error: String },
}

/// What the owner remembers of the function's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Learned {
    pub(crate) priority: Priority,
    /// Seconds after which its events are given up, those with a limit of their own aside.
    pub(crate) age_max_s: u32,
}

impl Learned {
    pub(crate) fn of(settings: &AsyncSettings) -> Self {
        let age_max_s = settings.policy.max_event_age_s;
        let age_max_s = age_max_s.or(settings.event.max_event_age_s);
        Self {
            priority: settings.policy.priority,
            age_max_s: age_max_s.unwrap_or(retry::AGE_MAX_S_DEFAULT),
        }
    }
}

impl Default for Learned {
    fn default() -> Self {
        Self::of(&AsyncSettings::default())
    }
}

/// An attempt that can be made: everything about it is known.
struct Ready<'a> {
    shared: &'a Parts,
    item: &'a Item,
    route: Arc<Route>,
    /// As invoked.
    arn: FunctionArn,
    learned: Learned,
}

/// Makes the attempt. The item comes back, with what was read of it. `ran` is called when the function has ended, before the outcome is
/// committed.
pub(crate) async fn make(
    shared: Shared,
    key: TargetKey,
    epoch: i64,
    mut item: Item,
    ran: impl FnMut() + Send,
) -> (Item, Done) {
    let done = match prepare(&shared.0, key, &mut item).await {
        Ok(found) => go(&shared.0, found, epoch, &item, ran).await,
        Err(done) => done,
    };
    (item, done)
}

/// Reads what is missing of the event, and what its function's name means now.
async fn prepare(
    shared: &Parts,
    mut key: TargetKey,
    item: &mut Item,
) -> Result<(TargetKey, Result<Arc<Route>, Missing>), Done> {
    let failed = |error: store::Error| Done::Failed(error.to_string());
    let (id, hour) = (item.event.id, item.event.id.hour());
    if item.check {
        let attempts = [(id.uuid(), item.attempt)];
        let settled = shared.store.settled_attempts(hour, &attempts).await;
        if settled.map_err(failed)?.contains(&id.uuid()) {
            return Err(Done::Stale);
        }
    }
    if item.unread || item.event.payload.is_none() {
        let read = shared.store.read_events(hour, &[id.uuid()]).await;
        let Some(event) = read.map_err(failed)?.pop() else {
            return Err(Done::Stale);
        };
        item.event = event;
        item.unread = false;
    }
    key.qualifier = match item.event.qualifier.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|_| Done::Stale)?),
    };
    let route = shared.dispatch.targets.find(&key).await.map_err(failed)?;
    Ok((key, route))
}

async fn go(
    shared: &Parts,
    (key, route): (TargetKey, Result<Arc<Route>, Missing>),
    epoch: i64,
    item: &Item,
    ran: impl FnMut() + Send,
) -> Done {
    let arn = arn(&key);
    let Ok(route) = route else {
        let cut = Cut::new(item, &key, &arn, None);
        return end(shared, cut, Condition::FunctionNotFound).await;
    };
    let learned = Learned::of(&route.settings);
    let age = item.age(learned.age_max_s);
    let cut = || Cut::new(item, &key, &arn, Some(&route));
    if route.stopped {
        return end(shared, cut(), Condition::ZeroReservedConcurrency).await;
    }
    if age.exceeded_at(shared.clock.now()) {
        return end(shared, cut(), Condition::EventAgeExceeded).await;
    }
    let trace = TraceHeader::parse(&item.event.trace);
    let in_chain = trace.as_ref().map_or(0, |trace| trace.lineage(&route.mark));
    if in_chain >= RECURSION_MAX && route.settings.recursive_loop == RecursiveLoop::Terminate {
        metrics::counter!("tollgate_recursive_invocations_dropped_total").increment(1);
        return end(shared, cut(), Condition::RecursionLimitExceeded).await;
    }
    if item.losses >= retry::LOSSES_MAX {
        let now = shared.clock.now();
        let verdict = retry::after_error(now, age, delay(item, &route.settings, shared.ids));
        return end_as(shared, cut().lost(), verdict, learned).await;
    }
    let ready = Ready {
        shared,
        item,
        route,
        arn,
        learned,
    };
    ready.run(&key, trace, epoch, ran).await
}

/// The wait after a function error of this attempt; `None`: it is the last.
fn delay(item: &Item, settings: &AsyncSettings, ids: Ids) -> Option<TimeDelta> {
    let retries = settings.event.max_retry_attempts.map(u16::from);
    let attempts_max = item
        .event
        .attempts_max
        .or_else(|| settings.policy.max_attempts.map(u16::from))
        .or_else(|| retries.map(|retries| retries + 1))
        .unwrap_or(retry::RETRIES_DEFAULT + 1);
    if item.attempt >= attempts_max {
        return None;
    }
    let attempt = u32::from(item.attempt);
    Some(match &settings.policy.backoff {
        Some(backoff) => {
            let ms = i64::try_from(backoff.wait_ms(attempt, ids.draw())).unwrap_or(i64::MAX);
            TimeDelta::try_milliseconds(ms).unwrap_or(TimeDelta::MAX)
        }
        None => retry::aws_delay(attempt),
    })
}

/// Bytes of an event, which say how many requests it counts for.
fn event_bytes(item: &Item) -> u64 {
    item.event.payload.as_ref().map_or(0, Vec::len) as u64
}

impl Ready<'_> {
    async fn run(
        self,
        key: &TargetKey,
        trace: Option<TraceHeader>,
        epoch: i64,
        mut ran: impl FnMut() + Send,
    ) -> Done {
        let shared = self.shared;
        match self.route.state {
            State::Active => {}
            state => return Done::Failed(format!("the function is {state:?}")),
        }
        let Some(permit) = shared.dispatch.admission.admit(&self.route.pool).await else {
            metrics::counter!("tollgate_throttles_total").increment(1);
            return Done::Throttled(self.learned);
        };
        let Some(version) = self.route.pick(shared.ids.draw()) else {
            return Done::Failed("the function has no version".to_owned());
        };
        let work = match self.work(key, version, epoch).await {
            Ok(work) => work,
            Err(error) => return Done::Failed(error.to_string()),
        };
        let requests = request_units(event_bytes(self.item));
        let hold = shared
            .dispatch
            .caps
            .hold(&self.route.capped, &version.spec, requests);
        let Ok(mut hold) = hold.await else {
            metrics::counter!("tollgate_spend_cap_refusals_total").increment(1);
            let cut = Cut::new(self.item, key, &self.arn, Some(&self.route));
            return end(shared, cut, Condition::SpendCapExceeded).await;
        };
        let trace = trace.unwrap_or_else(|| {
            let now = u32::try_from(shared.clock.now().timestamp()).unwrap_or(u32::MAX);
            TraceHeader::new(now, shared.ids.bytes(), shared.ids.bytes(), false)
        });
        let run = Run {
            arn: self.arn.to_string(),
            request_id: self.item.event.id.uuid(),
            attempt: u32::from(self.item.attempt),
            payload: Bytes::from(self.item.event.payload.clone().unwrap_or_default()),
            client_context: String::new(),
            trace_id: trace.invoking(&self.route.mark).to_string(),
            traceparent: String::new(),
            tail: false,
            work: Some(work),
        };
        let mut permit = Some(permit);
        let ran = || {
            // Its place is free; what is left is the database's.
            permit = None;
            ran();
        };
        hold.start();
        let ended = dispatch::run(&shared.dispatch.executors, version, &run, ran).await;
        hold.settle(&ended);
        self.done(ended)
    }

    async fn work(
        &self,
        key: &TargetKey,
        version: &Runnable,
        epoch: i64,
    ) -> Result<AsyncWork, store::Error> {
        let event = &self.item.event;
        let delay = delay(self.item, &self.route.settings, self.shared.ids);
        let shard = domain::event::shard(event.lane);
        Ok(AsyncWork {
            shard: u32::from(shard.cast_unsigned()),
            epoch,
            accepted_at_ms: event.id.accepted_at_ms(),
            age_max_s: self.item.age_max_s(self.learned.age_max_s),
            retry_delay_ms: delay.map(|delay| delay.num_milliseconds().max(0).cast_unsigned()),
            targets: targets(self.shared, key, &self.route, version)
                .await?
                .into_iter()
                .map(wire)
                .collect(),
            function_arn: qualified(&self.arn),
            lane_id: event.lane,
            qualifier: event.qualifier.clone(),
        })
    }

    fn done(&self, ended: Ended) -> Done {
        match ended {
            Ended::Ran(reply) => self.settled(*reply),
            Ended::NoRoom => Done::Throttled(self.learned),
            Ended::Denied(text) | Ended::NoRuntime(text) => Done::Failed(text),
            Ended::Nobody(None) => Done::Failed("there is no executor".to_owned()),
            Ended::Nobody(Some(status)) => Done::Failed(status.message().to_owned()),
            Ended::Declined(status) if status.code() == tonic::Code::Aborted => Done::OutOfDate,
            Ended::Declined(_) => Done::Elsewhere,
            Ended::Lost { executor, status } => Done::Lost {
                executor,
                error: Status::message(&status).to_owned(),
            },
        }
    }

    fn settled(&self, reply: InvokeReply) -> Done {
        let Some(settled) = reply.settled.filter(|settled| settled.won) else {
            return Done::Stale;
        };
        let verdict = match settled.kind {
            0 => Verdict::Success,
            1 => match DateTime::<Utc>::from_timestamp_millis(settled.next_at_ms) {
                Some(at) => Verdict::Retry { at },
                None => return Done::Stale,
            },
            // Which condition it was is in the outcome; the owner only counts it.
            _ => Verdict::Dead(Condition::RetriesExhausted),
        };
        Done::Settled {
            verdict,
            delivered: delivered(&settled),
            settings: self.learned,
        }
    }
}

fn delivered(settled: &Settled) -> Vec<(i64, Uuid)> {
    let events = settled.delivered.iter();
    events
        .filter_map(|event| Some((event.lane_id, event.request_id.parse().ok()?)))
        .collect()
}

/// The ARN as records have it: qualified, always.
pub(crate) fn qualified(arn: &FunctionArn) -> String {
    let qualifier = arn.qualifier.clone();
    let latest = Qualifier::Version(domain::Version::Latest);
    arn.clone()
        .qualified(Some(qualifier.unwrap_or(latest)))
        .to_string()
}

/// Where records of the event's end go, with the lanes of those that are functions.
pub(crate) async fn targets(
    shared: &Parts,
    key: &TargetKey,
    route: &Route,
    version: &Runnable,
) -> Result<Vec<Target>, store::Error> {
    let settings = &route.settings;
    let dead_letter = settings.dead_letters.get(&version.spec.version);
    let wanted = [
        (TargetKind::OnSuccess, settings.event.on_success.as_ref()),
        (TargetKind::OnFailure, settings.event.on_failure.as_ref()),
        (TargetKind::DeadLetter, dead_letter),
    ];
    let mut targets = Vec::new();
    for (kind, destination) in wanted {
        let Some(destination) = destination else {
            continue;
        };
        let qualifier = match destination {
            Destination::Function(arn) => arn.qualifier.as_ref().map(ToString::to_string),
            _ => None,
        };
        targets.push(Target {
            kind,
            arn: destination.to_string(),
            lane: lane(shared, key, destination).await?,
            qualifier: qualifier.unwrap_or_default(),
        });
    }
    Ok(targets)
}

/// The lane of a destination that is a function of this account; or why nothing can be delivered.
async fn lane(
    shared: &Parts,
    key: &TargetKey,
    destination: &Destination,
) -> Result<Result<i64, String>, store::Error> {
    let Destination::Function(arn) = destination else {
        return Ok(Err(
            "Tollgate does not deliver to this kind of target yet".to_owned()
        ));
    };
    if arn.account != key.account {
        return Ok(Err("the function belongs to another account".to_owned()));
    }
    let theirs = TargetKey {
        account: arn.account,
        region: arn.region.clone(),
        name: arn.name.clone(),
        qualifier: arn.qualifier.clone(),
    };
    let targets = &shared.dispatch.targets;
    match targets.find(&theirs).await? {
        Ok(route) => Ok(Ok(targets.lane(&theirs, &route).await?)),
        Err(_) => Ok(Err("there is no such function, version or alias".to_owned())),
    }
}

fn wire(target: Target) -> WireTarget {
    let kind = match target.kind {
        TargetKind::OnSuccess => Kind::OnSuccess,
        TargetKind::OnFailure => Kind::OnFailure,
        TargetKind::DeadLetter => Kind::DeadLetter,
    };
    let (lane_id, reason) = match target.lane {
        Ok(lane) => (Some(lane), String::new()),
        Err(reason) => (None, reason),
    };
    WireTarget {
        kind: kind.into(),
        arn: target.arn,
        lane_id,
        qualifier: target.qualifier,
        reason,
    }
}

/// Ends the event without a run.
async fn end(shared: &Parts, cut: Cut<'_>, condition: Condition) -> Done {
    let learned = cut.learned();
    end_as(shared, cut, Verdict::Dead(condition), learned).await
}

async fn end_as(shared: &Parts, cut: Cut<'_>, verdict: Verdict, learned: Learned) -> Done {
    match cut::settle(shared, cut, verdict).await {
        Ok(Some(delivered)) => Done::Settled {
            verdict,
            delivered,
            settings: learned,
        },
        Ok(None) => Done::Stale,
        Err(error) => Done::Failed(error),
    }
}

/// Ends an event that was refused until its time was up: no attempt of it can be made before `at`. What the owner took for its
/// limit may be that of another qualifier; an event that has time left comes back as throttled.
pub(crate) async fn expire(
    shared: Shared,
    key: TargetKey,
    mut item: Item,
    at: DateTime<Utc>,
) -> (Item, Done) {
    let done = match prepare(&shared.0, key, &mut item).await {
        Ok((key, route)) => {
            let arn = arn(&key);
            let learned = route.as_ref().map(|route| Learned::of(&route.settings));
            match learned {
                Ok(learned) if !item.age(learned.age_max_s).exceeded_at(at) => {
                    Done::Throttled(learned)
                }
                Ok(_) => {
                    let route = route.ok();
                    let cut = Cut::new(&item, &key, &arn, route.as_deref());
                    end(&shared.0, cut, Condition::EventAgeExceeded).await
                }
                Err(_) => {
                    let cut = Cut::new(&item, &key, &arn, None);
                    end(&shared.0, cut, Condition::FunctionNotFound).await
                }
            }
        }
        Err(done) => done,
    };
    (item, done)
}

/// The function as its caller named it.
pub(crate) fn arn(key: &TargetKey) -> FunctionArn {
    FunctionArn {
        region: key.region.clone(),
        account: key.account,
        name: key.name.clone(),
        qualifier: key.qualifier.clone(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::event::EventId;
    use domain::event_config::Backoff;

    use super::*;

    fn seconds(delay: Option<TimeDelta>) -> Option<i64> {
        delay.map(|delay| delay.num_seconds())
    }

    #[test]
    fn waits_between_attempts_are_the_events_the_functions_or_awss() {
        let check = |own: Option<u16>, change: fn(&mut AsyncSettings), want: &[Option<i64>]| {
            let mut settings = AsyncSettings::default();
            change(&mut settings);
            let delays: Vec<Option<i64>> = (1..=want.len())
                .map(|attempt| {
                    let attempt = u16::try_from(attempt).unwrap();
                    let id = EventId::floor(DateTime::UNIX_EPOCH);
                    let mut item = Item::by_id(id, 1, attempt);
                    item.event.attempts_max = own;
                    seconds(delay(&item, &settings, Ids))
                })
                .collect();
            assert_eq!(delays, want);
        };
        check(None, |_| {}, &[Some(60), Some(120), None]);
        let none = |settings: &mut AsyncSettings| settings.event.max_retry_attempts = Some(0);
        check(None, none, &[None]);
        let one = |settings: &mut AsyncSettings| settings.event.max_retry_attempts = Some(1);
        check(None, one, &[Some(60), None]);
        // Tollgate's policy goes before AWS's setting, and an event's own limit before both.
        let five = |settings: &mut AsyncSettings| {
            settings.event.max_retry_attempts = Some(0);
            settings.policy.max_attempts = Some(5);
        };
        let minutes = [Some(60), Some(120), Some(180), Some(240), None];
        check(None, five, &minutes);
        check(Some(2), five, &[Some(60), None]);
        let steady = |settings: &mut AsyncSettings| {
            settings.policy.max_attempts = Some(3);
            settings.policy.backoff = Some(Backoff::List(vec![5, 8]));
        };
        check(None, steady, &[Some(5), Some(8), None]);
    }

    #[test]
    fn what_is_learned_is_the_functions() {
        let mut settings = AsyncSettings::default();
        let check = |settings: &AsyncSettings, age_max_s: u32, priority: Priority| {
            let want = Learned {
                priority,
                age_max_s,
            };
            assert_eq!(Learned::of(settings), want);
        };
        check(&settings, 21_600, Priority::Normal);
        settings.event.max_event_age_s = Some(60);
        check(&settings, 60, Priority::Normal);
        settings.policy.max_event_age_s = Some(86_400);
        settings.policy.priority = Priority::High;
        check(&settings, 86_400, Priority::High);
    }
}
