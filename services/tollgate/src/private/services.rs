//! Both private services together.

use std::path::{Path, PathBuf};

use anyhow::Result;
use chassis::Lifecycle;

use super::guard::{Guard, State};
use super::{postgres, quarters, redis};

/// What Postgres is tuned for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tuning {
    /// What is committed stays.
    Durable,
    /// Thrown away after the tests: no waiting for the disk.
    Test,
}

/// The running private Postgres and Redis.
pub(crate) struct Services {
    data_dir: PathBuf,
    postgres: Guard,
    redis: Guard,
    /// Of the database, as its owner.
    pub(crate) postgres_url: String,
    pub(crate) redis_url: String,
}

impl Services {
    /// Starts both at once in `data_dir` (absolute, locked by the caller) and waits until they serve.
    pub(crate) async fn start(data_dir: &Path, tuning: Tuning, life: &Lifecycle) -> Result<Self> {
        let (redis, redis_ready) = redis::start(data_dir)?;
        let dir = data_dir.to_owned();
        let began = tokio::task::spawn_blocking(move || postgres::start(&dir, tuning)).await;
        let (postgres, postgres_ready) = match began? {
            Ok(began) => began,
            Err(error) => {
                redis.stop().await;
                return Err(error);
            }
        };
        let serving = tokio::try_join!(
            postgres.ready(async |pid| postgres_ready.check(pid)),
            redis.ready(async |_| redis_ready.check().await),
        );
        let services = Self {
            data_dir: data_dir.to_owned(),
            postgres,
            redis,
            postgres_url: postgres_ready.url,
            redis_url: redis_ready.url,
        };
        if let Err(error) = serving {
            services.stop().await;
            return Err(error);
        }
        services.watch(life);
        Ok(services)
    }

    /// Ends the process when one of them cannot be kept alive.
    fn watch(&self, life: &Lifecycle) {
        for (task, mut state) in [
            ("private Postgres", self.postgres.state()),
            ("private Redis", self.redis.state()),
        ] {
            let (drain, failing) = (life.drain().clone(), life.clone());
            life.spawn(task, async move {
                let ended = state.wait_for(|state| matches!(state, State::Ended(Err(_))));
                tokio::select! {
                    () = drain.cancelled() => {}
                    seen = ended => if let Ok(seen) = seen
                        && let State::Ended(Err(why)) = &*seen { failing.fail(why.clone()) },
                }
            });
        }
    }

    /// Stops both in order. For after everything that uses them has ended.
    pub(crate) async fn stop(self) {
        tokio::join!(self.postgres.stop(), self.redis.stop());
        quarters::leave(&self.data_dir.join(postgres::HOME));
        quarters::leave(&self.data_dir.join(redis::HOME));
    }
}
