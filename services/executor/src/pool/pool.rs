//! How an invocation gets an environment: an idle one of its spec, or a new one.
//!
//! The lock guards bookkeeping only and is never held across an await: cold starts, of the same function or of different
//! ones, do not wait for each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chassis::{Clock, Ids, Lifecycle};
use domain::FunctionSpec;
use parking_lot::Mutex;
use rpc::executor::Room as RoomMessage;
use tokio::sync::{Notify, watch};
use tonic::Status;

use super::parked::Parked;
use super::room::{Full, Idle, Room, Seat};
use crate::code::CodeCache;
use crate::environment::{self, Assignment, Job};
use crate::events::Settler;
use crate::gateway::GatewayUrl;
use crate::load::Load;
use crate::logs::Logs;
use crate::measures::Measures;
use crate::prices::Prices;
use crate::runtimes::Runtimes;
use crate::sandbox::Sandboxes;
use crate::spool::Spool;

/// What environments are made of and report to.
pub(crate) struct Parts {
    pub(crate) executor_id: String,
    pub(crate) sandboxes: Sandboxes,
    pub(crate) runtimes: Runtimes,
    pub(crate) code: CodeCache,
    pub(crate) spool: Spool,
    pub(crate) settler: Settler,
    pub(crate) load: Load,
    pub(crate) prices: Prices,
    pub(crate) logs: Logs,
    pub(crate) clock: Clock,
    pub(crate) host_clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) life: Lifecycle,
    pub(crate) measures: Arc<Measures>,
    /// An environment that was idle so long ends.
    pub(crate) idle_ttl: Duration,
    /// Where functions are led that call the platform.
    pub(crate) gateway: Option<GatewayUrl>,
}

struct Shared {
    parts: Parts,
    parked: Parked,
    room: Mutex<Room>,
    next_id: AtomicU64,
    /// Told after every change of the room.
    changed: watch::Sender<()>,
    /// Told when the last environment has gone.
    empty: Notify,
}

/// Handle to the pool. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

impl Pool {
    pub(crate) fn new(parts: Parts, parked: Parked, memory_mb_max: u64) -> Self {
        Self(Arc::new(Shared {
            parts,
            parked,
            room: Mutex::new(Room::new(memory_mb_max)),
            next_id: AtomicU64::new(1),
            changed: watch::Sender::new(()),
            empty: Notify::new(),
        }))
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.0.parts
    }

    pub(crate) fn parked(&self) -> &Parked {
        &self.0.parked
    }

    /// Gives the job to an idle environment or starts one for it. Where neither can be, the job is answered so.
    pub(crate) fn submit(&self, mut job: Job) {
        while let Some(Idle { inbox, .. }) = self.take(&job.spec.spec_id) {
            let address = inbox.clone();
            match inbox.try_send(Assignment {
                job,
                inbox: address,
            }) {
                Ok(()) => return,
                // It exited this moment.
                Err(refused) => job = refused.into_inner().job,
            }
        }
        self.start(job);
    }

    fn take(&self, spec_id: &str) -> Option<Idle> {
        let idle = self.0.room.lock().take(spec_id);
        if idle.is_some() {
            self.0.changed.send_replace(());
        }
        idle
    }

    fn start(&self, job: Job) {
        let reserved = {
            let mut room = self.0.room.lock();
            if room.is_closed() {
                drop(room);
                return job.refuse(Status::unavailable("executor is draining"));
            }
            room.reserve(job.spec.memory_mb)
        };
        let Ok((seat, evicted)) = reserved.map_err(|Full| ()) else {
            self.0.parts.measures.no_room.increment(1);
            return job.refuse(Status::resource_exhausted(
                "no memory for another environment",
            ));
        };
        drop(evicted);
        self.0.changed.send_replace(());
        let id = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let place = Place {
            pool: self.clone(),
            seat,
            id,
        };
        self.0
            .parts
            .life
            .spawn("environment", environment::run(place, job));
    }

    /// An environment has become idle. Dropping what comes back ends it.
    pub(crate) fn release(&self, idle: Idle, spec: &FunctionSpec) -> Result<(), Idle> {
        self.0.room.lock().release(idle, spec)?;
        self.0.changed.send_replace(());
        Ok(())
    }

    /// Takes a certain idle environment out; false where it is idle no longer.
    pub(crate) fn withdraw(&self, spec_id: &str, id: u64) -> bool {
        let withdrawn = self.0.room.lock().withdraw(spec_id, id).is_some();
        if withdrawn {
            self.0.changed.send_replace(());
        }
        withdrawn
    }

    /// Ends idle environments of the spec that this one replaces, and answers that one's id.
    pub(crate) fn supersede(&self, spec: &FunctionSpec) -> Option<String> {
        let (before, ended) = self.0.room.lock().supersede(spec)?;
        if !ended.is_empty() {
            drop(ended);
            self.0.changed.send_replace(());
        }
        Some(before)
    }

    /// Starts nothing any more, ends what is idle and returns once the last environment has gone.
    pub(crate) async fn drain(&self) {
        let ended = self.0.room.lock().close();
        drop(ended);
        self.0.changed.send_replace(());
        self.0.parked.close().await;
        loop {
            let empty = self.0.empty.notified();
            if self.0.room.lock().live() == 0 {
                return;
            }
            empty.await;
        }
    }

    /// Told after every change that [`Self::snapshot`] would show.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    pub(crate) fn snapshot(&self) -> RoomMessage {
        let room = self.0.room.lock();
        RoomMessage {
            executor_id: self.0.parts.executor_id.clone(),
            free_mb: room.free_mb(),
            warm: room.warm(),
            draining: room.is_closed(),
            boot_epoch: self.0.parts.spool.boot_epoch(),
            cpu_busy_permille: self.0.parts.load.busy_permille(),
        }
    }

    /// Environments that are not gone yet.
    pub(crate) fn live(&self) -> usize {
        self.0.room.lock().live()
    }
}

/// One environment's place in the pool, from its start until it is gone.
pub(crate) struct Place {
    pub(crate) pool: Pool,
    pub(crate) seat: Arc<Seat>,
    pub(crate) id: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        let shared = &self.pool.0;
        let mut room = shared.room.lock();
        room.leave(&self.seat);
        let empty = room.live() == 0;
        drop(room);
        shared.changed.send_replace(());
        if empty {
            shared.empty.notify_waiters();
        }
    }
}
