//! Ending events before their time.
//!
//! An attempt that runs is ended by its executor, which writes down that it was cancelled, and what it used until then. Only
//! where no executor has the event is the outcome written here.

use std::time::Duration;

use chassis::{Clock, Lifecycle};
use domain::event::EventId;
use domain::{AccountId, Region};
use store::Store;
use store::events::{Cancelled, EventState};
use tokio::time::Instant;

use crate::executors::Executors;
use crate::hints::Hints;

/// How long an executor may take to write down that it has ended an attempt.
pub const STOP_MAX: Duration = Duration::from_secs(5);
/// How often is looked whether it has.
pub const LOOK_PERIOD: Duration = Duration::from_millis(20);

/// What ending events takes. Cheap to clone.
#[derive(Clone)]
pub struct Canceller {
    pub store: Store,
    pub executors: Executors,
    pub hints: Hints,
    pub clock: Clock,
    pub life: Lifecycle,
}

impl Canceller {
    /// Cancels an event; answers how it ended, `None` where there is no such event.
    pub async fn event(
        &self,
        account: AccountId,
        region: &Region,
        id: EventId,
    ) -> Result<Option<EventState>, store::Error> {
        let look = async || {
            self.store
                .event(account, region, id, self.clock.now())
                .await
        };
        let Some(found) = look().await? else {
            return Ok(None);
        };
        if self.stop(account, id).await {
            let deadline = Instant::now() + STOP_MAX;
            while Instant::now() < deadline {
                let Some(event) = look().await? else {
                    return Ok(None);
                };
                if event.state != EventState::Queued {
                    // Its attempt may have ended by itself, and be tried again: that is to end too.
                    break;
                }
                tokio::time::sleep(LOOK_PERIOD).await;
            }
        }
        let now = self.clock.now();
        let done = self.store.cancel_event(account, region, id, now);
        Ok(match done.await? {
            Cancelled::NotFound => None,
            Cancelled::Done => {
                // Its owner may hold it, or have started it at this very moment.
                self.tell_owner(found.lane.id);
                self.stop(account, id).await;
                Some(EventState::Cancelled)
            }
            Cancelled::Ended(state) => Some(state),
        })
    }

    /// Tells executors to end the event; false where none of them has it.
    pub async fn stop(&self, account: AccountId, id: EventId) -> bool {
        let executors = &self.executors;
        executors
            .cancel(&id.to_string(), &account.to_string())
            .await
    }

    /// Has the lane's owner read anew what it holds: it knows nothing of what ended here. Nothing depends on it but that no
    /// function is started in vain, so nobody waits for Redis.
    pub fn tell_owner(&self, lane: i64) {
        let hints = self.hints.clone();
        self.life.spawn("hint at cancelled events", async move {
            hints.tell_purged(lane).await;
        });
    }
}
