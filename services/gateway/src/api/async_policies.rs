//! Retries beyond AWS's, per function.

use domain::{FunctionArn, event_config};
use store::async_policies::Stored;

use super::input::{Input, Nothing};
use super::names;
use super::refusal::Refusal;
use super::types::{AsyncPolicy, Backoff, FunctionKey, Priority, SetAsyncPolicy};
use crate::call::Call;

pub(super) async fn get(
    cx: Call,
    input: Input<FunctionKey, Nothing, Nothing>,
) -> Result<AsyncPolicy, Refusal> {
    let arn = names::arn(&cx, &input.path.function)?;
    let stored = cx.app.store.async_policy(&arn).await;
    let stored = stored.map_err(|error| Refusal::internal(&error, &cx))?;
    stored
        .map(|stored| shown(&arn, stored))
        .ok_or_else(|| none(&arn))
}

pub(super) async fn put(
    cx: Call,
    input: Input<FunctionKey, Nothing, SetAsyncPolicy>,
) -> Result<AsyncPolicy, Refusal> {
    let arn = names::arn(&cx, &input.path.function)?;
    let policy = policy(input.body);
    if let Some(why) = policy.refusal() {
        return Err(Refusal::invalid(why));
    }
    let last_modified = cx.app.clock.now();
    let set = cx.app.store.put_async_policy(&arn, &policy, last_modified);
    let set = set.await.map_err(|error| Refusal::internal(&error, &cx))?;
    if !set {
        return Err(Refusal::missing(format!("Function not found: {arn}")));
    }
    cx.app.forget();
    let stored = Stored {
        policy,
        last_modified,
    };
    Ok(shown(&arn, stored))
}

/// Answers what there was.
pub(super) async fn delete(
    cx: Call,
    input: Input<FunctionKey, Nothing, Nothing>,
) -> Result<AsyncPolicy, Refusal> {
    let arn = names::arn(&cx, &input.path.function)?;
    let was = get(cx.clone(), input).await?;
    let deleted = cx.app.store.delete_async_policy(&arn).await;
    let deleted = deleted.map_err(|error| Refusal::internal(&error, &cx))?;
    cx.app.forget();
    deleted.then_some(was).ok_or_else(|| none(&arn))
}

fn none(arn: &FunctionArn) -> Refusal {
    Refusal::missing(format!(
        "Function {} has no policy of its own for asynchronous invocations.",
        arn.name
    ))
}

fn policy(asked: SetAsyncPolicy) -> domain::AsyncPolicy {
    domain::AsyncPolicy {
        max_attempts: asked.max_attempts,
        max_event_age_s: asked.max_event_age_s,
        backoff: asked.backoff.map(|backoff| match backoff {
            Backoff::List(waits_s) => event_config::Backoff::List(waits_s),
            Backoff::Exponential {
                first_s,
                factor,
                max_s,
                jitter,
            } => event_config::Backoff::Exponential {
                first_s,
                factor,
                max_s,
                jitter,
            },
        }),
        priority: match asked.priority {
            Priority::High => event_config::Priority::High,
            Priority::Normal => event_config::Priority::Normal,
            Priority::Low => event_config::Priority::Low,
        },
    }
}

fn shown(arn: &FunctionArn, stored: Stored) -> AsyncPolicy {
    let policy = stored.policy;
    AsyncPolicy {
        function: arn.name.to_string(),
        max_attempts: policy.max_attempts,
        max_event_age_s: policy.max_event_age_s,
        backoff: policy.backoff.map(|backoff| match backoff {
            event_config::Backoff::List(waits_s) => Backoff::List(waits_s),
            event_config::Backoff::Exponential {
                first_s,
                factor,
                max_s,
                jitter,
            } => Backoff::Exponential {
                first_s,
                factor,
                max_s,
                jitter,
            },
        }),
        priority: match policy.priority {
            event_config::Priority::High => Priority::High,
            event_config::Priority::Normal => Priority::Normal,
            event_config::Priority::Low => Priority::Low,
        },
        last_modified: stored.last_modified,
    }
}
