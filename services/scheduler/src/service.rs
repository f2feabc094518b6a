//! Putting a replica together.

use dispatch::cancel::Canceller;
use dispatch::leases::{self, Held, Plane};
use tokio::sync::watch;

use crate::options::Options;
use crate::owner::{self, Setup};

/// Why a scheduler did not start.
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
        format!(
            "{} of {} shards{sure}",
            held.shards.len(),
            domain::schedule::SHARDS
        )
    }
}

/// Starts a replica of the scheduler.
pub async fn start(options: Options, life: &chassis::Lifecycle) -> Result<Handle, Error> {
    // The first thing that can fail, and the sign that the schema is there.
    options.store.schedules_now().await?;
    let me = options.ids.random();
    let (holder, held) = watch::channel(Held::default());
    life.spawn(
        "scheduler leases",
        leases::keep(
            Plane::Scheduler,
            options.store.clone(),
            me,
            holder,
            life.clone(),
        ),
    );
    let canceller = Canceller {
        store: options.store.clone(),
        executors: options.executors,
        hints: options.hints.clone(),
        clock: options.clock.clone(),
        life: life.clone(),
    };
    let setup = Setup {
        store: options.store,
        hints: options.hints,
        canceller,
        clock: options.clock,
        ids: options.ids,
    };
    let owner = owner::run(setup, held.clone(), life.clone());
    life.spawn_critical("scheduler", async move {
        owner.await;
        Ok::<(), std::convert::Infallible>(())
    });
    Ok(Handle { held })
}
