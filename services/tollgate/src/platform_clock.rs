//! The clock of a data directory: the host's, unless `--dev-clock` let somebody move it.

use std::path::Path;

use anyhow::{Context, Result, bail};
use chassis::{Clock, DevClock, dev_clock};
use chrono::{DateTime, TimeDelta, Utc};

use crate::client::span_text;
use crate::config::Config;
use crate::data_dir::DataDir;

/// Where a data directory remembers how far its clock was moved.
pub(crate) const CLOCK_FILE: &str = "clock";

/// What tells the platform's time.
#[derive(Debug)]
pub(crate) struct PlatformClock {
    pub(crate) clock: Clock,
    /// What moves it, where that is allowed.
    pub(crate) dev: Option<DevClock>,
}

impl PlatformClock {
    /// The clock to run a data directory on.
    ///
    /// A directory whose clock was moved is refused without `--dev-clock`: on the host's time, usage would be booked before
    /// what is booked already, in periods that may be closed, and what was accepted would wait for days that it has seen.
    pub(crate) fn of(config: &Config, dir: &DataDir) -> Result<Self> {
        let file = dir.path().join(CLOCK_FILE);
        let context = "The development clock cannot be used";
        if config.dev_clock {
            let dev = DevClock::open(file).context(context)?;
            let offset = dev.clock().offset();
            if offset > TimeDelta::zero() {
                tracing::warn!(
                    "the development clock is {} ahead of the host's",
                    span_text(offset)
                );
            }
            return Ok(Self {
                clock: dev.clock().clone(),
                dev: Some(dev),
            });
        }
        let offset = dev_clock::left_in(&file).context(context)?;
        if offset > TimeDelta::zero() {
            bail!(
                "The clock of {} was moved {} ahead, and what is recorded there, usage for one, lies in the future. Start it \
                 with --dev-clock, which goes on from there, or choose another --data-dir.",
                dir.path().display(),
                span_text(offset)
            );
        }
        Ok(Self {
            clock: Clock::system(),
            dev: None,
        })
    }
}

/// The platform's time of a data directory, as commands see it that are not the platform themselves.
pub(crate) fn now(dir: &Path) -> Result<DateTime<Utc>> {
    let offset = dev_clock::left_in(&dir.join(CLOCK_FILE))
        .context("The development clock cannot be read")?;
    Ok(Clock::system().now() + offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_clock_holds_for_every_later_start() {
        let dir = tempfile::tempdir().unwrap();
        let dir = DataDir::claim(dir.path()).unwrap();
        let plain = Config::default();
        let moved = Config {
            dev_clock: true,
            ..Config::default()
        };
        let clock = PlatformClock::of(&moved, &dir).unwrap();
        // Not moved yet: the directory is as good as new.
        assert!(PlatformClock::of(&plain, &dir).unwrap().dev.is_none());
        let by = TimeDelta::hours(26);
        clock.dev.unwrap().advance(by).unwrap();
        let refused = PlatformClock::of(&plain, &dir).unwrap_err().to_string();
        assert!(refused.contains(" was moved 1 d 2 h ahead, "), "{refused}");
        let again = PlatformClock::of(&moved, &dir).unwrap();
        assert_eq!((again.clock.offset(), clock.clock.offset()), (by, by));
    }

    #[test]
    fn a_damaged_memory_is_refused_either_way() {
        let dir = tempfile::tempdir().unwrap();
        let dir = DataDir::claim(dir.path()).unwrap();
        std::fs::write(dir.path().join(CLOCK_FILE), "soon").unwrap();
        for dev_clock in [false, true] {
            let config = Config {
                dev_clock,
                ..Config::default()
            };
            let refused = format!("{:#}", PlatformClock::of(&config, &dir).unwrap_err());
            assert!(
                refused.ends_with("does not hold how far the clock was moved, in microseconds"),
                "{refused}"
            );
        }
    }
}
