//! Whom a round kills, and for how long it is away.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use rand::Rng as _;
use rand::rngs::StdRng;

use crate::installation::{Installation, Part};
use crate::spools::Spools;

pub(super) const EXECUTORS: [Part; 2] = [Part::Executor(0), Part::Executor(1)];

/// All services, in the order in which they are started again.
const SERVICES: [Part; 5] = [
    Part::Gateway,
    EXECUTORS[0],
    EXECUTORS[1],
    Part::Queue(0),
    Part::Billing,
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kill {
    /// Empty: Postgres is stopped as in a crash.
    victims: Vec<Part>,
    /// Load before it.
    pub(super) after: Duration,
    down: Duration,
}

impl Kill {
    /// Mostly an executor: it is what meters.
    pub(super) fn draw(chance: &mut StdRng) -> Self {
        let victims = match chance.random_range(0..20) {
            0..5 => vec![EXECUTORS[0]],
            5..10 => vec![EXECUTORS[1]],
            10..12 => EXECUTORS.to_vec(),
            12..14 => vec![Part::Gateway],
            14..16 => vec![Part::Queue(0)],
            16 => vec![Part::Billing],
            17 => SERVICES.to_vec(),
            _ => Vec::new(),
        };
        Self {
            victims,
            after: Duration::from_millis(chance.random_range(500..5_000)),
            down: Duration::from_millis(chance.random_range(50..2_000)),
        }
    }

    /// Makes it, reads what killed executors had written, and starts all again.
    pub(super) async fn make(
        &self,
        installation: &mut Installation,
        spools: &mut Spools,
    ) -> Result<()> {
        if self.victims.is_empty() {
            installation.postgres.stop_immediately().await?;
            tokio::time::sleep(self.down).await;
            return installation.postgres.restart().await;
        }
        for victim in &self.victims {
            installation.kill(*victim)?;
        }
        for executor in self.victims.iter().filter(|part| EXECUTORS.contains(part)) {
            spools.read(&installation.data_dir(*executor).join("spool"))?;
        }
        tokio::time::sleep(self.down).await;
        for victim in &self.victims {
            installation.start_service(*victim).await?;
        }
        Ok(())
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.victims.as_slice() {
            [] => write!(f, "immediate stop of Postgres")?,
            victims if victims.len() == SERVICES.len() => write!(f, "kill -9 of all services")?,
            victims => write!(f, "kill -9 of {victims:?}")?,
        }
        write!(f, " after {:?}, down for {:?}", self.after, self.down)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;

    #[test]
    fn a_seed_names_its_kills_and_fifty_meet_everybody() {
        let draw = |seed| {
            let mut chance = StdRng::seed_from_u64(seed);
            (0..50).map(|_| Kill::draw(&mut chance)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let kills = draw(1);
        for part in SERVICES {
            assert!(
                kills.iter().any(|kill| kill.victims.contains(&part)),
                "{part:?}"
            );
        }
        assert!(kills.iter().any(|kill| kill.victims.is_empty()));
    }
}
