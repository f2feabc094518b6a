//! Who is gone, seen earlier than by a lease.
//!
//! Each replica has a session of the database to itself that holds a lock of a key of its own, and the database ends both when
//! the process dies. Whoever is not alone looks for the locks of the others a few times a second. One whose lock was seen and is
//! missing in two looks in a row is gone: its leases end now instead of in three seconds, and the shards are shared out anew at
//! once.
//!
//! A lock is missing, too, when only a connection broke. Therefore only what this session itself has seen can be missed, and a
//! young session declares nobody gone: after a restart of the database, everybody comes back first. Whoever lost its own session
//! asks at once for its leases. A host that dies without a word keeps its session open for long: then the lease remains the
//! rule.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use store::Store;
use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::Plane;

/// How often is looked for the others.
const LOOK: Duration = Duration::from_millis(200);
/// And how soon again where a lock is missing.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// In so many looks in a row a lock is missing whose holder is gone.
const MISSING_MAX: u8 = 2;
/// A session younger than this declares nobody gone.
const YOUNG: Duration = Duration::from_secs(2);
/// Before a session is begun anew where the last one did not last.
const PAUSE: Duration = Duration::from_secs(1);
/// Longer than this the database is not waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the roll of a plane's replicas is called with.
pub(super) struct Roll {
    pub(super) plane: Plane,
    pub(super) store: Store,
    pub(super) me: Uuid,
    /// As the last round found them.
    pub(super) members: watch::Receiver<Vec<Uuid>>,
    /// Leases ended before their time: it is time for a round.
    pub(super) changed: Notify,
}

impl Roll {
    /// Attends and calls the roll, for ever; with a new session whenever one is lost.
    pub(super) async fn call(&self) {
        let mut attended = false;
        loop {
            let began = Instant::now();
            let Err(error) = self.attend(began, &mut attended).await;
            tracing::debug!(%error, "the session that shows others that this replica lives was lost");
            if began.elapsed() < YOUNG {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// As long as a session lasts. `attended`: whether there was one before.
    async fn attend(&self, began: Instant, attended: &mut bool) -> Result<Infallible, Lost> {
        let session = tokio::time::timeout(PATIENCE, self.store.attend(key(self.me)));
        let mut session = session.await??;
        if std::mem::replace(attended, true) {
            // Meanwhile others may have thought that this is the end.
            self.changed.notify_one();
        }
        let (mut members, mut seen) = (self.members.clone(), Seen::default());
        loop {
            let pause = if seen.misses() { LOOK_AGAIN } else { LOOK };
            tokio::time::sleep(pause).await;
            // Alone, nobody is to be looked for.
            let mut others = members.wait_for(|members| members.len() > 1).await?.clone();
            others.retain(|member| *member != self.me);
            let keys: Vec<i64> = others.iter().map(|member| key(*member)).collect();
            let present = tokio::time::timeout(PATIENCE, session.present(&keys)).await??;
            let gone = seen.look(&others, &present);
            if !gone.is_empty() && began.elapsed() > YOUNG {
                tracing::info!(?gone, "replicas are gone: their shards are taken over");
                self.plane.forget(&self.store, &gone).await?;
                seen.0.retain(|member, _| !gone.contains(member));
                self.changed.notify_one();
            }
        }
    }
}

/// Why a session is given up.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the database does not answer")]
    Silence(#[from] tokio::time::error::Elapsed),
    #[error("nobody keeps leases any more")]
    Over(#[from] watch::error::RecvError),
}

/// Members whose lock a session has seen, and in how many looks in a row it was missing since.
#[derive(Debug, Default)]
struct Seen(HashMap<Uuid, u8>);

impl Seen {
    /// Whether somebody was missing in the last look.
    fn misses(&self) -> bool {
        self.0.values().any(|missing| *missing > 0)
    }

    /// Takes in a look for `members`; answers which of them are gone.
    fn look(&mut self, members: &[Uuid], present: &[i64]) -> Vec<Uuid> {
        self.0.retain(|member, _| members.contains(member));
        let mut gone = Vec::new();
        for member in members {
            if present.contains(&key(*member)) {
                self.0.insert(*member, 0);
            } else if let Some(missing) = self.0.get_mut(member) {
                *missing = missing.saturating_add(1);
                if *missing >= MISSING_MAX {
                    gone.push(*member);
                }
            }
        }
        gone
    }
}

/// The key of a replica's lock.
fn key(member: Uuid) -> i64 {
    let (high, low) = member.as_u64_pair();
    (high ^ low).cast_signed()
}

#[cfg(test)]
mod tests;
