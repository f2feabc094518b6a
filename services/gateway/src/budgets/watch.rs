//! Looking at all budgets once a minute, and telling webhooks.
//!
//! Each gateway tries; one of them at a time has the turn (`store::budgets::Turn`), which only keeps them from doing the same
//! work: the primary key of an alert is what makes it one. Webhooks are told after that, by whoever takes the message.

use std::sync::Arc;

use chassis::Lifecycle;
use chrono::{DateTime, TimeDelta, Utc};
use domain::trace::TraceHeader;
use store::budgets::{DueDelivery, Ended};
use uuid::Uuid;

use super::webhook;
use crate::call::App;

const PERIOD: TimeDelta = TimeDelta::minutes(1);

/// A message is its sender's for so long: longer than an attempt can take.
const LEASE: TimeDelta = TimeDelta::minutes(2);
/// Messages that are sent at the same time.
const MESSAGES_MAX: u32 = 20;
/// Attempts that a message gets, the pause doubling from a minute.
const ATTEMPTS_MAX: u32 = 6;

/// Looks until the drain.
pub(crate) async fn run(app: Arc<App>, life: Lifecycle) {
    loop {
        tokio::select! {
            () = app.clock.sleep(PERIOD) => {}
            () = life.drain().cancelled() => return,
        }
        tokio::select! {
            () = round(&app) => {}
            () = life.cut().cancelled() => return,
        }
    }
}

/// One look, and one attempt for each message that is due.
pub(crate) async fn round(app: &App) {
    let now = app.clock.now();
    if let Err(error) = look(app, now).await {
        tracing::warn!(%error, "budgets were not looked at");
    }
    if let Err(error) = tell(app, now).await {
        tracing::warn!(%error, "webhooks of budgets were not told");
    }
}

async fn look(app: &App, now: DateTime<Utc>) -> Result<(), store::Error> {
    let Some(turn) = app.store.budget_turn().await? else {
        return Ok(());
    };
    // All of one look's ids are of one moment: its events are kept together.
    let ids = || name(app, now);
    let found = app.store.evaluate_budgets(&turn, now, &ids).await?;
    turn.end().await?;
    for (account, error) in &found.failed {
        tracing::error!(cloud.account.id = %account, %error, "budgets of an account were not looked at");
    }
    if found.alerts > 0 {
        tracing::info!(
            alerts = found.alerts,
            budgets = found.budgets,
            "thresholds of budgets were crossed"
        );
    }
    let hints = app.intake.hints().clone();
    // Not waited for: a hint is no fact, and Redis may be away.
    app.life.spawn("hint at events", async move {
        hints.tell(&found.events).await;
    });
    Ok(())
}

/// An id of this moment, and a trace that begins here.
fn name(app: &App, now: DateTime<Utc>) -> (Uuid, String) {
    let seconds = u32::try_from(now.timestamp()).unwrap_or(0);
    let trace = TraceHeader::new(seconds, app.ids.bytes(), app.ids.bytes(), false);
    (app.ids.ordered(now), trace.to_string())
}

async fn tell(app: &App, now: DateTime<Utc>) -> Result<(), store::Error> {
    let store = &app.store;
    let due = store
        .take_budget_deliveries(now, LEASE, MESSAGES_MAX)
        .await?;
    let attempts = due.iter().map(|one| async move {
        let sent = webhook::post(&one.url, one.alert, &one.message, app.webhooks_private).await;
        store.end_budget_delivery(one, &ended(one, sent, now)).await
    });
    futures::future::try_join_all(attempts).await.map(drop)
}

fn ended(one: &DueDelivery, sent: Result<(), webhook::Failure>, now: DateTime<Utc>) -> Ended {
    let failure = match sent {
        Ok(()) => return Ended::Delivered,
        Err(failure) => failure,
    };
    let reason = failure.to_string();
    if one.attempt >= ATTEMPTS_MAX || failure.is_final() {
        return Ended::Failed { reason };
    }
    let pause_min = 1_i64 << (one.attempt - 1).min(ATTEMPTS_MAX);
    Ended::Retry {
        at: now + TimeDelta::minutes(pause_min),
        reason,
    }
}
