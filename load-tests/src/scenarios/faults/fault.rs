//! One fault: drawn, made, and undone.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::Rng as _;
use rand::rngs::StdRng;

use crate::installation::{Installation, Part};

const SERVICES: [Part; 5] = [
    Part::Gateway,
    Part::Queue(0),
    Part::Queue(1),
    Part::Executor(0),
    Part::Executor(1),
];
const DATABASES: [Part; 2] = [Part::Postgres, Part::Redis];

/// Who speaks to whom.
const LINKS: [(Part, Part); 14] = [
    (Part::Gateway, Part::Postgres),
    (Part::Gateway, Part::Redis),
    (Part::Gateway, Part::Executor(0)),
    (Part::Gateway, Part::Executor(1)),
    (Part::Queue(0), Part::Postgres),
    (Part::Queue(0), Part::Redis),
    (Part::Queue(0), Part::Executor(0)),
    (Part::Queue(0), Part::Executor(1)),
    (Part::Queue(1), Part::Postgres),
    (Part::Queue(1), Part::Executor(0)),
    (Part::Executor(0), Part::Postgres),
    (Part::Executor(0), Part::Redis),
    (Part::Executor(1), Part::Postgres),
    (Part::Executor(1), Part::Redis),
];

/// What happens to whom, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    kind: Kind,
    time: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Kill(Part),
    KillAll,
    WipeRedis,
    /// Killed, and started with nothing in it.
    KillRedis,
    StopPostgres,
    /// SIGSTOP, and SIGCONT after a time.
    Freeze(Part),
    Cut(Part, Part),
}

impl Fault {
    /// Every kind is as likely as any other; partitions need `cut`: network namespaces.
    pub(super) fn draw(chance: &mut StdRng, quick: bool, cut: bool) -> Self {
        let any = |chance: &mut StdRng, parts: &[Part]| parts[chance.random_range(0..parts.len())];
        let kind = match chance.random_range(0..if cut { 7 } else { 6 }) {
            0 => Kind::Kill(any(chance, &SERVICES)),
            1 => Kind::KillAll,
            2 => Kind::WipeRedis,
            3 => Kind::KillRedis,
            4 => Kind::StopPostgres,
            5 => Kind::Freeze(any(chance, &[SERVICES.as_slice(), &DATABASES].concat())),
            _ => {
                let (a, b) = LINKS[chance.random_range(0..LINKS.len())];
                Kind::Cut(a, b)
            }
        };
        // What is down for longer than a lease and a heartbeat, and what is not.
        let ms = chance.random_range(100..6_000);
        let freeze_ms = if quick { 5_000 } else { 10_000 };
        let time = match kind {
            Kind::WipeRedis => 0,
            Kind::Freeze(_) => freeze_ms,
            _ if quick => ms / 2,
            _ => ms,
        };
        Self {
            kind,
            time: Duration::from_millis(time),
        }
    }

    /// Makes it and undoes it.
    pub(super) async fn make(self, installation: &mut Installation) -> Result<()> {
        match self.kind {
            Kind::Kill(part) => {
                installation.kill(part)?;
                tokio::time::sleep(self.time).await;
                installation.start_service(part).await
            }
            Kind::KillAll => {
                for part in SERVICES {
                    installation.kill(part)?;
                }
                tokio::time::sleep(self.time).await;
                for part in SERVICES {
                    installation.start_service(part).await?;
                }
                Ok(())
            }
            Kind::WipeRedis => installation.redis.wipe().await,
            Kind::KillRedis => {
                installation.redis.kill()?;
                tokio::time::sleep(self.time).await;
                installation.redis.restart().await
            }
            Kind::StopPostgres => {
                installation.postgres.stop_immediately().await?;
                tokio::time::sleep(self.time).await;
                installation.postgres.restart().await
            }
            Kind::Freeze(part) => {
                let frozen = Frozen::new(installation.processes(part))?;
                tokio::time::sleep(self.time).await;
                drop(frozen);
                Ok(())
            }
            Kind::Cut(a, b) => {
                let network = installation.network.as_ref();
                let network = network.context("a partition needs network namespaces")?;
                network.cut(a.space(), b.space()).await?;
                tokio::time::sleep(self.time).await;
                network.join(a.space(), b.space()).await
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.time;
        match self.kind {
            Kind::Kill(part) => write!(f, "kill -9 of {part:?}, down for {time:?}"),
            Kind::KillAll => write!(f, "kill -9 of all services, down for {time:?}"),
            Kind::WipeRedis => write!(f, "FLUSHALL"),
            Kind::KillRedis => write!(f, "kill -9 of Redis, down for {time:?}, back empty"),
            Kind::StopPostgres => {
                write!(f, "immediate stop of Postgres, down for {time:?}")
            }
            Kind::Freeze(part) => write!(f, "SIGSTOP of {part:?} for {time:?}"),
            Kind::Cut(a, b) => write!(f, "{a:?} and {b:?} cut off from each other for {time:?}"),
        }
    }
}

/// Processes that stand still; they go on with its drop.
struct Frozen(Vec<Pid>);

impl Frozen {
    fn new(processes: Vec<u32>) -> Result<Self> {
        let all = processes
            .into_iter()
            .map(|id| Pid::from_raw(id.cast_signed()));
        let frozen = Self(all.collect());
        for pid in &frozen.0 {
            // One of Postgres' may have ended meanwhile by itself.
            let _ = kill(*pid, Signal::SIGSTOP);
        }
        anyhow::ensure!(!frozen.0.is_empty(), "nothing to stop");
        Ok(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            let _ = kill(*pid, Signal::SIGCONT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn a_seed_names_its_faults() {
        let draw = |seed| {
            let mut chance = StdRng::seed_from_u64(seed);
            (0..200)
                .map(|_| Fault::draw(&mut chance, false, true))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let kinds: std::collections::HashSet<_> = draw(1)
            .iter()
            .map(|fault| std::mem::discriminant(&fault.kind))
            .collect();
        assert_eq!(kinds.len(), 7, "all kinds come up");
    }
}
