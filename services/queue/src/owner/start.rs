//! What may start, starts; what may not is looked at again.

use chrono::{DateTime, Utc};
use domain::event::shard;

use super::{Owner, Report};
use crate::attempt;
use crate::lane::{WINDOW_FIRST, WINDOW_MAX};

/// Above this the processors have no room for more environments, in thousandths.
const BUSY_PERMILLE: u32 = 900;

/// A lane that had nothing in flight for so many ticks begins with a small window again.
const IDLE_TICKS: u32 = 200;

impl Owner {
    /// Lets a lane take its turns, if it may start something.
    pub(super) fn activate(&mut self, lane_id: i64, now: DateTime<Utc>) {
        if let Some(lane) = self.lanes.get_mut(&lane_id) {
            lane.wanted_more |= lane.in_flight >= lane.window;
            if lane.may_start(now) {
                self.fair.add(lane.key.account, lane_id, lane.priority);
            }
        }
    }

    /// Starts attempts while there are turns and room.
    pub(super) fn start(&mut self, now: DateTime<Utc>) {
        if self.life.drain().is_cancelled() || !self.held.sure() {
            return;
        }
        while self.in_flight < self.in_flight_max {
            let Some(lane_id) = self.fair.next() else {
                return;
            };
            let Some(lane) = self.lanes.get_mut(&lane_id) else {
                self.fair.remove(lane_id);
                continue;
            };
            let epoch = self.held.epoch(shard(lane_id));
            let (true, Some(epoch)) = (lane.may_start(now), epoch) else {
                lane.wanted_more |= !lane.ready.is_empty();
                self.fair.remove(lane_id);
                continue;
            };
            let Some(item) = lane.ready.pop_front() else {
                continue;
            };
            lane.in_flight += 1;
            lane.started += 1;
            lane.idle_ticks = 0;
            self.in_flight += 1;
            self.running.insert(item.event.id.uuid());
            self.measures.started(item.event.id.accepted_at(), now);
            let page = lane.page();
            let (shared, key, reports) =
                (self.shared.clone(), lane.key.clone(), self.reports.clone());
            self.life.spawn("attempt", async move {
                let mut told = false;
                // Where the owner has no ear at this moment, it learns of it with the end.
                let ran = || told = reports.try_send(Report::Ran(lane_id)).is_ok();
                let (item, done) = attempt::make(shared, key, epoch, item, ran).await;
                let _ = reports.send(Report::Done(Box::new(item), done, told)).await;
            });
            if let Some((hour, after, room)) = page {
                self.ask_page(lane_id, hour, after, room);
            }
        }
    }

    /// Ends an event that was refused until its time was up: no attempt of it can be made before `at`.
    pub(super) fn expire(&mut self, item: crate::lane::Item, at: DateTime<Utc>) {
        let Some(lane) = self.lanes.get_mut(&item.event.lane) else {
            return;
        };
        lane.in_flight += 1;
        self.in_flight += 1;
        self.running.insert(item.event.id.uuid());
        let (shared, key, reports) = (self.shared.clone(), lane.key.clone(), self.reports.clone());
        self.life.spawn("expire event", async move {
            let (item, done) = attempt::expire(shared, key, item, at).await;
            let _ = reports
                .send(Report::Done(Box::new(item), done, false))
                .await;
        });
    }

    /// Windows, blocks, old age, pages: every lane, every tick.
    pub(super) fn look_over(&mut self, now: DateTime<Utc>) {
        self.idle = self.in_flight == 0 && self.to_take.is_empty() && self.taking.is_empty();
        let room = self.shared.0.dispatch.executors.busy_permille() < BUSY_PERMILLE;
        let (mut active, mut pages, mut expired, mut idle) = (vec![], vec![], vec![], vec![]);
        for (id, lane) in &mut self.lanes {
            self.idle &= lane.ready.is_empty() && lane.feed.is_none();
            if lane.in_flight == 0 && lane.settling == 0 {
                lane.idle_ticks = lane.idle_ticks.saturating_add(1);
                if lane.idle_ticks == IDLE_TICKS {
                    lane.window = WINDOW_FIRST;
                }
                if lane.idle_ticks > IDLE_TICKS && lane.ready.is_empty() && lane.feed.is_none() {
                    idle.push(*id);
                }
            }
            // What finds no room at this moment goes on wanting it: events that run long would not ask again until one ends.
            lane.wanted_more &= lane.in_flight >= lane.window;
            if lane.wanted_more && room {
                lane.wanted_more = false;
                lane.window = lane.window.saturating_mul(2).min(WINDOW_MAX);
            }
            if !lane.may_start(now) {
                // From the head: whoever is too old while nothing may run is given up now.
                while let Some(head) = lane.ready.front() {
                    if !head.age(lane.age_max_s).exceeded_at(now) || expired.len() >= 64 {
                        break;
                    }
                    expired.extend(lane.ready.pop_front());
                }
            }
            if lane.may_start(now) {
                active.push((*id, lane.key.account, lane.priority));
            }
            if let Some((hour, after, room)) = lane.page() {
                pages.push((*id, hour, after, room));
            }
        }
        for (id, account, priority) in active {
            self.fair.add(account, id, priority);
        }
        for (lane, hour, after, room) in pages {
            self.ask_page(lane, hour, after, room);
        }
        for item in expired {
            self.expire(item, now);
        }
        for id in idle {
            self.fair.remove(id);
            self.lanes.remove(&id);
            self.depths.remove(&id);
        }
    }
}
