//! Who is next: months that are closed side by side give their invoices numbers in one order, the same whenever they are closed
//! again.
//!
//! All that comes before a number is done side by side; whoever is ready early waits, its transaction open, for those before it.
//! They never wait for it: transactions of different customers meet in no row but the counter of numbers, which is taken when
//! it is one's turn.

use std::collections::BTreeSet;

use tokio::sync::watch;

/// A queue of turns, by their places from 0 on.
#[derive(Debug)]
pub(crate) struct Turns(watch::Sender<Passed>);

/// Whose turn has passed.
#[derive(Debug, Default)]
struct Passed {
    /// All before this place.
    until: usize,
    /// Places behind it that were given up before their turn came.
    ahead: BTreeSet<usize>,
}

/// A place in the queue; its turn has passed when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    place: usize,
}

impl Default for Turns {
    fn default() -> Self {
        Self(watch::Sender::new(Passed::default()))
    }
}

impl Turns {
    /// The turn at a place. Every place must be asked for, and once.
    pub(crate) fn at(&self, place: usize) -> Turn<'_> {
        Turn { turns: self, place }
    }
}

impl Turn<'_> {
    /// Waits until all turns before have passed.
    pub(crate) async fn comes(&self) {
        let mut passed = self.turns.0.subscribe();
        // The sender lives as long as we do.
        let _ = passed.wait_for(|passed| passed.until == self.place).await;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.0.send_modify(|passed| {
            passed.ahead.insert(self.place);
            while passed.ahead.remove(&passed.until) {
                passed.until += 1;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// Which of these turns have come.
    fn come(turns: &[&Turn<'_>]) -> Vec<bool> {
        let come = turns.iter().map(|turn| turn.comes().now_or_never());
        come.map(|now| now.is_some()).collect()
    }

    #[test]
    fn turns_come_in_the_order_of_their_places() {
        let turns = Turns::default();
        let [first, second, third] = [turns.at(0), turns.at(1), turns.at(2)];
        assert_eq!(come(&[&first, &second, &third]), [true, false, false]);
        drop(first);
        assert_eq!(come(&[&second, &third]), [true, false]);
        drop(second);
        assert_eq!(come(&[&third]), [true]);
    }

    #[test]
    fn one_that_gives_up_early_lets_nobody_pass_before_their_turn() {
        let turns = Turns::default();
        let [first, second, third, fourth] = [turns.at(0), turns.at(1), turns.at(2), turns.at(3)];
        drop(second);
        drop(third);
        assert_eq!(come(&[&first, &fourth]), [true, false]);
        drop(first);
        assert_eq!(come(&[&fourth]), [true]);
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let turns = Turns::default();
        let [first, second] = [turns.at(0), turns.at(1)];
        let waits = async {
            second.comes().await;
            "second"
        };
        let passes = async {
            tokio::task::yield_now().await;
            drop(first);
            "first"
        };
        assert_eq!(tokio::join!(waits, passes), ("second", "first"));
    }
}
