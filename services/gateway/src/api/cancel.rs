//! Ending events before their time.
//!
//! An attempt that runs is ended by its executor, which writes down that it was cancelled, and what it used until then. Only
//! where no executor has the event is the outcome written here.

use std::time::Duration;

use domain::event::EventId;
use store::events::Cancelled;
use tokio::time::Instant;

use super::events::{running, status};
use super::refusal::Refusal;
use super::types::EventStatus;
use crate::call::Call;

/// How long an executor may take to write down that it has ended an attempt.
const STOP_MAX: Duration = Duration::from_secs(5);
/// How often is looked whether it has.
const LOOK_PERIOD: Duration = Duration::from_millis(20);
/// Events that one step of a purge cancels.
const STEP: u32 = 500;
/// Longer than this one request does not purge.
const PURGE_MAX: Duration = Duration::from_secs(3);

/// Cancels an event; answers how it ended, `None` where there is no such event.
pub(super) async fn event(cx: &Call, id: EventId) -> Result<Option<EventStatus>, Refusal> {
    let internal = |error: store::Error| Refusal::internal(&error, cx);
    let (store, now) = (&cx.app.store, cx.app.clock.now());
    let found = store.event(cx.account, &cx.region, id, now).await;
    let Some(found) = found.map_err(internal)? else {
        return Ok(None);
    };
    if stop(cx, id).await {
        let deadline = Instant::now() + STOP_MAX;
        while Instant::now() < deadline {
            let found = store.event(cx.account, &cx.region, id, cx.app.clock.now());
            let (status, _) = match found.await.map_err(internal)? {
                Some(event) => status(event.state),
                None => return Ok(None),
            };
            if status != EventStatus::Queued {
                // Its attempt may have ended by itself, and be tried again: that is to end too.
                break;
            }
            tokio::time::sleep(LOOK_PERIOD).await;
        }
    }
    let done = store.cancel_event(cx.account, &cx.region, id, cx.app.clock.now());
    Ok(match done.await.map_err(internal)? {
        Cancelled::NotFound => None,
        Cancelled::Done => {
            // Its owner may hold it, or have started it at this very moment.
            tell_owner(cx, found.lane.id);
            stop(cx, id).await;
            Some(EventStatus::Cancelled)
        }
        Cancelled::Ended(state) => Some(status(state).0),
    })
}

/// Cancels events of a lane, the oldest first, for a bounded time; answers how many, and whether there may be more.
pub(super) async fn lane(cx: &Call, lane: i64) -> Result<(u64, bool), Refusal> {
    let internal = |error: store::Error| Refusal::internal(&error, cx);
    let mut purged = stop_lane(cx, lane).await.map_err(internal)?;
    let deadline = Instant::now() + PURGE_MAX;
    while Instant::now() < deadline {
        let now = cx.app.clock.now();
        let gone = cx.app.store.purge_lane(lane, STEP, now).await;
        let gone = gone.map_err(internal)?;
        if gone.is_empty() {
            tell_owner(cx, lane);
            return Ok((purged, false));
        }
        purged += gone.len() as u64;
    }
    tell_owner(cx, lane);
    Ok((purged, true))
}

/// Has the running events of a lane ended and waits until their executors have written that down; answers how many.
async fn stop_lane(cx: &Call, lane: i64) -> Result<u64, store::Error> {
    let running_ids = async || {
        let ids = running(cx).await;
        let ids: Vec<EventId> = ids.into_iter().filter_map(EventId::new).collect();
        let lanes = cx.app.store.lanes_of_events(cx.account, &ids).await?;
        let ours = lanes.into_iter().filter(|(_, of)| *of == lane);
        Ok::<Vec<EventId>, store::Error>(ours.map(|(id, _)| id).collect())
    };
    let ids = running_ids().await?;
    let mut stopped = 0;
    for id in &ids {
        stopped += u64::from(stop(cx, *id).await);
    }
    let deadline = Instant::now() + STOP_MAX;
    while stopped > 0 && Instant::now() < deadline {
        let left = running_ids().await?;
        if !left.iter().any(|id| ids.contains(id)) {
            break;
        }
        tokio::time::sleep(LOOK_PERIOD).await;
    }
    Ok(stopped)
}

/// Has the lane's owner read anew what it holds: it knows nothing of what ended here. Nothing depends on it but that no function is
/// started in vain, so nobody waits for Redis.
fn tell_owner(cx: &Call, lane: i64) {
    let hints = cx.app.intake.hints().clone();
    cx.app.life.spawn("hint at cancelled events", async move {
        hints.tell_purged(lane).await;
    });
}

/// Tells executors to end the event; false where none of them has it.
async fn stop(cx: &Call, id: EventId) -> bool {
    let executors = &cx.app.dispatch.executors;
    let account = cx.account.to_string();
    executors.cancel(&id.to_string(), &account).await
}
