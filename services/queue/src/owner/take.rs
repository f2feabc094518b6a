//! How events come in: by hints, pages, sweeps, retries and takeovers.

use chrono::{DateTime, TimeDelta, Utc};
use dispatch::TargetKey;
use dispatch::hints::Hint;
use domain::event::{EventId, shard};
use store::events::Lane as LaneRow;
use uuid::Uuid;

use super::{Chore, Owner};
use crate::lane::{CREDIT, Feed, Item, Lane};
use crate::read::{Page, Retries, SWEEP_MAX, Taken};
use crate::reader::Read;

/// A hint older than this may be of an event that a sweep has found and that has ended since (sweeps leave out what is younger).
const HINT_FRESH: TimeDelta = TimeDelta::milliseconds(800);

/// While a shard is taken over its events wait so long: what runs of them elsewhere is not known yet.
const TAKING: TimeDelta = TimeDelta::milliseconds(200);

/// An attempt that runs for somebody else is looked at again after this.
const ELSEWHERE: TimeDelta = TimeDelta::seconds(1);

impl Owner {
    pub(super) fn read(&mut self, read: Read) {
        match read {
            Read::Hints(hints) => {
                let now = self.now();
                for hint in hints {
                    self.hinted(hint, now);
                }
            }
            Read::More(shards) => {
                let ours = shards
                    .into_iter()
                    .filter(|shard| self.epochs.contains_key(shard));
                self.behind.extend(ours);
            }
        }
    }

    fn hinted(&mut self, hint: Hint, now: DateTime<Utc>) {
        let mut item = match hint {
            Hint::Event(event) => Item::first(event),
            Hint::Id { id, lane } => Item::by_id(id, lane, 1),
            Hint::Purged { lane } => return self.purged(lane, now),
        };
        item.check = now - item.event.id.accepted_at() > HINT_FRESH;
        self.come(item, now);
    }

    /// An event of which nothing has ended: a hint, or found by a sweep.
    fn come(&mut self, item: Item, now: DateTime<Utc>) {
        let (id, lane_id) = (item.event.id.uuid(), item.event.lane);
        if self.is_known(id) || !self.epochs.contains_key(&shard(lane_id)) {
            return;
        }
        let Some(lane) = self.lanes.get_mut(&lane_id) else {
            self.known.insert(id);
            let orphans = self.orphans.entry(lane_id).or_default();
            orphans.push(item);
            if orphans.len() == 1 {
                self.find_lanes(vec![lane_id]);
            }
            return;
        };
        if let Some(feed) = &mut lane.feed {
            if id > feed.after {
                feed.hinted = true;
                return;
            }
        } else if lane.ready.len() >= CREDIT {
            let mut feed = Feed::of_hours([item.event.id.hour()]);
            // Just before this one: what was hinted at so far is held.
            feed.after = Uuid::from_u128(id.as_u128().wrapping_sub(1));
            lane.feed = Some(feed);
            return;
        }
        self.known.insert(id);
        self.ready(item, now, false);
    }

    fn is_known(&self, id: Uuid) -> bool {
        self.known.contains(&id) || self.lately.iter().any(|lately| lately.contains(&id))
    }

    /// Puts an attempt where its lane takes it from: at the end, or in front.
    pub(super) fn ready(&mut self, item: Item, now: DateTime<Utc>, in_front: bool) {
        let shard = shard(item.event.lane);
        if self.to_take.contains(&shard) || self.taking.contains(&shard) {
            let item = Item {
                check: true,
                ..item
            };
            return self.timers.add(now + TAKING, item);
        }
        if self
            .elsewhere
            .contains(&(item.event.id.uuid(), item.attempt))
        {
            let item = Item {
                check: true,
                ..item
            };
            return self.timers.add(now + ELSEWHERE, item);
        }
        let lane_id = item.event.lane;
        let Some(lane) = self.lanes.get_mut(&lane_id) else {
            self.known.remove(&item.event.id.uuid());
            return;
        };
        self.idle = false;
        if in_front {
            lane.ready.push_front(item);
        } else {
            lane.ready.push_back(item);
        }
        self.activate(lane_id, now);
    }

    /// An attempt whose time has come.
    pub(super) fn due(&mut self, item: Item, now: DateTime<Utc>) {
        let lane_id = item.event.lane;
        if self.lanes.contains_key(&lane_id) {
            return self.ready(item, now, true);
        }
        let orphans = self.orphans.entry(lane_id).or_default();
        orphans.push(item);
        if orphans.len() == 1 {
            self.find_lanes(vec![lane_id]);
        }
    }

