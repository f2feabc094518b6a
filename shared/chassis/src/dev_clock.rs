//! The development clock: the platform's time, moved forward on request and never back.
//!
//! What was recorded while the clock was ahead lies in the future: usage, events, their retries. So how far it was moved is
//! kept in a file beside the data, and holds for every later start on that data.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

use crate::Clock;
use crate::clock::OFFSET_MAX;
use crate::secrets::write_private;

/// A clock that may be moved, and the file that remembers how far. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct DevClock {
    clock: Clock,
    file: PathBuf,
    /// Held while the file and the clock change, so that they change alike.
    turn: Arc<Mutex<()>>,
}

/// Why the clock is not moved, or its file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the clock only moves forward: give a time above zero")]
    NotForward,
    #[error("the clock would be more than 100 years ahead of the host's")]
    TooFar,
    #[error("{0} does not hold how far the clock was moved, in microseconds")]
    Damaged(String),
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
}

/// How far the clock was moved by earlier runs with this file; zero where there is none.
pub fn left_in(file: &Path) -> Result<TimeDelta, Error> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(TimeDelta::zero()),
        Err(error) => return Err(Error::Io(file.display().to_string(), error)),
    };
    let offset = text.trim().parse().ok().map(TimeDelta::microseconds);
    offset
        .filter(|offset| (TimeDelta::zero()..=OFFSET_MAX).contains(offset))
        .ok_or_else(|| Error::Damaged(file.display().to_string()))
}

impl DevClock {
    /// The host's clock, as far ahead as earlier runs with this file left it.
    pub fn open(file: PathBuf) -> Result<Self, Error> {
        let clock = Clock::system();
        clock.advance(left_in(&file)?);
        Ok(Self {
            clock,
            file,
            turn: Arc::default(),
        })
    }

    /// The clock that is moved.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Moves the clock; answers the time that it is now. It is on disk before anything sees it: a crash in between leaves a
    /// clock that is ahead at the next start, never one that has gone back. Blocks while the disk syncs.
    pub fn advance(&self, by: TimeDelta) -> Result<DateTime<Utc>, Error> {
        if by <= TimeDelta::zero() {
            return Err(Error::NotForward);
        }
        let _turn = self.turn.lock();
        let ahead = self.clock.offset().checked_add(&by);
        let ahead = ahead
            .filter(|ahead| *ahead <= OFFSET_MAX)
            .ok_or(Error::TooFar)?;
        let ahead_us = ahead.num_microseconds().ok_or(Error::TooFar)?;
        write_private(&self.file, &format!("{ahead_us}\n"))
            .map_err(|error| Error::Io(self.file.display().to_string(), error))?;
        self.clock.advance(by);
        Ok(self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_far_ahead_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("clock");
        assert_eq!(left_in(&file).unwrap(), TimeDelta::zero());
        let clock = DevClock::open(file.clone()).unwrap();
        clock.advance(TimeDelta::minutes(2)).unwrap();
        let now = clock.advance(TimeDelta::milliseconds(1_500)).unwrap();
        assert!(now - Clock::system().now() > TimeDelta::minutes(2));
        let ahead = TimeDelta::milliseconds(121_500);
        assert_eq!(left_in(&file).unwrap(), ahead);
        assert_eq!(DevClock::open(file).unwrap().clock().offset(), ahead);
    }

    #[test]
    fn it_moves_forward_only_and_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("clock");
        let clock = DevClock::open(file.clone()).unwrap();
        for by in [TimeDelta::zero(), TimeDelta::seconds(-1), TimeDelta::MIN] {
            assert!(matches!(clock.advance(by), Err(Error::NotForward)));
        }
        clock.advance(TimeDelta::days(1)).unwrap();
        for by in [OFFSET_MAX, TimeDelta::MAX] {
            assert!(matches!(clock.advance(by), Err(Error::TooFar)));
        }
        assert_eq!(clock.clock().offset(), TimeDelta::days(1));
        assert_eq!(left_in(&file).unwrap(), TimeDelta::days(1));
    }

    #[test]
    fn a_damaged_file_is_not_taken_for_an_unmoved_clock() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("clock");
        for text in ["", "two minutes", "-1", "9223372036854775807", "1.5"] {
            std::fs::write(&file, text).unwrap();
            assert!(matches!(left_in(&file), Err(Error::Damaged(_))), "{text}");
            assert!(DevClock::open(file.clone()).is_err());
        }
    }
}
