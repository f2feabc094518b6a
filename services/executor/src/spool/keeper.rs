//! The background of the spool: sync, seal, send. Each sleeps until there is something to do.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chassis::Lifecycle;
use store::events::Author;
use store::usage::Ingested;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::batch;
use super::journal::Pending;
use super::options::Error;
use super::segment::Segment;
use super::ticket::Shared;

/// First and longest pause after the database did not answer.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Pause before a batch that the database holds back is tried again.
const HELD_RETRY: Duration = Duration::from_secs(30);

/// Waiting batches beyond which only full ones are sealed at once: a long outage must not grow the queue.
const BACKLOG_MANY: usize = 64;

/// How much slower the others are sealed then.
const BACKLOG_SLOWDOWN: u32 = 20;

/// Why sending stopped for now.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Spool(#[from] Error),
    #[error(
        "batch {batch} of epoch {epoch} is held back: the database waits for batch {next_batch}, event {next_event}"
    )]
    Held {
        epoch: i64,
        batch: i64,
        next_batch: i64,
        next_event: i64,
    },
}

/// Says what the spool's metrics are.
fn describe() {
    metrics::describe_gauge!(
        "tollgate_spool_bytes",
        metrics::Unit::Bytes,
        "Metering records on the local disk that the database has not acknowledged"
    );
    metrics::describe_gauge!(
        "tollgate_spool_batches_waiting",
        "Sealed batches of usage on their way to the database"
    );
    metrics::describe_counter!(
        "tollgate_spool_batches_total",
        "Batches of usage that the database has acknowledged"
    );
    metrics::describe_counter!(
        "tollgate_spool_damage_total",
        "Places in the metering spool that could not be read, or that the database knows otherwise"
    );
    metrics::describe_counter!(
        "tollgate_spool_held_total",
        "Times the database refused a batch because others before it are missing there"
    );
    metrics::describe_counter!(
        "tollgate_spool_platform_lost_total",
        "Executions that started and never ended: counted, not charged"
    );
}

/// Attempts of the queue's events that never ended, by epoch.
type LostEvents = Vec<(i64, Vec<(Uuid, u16)>)>;

/// Tells the queue which attempts were lost with an earlier boot, so that an event that brings executors down is given up.
async fn tell_losses(shared: Arc<Shared>, lost: LostEvents, drain: CancellationToken) {
    let executor = shared.executor();
    for (boot_epoch, attempts) in lost {
        let by = Author {
            executor,
            boot_epoch,
        };
        while let Err(error) = shared
            .store
            .note_losses(by, &attempts, shared.clock.now())
            .await
        {
            tracing::warn!(%error, "lost attempts of events not noted yet");
            tokio::select! {
                () = tokio::time::sleep(BACKOFF_MAX) => {}
                () = drain.cancelled() => return,
            }
        }
    }
}

/// Starts the background work. It ends at the drain once nothing runs and everything is sent, or at the cut.
pub(super) fn start(shared: &Arc<Shared>, lost_events: LostEvents, life: &Lifecycle) {
    describe();
    let stop = Stop {
        drain: life.drain().clone(),
        cut: life.cut().clone(),
    };
    if !lost_events.is_empty() {
        let told = tell_losses(Arc::clone(shared), lost_events, life.drain().clone());
        life.spawn("spool-losses", told);
    }
    life.spawn("spool-sync", keep_synced(Arc::clone(shared), stop.clone()));
    life.spawn("spool-seal", keep_sealed(Arc::clone(shared), stop.clone()));
    life.spawn("spool-send", keep_sent(Arc::clone(shared), stop));
}

#[derive(Debug, Clone)]
struct Stop {
    drain: CancellationToken,
    cut: CancellationToken,
}

impl Stop {
    /// Resolves when the work is over: cut, or draining with nothing left to run.
    async fn over(&self, shared: &Shared) {
        let drained = async {
            self.drain.cancelled().await;
            while shared.journal.lock().running() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = self.cut.cancelled() => {}
            () = drained => {}
        }
    }
}

