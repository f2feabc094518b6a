//! Time, ids and randomness as values.
//!
//! The only module that reads the host's clock and random generator; everything else takes a [`Clock`] and [`Ids`], so
//! tests can move time. Durations that are billed come from [`std::time::Instant`], which never jumps.
#![expect(clippy::disallowed_methods, reason = "this is the one place that may")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use rand::Rng;
use tokio::sync::Notify;
use uuid::Uuid;

/// Longest a sleeper goes without looking at the host's clock again: that one may be set, or stand still while the host is
/// suspended, and tokio's timers notice neither.
const NAP_MAX: Duration = Duration::from_mins(1);

/// A clock is never further from the host's than this: 100 years.
pub const OFFSET_MAX: TimeDelta = TimeDelta::days(36_500);

/// The platform's wall clock: the host's, moved by an offset that only a development clock ever changes. Clones are the same
/// clock.
///
/// Whatever is compared with a time that comes from outside (a client's signature, a deadline that a function reads) takes
/// the host's clock instead: a [`Clock::system`] that nobody moves.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    shared: Arc<Shared>,
    /// Set in tests: time stands still here until it is moved.
    frozen_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Ahead of the host, in microseconds.
    offset_us: AtomicI64,
    /// Wakes the sleepers when the offset has changed.
    moved: Notify,
}

impl Clock {
    /// The host's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `at` until [`Clock::advance`] moves it.
    pub fn frozen(at: DateTime<Utc>) -> Self {
        Self {
            shared: Arc::default(),
            frozen_at: Some(at),
        }
    }

    /// The platform's time.
    pub fn now(&self) -> DateTime<Utc> {
        let base = self.frozen_at.unwrap_or_else(Utc::now);
        base + self.offset()
    }

    /// How far this clock is ahead of the host's.
    pub fn offset(&self) -> TimeDelta {
        TimeDelta::microseconds(self.shared.offset_us.load(Ordering::Acquire))
    }

    /// Moves this clock, and every clone of it, and wakes whoever sleeps on one of them. Parts of a microsecond are dropped.
    ///
    /// A clock that would be further than [`OFFSET_MAX`] from the host's stays where it is.
    pub fn advance(&self, by: TimeDelta) {
        let add = |offset_us| {
            let moved = TimeDelta::microseconds(offset_us).checked_add(&by)?;
            moved
                .num_microseconds()
                .filter(|_| moved.abs() <= OFFSET_MAX)
        };
        let offset_us = &self.shared.offset_us;
        let moved = offset_us.fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        if moved.is_ok() {
            self.shared.moved.notify_waiters();
        }
    }

    /// Resolves as soon as it is `at` or later on this clock, be it that time passes or that the clock is moved. Cancel safe.
    ///
    /// On a frozen clock only [`Clock::advance`] lets it end.
    pub async fn sleep_until(&self, at: DateTime<Utc>) {
        loop {
            let moved = self.shared.moved.notified();
            tokio::pin!(moved);
            // Registered before the time is read: a move in between is not missed.
            moved.as_mut().enable();
            let Ok(left) = (at - self.now()).to_std() else {
                return;
            };
            if left.is_zero() {
                return;
            }
            if self.frozen_at.is_some() {
                moved.await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(left.min(NAP_MAX)) => {}
                () = moved => {}
            }
        }
    }

    /// As [`Clock::sleep_until`], from now on: a period or a pause in the platform's time.
    pub async fn sleep(&self, span: TimeDelta) {
        self.sleep_until(self.now() + span).await;
    }
}

/// Source of ids and of chance.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ids;

impl Ids {
    /// A random id (version 4): request ids, revision ids.
    pub fn random(self) -> Uuid {
        Uuid::new_v4()
    }

    /// A time-ordered id (version 7) at `now`: keys of rows that arrive in time order.
    pub fn ordered(self, now: DateTime<Utc>) -> Uuid {
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        Uuid::new_v7(uuid::Timestamp::from_unix(
            uuid::NoContext,
            seconds,
            now.timestamp_subsec_nanos(),
        ))
    }

    /// A number in `[0, 1)`.
    pub fn draw(self) -> f64 {
        rand::rng().random()
    }

    /// `N` unpredictable bytes: secrets.
    pub fn bytes<const N: usize>(self) -> [u8; N] {
        let mut bytes = [0; N];
        rand::rng().fill(&mut bytes[..]);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_428_000 + seconds, 0).unwrap()
    }

    /// Whether the future is done by now. What wakes it is looked at by the tests that await.
    fn is_done(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn clones_are_one_clock_and_another_system_clock_is_not() {
        let clock = Clock::frozen(at(0));
        let clone = clock.clone();
        clock.advance(TimeDelta::seconds(7));
        assert_eq!(
            (clone.now(), clone.offset()),
            (at(7), TimeDelta::seconds(7))
        );
        assert_eq!(Clock::system().offset(), TimeDelta::zero());
    }

    #[test]
    fn a_frozen_clock_lets_sleepers_go_when_it_is_moved_there() {
        let clock = Clock::frozen(at(0));
        let mut sleeper = pin!(clock.sleep_until(at(60)));
        assert!(!is_done(sleeper.as_mut()));
        clock.advance(TimeDelta::seconds(59));
        assert!(!is_done(sleeper.as_mut()));
        clock.advance(TimeDelta::seconds(1));
        assert!(is_done(sleeper.as_mut()));
    }

    #[test]
    fn what_is_past_is_not_waited_for() {
        let clock = Clock::frozen(at(0));
        for past in [at(0), at(-5), DateTime::<Utc>::MIN_UTC] {
            assert!(is_done(pin!(clock.sleep_until(past))));
        }
    }

    #[tokio::test]
    async fn a_move_wakes_every_sleeper_at_once() {
        let clock = Clock::frozen(at(0));
        let sleepers = (0..3).map(|n| {
            let clock = clock.clone();
            async move { clock.sleep_until(at(n)).await }
        });
        let all = futures::future::join_all(sleepers);
        let mover = async {
            tokio::task::yield_now().await;
            clock.advance(TimeDelta::days(30));
        };
        tokio::join!(all, mover);
    }

    #[tokio::test]
    async fn a_running_clock_sleeps_and_is_moved_too() {
        let clock = Clock::system();
        clock.sleep(TimeDelta::milliseconds(5)).await;
        let far = clock.now() + TimeDelta::hours(5);
        let mover = async {
            tokio::task::yield_now().await;
            clock.advance(TimeDelta::hours(5));
        };
        tokio::join!(clock.sleep_until(far), mover);
        assert!(clock.now() >= far);
    }

    #[test]
    fn a_move_too_far_is_not_made() {
        let clock = Clock::frozen(at(0));
        for far in [TimeDelta::MAX, TimeDelta::MIN, TimeDelta::days(36_501)] {
            clock.advance(far);
            assert_eq!(clock.now(), at(0));
        }
        clock.advance(OFFSET_MAX);
        assert_eq!(clock.offset(), OFFSET_MAX);
    }
}
