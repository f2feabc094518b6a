//! Reads that the loop asks for.

use std::future::Future;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use dispatch::hints::TOLD_WITHIN;
use domain::event::EventId;
use store::events::Window;
use uuid::Uuid;

use super::{Chore, Owner, Report};
use crate::read;

/// How often events are looked for that nobody hinted at.
const SWEEP: Duration = Duration::from_secs(2);
/// A sweep leaves out what came this moment: its hint is on the way.
const SWEEP_FRESH: TimeDelta = TimeDelta::milliseconds(800);
/// And looks back so far behind the sweep before: what commits late has an old id.
const SWEEP_OVERLAP: TimeDelta = TimeDelta::seconds(3);
/// A deep sweep finds what committed later still.
const DEEP_SWEEP: Duration = Duration::from_mins(1);
const DEEP_SWEEP_BACK: TimeDelta = TimeDelta::minutes(3);
/// Hints that were not written are looked for so far back: the mark that tells of them is seen within a second.
const BEHIND_BACK: TimeDelta = TimeDelta::minutes(5);
/// How often retries are looked for: twice within the time they are held ahead.
const RETRIES: TimeDelta = TimeDelta::seconds(30);
/// What ended is remembered for one to two of these.
const FORGET: Duration = Duration::from_secs(10);

impl Owner {
    fn report(&self, name: &'static str, report: impl Future<Output = Report> + Send + 'static) {
        let reports = self.reports.clone();
        self.life.spawn(name, async move {
            let _ = reports.send(report.await).await;
        });
    }

    pub(super) fn ask_page(&self, lane: i64, hour: i64, after: Uuid, room: usize) {
        let store = self.shared.0.store.clone();
        self.report("feed lane", async move {
            let page = read::page(&store, lane, hour, after, room).await;
            Report::Page { lane, hour, page }
        });
    }

    pub(super) fn find_lanes(&self, lanes: Vec<i64>) {
        let store = self.shared.0.store.clone();
        self.report("find lanes", async move {
            let rows = store.lanes(&lanes).await;
            Report::Lanes(lanes, rows)
        });
    }

    /// Starts what is due of the work in the background.
    pub(super) fn background(&mut self, now: DateTime<Utc>) {
        let at = Instant::now();
        if at >= self.next_forget {
            self.next_forget = at + FORGET;
            let newest = std::mem::take(&mut self.lately[0]);
            self.lately[1] = newest;
        }
        if at >= self.next_figures {
            self.figures(now);
            self.next_figures = at + Duration::from_secs(1);
        }
        if !self.held.sure() || self.life.drain().is_cancelled() {
            return;
        }
        self.take_over();
        self.catch_up(now);
        self.sweep(at, now);
        if now >= self.next_retries
            && !self.busy.contains(&Chore::Retries)
            && !self.epochs.is_empty()
        {
            self.busy.insert(Chore::Retries);
            self.next_retries = now + RETRIES;
            let (store, shards) = (self.shared.0.store.clone(), self.shards());
            self.report("find retries", async move {
                Report::Retries(read::retries(&store, now, &shards).await)
            });
        }
    }

    fn take_over(&mut self) {
        let shards: Vec<i16> = self.to_take.difference(&self.taking).copied().collect();
        if shards.is_empty() {
            return;
        }
        for shard in &shards {
            self.to_take.remove(shard);
            self.taking.insert(*shard);
        }
        let (store, dispatch) = (self.shared.0.store.clone(), self.shared.0.dispatch.clone());
        self.report("take shards over", async move {
            let taken = read::take_over(&store, &dispatch, shards.clone()).await;
            Report::Taken(shards, taken)
        });
    }

    fn catch_up(&mut self, now: DateTime<Utc>) {
        if self.behind.is_empty() || self.busy.contains(&Chore::Behind) {
            return;
        }
        self.busy.insert(Chore::Behind);
        let shards: Vec<i16> = self.behind.drain().collect();
        let since = now - BEHIND_BACK;
        let (store, lanes_since) = (self.shared.0.store.clone(), EventId::floor(since).hour());
        let hours: Vec<i64> = (lanes_since..=EventId::floor(now).hour()).collect();
        self.report("find lanes with events", async move {
            let lanes = read::lanes(&store, &hours, &shards).await;
            Report::Behind(since, shards, lanes)
        });
    }

    fn sweep(&mut self, at: Instant, now: DateTime<Utc>) {
        if self.busy.contains(&Chore::Sweep) || at < self.next_sweep || self.epochs.is_empty() {
            return;
        }
        self.busy.insert(Chore::Sweep);
        self.next_sweep = at + SWEEP;
        let deep = at >= self.next_deep_sweep;
        let until = now - SWEEP_FRESH;
        // The hint of a crowd is later, and to begin with it earlier would take processors from what is still to be fired.
        let told = TimeDelta::from_std(TOLD_WITHIN).unwrap_or_default();
        let from = if deep {
            self.next_deep_sweep = at + DEEP_SWEEP;
            (now - DEEP_SWEEP_BACK).min(self.swept_until)
        } else {
            self.swept_until - SWEEP_OVERLAP - told
        };
        let fed = self.lanes.iter().filter_map(|(id, lane)| {
            let feed = lane.feed.as_ref()?;
            Some((*id, feed.after))
        });
        let (fed, shards): (Vec<_>, _) = (fed.collect(), self.shards());
        let store = self.shared.0.store.clone();
        let window = Window {
            from: EventId::floor(from),
            to: EventId::floor(until),
            to_of_schedules: EventId::floor(until - told),
        };
        self.report("sweep queue", async move {
            let found = read::sweep(&store, window, &shards, &fed).await;
            Report::Swept { until, deep, found }
        });
        if !self.elsewhere.is_empty() && !self.busy.contains(&Chore::Running) {
            self.busy.insert(Chore::Running);
            let dispatch = self.shared.0.dispatch.clone();
            self.report("ask what runs", async move {
                Report::Running(read::running(&dispatch).await)
            });
        }
    }
}