/// One `fdatasync` per `sync_every` at most, and none while nothing is written.
async fn keep_synced(shared: Arc<Shared>, stop: Stop) {
    loop {
        tokio::select! {
            () = shared.wake_sync.notified() => {}
            () = stop.over(&shared) => break,
        }
        tokio::time::sleep(shared.options.sync_every).await;
        while !stop.cut.is_cancelled() && shared.journal.lock().syncer_goes_on() {
            sync(&shared).await;
            tokio::time::sleep(shared.options.sync_every).await;
        }
    }
    sync(&shared).await;
}

/// Syncs what is written by now. A failure breaks the spool: nothing says which pages the disk has.
async fn sync(shared: &Arc<Shared>) {
    let syncing = Arc::clone(shared);
    let result = tokio::task::spawn_blocking(move || {
        let _turn = syncing.syncing.lock();
        let files = syncing.journal.lock().take_unsynced();
        files.iter().try_for_each(|file| file.sync_data())
    });
    let failed = match result.await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    shared.broken.store(true, Ordering::Relaxed);
    tracing::error!(error = %failed, "metering spool could not sync: refusing new executions");
}

/// Seals a while after the first unsealed event or when a batch is full; an empty batch when nothing happened for long.
async fn keep_sealed(shared: Arc<Shared>, stop: Stop) {
    loop {
        tokio::select! {
            () = shared.wake_seal.notified() => {
                wait_for_more(&shared, &stop).await;
                while !stop.cut.is_cancelled() && shared.journal.lock().sealer_goes_on() {
                    seal(&shared).await;
                    wait_for_more(&shared, &stop).await;
                }
            }
            () = shared.wake_seal_now.notified() => seal_events(&shared).await,
            () = tokio::time::sleep(shared.options.heartbeat_every) => {
                // While the database is away, signs of life would only queue up.
                if shared.journal.lock().backlog() == 0 {
                    seal(&shared).await;
                }
            }
            () = stop.over(&shared) => break,
        }
    }
    if let Err(error) = flush(&shared).await {
        tracing::warn!(%error, "metering spool keeps what could not be sent");
    }
}

async fn wait_for_more(shared: &Shared, stop: &Stop) {
    let many = shared.journal.lock().backlog() > BACKLOG_MANY;
    let slowdown = if many { BACKLOG_SLOWDOWN } else { 1 };
    tokio::select! {
        () = tokio::time::sleep(shared.options.seal_after * slowdown) => {}
        () = shared.wake_seal_now.notified() => {}
        () = stop.over(shared) => {}
    }
}

/// Seals unless there is nothing to seal: a wake-up may be left over from a batch that is sealed already.
async fn seal_events(shared: &Arc<Shared>) {
    if shared.journal.lock().unsealed() > 0 {
        seal(shared).await;
    }
}

async fn seal(shared: &Arc<Shared>) {
    let sealing = Arc::clone(shared);
    let result = tokio::task::spawn_blocking(move || seal_and_roll(&sealing)).await;
    match result {
        Ok(Ok(())) => shared.wake_upload.notify_one(),
        Ok(Err(error)) => {
            tracing::error!(%error, "metering spool could not seal, trying again");
            // Events wait unsealed: the next round must come even if no event does.
            shared.wake_seal.notify_one();
        }
        Err(error) => tracing::error!(%error, "sealing did not finish"),
    }
}

fn gauge(bytes: u64, backlog: usize) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    let (bytes, backlog) = (bytes as f64, backlog as f64);
    metrics::gauge!("tollgate_spool_bytes").set(bytes);
    metrics::gauge!("tollgate_spool_batches_waiting").set(backlog);
}

fn seal_and_roll(shared: &Shared) -> Result<(), Error> {
    let now = shared.clock.now();
    let roll = {
        let mut journal = shared.journal.lock();
        journal.seal(now)?;
        gauge(journal.bytes(), journal.backlog());
        journal.wants_roll().then(|| journal.allot_segment())
    };
    if let Some((dir, number, capacity)) = roll {
        // Made outside the lock: executions must not wait for a directory to sync.
        let epoch = shared.journal.lock().epoch;
        let segment = Segment::create(&dir, epoch, number, capacity)?;
        let unused = segment.clone();
        let mut journal = shared.journal.lock();
        if journal.wants_roll() {
            journal.roll(Some((segment, capacity)), now)?;
        } else {
            // A start found no room and rolled by itself meanwhile.
            drop(journal);
            unused.retire()?;
        }
    }
    Ok(())
}

