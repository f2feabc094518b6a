//! Schedules: listed, paused, and what is decided about their fires.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use domain::schedule as rules;
use store::fires::FireRecord;
use store::schedule_controls::{Controlled, Filter, Name};
use store::schedules::Policy;
use uuid::Uuid;

use super::fires;
use super::input::{Input, Nothing};
use super::paging;
use super::refusal::Refusal;
use super::types::{
    LastFire, MissedRuns, Overlap, RULE_PREFIX, Schedule, ScheduleKey, ScheduleKind,
    SchedulePolicy, ScheduleQuery, ScheduleState, Schedules, SetSchedulePolicy,
};
use crate::call::Call;

/// The longest catch-up there is, and the one that holds where none is set.
const CATCH_UP_MAX_S: u32 = 86_400;

pub(super) async fn list(
    cx: Call,
    input: Input<Nothing, ScheduleQuery, Nothing>,
) -> Result<Schedules, Refusal> {
    let query = input.query;
    let limit = paging::limit(query.limit)?;
    let after = query.next_token.as_deref().map(after).transpose()?;
    let found = page(&cx, &query, after.as_ref(), limit).await;
    let found = found.map_err(|error| Refusal::internal(&error, &cx))?;
    let full = u32::try_from(found.len()).is_ok_and(|len| len >= limit);
    let next_token = found.last().filter(|_| full).map(|last| token(&last.name));
    let ids: Vec<Uuid> = found.iter().map(|one| one.id).collect();
    let mut last = last_fires(&cx, &ids).await?;
    let now = cx.app.clock.now();
    let schedules = found.into_iter().map(|one| {
        let last = last.remove(&one.id);
        shown(one, last, now)
    });
    Ok(Schedules {
        schedules: schedules.collect(),
        next_token,
    })
}

pub(super) async fn get(
    cx: Call,
    input: Input<ScheduleKey, Nothing, Nothing>,
) -> Result<Schedule, Refusal> {
    let schedule = find(&cx, &input.path).await?;
    let last = last_fires(&cx, &[schedule.id]).await?.remove(&schedule.id);
    Ok(shown(schedule, last, cx.app.clock.now()))
}

pub(super) async fn pause(
    cx: Call,
    input: Input<ScheduleKey, Nothing, Nothing>,
) -> Result<Schedule, Refusal> {
    set_enabled(cx, input, false).await
}

pub(super) async fn resume(
    cx: Call,
    input: Input<ScheduleKey, Nothing, Nothing>,
) -> Result<Schedule, Refusal> {
    set_enabled(cx, input, true).await
}

pub(super) async fn get_policy(
    cx: Call,
    input: Input<ScheduleKey, Nothing, Nothing>,
) -> Result<SchedulePolicy, Refusal> {
    let schedule = find(&cx, &input.path).await?;
    Ok(policy(schedule.policy))
}

pub(super) async fn put_policy(
    cx: Call,
    input: Input<ScheduleKey, Nothing, SetSchedulePolicy>,
) -> Result<SchedulePolicy, Refusal> {
    let asked = asked(input.body)?;
    let schedule = find(&cx, &input.path).await?;
    let (store, now) = (&cx.app.store, cx.app.clock.now());
    let set = store.set_schedule_policy(cx.account, schedule.id, asked, now);
    let set = set.await.map_err(|error| Refusal::internal(&error, &cx))?;
    if !set {
        return Err(missing(&input.path));
    }
    Ok(policy(asked))
}

async fn set_enabled(
    cx: Call,
    input: Input<ScheduleKey, Nothing, Nothing>,
    enabled: bool,
) -> Result<Schedule, Refusal> {
    let schedule = find(&cx, &input.path).await?;
    if let Name::OfRule { rule, .. } = &schedule.name {
        let operation = if enabled { "EnableRule" } else { "DisableRule" };
        return Err(Refusal::invalid(format!(
            "The targets of a rule are paused and resumed together: call {operation} of EventBridge for rule {rule}.",
        )));
    }
    let (store, now) = (&cx.app.store, cx.app.clock.now());
    store
        .set_schedule_enabled(cx.account, schedule.id, enabled, now)
        .await
        .map_err(|error| Refusal::internal(&error, &cx))?;
    get(cx, input).await
}

/// The schedule that a request names.
pub(super) async fn find(cx: &Call, key: &ScheduleKey) -> Result<Controlled, Refusal> {
    let (store, name) = (&cx.app.store, name(key));
    let found = store.controlled_schedule(cx.account, &cx.region, &name);
    let found = found.await.map_err(|error| Refusal::internal(&error, cx))?;
    found.ok_or_else(|| missing(key))
}

pub(super) fn missing(key: &ScheduleKey) -> Refusal {
    let ScheduleKey { group, name } = key;
    Refusal::missing(match group.strip_prefix(RULE_PREFIX) {
        Some(rule) => format!("There is no target {name} of a rule {rule}."),
        None => format!("There is no schedule {name} in group {group}."),
    })
}

fn name(key: &ScheduleKey) -> Name {
    match key.group.strip_prefix(RULE_PREFIX) {
        Some(rule) => Name::OfRule {
            rule: rule.to_owned(),
            target_id: key.name.clone(),
        },
        None => Name::InGroup {
            group: key.group.clone(),
            name: key.name.clone(),
        },
    }
}

