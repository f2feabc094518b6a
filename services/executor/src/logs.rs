//! Ships log lines to the database in batches.
//!
//! Environments push lines and go on; one task appends them, a batch each 200 ms or each 5,000 lines, and sleeps while
//! there are none. What waits is bounded in bytes: when the database cannot keep up, new lines are dropped and counted, and
//! the count is logged once lines flow again. Functions never wait for their logs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chassis::Lifecycle;
use domain::log::LogLine;
use parking_lot::Mutex;
use store::Store;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Bytes of lines that may wait for the database.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A batch is sent as soon as it has so many lines.
const BATCH_LINES_MAX: usize = 5_000;
/// A batch's messages are together not longer than this, unless it is a single line.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The longest time that a line waits for company.
const BATCH_DELAY: Duration = Duration::from_millis(200);
/// Pause after the database refused a batch.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// How often a stopping executor tries again to send what is left.
const LAST_RETRIES_MAX: u32 = 2;

#[derive(Default)]
struct Waiting {
    lines: VecDeque<LogLine>,
    bytes: usize,
    dropped: u64,
}

struct Shared {
    waiting: Mutex<Waiting>,
    /// The first line after none, or enough for a batch.
    work: Notify,
    store: Store,
    /// One batch at a time, so that lines of a stream stay in order.
    sending: tokio::sync::Mutex<()>,
    /// Set once the last line has been sent.
    finished: CancellationToken,
}

/// Takes lines on their way to the database. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Logs(Arc<Shared>);

impl Logs {
    /// Starts the shipping task; it runs until [`Self::finish`], or until the cut.
    pub(crate) fn start(store: Store, life: &Lifecycle) -> Self {
        let logs = Self(Arc::new(Shared {
            waiting: Mutex::default(),
            work: Notify::new(),
            store,
            sending: tokio::sync::Mutex::default(),
            finished: CancellationToken::new(),
        }));
        let (shipping, cut) = (logs.clone(), life.cut().clone());
        life.spawn("ship logs", async move {
            tokio::select! {
                () = shipping.ship() => {}
                () = shipping.0.finished.cancelled() => {}
                () = cut.cancelled() => {}
            }
        });
        logs
    }

    /// Queues lines of one stream, in order; drops them where too much waits already.
    pub(crate) fn push(&self, lines: impl IntoIterator<Item = LogLine>) {
        let mut waiting = self.0.waiting.lock();
        let before = waiting.lines.len();
        for line in lines {
            let bytes = weight(&line);
            if waiting.bytes + bytes > WAITING_BYTES_MAX {
                waiting.dropped += 1;
                continue;
            }
            waiting.bytes += bytes;
            waiting.lines.push_back(line);
        }
        let after = waiting.lines.len();
        drop(waiting);
        let first = before == 0 && after > 0;
        let full = before < BATCH_LINES_MAX && after >= BATCH_LINES_MAX;
        if first || full {
            self.0.work.notify_one();
        }
    }

    async fn ship(&self) {
        loop {
            self.0.work.notified().await;
            while self.count() > 0 {
                let _ = tokio::time::timeout(BATCH_DELAY, self.batch_full()).await;
                if let Err(error) = self.send().await {
                    tracing::warn!(%error, "storing log lines failed, will try again");
                    tokio::time::sleep(RETRY_DELAY).await;
                }
            }
        }
    }

    /// A wake-up may be for the first line only, of this batch or of one that is sent already: what counts is the number.
    async fn batch_full(&self) {
        while self.count() < BATCH_LINES_MAX {
            self.0.work.notified().await;
        }
    }

    fn count(&self) -> usize {
        self.0.waiting.lock().lines.len()
    }

    /// Sends the oldest batch. After an error it waits again, in its place.
    async fn send(&self) -> Result<(), store::Error> {
        let _in_order = self.0.sending.lock().await;
        let batch: Vec<LogLine> = {
            let mut waiting = self.0.waiting.lock();
            let count = batch_lines(&waiting.lines);
            waiting.lines.drain(..count).collect()
        };
        if batch.is_empty() {
            return Ok(());
        }
        let sent = self.0.store.append_logs(&batch).await;
        let mut waiting = self.0.waiting.lock();
        if let Err(error) = sent {
            for line in batch.into_iter().rev() {
                waiting.lines.push_front(line);
            }
            return Err(error);
        }
        waiting.bytes -= batch.iter().map(weight).sum::<usize>();
        let dropped = std::mem::take(&mut waiting.dropped);
        drop(waiting);
        if dropped > 0 {
            metrics::counter!("tollgate_log_lines_dropped_total").increment(dropped);
            tracing::warn!(
                lines = dropped,
                "log lines of functions were dropped: the database could not keep up"
            );
        }
        Ok(())
    }

    /// Sends everything that waits and ends the shipping task: the last step of the drain.
    pub(crate) async fn finish(&self) {
        let mut attempts = 0;
        // Asked for a batch even where none waits: that waits for the one that is being sent.
        loop {
            match self.send().await {
                Ok(()) if self.count() == 0 => break,
                Ok(()) => {}
                Err(error) if attempts == LAST_RETRIES_MAX => {
                    let lines = self.count();
                    tracing::error!(%error, lines, "log lines are lost: the database refused them to the end");
                    break;
                }
                Err(_) => {
                    attempts += 1;
                    tokio::time::sleep(RETRY_DELAY).await;
                }
            }
        }
        self.0.finished.cancel();
    }
}

/// How many of the lines, from the oldest on, make a batch.
fn batch_lines(lines: &VecDeque<LogLine>) -> usize {
    let mut bytes = 0;
    let oldest = lines.iter().take(BATCH_LINES_MAX);
    let fitting = oldest.take_while(|line| {
        let first = bytes == 0;
        bytes += weight(line);
        first || bytes <= BATCH_BYTES_MAX
    });
    fitting.count()
}

/// What a line costs while it waits: its message and about 80 bytes around it.
fn weight(line: &LogLine) -> usize {
    line.message.len() + 80
}
