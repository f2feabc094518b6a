//! The parts together, and what keeps their memory fresh.

use std::sync::Arc;
use std::time::Duration;

use chassis::{Clock, Ids, Lifecycle};
use redis::aio::ConnectionManager;
use secrecy::SecretString;
use store::Store;

use crate::admission::Admission;
use crate::caps::Caps;
use crate::executors::Executors;
use crate::registry;
use crate::stats;
use crate::targets::Targets;

/// How often the catalog's stamp, the registry and the concurrency leases are looked at.
const TICK: Duration = Duration::from_secs(1);

/// Called when the catalog moved.
type Forget = Arc<dyn Fn() + Send + Sync>;

/// Targets, admission and executors of one process. Cheap to clone.
#[derive(Clone)]
pub struct Dispatch {
    pub targets: Targets,
    pub admission: Admission,
    pub caps: Caps,
    pub executors: Executors,
    store: Store,
    clock: Clock,
    redis: ConnectionManager,
    /// Proves this process to executors of other machines.
    cluster_secret: SecretString,
}

impl Dispatch {
    pub fn new(
        store: Store,
        redis: ConnectionManager,
        cluster_secret: SecretString,
        clock: Clock,
        ids: Ids,
    ) -> Self {
        let admission = Admission::new(redis.clone(), &ids.random().to_string());
        let caps = Caps::new(store.clone(), admission.clone(), clock.clone(), ids);
        Self {
            targets: Targets::new(store.clone(), admission.clone(), caps.clone()),
            admission,
            caps,
            executors: Executors::default(),
            store,
            clock,
            redis,
            cluster_secret,
        }
    }

    /// Starts the tick. `forget` is called, besides emptying the targets, whenever the catalog moved.
    pub async fn start(&self, forget: Forget, life: &Lifecycle) -> Result<(), store::Error> {
        let stamp = self.store.catalog_stamp().await?;
        life.spawn(
            "dispatch tick",
            self.clone().tick(forget, stamp, life.clone()),
        );
        Ok(())
    }

    /// What the replicas of the queue say of their lanes; those that have not spoken lately are left out.
    pub async fn queue_stats(&self) -> Vec<stats::Stats> {
        stats::read(&mut self.redis.clone()).await
    }

    /// Once a second: drop caches when the catalog moved, follow the registry, renew leases, write down what was seen of executors.
    async fn tick(mut self, forget: Forget, mut stamp: i64, life: Lifecycle) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut rounds = 0_u32;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = life.drain().cancelled() => break,
            }
            rounds = rounds.wrapping_add(1);
            match self.store.catalog_stamp().await {
                Ok(now) if now != stamp => {
                    self.targets.clear();
                    forget();
                    stamp = now;
                }
                Ok(_) => {}
                // Serving goes on with what is known: the warm path needs no Postgres.
                Err(error) => tracing::warn!(%error, "could not read the catalog's stamp"),
            }
            self.admission.renew().await;
            self.caps.renew(rounds).await;
            self.executors
                .witnesses
                .tell(&self.store, self.clock.now())
                .await;
            registry::follow(
                &self.executors,
                &mut self.redis,
                &self.cluster_secret,
                &life,
            )
            .await;
        }
        self.settle_caps(&life).await;
        self.executors
            .witnesses
            .tell(&self.store, self.clock.now())
            .await;
    }

    /// What still runs is waited for, as long as there is time, and settled: what is left out counts as spent.
    async fn settle_caps(&self, life: &Lifecycle) {
        let mut ticks = tokio::time::interval(TICK);
        while !self.caps.is_empty() {
            tokio::select! {
                _ = ticks.tick() => self.caps.leave().await,
                () = life.cut().cancelled() => break,
            }
        }
        self.caps.leave().await;
    }
}
