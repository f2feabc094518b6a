//! Ending events before their time: one, or all of a lane.

use std::time::Duration;

use dispatch::cancel::{Canceller, LOOK_PERIOD, STOP_MAX};
use domain::event::EventId;
use tokio::time::Instant;

use super::events::{running, status};
use super::refusal::Refusal;
use super::types::EventStatus;
use crate::call::Call;

/// Events that one step of a purge cancels.
const STEP: u32 = 500;
/// Longer than this one request does not purge.
const PURGE_MAX: Duration = Duration::from_secs(3);

fn canceller(cx: &Call) -> Canceller {
    Canceller {
        store: cx.app.store.clone(),
        executors: cx.app.dispatch.executors.clone(),
        hints: cx.app.intake.hints().clone(),
        clock: cx.app.clock.clone(),
        life: cx.app.life.clone(),
    }
}

/// Cancels an event; answers how it ended, `None` where there is no such event.
pub(super) async fn event(cx: &Call, id: EventId) -> Result<Option<EventStatus>, Refusal> {
    let ended = canceller(cx).event(cx.account, &cx.region, id).await;
    let ended = ended.map_err(|error| Refusal::internal(&error, cx))?;
    Ok(ended.map(|state| status(state).0))
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
            canceller(cx).tell_owner(lane);
            return Ok((purged, false));
        }
        purged += gone.len() as u64;
    }
    canceller(cx).tell_owner(lane);
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
    let canceller = canceller(cx);
    for id in &ids {
        stopped += u64::from(canceller.stop(cx.account, *id).await);
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
