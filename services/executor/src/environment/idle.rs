//! Between two events.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::job::{Assignment, Inbox, Job};
use super::life::Live;
use super::settle::Run;

/// An answer leaves before the runtime asks for its next event, so that asking does not delay it. A job that comes in
/// between waits so long; then it goes to another environment.
const PATIENCE: Duration = Duration::from_millis(100);

impl Live<'_> {
    /// Waits for the next job and gets it ready to run; `None` where the environment is over: idle for too long, evicted,
    /// exited, or still busy with its last event when that one's time was up (`time_up`).
    pub(super) async fn rest(
        &self,
        mailbox: &mut mpsc::Receiver<Assignment>,
        time_up: Instant,
    ) -> Option<(Run, Inbox)> {
        loop {
            let Assignment { job, inbox } = self.next_job(mailbox, time_up).await?;
            match self.ready_for(job, time_up).await? {
                Some(run) => return Some((run, inbox)),
                None => self.release(inbox)?,
            }
        }
    }

    async fn next_job(
        &self,
        mailbox: &mut mpsc::Receiver<Assignment>,
        time_up: Instant,
    ) -> Option<Assignment> {
        let ttl = tokio::time::Instant::now() + self.frame.pool().parts().idle_ttl;
        let exited = tokio::select! {
            biased;
            assignment = mailbox.recv() => return assignment,
            _ = self.sandbox.exited() => true,
            () = tokio::time::sleep_until(ttl) => false,
            () = self.hung(time_up) => false,
        };
        let withdrawn = self.withdraw();
        if exited {
            mailbox.close();
            // Waited for, not tried: a job may be half handed over, and nobody else would take it out.
            while let Some(late) = mailbox.recv().await {
                self.frame.pool().submit(late.job);
            }
            return None;
        }
        if withdrawn {
            return None;
        }
        // A job is on its way, or the environment has been evicted: either is seen at once.
        mailbox.recv().await
    }

    /// Resolves when the runtime should have asked for its next event and has not.
    async fn hung(&self, time_up: Instant) {
        if self.exchange.is_ready() {
            return std::future::pending().await;
        }
        tokio::select! {
            biased;
            () = self.exchange.ready() => std::future::pending().await,
            () = tokio::time::sleep_until(time_up.into()) => {}
        }
    }

    /// `Some(None)` where the job went elsewhere but the environment may rest on.
    async fn ready_for(&self, job: Job, time_up: Instant) -> Option<Option<Run>> {
        if !self.exchange.is_ready() {
            tokio::select! {
                biased;
                () = self.exchange.ready() => {}
                _ = self.sandbox.exited() => {
                    self.frame.pool().submit(job);
                    return None;
                }
                () = tokio::time::sleep(PATIENCE) => {
                    self.frame.pool().submit(job);
                    tokio::select! {
                        biased;
                        () = self.exchange.ready() => return Some(None),
                        _ = self.sandbox.exited() => return None,
                        () = tokio::time::sleep_until(time_up.into()) => return None,
                    }
                }
            }
        }
        self.frame.output.forget();
        Some(Run::begin(self.frame, job, false))
    }

    fn withdraw(&self) -> bool {
        self.frame
            .pool()
            .withdraw(&self.frame.spec.spec_id, self.frame.place.id)
    }
}