    pub(super) fn paged(&mut self, lane_id: i64, hour: i64, page: Result<Page, store::Error>) {
        let now = self.now();
        let now_hour = EventId::floor(now).hour();
        let Some(lane) = self.lanes.get_mut(&lane_id) else {
            return;
        };
        let asked_of = lane
            .feed
            .as_ref()
            .and_then(|feed| feed.hours.front().copied());
        if asked_of != Some(hour) {
            // The feeding began anew meanwhile.
            return;
        }
        let page = match page {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, lane = lane_id, "a lane's events could not be read");
                if let Some(feed) = &mut lane.feed {
                    feed.asked = false;
                }
                return;
            }
        };
        lane.paged(page.last, page.short, now_hour);
        for item in page.items {
            let id = item.event.id.uuid();
            if !self.is_known(id) {
                self.known.insert(id);
                self.ready(item, now, false);
            }
        }
        // An hour without events is passed over at once.
        let next = self.lanes.get_mut(&lane_id).and_then(Lane::page);
        if let Some((hour, after, room)) = next {
            self.ask_page(lane_id, hour, after, room);
        }
    }

    pub(super) fn taken(&mut self, shards: &[i16], taken: Result<Taken, store::Error>) {
        for shard in shards {
            self.taking.remove(shard);
        }
        let taken = match taken {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, "shards could not be taken over yet");
                let ours = shards
                    .iter()
                    .filter(|shard| self.epochs.contains_key(shard));
                self.to_take.extend(ours);
                return;
            }
        };
        self.elsewhere.extend(
            taken
                .running
                .iter()
                .filter(|(id, _)| !self.running.contains(id)),
        );
        for (row, hours) in taken.lanes {
            if !self.epochs.contains_key(&shard(row.id)) {
                continue;
            }
            let id = row.id;
            self.lane(row).feed = Some(Feed::of_hours(hours));
            self.adopt(id);
        }
        tracing::debug!(shards = taken.shards.len(), "shards taken over");
        self.next_retries = self.now();
    }

    /// The lane of a row, made where it is new.
    fn lane(&mut self, row: LaneRow) -> &mut Lane {
        self.lanes.entry(row.id).or_insert_with(|| {
            Lane::new(TargetKey {
                account: row.account,
                region: row.region,
                name: row.function,
                qualifier: None,
            })
        })
    }

    pub(super) fn lanes_found(&mut self, asked: &[i64], rows: Result<Vec<LaneRow>, store::Error>) {
        match rows {
            Ok(rows) => {
                for row in rows {
                    let id = row.id;
                    if self.epochs.contains_key(&shard(id)) {
                        self.lane(row);
                        self.adopt(id);
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "lanes could not be read: the sweep brings their events again");
            }
        }
        // Those that stay without a lane are found again.
        for lane in asked {
            for item in self.orphans.remove(lane).unwrap_or_default() {
                self.known.remove(&item.event.id.uuid());
            }
        }
    }

    /// Gives a lane what came for it before it was known.
    fn adopt(&mut self, lane: i64) {
        let now = self.now();
        for item in self.orphans.remove(&lane).unwrap_or_default() {
            self.ready(item, now, false);
        }
    }

    /// These lanes may have events that nobody hinted at: those that are fed come upon them, the others are fed from `since` on.
    pub(super) fn behind_found(
        &mut self,
        since: DateTime<Utc>,
        shards: Vec<i16>,
        lanes: Result<Vec<(LaneRow, Vec<i64>)>, store::Error>,
    ) {
        self.busy.remove(&Chore::Behind);
        let lanes = match lanes {
            Ok(lanes) => lanes,
            Err(error) => {
                tracing::warn!(%error, "lanes with events could not be read");
                let ours = shards
                    .into_iter()
                    .filter(|shard| self.epochs.contains_key(shard));
                self.behind.extend(ours);
                return;
            }
        };
        for (row, hours) in lanes {
            if !self.epochs.contains_key(&shard(row.id)) {
                continue;
            }
            let id = row.id;
            let lane = self.lane(row);
            if let Some(feed) = &mut lane.feed {
                feed.hinted = true;
            } else {
                let mut feed = Feed::of_hours(hours);
                feed.after = EventId::floor(since).uuid();
                lane.feed = Some(feed);
            }
            self.adopt(id);
        }
    }

    pub(super) fn swept(
        &mut self,
        until: DateTime<Utc>,
        deep: bool,
        found: Result<Vec<Item>, store::Error>,
    ) {
        self.busy.remove(&Chore::Sweep);
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "the queue could not be swept");
                return;
            }
        };
        if !deep {
            self.swept_until = self.swept_until.max(until);
        }
        if found.len() >= usize::try_from(SWEEP_MAX).unwrap_or(usize::MAX) {
            // Too many for a sweep: hints were lost in masses, and feeding is the way to read masses.
            self.behind.extend(self.epochs.keys());
        }
        let now = self.now();
        for item in found {
            if !self.is_known(item.event.id.uuid()) {
                self.measures.swept.increment(1);
                self.come(item, now);
            }
        }
    }

    pub(super) fn retries_found(&mut self, found: Result<Retries, store::Error>) {
        self.busy.remove(&Chore::Retries);
        match found {
            Ok(Retries { due, more }) => {
                for (at, item) in due {
                    let id = item.event.id.uuid();
                    let ours = self.epochs.contains_key(&shard(item.event.lane));
                    if ours && !self.known.contains(&id) {
                        self.known.insert(id);
                        self.timers.add(
                            at,
                            Item {
                                check: true,
                                ..item
                            },
                        );
                    }
                }
                if more {
                    self.next_retries = self.now() + TimeDelta::seconds(1);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "retries could not be read");
                self.next_retries = self.now() + TimeDelta::seconds(1);
            }
        }
    }

    /// All events of a lane that waited were cancelled: what is held of them is read anew.
    fn purged(&mut self, lane_id: i64, now: DateTime<Utc>) {
        let Some(lane) = self.lanes.get_mut(&lane_id) else {
            return;
        };
        let now_hour = EventId::floor(now).hour();
        let first = lane.ready.iter().map(|item| item.event.id.hour()).min();
        for item in lane.ready.drain(..) {
            self.known.remove(&item.event.id.uuid());
        }
        let first = lane
            .feed
            .as_ref()
            .and_then(|feed| feed.hours.front().copied())
            .into_iter()
            .chain(first)
            .min()
            .unwrap_or(now_hour);
        lane.feed = Some(Feed::of_hours([first]));
        let mut gone = Vec::new();
        self.timers.retain(|item| {
            let keep = item.event.lane != lane_id;
            if !keep {
                gone.push(item.event.id.uuid());
            }
            keep
        });
        for id in gone {
            self.known.remove(&id);
        }
        self.depths.remove(&lane_id);
        self.next_retries = now;
    }
}
