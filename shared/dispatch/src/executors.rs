//! The executors this gateway knows, and which of them gets the next event.
//!
//! An executor of this process is added once. Others announce themselves in Redis; the gateway's tick reads the
//! announcements each second, connects, and keeps a `Watch` stream open to each, which tells its room and its idle
//! environments. The index is memory only: choosing an executor asks nobody. Redis may be wiped: announced executors
//! come back with their next heartbeat, connected ones are not dropped before their stream breaks.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chassis::Lifecycle;
use futures::StreamExt as _;
use parking_lot::{Mutex, RwLock};
use rpc::executor::{CancelRequest, Client, Room, RunningReply};

use crate::witness::Witnesses;

/// One executor as this gateway sees it.
pub struct Member {
    pub id: String,
    pub client: Client,
    /// Latest snapshot from its `Watch` stream.
    room: RwLock<Room>,
    /// Events that this gateway has there now.
    pub in_flight: AtomicU32,
    /// Specs that were sent there already.
    specs: Mutex<HashSet<String>>,
}

/// Longer than this nobody waits for an executor to say what runs there.
const PATIENCE: Duration = Duration::from_secs(2);

/// More specs than this are forgotten together; the executor asks for one again where it needs it.
const SPECS_KNOWN_MAX: usize = 20_000;

impl Member {
    fn new(id: String, client: Client) -> Self {
        Self {
            id,
            client,
            room: RwLock::default(),
            in_flight: AtomicU32::new(0),
            specs: Mutex::default(),
        }
    }

    /// Whether the spec was sent before; remembers that it is sent now.
    pub fn learns(&self, spec_id: &str) -> bool {
        let mut specs = self.specs.lock();
        if specs.contains(spec_id) {
            return false;
        }
        if specs.len() >= SPECS_KNOWN_MAX {
            specs.clear();
        }
        specs.insert(spec_id.to_owned())
    }

    /// How well this executor suits the spec: an idle environment first, then free memory. `None` while it drains.
    fn rank(&self, spec_id: &str, memory_mb: u32) -> Option<(bool, bool, i64)> {
        let room = self.room.read();
        if room.draining {
            return None;
        }
        let warm = room
            .warm
            .iter()
            .any(|warm| warm.spec_id == spec_id && warm.idle > 0);
        let fits = room.free_mb >= u64::from(memory_mb);
        let busy = i64::from(self.in_flight.load(Ordering::Relaxed));
        Some((warm, fits, -busy))
    }
}

/// All executors. Cheap to clone.
#[derive(Clone, Default)]
pub struct Executors {
    members: Arc<RwLock<Vec<Arc<Member>>>>,
    pub(crate) witnesses: Witnesses,
}

impl Executors {
    /// Adds an executor and follows its room until its stream ends for good.
    pub fn add(&self, id: String, client: Client, life: &Lifecycle) {
        let member = Arc::new(Member::new(id, client));
        self.members.write().push(Arc::clone(&member));
        let (all, drain) = (self.clone(), life.drain().clone());
        life.spawn("watch executor", async move {
            tokio::select! {
                () = watch(&member) => {}
                () = drain.cancelled() => return,
            }
            tracing::warn!(executor.id = %member.id, "executor is gone");
            all.members
                .write()
                .retain(|other| !Arc::ptr_eq(other, &member));
        });
    }

    pub fn knows(&self, id: &str) -> bool {
        self.members.read().iter().any(|member| member.id == id)
    }

    /// How many executors are there.
    pub fn count(&self) -> usize {
        self.members.read().len()
    }

    /// How busy the least busy executor's processors are, in thousandths; 1000 where there is none.
    pub fn busy_permille(&self) -> u32 {
        let members = self.members.read();
        let busy = members
            .iter()
            .map(|member| member.room.read().cpu_busy_permille);
        busy.min().unwrap_or(1000)
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Member>> {
        self.members.read().clone()
    }

    /// Has an event of an account ended, wherever it runs; false where no executor has it.
    pub async fn cancel(&self, request_id: &str, account: &str) -> bool {
        let asked = self.all().into_iter().map(|member| async move {
            let request = CancelRequest {
                request_id: request_id.to_owned(),
                account: account.to_owned(),
            };
            let answer = tokio::time::timeout(PATIENCE, member.client.cancel(request)).await;
            matches!(answer, Ok(Ok(reply)) if reply.running)
        });
        futures::future::join_all(asked)
            .await
            .into_iter()
            .any(|running| running)
    }

    /// The attempts of events that are on each executor now; executors that do not answer are left out.
    pub async fn running(&self) -> Vec<RunningReply> {
        let asked = self.all().into_iter().map(|member| async move {
            let answer = tokio::time::timeout(PATIENCE, member.client.running()).await;
            answer.ok()?.ok()
        });
        let answers = futures::future::join_all(asked).await;
        answers.into_iter().flatten().collect()
    }

    /// Executors that may take an event of this spec, the best first.
    pub fn candidates(&self, spec_id: &str, memory_mb: u32) -> Vec<Arc<Member>> {
        let members = self.members.read();
        if let [only] = members.as_slice() {
            return vec![Arc::clone(only)];
        }
        let mut ranked: Vec<_> = members
            .iter()
            .filter_map(|member| Some((member.rank(spec_id, memory_mb)?, Arc::clone(member))))
            .collect();
        ranked.sort_by(|(a, _), (b, _)| b.cmp(a));
        ranked.into_iter().map(|(_, member)| member).collect()
    }
}

/// Copies the executor's room as it changes; returns when the stream cannot be had.
async fn watch(member: &Member) {
    let Ok(mut rooms) = member.client.watch().await else {
        return;
    };
    while let Some(Ok(room)) = rooms.next().await {
        *member.room.write() = room;
    }
}
