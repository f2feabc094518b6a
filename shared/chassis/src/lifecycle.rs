//! Start and stop of a process: every task belongs to a [`Lifecycle`].
//!
//! Stop has two steps. *Drain* (first signal, or a task that died): accept nothing new, finish what is in flight. *Cut*
//! (second signal, or the drain deadline): stop now. A task that ends with an error or a panic starts the drain and makes
//! the process exit with a failure.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Handle to the process' life. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    drain: CancellationToken,
    cut: CancellationToken,
    tasks: TaskTracker,
    failure: Arc<Mutex<Option<String>>>,
}

impl Lifecycle {
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when the process should accept nothing new and finish what it has.
    pub fn drain(&self) -> &CancellationToken {
        &self.drain
    }

    /// Cancelled when the process must stop at once.
    pub fn cut(&self) -> &CancellationToken {
        &self.cut
    }

    /// Runs a task that stop waits for. One that must end before the process does watches [`Self::drain`].
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that spawns"
    )]
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let life = self.clone();
        let handle = tokio::spawn(task);
        self.tasks.spawn(async move {
            if let Err(error) = handle.await
                && error.is_panic()
            {
                life.fail(format!("task {name} panicked"));
            }
        });
    }

    /// As [`Self::spawn`], for a task whose error ends the process.
    pub fn spawn_critical<F, E>(&self, name: &'static str, task: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: std::fmt::Display,
    {
        let life = self.clone();
        self.spawn(name, async move {
            if let Err(error) = task.await {
                life.fail(format!("{name}: {error}"));
            }
        });
    }

    /// Records a failure and starts the drain. The first one is the one reported.
    pub fn fail(&self, why: String) {
        tracing::error!(error = %why, "stopping after a failure");
        self.failure.lock().get_or_insert(why);
        self.drain.cancel();
    }

    /// Waits for a signal or a failure, drains for at most `deadline`, then cuts. `Err` carries the failure's text.
    pub async fn run(&self, deadline: Duration) -> Result<(), String> {
        self.wait_for_stop().await;
        self.drain.cancel();
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => {}
            () = tokio::time::sleep(deadline) => tracing::warn!("drain deadline passed, cutting"),
            () = any_signal() => tracing::warn!("second signal, cutting"),
        }
        self.cut.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(2), self.tasks.wait()).await;
        self.failure.lock().take().map_or(Ok(()), Err)
    }

    async fn wait_for_stop(&self) {
        tokio::select! {
            () = any_signal() => tracing::info!("signal received, draining"),
            () = self.drain.cancelled() => {}
        }
    }
}

/// Resolves at the next SIGTERM or SIGINT; never where handlers cannot be installed.
async fn any_signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