/// As paths have it.
fn key(name: Name) -> ScheduleKey {
    let (group, name) = match name {
        Name::InGroup { group, name } => (group, name),
        Name::OfRule { rule, target_id } => (format!("{RULE_PREFIX}{rule}"), target_id),
    };
    ScheduleKey { group, name }
}

/// Those of groups first, then rules' targets.
async fn page(
    cx: &Call,
    query: &ScheduleQuery,
    after: Option<&Name>,
    limit: u32,
) -> Result<Vec<Controlled>, store::Error> {
    let store = &cx.app.store;
    let of = query.group.as_deref();
    let rule = of.and_then(|of| of.strip_prefix(RULE_PREFIX));
    let filter = Filter {
        of,
        prefix: query.name_prefix.as_deref().unwrap_or_default(),
        after: None,
        limit,
    };
    let mut found = Vec::new();
    if rule.is_none() && !matches!(after, Some(Name::OfRule { .. })) {
        let filter = Filter {
            after: match after {
                Some(Name::InGroup { group, name }) => Some((group, name)),
                _ => None,
            },
            ..filter
        };
        found = store
            .controlled_schedules(cx.account, &cx.region, &filter)
            .await?;
    }
    let left = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(limit));
    if left > 0 && (of.is_none() || rule.is_some()) {
        let filter = Filter {
            of: rule,
            after: match after {
                Some(Name::OfRule { rule, target_id }) => Some((rule, target_id)),
                _ => None,
            },
            limit: left,
            ..filter
        };
        let targets = store.controlled_rule_targets(cx.account, &cx.region, &filter);
        found.extend(targets.await?);
    }
    Ok(found)
}

/// The token of a page that ended with this schedule. No name has a `/`.
fn token(last: &Name) -> String {
    let ScheduleKey { group, name } = key(last.clone());
    URL_SAFE_NO_PAD.encode(format!("{group}/{name}"))
}

fn after(token: &str) -> Result<Name, Refusal> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (group, after) = text.split_once('/')?;
        Some(name(&ScheduleKey {
            group: group.to_owned(),
            name: after.to_owned(),
        }))
    };
    read().ok_or_else(|| Refusal::invalid("next_token is not one that was given out here."))
}

async fn last_fires(cx: &Call, ids: &[Uuid]) -> Result<HashMap<Uuid, FireRecord>, Refusal> {
    let found = cx.app.store.last_fires(ids).await;
    found.map_err(|error| Refusal::internal(&error, cx))
}

fn shown(schedule: Controlled, last: Option<FireRecord>, now: DateTime<Utc>) -> Schedule {
    let from = now.max(schedule.valid_from);
    let next = schedule.timetable.next_from(from);
    let kind = match &schedule.name {
        Name::InGroup { .. } => ScheduleKind::Schedule,
        Name::OfRule { .. } => ScheduleKind::Rule,
    };
    let ScheduleKey { group, name } = key(schedule.name);
    Schedule {
        kind,
        group,
        name,
        state: state(schedule.enabled),
        expression: schedule.expression,
        timezone: schedule.timetable.zone.to_string(),
        start_at: schedule.timetable.start_at,
        end_at: schedule.timetable.end_at,
        window_min: schedule.window_min,
        target: schedule.target,
        policy: policy(schedule.policy),
        next_at: next.filter(|_| schedule.enabled),
        last_fire: last.map(|last| LastFire {
            scheduled_at: last.scheduled_at,
            fired_at: last.fired_at,
            occasion: fires::occasion(last.occasion),
            result: fires::result(last.result),
            request_id: last.event,
        }),
    }
}

pub(super) fn state(enabled: bool) -> ScheduleState {
    if enabled {
        ScheduleState::Enabled
    } else {
        ScheduleState::Disabled
    }
}

fn policy(policy: Policy) -> SchedulePolicy {
    SchedulePolicy {
        missed: match policy.missed {
            rules::Missed::All => MissedRuns::All,
            rules::Missed::Last => MissedRuns::Last,
            rules::Missed::Skip => MissedRuns::Skip,
        },
        catch_up_s: policy.catch_up_s,
        overlap: match policy.overlap {
            rules::Overlap::Allow => Overlap::Allow,
            rules::Overlap::Skip => Overlap::Skip,
            rules::Overlap::BufferOne => Overlap::BufferOne,
            rules::Overlap::CancelOther => Overlap::CancelOther,
        },
    }
}

fn asked(asked: SetSchedulePolicy) -> Result<Policy, Refusal> {
    let catch_up_s = asked.catch_up_s.unwrap_or(CATCH_UP_MAX_S);
    if catch_up_s > CATCH_UP_MAX_S {
        return Err(Refusal::invalid(format!(
            "catch_up_s must be 0 to {CATCH_UP_MAX_S}."
        )));
    }
    Ok(Policy {
        missed: match asked.missed {
            MissedRuns::All => rules::Missed::All,
            MissedRuns::Last => rules::Missed::Last,
            MissedRuns::Skip => rules::Missed::Skip,
        },
        catch_up_s,
        overlap: match asked.overlap {
            Overlap::Allow => rules::Overlap::Allow,
            Overlap::Skip => rules::Overlap::Skip,
            Overlap::BufferOne => rules::Overlap::BufferOne,
            Overlap::CancelOther => rules::Overlap::CancelOther,
        },
    })
}
