//! Whose turn it is: accounts in a circle, and within an account its lanes, by priority.
//!
//! Each account with something to run gets one event per round, however much it has waiting: who floods waits behind himself.
//! Within an account a lane of high priority gets [`weight`] turns where a low one gets one; no lane gets none.

use std::collections::{HashMap, VecDeque};

use domain::AccountId;
use domain::event_config::Priority;

/// Turns in a row.
fn weight(priority: Priority) -> u32 {
    match priority {
        Priority::High => 16,
        Priority::Normal => 4,
        Priority::Low => 1,
    }
}

#[derive(Debug, Default)]
struct Lanes {
    /// Lanes with something to run; the first is at its turn.
    circle: VecDeque<(i64, Priority)>,
    /// Turns that the first one has left.
    left: u32,
}

/// The circle of accounts.
#[derive(Debug, Default)]
pub(crate) struct Fair {
    circle: VecDeque<AccountId>,
    accounts: HashMap<AccountId, Lanes>,
    /// Lanes that are in a circle, with their account.
    members: HashMap<i64, AccountId>,
}

impl Fair {
    /// A lane has something to run. Does nothing where it is in already.
    pub(crate) fn add(&mut self, account: AccountId, lane: i64, priority: Priority) {
        if self.members.insert(lane, account).is_some() {
            return;
        }
        let lanes = self.accounts.entry(account).or_default();
        if lanes.circle.is_empty() {
            self.circle.push_back(account);
            lanes.left = weight(priority);
        }
        lanes.circle.push_back((lane, priority));
    }

    /// A lane has nothing to run, or may not.
    pub(crate) fn remove(&mut self, lane: i64) {
        let Some(account) = self.members.remove(&lane) else {
            return;
        };
        let Some(lanes) = self.accounts.get_mut(&account) else {
            return;
        };
        let first = lanes.circle.front().is_some_and(|(id, _)| *id == lane);
        lanes.circle.retain(|(id, _)| *id != lane);
        if first {
            lanes.left = lanes.circle.front().map_or(0, |(_, next)| weight(*next));
        }
        if lanes.circle.is_empty() {
            self.accounts.remove(&account);
            self.circle.retain(|id| *id != account);
        }
    }

    /// The lane whose turn it is; the turn is used up.
    pub(crate) fn next(&mut self) -> Option<i64> {
        let account = self.circle.pop_front()?;
        self.circle.push_back(account);
        let lanes = self.accounts.get_mut(&account)?;
        let (lane, _) = *lanes.circle.front()?;
        lanes.left = lanes.left.saturating_sub(1);
        if lanes.left == 0 {
            lanes.circle.rotate_left(1);
            lanes.left = lanes.circle.front().map_or(0, |(_, next)| weight(*next));
        }
        Some(lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u64) -> AccountId {
        AccountId::new(number).unwrap()
    }

    fn turns(fair: &mut Fair, count: usize) -> Vec<i64> {
        (0..count).filter_map(|_| fair.next()).collect()
    }

    #[test]
    fn accounts_take_turns_whatever_they_have() {
        let mut fair = Fair::default();
        for lane in 1..=5 {
            fair.add(account(1), lane, Priority::Normal);
        }
        fair.add(account(2), 9, Priority::Low);
        let nines = turns(&mut fair, 40)
            .iter()
            .filter(|lane| **lane == 9)
            .count();
        assert_eq!(nines, 20);
    }

    #[test]
    fn priority_is_a_share_within_an_account() {
        let mut fair = Fair::default();
        fair.add(account(1), 1, Priority::High);
        fair.add(account(1), 2, Priority::Normal);
        fair.add(account(1), 3, Priority::Low);
        let seen = turns(&mut fair, 42);
        let of = |lane| seen.iter().filter(|seen| **seen == lane).count();
        assert_eq!((of(1), of(2), of(3)), (32, 8, 2));
    }

    #[test]
    fn a_lane_comes_and_goes() {
        let mut fair = Fair::default();
        assert_eq!(fair.next(), None);
        fair.add(account(1), 1, Priority::Normal);
        fair.add(account(1), 1, Priority::Normal);
        fair.add(account(1), 2, Priority::Normal);
        fair.remove(1);
        fair.remove(1);
        assert_eq!(turns(&mut fair, 3), [2, 2, 2]);
        fair.remove(2);
        assert_eq!(fair.next(), None);
        fair.add(account(1), 1, Priority::Normal);
        assert_eq!(fair.next(), Some(1));
    }
}
