//! A process that lets calls run under a cap: this program, started again. It has the product's own `dispatch::caps` and does
//! with it what a gateway does: hold, start, run, settle, and renew once a second. Its runs take no time but that of their turn
//! among all tasks.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chassis::{Clock, Ids};
use chrono::{DateTime, Utc};
use dispatch::caps::{Capped, Caps};
use dispatch::{Admission, Ended};
use domain::{AccountId, FunctionSpec};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use rpc::executor::InvokeReply;
use serde::{Deserialize, Serialize};
use store::billing_terms::Books;
use store::{Role, Store, Vault};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::call::{Rate, spec};
use super::record::Pen;
use crate::figures::Latencies;

/// The variable that its settings come in.
pub(super) const VARIABLE: &str = "CAP_PROCESS";

/// Connections to Postgres.
const CONNECTIONS: u32 = 4;
/// As the product's.
const RENEWS_EVERY: Duration = Duration::from_secs(1);
/// A caller that was refused asks again after so long.
const ASKS_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// And after so long since the first time that any was refused, no more: what others needed not has come back by then.
const GIVES_UP_AFTER: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) database_url: String,
    pub(super) account: AccountId,
    /// The time that its clock shows, and goes on showing.
    pub(super) at: DateTime<Utc>,
    pub(super) tasks: u32,
    /// Of what ran.
    pub(super) record: PathBuf,
    /// Where it says how long holds took, if it comes to its end.
    pub(super) figures: PathBuf,
}

/// What it says at its end.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Figures {
    /// Holds that were had without a wait, and how long they took.
    pub(super) warm: u64,
    pub(super) p50_us: Option<f64>,
    pub(super) p99_us: Option<f64>,
    /// Holds that waited for a draw.
    pub(super) waited: u64,
}

/// What one task saw.
#[derive(Default)]
struct Seen {
    warm: Latencies,
    waited: u64,
}

/// Runs it to its end, which comes when everything is refused.
pub(crate) fn run() -> Result<()> {
    let text = std::env::var(VARIABLE).context("it is started by the scenario caps only")?;
    let settings: Settings = serde_json::from_str(&text)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let seen = runtime.enable_all().build()?.block_on(work(&settings))?;
    write(&settings.figures, &seen)
}

fn write(path: &Path, seen: &Seen) -> Result<()> {
    let figures = seen.warm.figures(Duration::from_secs(1));
    let figures = Figures {
        warm: figures.count,
        p50_us: (figures.count > 0).then_some(figures.p50_ms * 1e3),
        p99_us: (figures.count > 0).then_some(figures.p99_ms * 1e3),
        waited: seen.waited,
    };
    Ok(std::fs::write(path, serde_json::to_vec(&figures)?)?)
}

async fn work(settings: &Settings) -> Result<Seen> {
    let vault = Vault::new(&[0; 32]);
    let store = Store::connect(&settings.database_url, Role::Gateway, CONNECTIONS, vault).await?;
    let clock = Clock::frozen(settings.at);
    let admission = Admission::new(nobody()?, "load");
    let caps = Caps::new(store.clone(), admission, clock, Ids);
    let spec = Arc::new(spec(settings.account)?);
    let capped = caps.of(settings.account, &spec.region, &spec.name).await?;
    let (_, book) = store
        .account_book(settings.account, &Books::default())
        .await?;
    let cost_e10 = Rate::new(&book, settings.account, settings.at)?.cost_e10()?;
    let mut tasks = JoinSet::new();
    let refused_at = Arc::<OnceLock<Instant>>::default();
    for pen in Pen::all(&settings.record, settings.tasks)? {
        let caller = Caller {
            caps: caps.clone(),
            capped: capped.clone(),
            spec: Arc::clone(&spec),
            cost_e10,
            refused_at: Arc::clone(&refused_at),
        };
        tasks.spawn(caller.call(pen));
    }
    let mut all = Seen::default();
    let mut ticks = tokio::time::interval(RENEWS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut rounds = 0;
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                rounds += 1;
                caps.renew(rounds).await;
            }
            ended = tasks.join_next() => {
                let Some(ended) = ended else { break };
                let seen = ended??;
                all.warm.add(&seen.warm);
                all.waited += seen.waited;
            }
        }
    }
    caps.leave().await;
    Ok(all)
}

/// A Redis that is not asked for anything: caps that stop need none.
fn nobody() -> Result<ConnectionManager> {
    let client = redis::Client::open("redis://127.0.0.1:1/")?;
    let config = ConnectionManagerConfig::new();
    Ok(ConnectionManager::new_lazy_with_config(client, config)?)
}

struct Caller {
    caps: Caps,
    capped: Capped,
    spec: Arc<FunctionSpec>,
    cost_e10: i64,
    /// When any was refused for the first time.
    refused_at: Arc<OnceLock<Instant>>,
}

impl Caller {
    /// Calls, one after the other, until it gives up.
    async fn call(self, mut pen: Pen) -> Result<Seen> {
        let mut seen = Seen::default();
        loop {
            let asked = Instant::now();
            let mut holding = std::pin::pin!(self.caps.hold(&self.capped, &self.spec, 1));
            let (answer, waited) = match futures::poll!(&mut holding) {
                Poll::Ready(answer) => (answer, false),
                Poll::Pending => (holding.await, true),
            };
            let Ok(mut hold) = answer else {
                if self.refused_at.get_or_init(|| asked).elapsed() > GIVES_UP_AFTER {
                    return Ok(seen);
                }
                tokio::time::sleep(ASKS_AGAIN_AFTER).await;
                continue;
            };
            if waited {
                seen.waited += 1;
            } else {
                seen.warm.record(asked.elapsed());
            }
            hold.start();
            // Whatever happens from here on, it ran.
            pen.ran()?;
            // Others hold meanwhile.
            tokio::task::yield_now().await;
            let reply = InvokeReply {
                cost_e10: Some(self.cost_e10),
                ..InvokeReply::default()
            };
            hold.settle(&Ended::Ran(Box::new(reply)));
        }
    }
}
