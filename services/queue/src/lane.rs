//! One lane as its owner sees it.
//!
//! A lane is in one of two modes. *Direct*: hints bring its events, and nothing is read. *Fed*: more is waiting than is held in
//! memory; events come from the database in the order of their ids, a page whenever half of the last one is used up, and hints
//! of what lies ahead only say that there is more. A lane is fed from its takeover, or from the first hint beyond its credit,
//! until a page comes back short and nothing was hinted at meanwhile.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use dispatch::TargetKey;
use domain::event::EventId;
use domain::event_config::Priority;
use domain::retry::Age;
use store::events::QueuedEvent;
use uuid::Uuid;

/// Events of a lane that are held in memory.
pub(crate) const CREDIT: usize = 512;

/// Runs at once that a lane begins with. It gets more while there is room to run them.
pub(crate) const WINDOW_FIRST: u32 = 8;

/// Outcomes of a lane that may be on their way to the database: enough for full transactions, and a bound where it is slow.
pub(crate) const SETTLING_MAX: u32 = 512;

/// And at most.
pub(crate) const WINDOW_MAX: u32 = 1_000;

/// An attempt to be made.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) event: QueuedEvent,
    /// From 1.
    pub(crate) attempt: u16,
    /// Executors lost with this attempt.
    pub(crate) losses: u32,
    /// Look for an outcome first: it may have run already.
    pub(crate) check: bool,
    /// The event is known by its id only: read it first.
    pub(crate) unread: bool,
}

impl Item {
    /// The first attempt of an event.
    pub(crate) fn first(event: QueuedEvent) -> Self {
        Self {
            event,
            attempt: 1,
            losses: 0,
            check: false,
            unread: false,
        }
    }

    /// Seconds after which the event is given up, where its function's events are after `function_s`.
    pub(crate) fn age_max_s(&self, function_s: u32) -> u32 {
        let own = self.event.age_max_s;
        own.unwrap_or(function_s).min(domain::event::AGE_MAX_S)
    }

    /// Since when the event waits, and for how long at most.
    pub(crate) fn age(&self, function_s: u32) -> Age {
        Age {
            accepted_at: self.event.id.accepted_at(),
            max: TimeDelta::seconds(i64::from(self.age_max_s(function_s))),
        }
    }

    /// An attempt of which only the id is known.
    pub(crate) fn by_id(id: EventId, lane: i64, attempt: u16) -> Self {
        let event = QueuedEvent {
            id,
            lane,
            qualifier: String::new(),
            source: 0,
            trace: String::new(),
            age_max_s: None,
            attempts_max: None,
            payload: None,
        };
        Self {
            event,
            attempt,
            losses: 0,
            check: false,
            unread: true,
        }
    }
}

/// Reading a lane from the database.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    /// Hours still to be read, the first from `after` on.
    pub(crate) hours: VecDeque<i64>,
    pub(crate) after: Uuid,
    /// A page is on its way.
    pub(crate) asked: bool,
    /// A hint of something ahead came since the page was asked for.
    pub(crate) hinted: bool,
}

impl Feed {
    pub(crate) fn of_hours(hours: impl IntoIterator<Item = i64>) -> Self {
        Self {
            hours: hours.into_iter().collect(),
            after: Uuid::nil(),
            asked: false,
            hinted: false,
        }
    }
}

/// A lane.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Without a qualifier.
    pub(crate) key: TargetKey,
    pub(crate) ready: VecDeque<Item>,
    /// Attempts whose function runs, or is about to.
    pub(crate) in_flight: u32,
    /// Attempts whose function has ended, and whose outcome is being committed.
    pub(crate) settling: u32,
    pub(crate) feed: Option<Feed>,
    /// Nothing is started before this time: the platform refused.
    pub(crate) blocked_until: Option<DateTime<Utc>>,
    /// Refusals in a row.
    pub(crate) refusals: u32,
    /// Runs at once that it may have now.
    pub(crate) window: u32,
    /// It would have run more.
    pub(crate) wanted_more: bool,
    /// Ticks without anything in flight.
    pub(crate) idle_ticks: u32,
    /// As last resolved.
    pub(crate) priority: Priority,
    pub(crate) age_max_s: u32,
    /// Figures since this owner took it.
    pub(crate) started: u64,
    pub(crate) ended: u64,
}

impl Lane {
    pub(crate) fn new(key: TargetKey) -> Self {
        Self {
            key,
            ready: VecDeque::new(),
            in_flight: 0,
            settling: 0,
            feed: None,
            blocked_until: None,
            refusals: 0,
            window: WINDOW_FIRST,
            wanted_more: false,
            idle_ticks: 0,
            priority: Priority::Normal,
            age_max_s: domain::retry::AGE_MAX_S_DEFAULT,
            started: 0,
            ended: 0,
        }
    }

    /// Whether an attempt of it may start now.
    pub(crate) fn may_start(&self, now: DateTime<Utc>) -> bool {
        !self.ready.is_empty()
            && self.in_flight < self.window
            && self.settling < SETTLING_MAX
            && self.blocked_until.is_none_or(|until| until <= now)
    }