/// Sends what is sealed, with pauses while the database is away.
async fn keep_sent(shared: Arc<Shared>, stop: Stop) {
    let mut backoff = BACKOFF_FIRST;
    let mut retry = Some(Duration::ZERO);
    loop {
        tokio::select! {
            () = shared.wake_upload.notified(), if retry.is_none() => {}
            () = tokio::time::sleep(retry.unwrap_or_default()), if retry.is_some() => {}
            () = stop.over(&shared) => break,
        }
        retry = match send(&shared).await {
            Ok(()) => {
                backoff = BACKOFF_FIRST;
                None
            }
            Err(error @ SendError::Held { .. }) => {
                metrics::counter!("tollgate_spool_held_total").increment(1);
                tracing::error!(%error, "usage is held back");
                Some(HELD_RETRY)
            }
            Err(error) => {
                tracing::warn!(%error, retry_ms = backoff.as_millis(), "usage not taken by the database yet");
                let pause = backoff;
                backoff = (backoff * 2).min(BACKOFF_MAX);
                Some(pause)
            }
        };
    }
}

/// Seals and sends everything, once.
pub(super) async fn flush(shared: &Arc<Shared>) -> Result<(), SendError> {
    seal_events(shared).await;
    send(shared).await
}

/// Sends batch after batch until none waits. One held epoch does not hold up the others.
async fn send(shared: &Arc<Shared>) -> Result<(), SendError> {
    let _turn = shared.uploading.lock().await;
    let mut held = None;
    let mut held_epochs = Vec::new();
    loop {
        let mut fronts = shared.journal.lock().next_pending();
        fronts.retain(|pending| !held_epochs.contains(&pending.id.boot_epoch));
        if fronts.is_empty() {
            return held.map_or(Ok(()), Err);
        }
        for pending in fronts {
            match send_one(shared, &pending).await {
                Ok(()) => {}
                Err(error @ SendError::Held { .. }) => {
                    held_epochs.push(pending.id.boot_epoch);
                    held = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

async fn send_one(shared: &Arc<Shared>, pending: &Pending) -> Result<(), SendError> {
    // What the database counts must be on disk: after a power failure the same ids would otherwise name other events.
    sync(shared).await;
    let reading = pending.clone();
    let loaded = tokio::task::spawn_blocking(move || batch::load(&reading))
        .await
        .map_err(|error| Error::io("reading a batch")(std::io::Error::other(error)))??;
    if loaded.damaged {
        report_damage(shared, pending, "could not be read in full");
    }
    match shared.store.ingest_usage(&loaded.batch).await? {
        Ingested::Counted | Ingested::Known => {}
        Ingested::Equivocation => {
            report_damage(
                shared,
                pending,
                "is known to the database with another content",
            );
        }
        Ingested::Gap {
            next_batch,
            next_event,
        } => {
            return Err(SendError::Held {
                epoch: pending.id.boot_epoch,
                batch: pending.id.batch_seq,
                next_batch,
                next_event,
            });
        }
    }
    acknowledge(shared, pending).await
}

fn report_damage(shared: &Shared, pending: &Pending, why: &'static str) {
    metrics::counter!("tollgate_spool_damage_total").increment(1);
    tracing::error!(
        epoch = pending.id.boot_epoch,
        batch = pending.id.batch_seq,
        segment = pending.segment,
        "a batch of usage {why}: its segment goes to quarantine"
    );
    let mut journal = shared.journal.lock();
    journal.mark_damaged(pending.id.boot_epoch, pending.segment);
}

async fn acknowledge(shared: &Arc<Shared>, pending: &Pending) -> Result<(), SendError> {
    let (retired, bytes, backlog) = {
        let mut journal = shared.journal.lock();
        let retired = journal.acknowledge(pending.id);
        (retired, journal.bytes(), journal.backlog())
    };
    metrics::counter!("tollgate_spool_batches_total").increment(1);
    gauge(bytes, backlog);
    if retired.is_empty() {
        return Ok(());
    }
    let retire = move || retired.iter().try_for_each(Segment::retire);
    tokio::task::spawn_blocking(retire)
        .await
        .map_err(|error| Error::io("retiring segments")(std::io::Error::other(error)))??;
    Ok(())
}
