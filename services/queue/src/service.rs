//! Putting a replica together.

use std::sync::Arc;
use std::time::Duration;

use chassis::batch::{Batcher, Options as Gathering};
use chassis::{Clock, Lifecycle};
use dispatch::hints::Hints;
use store::Store;
use store::events::Settlement;
use tokio::sync::{mpsc, watch};

use crate::attempt::{Parts, Shared};
use crate::options::Options;
use crate::owner::{self, Setup};
use crate::reader::{self, Source};
use crate::redrive::{self, Leisure};
use dispatch::leases::{self, Held, Plane};

/// Hints that may wait for the owner.
const READS_MAX: usize = 16;

/// Why a queue did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A running replica.
pub struct Handle {
    held: watch::Receiver<Held>,
}

impl Handle {
    /// One sentence for `/health`.
    pub fn describe(&self) -> String {
        let held = self.held.borrow();
        let sure = if held.sure() { "" } else { " (not renewed)" };
        format!("{} of 32 shards{sure}", held.shards.len())
    }
}

/// Starts a replica of the queue. Its dispatch must be ticking ([`dispatch::Dispatch::start`]).
pub async fn start(options: Options, life: &Lifecycle) -> Result<Handle, Error> {
    // The first thing that can fail, and the sign that the schema is there.
    options.store.ring_hours().await?;
    let me = options.ids.random();
    let (holder, held) = watch::channel(Held::default());
    let (reads, read) = mpsc::channel(READS_MAX);
    let hints = Hints::new(options.redis.clone());
    life.spawn(
        "queue leases",
        leases::keep(
            Plane::Queue,
            options.store.clone(),
            me,
            holder,
            life.clone(),
        ),
    );
    let source = Source {
        url: options.redis_url,
        password: options.redis_password,
        shared: options.redis.clone(),
    };
    life.spawn(
        "queue hints",
        reader::read(source, held.clone(), reads, life.clone()),
    );
    let leisure = Leisure {
        store: options.store.clone(),
        hints: hints.clone(),
        clock: options.clock.clone(),
        ids: options.ids,
    };
    life.spawn("queue leisure", redrive::work(leisure, life.clone()));
    let settler = settler(&options.store, &options.clock, life);
    let shared = Shared(Arc::new(Parts {
        store: options.store,
        dispatch: options.dispatch,
        clock: options.clock,
        ids: options.ids,
        settler,
    }));
    let setup = Setup {
        me,
        shared,
        hints,
        redis: options.redis,
        in_flight_max: options.in_flight_max,
    };
    life.spawn_critical(
        "queue owner",
        owner(setup, held.clone(), read, life.clone()),
    );
    Ok(Handle { held })
}

async fn owner(
    setup: Setup,
    held: watch::Receiver<Held>,
    read: mpsc::Receiver<crate::reader::Read>,
    life: Lifecycle,
) -> Result<(), std::convert::Infallible> {
    owner::run(setup, held, read, life).await;
    Ok(())
}

/// Commits ends without a run, in groups. A batch that the database does not take is answered so: its events are tried again.
fn settler(store: &Store, clock: &Clock, life: &Lifecycle) -> Batcher<Settlement, Option<bool>> {
    let options = Gathering {
        name: "settle without a run",
        items_max: 256,
        bytes_max: 4 << 20,
        in_flight: 1,
        waiting_max: 4_096,
    };
    let (store, clock) = (store.clone(), clock.clone());
    Batcher::start(options, life, move |batch: Vec<Settlement>| {
        let (store, clock) = (store.clone(), clock.clone());
        async move {
            let settled = store.settle(None, &batch, clock.now());
            match tokio::time::timeout(PATIENCE, settled).await {
                Ok(Ok(won)) => won.into_iter().map(Some).collect(),
                Ok(Err(error)) => {
                    tracing::warn!(%error, events = batch.len(), "ends of events not taken by the database");
                    vec![None; batch.len()]
                }
                Err(_) => vec![None; batch.len()],
            }
        }
    })
}

/// Longer than this the database is not waited for.
const PATIENCE: Duration = Duration::from_secs(10);
