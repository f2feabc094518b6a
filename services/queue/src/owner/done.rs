//! What follows from the end of an attempt.

use chrono::TimeDelta;
use domain::event::{Verdict, shard};
use domain::retry;

use super::Owner;
use crate::attempt::{Done, Learned};
use crate::lane::Item;
use crate::read::HORIZON;

/// A retry due within this is kept in memory; the look for retries finds the others in time.
const KEPT: TimeDelta = TimeDelta::seconds(2 * HORIZON.num_seconds());

/// Outcomes of somebody else's that are come upon within this share a look for the retries that follow.
const RETRIES_SOON: TimeDelta = TimeDelta::milliseconds(500);

impl Owner {
    /// The function has ended, and its outcome is being committed: another one may run.
    pub(super) fn ran(&mut self, lane_id: i64) {
        if let Some(lane) = self.lanes.get_mut(&lane_id) {
            lane.in_flight = lane.in_flight.saturating_sub(1);
            lane.settling += 1;
            lane.unblock();
        }
        let now = self.now();
        self.activate(lane_id, now);
    }

    /// An attempt has come to its end; `ran` where it was told before that its function had.
    pub(super) fn ended(&mut self, item: Item, done: Done, ran: bool) {
        let id = item.event.id.uuid();
        self.in_flight = self.in_flight.saturating_sub(1);
        self.running.remove(&id);
        let lane_id = item.event.lane;
        let Some(lane) = self.lanes.get_mut(&lane_id) else {
            // The shard was let go meanwhile.
            self.known.remove(&id);
            return;
        };
        let place = if ran {
            &mut lane.settling
        } else {
            &mut lane.in_flight
        };
        *place = place.saturating_sub(1);
        match done {
            Done::Settled {
                verdict,
                delivered,
                settings,
            } => {
                lane.unblock();
                lane.ended += 1;
                self.learn(lane_id, settings);
                self.measures.ended(verdict);
                self.tell(delivered);
                self.settled(item, verdict);
            }
            Done::Stale => {
                lane.unblock();
                self.forget(id);
                // What ended for somebody else may go on: its retry can be due long before the next look for retries.
                self.next_retries = self.next_retries.min(self.now() + RETRIES_SOON);
            }
            Done::Throttled(settings) => {
                self.learn(lane_id, settings);
                self.throttled(item);
            }
            Done::Failed(error) => {
                tracing::warn!(lane = lane_id, request.id = %id, %error, "an event could not be run yet");
                self.refused(item);
            }
            Done::Elsewhere => {
                let at = self.now() + TimeDelta::seconds(1);
                self.timers.add(
                    at,
                    Item {
                        check: true,
                        ..item
                    },
                );
            }
            Done::OutOfDate => {
                tracing::warn!(
                    shard = shard(lane_id),
                    "another replica owns this shard now"
                );
                self.let_go(shard(lane_id));
            }
            Done::Lost { executor, error } => self.lost(item, &executor, &error),
        }
        let now = self.now();
        self.activate(lane_id, now);
    }

    fn learn(&mut self, lane_id: i64, settings: Learned) {
        let Some(lane) = self.lanes.get_mut(&lane_id) else {
            return;
        };
        lane.age_max_s = settings.age_max_s;
        if lane.priority != settings.priority {
            lane.priority = settings.priority;
            // It comes back with its new weight.
            self.fair.remove(lane_id);
        }
    }

    fn settled(&mut self, item: Item, verdict: Verdict) {
        let id = item.event.id.uuid();
        let now = self.now();
        match verdict {
            Verdict::Retry { at } if at - now <= KEPT => {
                let next = Item {
                    attempt: item.attempt + 1,
                    losses: 0,
                    check: false,
                    ..item
                };
                self.timers.add(at, next);
            }
            _ => self.forget(id),
        }
    }

    /// The event is not here any more.
    fn forget(&mut self, id: uuid::Uuid) {
        self.known.remove(&id);
        self.lately[0].insert(id);
    }

    /// Limits are reached. While the lane itself runs something, its next end makes room; else it waits.
    fn throttled(&mut self, item: Item) {
        let lane_id = item.event.lane;
        let Some(lane) = self.lanes.get_mut(&lane_id) else {
            return;
        };
        if lane.in_flight == 0 {
            return self.refused(item);
        }
        lane.window = lane.in_flight;
        lane.wanted_more = false;
        lane.ready.push_front(item);
        self.fair.remove(lane_id);
    }

    /// The platform could not run it: it goes back to the head of its lane, which waits; unless its time is up before.
    fn refused(&mut self, item: Item) {
        let (now, draw) = (self.now(), self.shared.0.ids.draw());
        let Some(lane) = self.lanes.get_mut(&item.event.lane) else {
            return;
        };
        self.measures.refused.increment(1);
        let until = lane.refuse(now, draw);
        let age = item.age(lane.age_max_s);
        self.fair.remove(item.event.lane);
        if age.exceeded_at(until) {
            return self.expire(item, until);
        }
        lane.ready.push_front(item);
    }

    /// An executor was lost, and the function may have run: another look first, and another try then. Uses up no attempt.
    fn lost(&mut self, mut item: Item, executor: &str, error: &str) {
        tracing::warn!(executor.id = executor, request.id = %item.event.id, error, "executor lost with an event");
        self.measures.lost.increment(1);
        item.losses += 1;
        item.check = true;
        let delay = retry::refusal_delay(item.losses, self.shared.0.ids.draw());
        self.timers.add(self.now() + delay, item);
    }

    /// Events of other lanes came of this end: their owners hear of them, which may be we.
    fn tell(&mut self, delivered: Vec<(i64, uuid::Uuid)>) {
        if delivered.is_empty() {
            return;
        }
        let hints = self.hints.clone();
        self.life.spawn("tell of deliveries", async move {
            hints.tell_ids(&delivered).await;
        });
    }
}
