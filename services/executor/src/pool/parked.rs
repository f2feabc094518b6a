//! Runtimes that are started ahead: sandboxes whose bootstrap has been imported and waits for its function.
//!
//! A cold start that finds one gives it its memory limit, its code and its environment, and saves the start of the
//! interpreter. They are generic: nothing of any function is in them. A runtime is parked once a function has used it, so a
//! host with ten interpreters does not keep ten of them in memory. Refilling is background work that waits until no
//! environment is starting, so that it never competes with a cold start for the processor.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chassis::Lifecycle;
use futures::FutureExt as _;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::environment;
use crate::measures::{Measures, Phase, Standing};
use crate::runtimes::{Runtime, Runtimes};
use crate::sandbox::{Sandbox, Sandboxes};

/// `/tmp` of parked sandboxes: Lambda's default. A function that asks for more is started without one.
pub(crate) const EPHEMERAL_MB: u32 = 512;
/// Until its function is known, a runtime may take so much memory.
const MEMORY_MB: u32 = 512;
/// No environment must have been starting for so long before the next one is parked.
const QUIET: Duration = Duration::from_millis(50);
/// Pause after parking failed.
const RETRY_DELAY: Duration = Duration::from_secs(10);

/// A parked sandbox, ready to be given a function.
pub(crate) struct Ready {
    pub(crate) sandbox: Sandbox,
    _standing: Standing,
}

struct Shared {
    /// Of each runtime that has been asked for.
    ready: Mutex<HashMap<String, Vec<Ready>>>,
    /// How many of each runtime.
    count: usize,
    /// Environments that are starting now.
    starting: AtomicUsize,
    /// One was taken, or a start ended.
    work: Notify,
    /// Whether nothing is missing.
    complete: watch::Sender<bool>,
    measures: Arc<Measures>,
}

/// Handle to the parked runtimes. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Parked(Arc<Shared>);

impl Parked {
    /// Keeps `count` sandboxes of each runtime that is used and can be parked, until the drain.
    pub(crate) fn start(
        count: usize,
        sandboxes: Sandboxes,
        runtimes: Runtimes,
        measures: Arc<Measures>,
        life: &Lifecycle,
    ) -> Self {
        let parked = Self(Arc::new(Shared {
            ready: Mutex::default(),
            count,
            starting: AtomicUsize::new(0),
            work: Notify::new(),
            complete: watch::Sender::new(false),
            measures,
        }));
        let (keeper, drain) = (parked.clone(), life.drain().clone());
        if count > 0 {
            life.spawn("park runtimes", async move {
                tokio::select! {
                    () = keeper.keep(&sandboxes, &runtimes) => {}
                    () = drain.cancelled() => {}
                }
            });
        }
        parked
    }

    /// A parked sandbox of this runtime that is still alive. The first question for a runtime makes it one that is parked.
    pub(crate) fn take(&self, runtime: &Runtime) -> Option<Ready> {
        if self.0.count == 0 {
            return None;
        }
        let taken = loop {
            let ready = self
                .0
                .ready
                .lock()
                .entry(runtime.name().to_owned())
                .or_default()
                .pop();
            match ready {
                Some(dead) if dead.sandbox.exited().now_or_never().is_some() => {
                    tracing::warn!(runtime = %runtime.name(), "a parked runtime had exited");
                }
                ready => break ready,
            }
        };
        self.0.complete.send_replace(false);
        self.0.work.notify_one();
        taken
    }

    /// Marks a cold start; refilling waits until all marks are dropped.
    pub(crate) fn starting(&self) -> Starting {
        self.0.starting.fetch_add(1, Ordering::AcqRel);
        Starting(self.clone())
    }

    async fn keep(&self, sandboxes: &Sandboxes, runtimes: &Runtimes) {
        loop {
            let missing = runtimes
                .list()
                .find(|runtime| runtime.can_park() && self.is_missing(runtime));
            let Some(runtime) = missing else {
                self.0.complete.send_replace(true);
                self.0.work.notified().await;
                continue;
            };
            self.quiet().await;
            if let Err(error) = self.park(sandboxes, runtime).await {
                tracing::warn!(runtime = %runtime.name(), %error, "parking a runtime failed");
                tokio::time::sleep(RETRY_DELAY).await;
            }
        }
    }

    /// Waits until nothing is missing.
    #[cfg(test)]
    pub(crate) async fn complete(&self) {
        let mut completed = self.0.complete.subscribe();
        let _ = completed.wait_for(|complete| *complete).await;
    }

    fn is_missing(&self, runtime: &Runtime) -> bool {
        let ready = self.0.ready.lock();
        ready
            .get(runtime.name())
            .is_some_and(|ready| ready.len() < self.0.count)
    }

    async fn quiet(&self) {
        loop {
            tokio::time::sleep(QUIET).await;
            if self.0.starting.load(Ordering::Acquire) == 0 {
                return;
            }
        }
    }

    async fn park(&self, sandboxes: &Sandboxes, runtime: &Runtime) -> Result<(), String> {
        runtime.prepare().await.map_err(|error| error.to_string())?;
        let program = runtime.launch(None).map_err(|fault| fault.message)?;
        let launch = environment::launch(program, MEMORY_MB, EPHEMERAL_MB);
        let sandbox = sandboxes
            .launch(launch)
            .await
            .map_err(|error| error.to_string())?;
        let ready = Ready {
            sandbox,
            _standing: self.0.measures.enter(Phase::Parked),
        };
        self.0
            .ready
            .lock()
            .entry(runtime.name().to_owned())
            .or_default()
            .push(ready);
        Ok(())
    }

    /// Ends all parked sandboxes.
    pub(crate) async fn close(&self) {
        let all = std::mem::take(&mut *self.0.ready.lock());
        for ready in all.into_values().flatten() {
            ready.sandbox.destroy().await;
        }
    }
}

/// An environment that is starting.
pub(crate) struct Starting(Parked);

impl Drop for Starting {
    fn drop(&mut self) {
        if self.0.0.starting.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.0.work.notify_one();
        }
    }
}
