//! What one run holds of the caps that it is under.

use std::sync::Arc;

use chassis::Clock;
use domain::bill::Month;
use domain::bill::cap::counted_e10;

use super::BORDER;
use super::purse::Purse;
use crate::admission::Permit;
use crate::run::Ended;

/// The hold of one run. Dropped without a word it counts as spent whole: nobody knows what the run has cost.
#[must_use = "a hold that is dropped is spent"]
pub struct Hold {
    most_e10: i64,
    purses: Vec<Arc<Purse>>,
    /// Caps that are used up and do not stop.
    beyond: Vec<Arc<Purse>>,
    permits: Vec<Permit>,
    clock: Option<Clock>,
    ended: bool,
}

impl Hold {
    /// Of a run under no cap.
    pub(super) fn free() -> Self {
        Self {
            most_e10: 0,
            purses: Vec::new(),
            beyond: Vec::new(),
            permits: Vec::new(),
            clock: None,
            // Until something has started, there is nothing to lose.
            ended: true,
        }
    }

    pub(super) fn of(most_e10: i64, clock: Clock) -> Self {
        let mut hold = Self::free();
        hold.most_e10 = most_e10;
        hold.clock = Some(clock);
        hold
    }

    pub(super) fn add(&mut self, purse: Arc<Purse>) {
        self.purses.push(purse);
    }

    pub(super) fn add_beyond(&mut self, purse: Arc<Purse>, permit: Option<Permit>) {
        self.beyond.push(purse);
        self.permits.extend(permit);
    }

    /// The run goes to an executor: from here on only [`Self::settle`] gives anything back.
    pub fn start(&mut self) {
        self.ended = false;
    }

    /// The run has ended so. What nobody can say anything of counts as spent whole.
    pub fn settle(mut self, ended: &Ended) {
        match ended {
            // Without a price in force it cost nothing.
            Ended::Ran(reply) => self.end(counted_e10(reply.cost_e10.unwrap_or(0))),
            Ended::Lost { .. } => {}
            // The function surely did not start; or another hold is its run's.
            Ended::NoRoom
            | Ended::Denied(_)
            | Ended::NoRuntime(_)
            | Ended::Nobody(_)
            | Ended::Declined(_) => self.end(0),
        }
    }

    fn end(&mut self, cost_e10: i64) {
        self.ended = true;
        let now = self.clock.as_ref().map(Clock::now);
        let of = |month: Month| {
            // Near a month's border it may have ended on either side of it.
            let here = now.is_none_or(|now| {
                month == Month::of(now - BORDER) || month == Month::of(now + BORDER)
            });
            if here { cost_e10 } else { 0 }
        };
        for purse in self.purses.drain(..) {
            purse.end(self.most_e10, of(purse.month()));
        }
        for purse in self.beyond.drain(..) {
            purse.end_beyond(of(purse.month()));
        }
        self.permits.clear();
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let cost = if self.ended { 0 } else { self.most_e10 };
        self.end(cost);
    }
}
