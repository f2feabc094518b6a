//! Start and stop of a process: every task belongs to a [`Lifecycle`].
//!
//! Stop has two steps. *Drain* (first signal, or a task that died): accept nothing new, finish what is in flight. *Cut*
//! (second signal, or the drain deadline): stop now. A task that ends with an error or a panic starts the drain and makes
//! the process exit with a failure.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::FutureExt;
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
    /// Whose drain a failure starts: one's own, or that of the life this one is nested in.
    outer_drain: Option<CancellationToken>,
}

impl Lifecycle {
    pub fn new() -> Self {
        Self::default()
    }

    /// A life inside this one, stopped after it by [`Self::stop`]: for what this one's tasks need until their end. A failure in
    /// it starts the drain of this one, and of the process.
    #[must_use]
    pub fn nested(&self) -> Self {
        Self {
            drain: CancellationToken::new(),
            cut: CancellationToken::new(),
            tasks: TaskTracker::new(),
            failure: Arc::clone(&self.failure),
            outer_drain: Some(self.outer_drain.as_ref().unwrap_or(&self.drain).clone()),
        }
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
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let life = self.clone();
        // What the task was in the middle of is not looked at again: the process ends.
        let task = AssertUnwindSafe(task).catch_unwind();
        self.tasks.spawn(async move {
            if task.await.is_err() {
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

    /// Work that runs to its end even where whoever waits for it goes away: it is done in the waiting task as long as that
    /// waits, and from then on in a task of its own.
    pub fn see_through<F>(&self, name: &'static str, work: F) -> SeenThrough<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        SeenThrough {
            life: self.clone(),
            name,
            work: Some(Box::pin(work)),
        }
    }

    /// Records a failure and starts the drain. The first one is the one reported.
    pub fn fail(&self, why: String) {
        tracing::error!(error = %why, "stopping after a failure");
        self.failure.lock().get_or_insert(why);
        self.outer_drain.as_ref().unwrap_or(&self.drain).cancel();
    }

    /// Waits for a signal or a failure, drains for at most `deadline`, then cuts. `Err` carries the failure's text.
    pub async fn run(&self, deadline: Duration) -> Result<(), String> {
        self.wait_for_stop().await;
        self.stop(deadline).await;
        self.failure.lock().take().map_or(Ok(()), Err)
    }

    /// Drains now for at most `deadline`, then cuts.
    pub async fn stop(&self, deadline: Duration) {
        self.drain.cancel();
        self.tasks.close();
        tokio::select! {
            () = self.tasks.wait() => {}
            () = tokio::time::sleep(deadline) => tracing::warn!("drain deadline passed, cutting"),
            () = any_signal() => tracing::warn!("second signal, cutting"),
        }
        self.cut.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(2), self.tasks.wait()).await;
    }

    async fn wait_for_stop(&self) {
        tokio::select! {
            () = any_signal() => tracing::info!("signal received, draining"),
            () = self.drain.cancelled() => {}
        }
    }
}

/// What [`Lifecycle::see_through`] answers.
#[must_use = "nothing is done before it is polled"]
pub struct SeenThrough<T: Send + 'static> {
    life: Lifecycle,
    name: &'static str,
    /// Gone once it has ended.
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
}

impl<T: Send> Future for SeenThrough<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.work else {
            // Asked again after its end, which nobody may.
            return Poll::Pending;
        };
        let output = ready!(work.as_mut().poll(cx));
        self.work = None;
        Poll::Ready(output)
    }
}

impl<T: Send> Drop for SeenThrough<T> {
    fn drop(&mut self) {
        // A panic is the end of it, too.
        if let Some(work) = self.work.take().filter(|_| !std::thread::panicking()) {
            self.life.spawn(self.name, async move {
                work.await;
            });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_drains_and_is_reported() {
        let life = Lifecycle::new();
        life.spawn_critical("part", async { Err("broke") });
        let ended = life.run(Duration::from_secs(5)).await;
        assert_eq!(ended, Err("part: broke".to_owned()));
        assert!(life.cut().is_cancelled());
    }

    #[tokio::test]
    async fn work_is_seen_through_whoever_waits() {
        let life = Lifecycle::new();
        assert_eq!(life.see_through("quick", async { 7 }).await, 7);

        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let (done, ended) = tokio::sync::oneshot::channel();
        let mut slow = Box::pin(life.see_through("slow", async {
            let _ = gone.await;
            let _ = done.send("ended");
        }));
        assert!(futures::poll!(slow.as_mut()).is_pending());
        drop(slow);
        let _ = go.send(());
        assert_eq!(ended.await, Ok("ended"));

        let never_polled = life.see_through("late", async {});
        drop(never_polled);
        life.stop(Duration::from_secs(5)).await;
        assert_eq!(life.failure.lock().take(), None);
    }

    #[tokio::test]
    async fn work_that_panics_is_not_begun_again() {
        let life = Lifecycle::new();
        let work = life.see_through("work", async { panic!("broke") });
        life.spawn("waiting", work);
        let ended = life.run(Duration::from_secs(5)).await;
        assert_eq!(ended, Err("task waiting panicked".to_owned()));
    }

    #[tokio::test]
    async fn a_nested_life_ends_after_the_one_around_it() {
        let life = Lifecycle::new();
        let inner = life.nested();
        let (outer_drain, inner_drain) = (life.drain().clone(), inner.drain().clone());
        let (done, ended) = tokio::sync::oneshot::channel();
        life.spawn("outer", async move {
            outer_drain.cancelled().await;
            // What the outer part needs still stands.
            let _ = done.send(inner_drain.is_cancelled());
        });
        inner.spawn_critical("inner", async { Err("broke") });
        assert_eq!(
            life.run(Duration::from_secs(5)).await,
            Err("inner: broke".to_owned())
        );
        assert_eq!(ended.await, Ok(false));
        inner.stop(Duration::from_secs(5)).await;
        assert!(inner.drain().is_cancelled());
    }

    #[tokio::test]
    async fn a_task_that_does_not_drain_is_cut() {
        let life = Lifecycle::new();
        let cut = life.cut().clone();
        life.spawn("slow", async move { cut.cancelled().await });
        life.drain().cancel();
        assert_eq!(life.run(Duration::from_millis(10)).await, Ok(()));
    }
}
