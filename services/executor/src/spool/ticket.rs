//! The face of the spool: start before the handler, end before the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chassis::{Clock, Ids, Lifecycle};
use domain::execution::Execution;
use parking_lot::Mutex;
use store::Store;
use tokio::sync::Notify;
use uuid::Uuid;

use super::directory::Directory;
use super::journal::{Journal, Wake};
use super::options::{Error, Options};
use super::record::StartRecord;
use super::{keeper, recovery};
use crate::prices::Prices;

/// Handle to the executor's spool. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Spool {
    pub(super) shared: Arc<Shared>,
}

/// A handler that may run. Given back to [`Spool::end`]; dropped without, the execution counts as lost.
#[derive(Debug)]
#[must_use = "an execution that is never ended counts as lost"]
pub struct Ticket {
    shared: Arc<Shared>,
    start: i64,
    ended: bool,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) journal: Mutex<Journal>,
    pub(super) options: Options,
    pub(super) store: Store,
    pub(super) clock: Clock,
    prices: Prices,
    /// A sync failed: what the disk holds is unknown.
    pub(super) broken: AtomicBool,
    pub(super) wake_sync: Notify,
    pub(super) wake_seal: Notify,
    pub(super) wake_seal_now: Notify,
    pub(super) wake_upload: Notify,
    /// Held while syncing, so that whoever waits for a sync waits for one that began after its bytes were written.
    pub(super) syncing: Mutex<()>,
    /// Held while uploading: batches of an epoch go one after the other.
    pub(super) uploading: tokio::sync::Mutex<()>,
    directory: Directory,
}

impl Spool {
    /// Takes the directory, recovers what earlier boots left in it, and starts the background work.
    pub async fn open(
        options: Options,
        store: Store,
        prices: Prices,
        clock: Clock,
        life: &Lifecycle,
    ) -> Result<Self, Error> {
        let now = clock.now();
        let opening = options.clone();
        let open = move || {
            let directory = Directory::take(&opening.dir, Ids)?;
            let (executor, epoch) = (directory.executor, directory.epoch);
            let dir = directory.segments.clone();
            let mut legacy = recovery::recover(&dir, executor, epoch, now)?;
            let lost_events = std::mem::take(&mut legacy.lost_events);
            let journal = Journal::begin(&opening, (executor, epoch, dir), legacy, now)?;
            Ok((directory, journal, lost_events))
        };
        let (directory, journal, lost_events) = tokio::task::spawn_blocking(open)
            .await
            .map_err(|error| Error::io("opening")(std::io::Error::other(error)))??;
        let spool = Self {
            shared: Arc::new(Shared {
                journal: Mutex::new(journal),
                options,
                store,
                clock,
                prices,
                broken: AtomicBool::new(false),
                wake_sync: Notify::new(),
                wake_seal: Notify::new(),
                wake_seal_now: Notify::new(),
                wake_upload: Notify::new(),
                syncing: Mutex::new(()),
                uploading: tokio::sync::Mutex::new(()),
                directory,
            }),
        };
        keeper::start(&spool.shared, lost_events, life);
        Ok(spool)
    }

    /// This executor's id, the same at every start.
    pub fn executor_id(&self) -> Uuid {
        self.shared.directory.executor
    }

    /// This boot's number.
    pub fn boot_epoch(&self) -> i64 {
        self.shared.directory.epoch
    }

    /// Records that a handler is about to run. On an error it must not run: the call is refused.
    pub fn start(&self, start: &StartRecord) -> Result<Ticket, Error> {
        let shared = &self.shared;
        if shared.broken.load(Ordering::Relaxed) {
            return Err(Error::Broken);
        }
        let now = shared.clock.now();
        let (event, wake) = shared.journal.lock().start(start, now)?;
        shared.wake(wake);
        Ok(Ticket {
            shared: Arc::clone(shared),
            start: event,
            ended: false,
        })
    }

    /// Records how it went; answers the record's number in this boot. On an error the execution counts as lost and is not charged:
    /// its answer must not leave as a success.
    pub fn end(&self, mut ticket: Ticket, execution: &Execution) -> Result<i64, Error> {
        let billed_ms = self.shared.prices.billed_ms(execution);
        let (event, wake) = {
            let mut journal = self.shared.journal.lock();
            let wake = journal.end(ticket.start, execution, billed_ms)?;
            (journal.last_event(), wake)
        };
        ticket.ended = true;
        self.shared.wake(wake);
        Ok(event)
    }

    /// Seals what there is and sends it, once: at drain, when nothing runs any more. What the database does not take now
    /// stays on disk and is sent by the next start.
    pub async fn flush(&self) {
        if let Err(error) = keeper::flush(&self.shared).await {
            tracing::warn!(%error, "metering spool keeps what could not be sent");
        }
    }

    /// Batches that wait for the database.
    pub fn backlog(&self) -> usize {
        self.shared.journal.lock().backlog()
    }
}

impl Shared {
    pub(super) fn executor(&self) -> Uuid {
        self.directory.executor
    }

    /// `Notify` keeps one permit, so a wake-up between two waits is not lost.
    pub(super) fn wake(&self, wake: Wake) {
        if wake.sync {
            self.wake_sync.notify_one();
        }
        if wake.seal_soon {
            self.wake_seal.notify_one();
        }
        if wake.seal_now {
            self.wake_seal_now.notify_one();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let now = self.shared.clock.now();
        let lost = self.shared.journal.lock().lose(self.start, now);
        match lost {
            Ok(wake) => {
                metrics::counter!("tollgate_spool_platform_lost_total").increment(1);
                self.shared.wake(wake);
            }
            // Its start stays open, and the next start of the executor ends it.
            Err(error) => tracing::error!(%error, "lost execution not recorded yet"),
        }
    }
}