    /// A refusal blocks it; of several at once only the first counts. Answers until when.
    pub(crate) fn refuse(&mut self, now: DateTime<Utc>, draw: f64) -> DateTime<Utc> {
        if let Some(until) = self.blocked_until.filter(|until| *until > now) {
            return until;
        }
        self.refusals = self.refusals.saturating_add(1);
        let until = now + domain::retry::refusal_delay(self.refusals, draw);
        self.blocked_until = Some(until);
        until
    }

    /// Something ran: the platform has room again.
    pub(crate) fn unblock(&mut self) {
        self.refusals = 0;
        self.blocked_until = None;
    }

    /// Where the lane wants its next page from, if it is time for it: hour, id to start behind, events.
    pub(crate) fn page(&mut self) -> Option<(i64, Uuid, usize)> {
        let room = CREDIT.saturating_sub(self.ready.len());
        let feed = self.feed.as_mut()?;
        if feed.asked || room < CREDIT / 2 {
            return None;
        }
        let hour = *feed.hours.front()?;
        feed.asked = true;
        feed.hinted = false;
        Some((hour, feed.after, room))
    }

    /// A page came: `short` where the hour had no more. Ends the feeding where there is nothing ahead.
    pub(crate) fn paged(&mut self, last: Option<Uuid>, short: bool, now_hour: i64) {
        let Some(feed) = self.feed.as_mut() else {
            return;
        };
        feed.asked = false;
        if let Some(last) = last {
            feed.after = last;
        }
        if !short {
            return;
        }
        let Some(hour) = feed.hours.front().copied() else {
            self.feed = None;
            return;
        };
        if hour < now_hour {
            feed.hours.pop_front();
            // Events may have come in every hour since, whatever was known at the beginning.
            if feed.hours.front().is_none_or(|next| *next > hour + 1) {
                feed.hours.push_front(hour + 1);
            }
        } else if !feed.hinted {
            self.feed = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane() -> Lane {
        Lane::new(TargetKey {
            account: domain::AccountId::new(1).unwrap(),
            region: "eu-west-1".parse().unwrap(),
            name: "f".parse().unwrap(),
            qualifier: None,
        })
    }

    #[test]
    fn a_lane_is_fed_until_a_page_is_short_and_nothing_was_hinted() {
        let mut lane = lane();
        lane.feed = Some(Feed::of_hours([7, 9]));
        assert_eq!(lane.page(), Some((7, Uuid::nil(), CREDIT)));
        assert_eq!(lane.page(), None);
        lane.paged(Some(Uuid::from_u128(5)), false, 9);
        assert_eq!(lane.page(), Some((7, Uuid::from_u128(5), CREDIT)));
        lane.paged(None, true, 9);
        // The hour between is read too.
        assert_eq!(lane.page().map(|page| page.0), Some(8));
        lane.paged(None, true, 9);
        assert_eq!(lane.page().map(|page| page.0), Some(9));
        lane.feed.as_mut().unwrap().hinted = true;
        lane.paged(None, true, 9);
        assert_eq!(lane.page().map(|page| page.0), Some(9));
        lane.paged(None, true, 9);
        assert!(lane.feed.is_none());
    }

    #[test]
    fn refusals_at_once_count_as_one() {
        let mut lane = lane();
        let now = DateTime::UNIX_EPOCH;
        let until = lane.refuse(now, 0.0);
        assert_eq!((until - now).num_seconds(), 1);
        assert_eq!(lane.refuse(now, 0.0), until);
        assert_eq!((lane.refuse(until, 0.0) - until).num_seconds(), 2);
        lane.unblock();
        assert_eq!((lane.refuse(until, 0.0) - until).num_seconds(), 1);
    }

    #[test]
    fn a_lane_starts_what_its_window_and_its_refusals_allow() {
        let mut lane = lane();
        let now = DateTime::UNIX_EPOCH;
        assert!(!lane.may_start(now), "nothing is ready");
        lane.ready.push_back(Item::by_id(EventId::floor(now), 1, 1));
        assert!(lane.may_start(now));
        lane.in_flight = WINDOW_FIRST;
        assert!(!lane.may_start(now));
        lane.in_flight -= 1;
        let until = lane.refuse(now, 0.0);
        assert!(!lane.may_start(until - TimeDelta::milliseconds(1)));
        assert!(lane.may_start(until));
    }

    #[test]
    fn an_events_own_limit_goes_before_its_functions() {
        let accepted_at = DateTime::UNIX_EPOCH;
        let mut item = Item::by_id(EventId::floor(accepted_at), 1, 1);
        let mut check = |own: Option<u32>, functions: u32, want: u32| {
            item.event.age_max_s = own;
            assert_eq!(item.age_max_s(functions), want);
            let end = accepted_at + TimeDelta::seconds(i64::from(want));
            let age = item.age(functions);
            assert!(!age.exceeded_at(end));
            assert!(age.exceeded_at(end + TimeDelta::milliseconds(1)));
        };
        check(None, 60, 60);
        check(Some(3_600), 60, 3_600);
        check(Some(60), 21_600, 60);
        // The ring holds nothing for longer than a day.
        check(None, 1_000_000, 86_400);
        check(Some(u32::MAX), 60, 86_400);
    }
}
