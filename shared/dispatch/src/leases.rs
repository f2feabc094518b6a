//! Which shards are ours: replicas share them out evenly and hold them by leases in the database.
//!
//! Every second a replica says that it lives, sees who else does, and takes or gives back shards. A lease that could not be renewed
//! counts as lost a little before it lapses, by our own monotonic clock: an owner that was stopped for a while must not believe
//! that it still is one. Executors refuse what an older epoch sends, should it believe it anyway.
//!
//! Leases spare work, and nothing else: what two owners do at once dies at primary keys (of outcomes, of fires) and at the epochs. So a
//! lease may be cut short as soon as its holder is seen to be gone ([`attendance`]), although that is sometimes an error: who is
//! wrongly thought to be gone finds out at its next round, and takes part again.

mod attendance;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use chassis::Lifecycle;
use store::Store;
use store::events::ShardLease;
use tokio::sync::{Notify, watch};
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use self::attendance::Roll;

/// Whose shards. Leases lie in one table; each service has a range of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    Queue,
    Scheduler,
}

impl Plane {
    /// The first shard's number among the leases, and how many there are.
    fn shards(self) -> (i16, i16) {
        match self {
            Self::Queue => (0, i16::try_from(domain::event::SHARDS).unwrap_or(0)),
            Self::Scheduler => (store::fires::FIRST_SHARD, domain::schedule::SHARDS),
        }
    }

    async fn members(self, store: &Store, me: Uuid) -> Result<Vec<Uuid>, store::Error> {
        match self {
            Self::Queue => store.queue_members(me, MEMBER_MS).await,
            Self::Scheduler => store.scheduler_members(me, MEMBER_MS).await,
        }
    }

    /// These replicas are gone: nobody waits for their leases.
    async fn forget(self, store: &Store, gone: &[Uuid]) -> Result<(), store::Error> {
        match self {
            Self::Queue => store.forget_queue_members(gone).await,
            Self::Scheduler => store.forget_scheduler_members(gone).await,
        }
    }

    async fn leave(self, store: &Store, me: Uuid) -> Result<(), store::Error> {
        match self {
            Self::Queue => store.leave_queue(me).await,
            Self::Scheduler => store.leave_scheduler(me).await,
        }
    }
}

const PERIOD: Duration = Duration::from_secs(1);
const LEASE_MS: u32 = 3_000;
/// A replica that was not seen for so long gets no shards.
const MEMBER_MS: u32 = 3_500;
/// What is taken off a lease for the time that a word takes.
const MARGIN_MS: u32 = 300;

/// The shards that are held, counted from 0 within the plane, and until when that is sure.
#[derive(Debug, Clone, Default)]
pub struct Held {
    pub shards: Vec<ShardLease>,
    pub until: Option<Instant>,
}

impl Held {
    /// Whether this owner may still act.
    pub fn sure(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }

    pub fn epoch(&self, shard: i16) -> Option<i64> {
        let held = self.shards.iter().find(|held| held.shard == shard)?;
        self.sure().then_some(held.epoch)
    }
}

/// Keeps leases until the drain, then gives them back.
pub async fn keep(
    plane: Plane,
    store: Store,
    me: Uuid,
    held: watch::Sender<Held>,
    life: Lifecycle,
) {
    let (known, members) = watch::channel(Vec::new());
    let roll = Roll {
        plane,
        store: store.clone(),
        me,
        members,
        changed: Notify::new(),
    };
    tokio::select! {
        () = renew(&roll, &known, &held) => {}
        () = roll.call() => {}
        () = life.drain().cancelled() => {}
    }
    let (first, _) = plane.shards();
    let shards: Vec<i16> = held
        .borrow()
        .shards
        .iter()
        .map(|held| first + held.shard)
        .collect();
    held.send_replace(Held::default());
    let leave = async {
        store.release_shards(me, &shards).await?;
        plane.leave(&store, me).await
    };
    match tokio::time::timeout(PERIOD, leave).await {
        Ok(Ok(())) => {}
        // They lapse by themselves.
        Ok(Err(error)) => tracing::debug!(%error, "shards not given back"),
        Err(_) => tracing::debug!("shards not given back in time"),
    }
}

/// Rounds for ever: once a second, and when others are gone.
async fn renew(roll: &Roll, known: &watch::Sender<Vec<Uuid>>, held: &watch::Sender<Held>) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = roll.changed.notified() => {}
        }
        let asked = Instant::now();
        let round = tokio::time::timeout(PERIOD * 2, round(roll, known, held));
        match round.await {
            Ok(Ok(shards)) => {
                let until = asked + Duration::from_millis(u64::from(LEASE_MS - MARGIN_MS));
                held.send_replace(Held {
                    shards,
                    until: Some(until),
                });
            }
            Ok(Err(error)) => tracing::warn!(%error, "leases on shards not renewed"),
            Err(_) => tracing::warn!("leases on shards not renewed: the database does not answer"),
        }
    }
}

async fn round(
    roll: &Roll,
    known: &watch::Sender<Vec<Uuid>>,
    held: &watch::Sender<Held>,
) -> Result<Vec<ShardLease>, store::Error> {
    let (store, me) = (&roll.store, roll.me);
    let (first, count) = roll.plane.shards();
    let numbers =
        |shards: &[i16]| -> Vec<i16> { shards.iter().map(|shard| first + shard).collect() };
    let members = roll.plane.members(store, me).await?;
    let owners = store.shard_owners(first, count).await?;
    let owners: Vec<Option<Uuid>> = (first..first + count)
        .map(|shard| owners.get(&shard).copied())
        .collect();
    let wanted = share(me, &members, &owners);
    known.send_replace(members);
    let not_ours: Vec<i16> = held
        .borrow()
        .shards
        .iter()
        .map(|held| held.shard)
        .filter(|shard| !wanted.contains(shard))
        .collect();
    if !not_ours.is_empty() {
        // First nothing more is done for them, then another may have them.
        held.send_modify(|held| held.shards.retain(|held| !not_ours.contains(&held.shard)));
        store.release_shards(me, &numbers(&not_ours)).await?;
    }
    let mut leases = store.hold_shards(me, &numbers(&wanted), LEASE_MS).await?;
    for lease in &mut leases {
        lease.shard -= first;
    }
    Ok(leases)
}

/// The shards that fall to `me`, of those that have these owners now. Nobody gets more than an even part, so that a crowd of work is over
/// everywhere at about the same time; and who has no more than that keeps what he has, so that a member that comes or goes moves
/// little. The rest goes by scores: all members see the same and come to the same end.
fn share(me: Uuid, members: &[Uuid], owners: &[Option<Uuid>]) -> Vec<i16> {
    let part = owners.len().div_ceil(members.len().max(1));
    let mut loads: HashMap<Uuid, Vec<i16>> =
        members.iter().map(|member| (*member, Vec::new())).collect();
    let mut free = Vec::new();
    for (shard, owner) in (0..).zip(owners) {
        match owner.and_then(|owner| loads.get_mut(&owner)) {
            Some(load) => load.push(shard),
            None => free.push(shard),
        }
    }
    for (member, load) in &mut loads {
        load.sort_by_key(|shard| Reverse(score(*member, *shard)));
        free.extend(load.drain(part.min(load.len())..));
    }
    free.sort_unstable();
    for shard in free {
        let roomy = loads.iter_mut().filter(|(_, load)| load.len() < part);
        if let Some((_, load)) = roomy.max_by_key(|(member, _)| score(**member, shard)) {
            load.push(shard);
        }
    }
    let mut mine = loads.remove(&me).unwrap_or_default();
    mine.sort_unstable();
    mine
}

fn score(member: Uuid, shard: i16) -> u64 {
    let (high, low) = member.as_u64_pair();
    let mut hash = high ^ low.rotate_left(32) ^ (u64::from(shard.cast_unsigned()) << 17);
    // The mixing of splitmix64: every bit of the input moves every bit of the score.
    hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(number: u128) -> Uuid {
        Uuid::from_u128(number * 0x1234_5678_9abc_def1)
    }

    /// Shares shards out until nothing moves any more; answers who owns what then.
    fn settled(members: &[Uuid], mut owners: Vec<Option<Uuid>>) -> Vec<Option<Uuid>> {
        for _ in 0..3 {
            let mut next = vec![None; owners.len()];
            for me in members {
                for shard in share(*me, members, &owners) {
                    let place = &mut next[usize::try_from(shard).unwrap()];
                    assert_eq!(*place, None, "shard {shard} has two owners");
                    *place = Some(*me);
                }
            }
            owners = next;
        }
        owners
    }

    fn counts(members: &[Uuid], owners: &[Option<Uuid>]) -> Vec<usize> {
        let count = |me: &Uuid| owners.iter().filter(|owner| **owner == Some(*me)).count();
        let mut counts: Vec<usize> = members.iter().map(count).collect();
        counts.sort_unstable();
        counts
    }

    fn moved(before: &[Option<Uuid>], after: &[Option<Uuid>]) -> usize {
        before.iter().zip(after).filter(|(a, b)| a != b).count()
    }

    #[test]
    fn every_shard_has_one_owner_and_nobody_more_than_a_part() {
        for (shards, count, want) in [
            (16, 1, vec![16]),
            (16, 2, vec![8, 8]),
            (32, 4, vec![8; 4]),
            (2, 3, vec![0, 1, 1]),
        ] {
            let members: Vec<Uuid> = (1..=count).map(member).collect();
            let owners = settled(&members, vec![None; shards]);
            assert_eq!(counts(&members, &owners), want);
        }
        let three: Vec<Uuid> = (1..=3).map(member).collect();
        let owners = settled(&three, vec![None; 16]);
        assert!(owners.iter().all(Option::is_some));
        assert!(
            counts(&three, &owners)
                .iter()
                .all(|count| (4..=6).contains(count))
        );
    }

    #[test]
    fn a_member_that_comes_or_goes_moves_little() {
        let three: Vec<Uuid> = (1..=3).map(member).collect();
        let all = settled(&three, vec![None; 16]);
        // Without the third, the others keep what they had, and share the rest.
        let theirs = all.iter().filter(|owner| **owner == Some(three[2])).count();
        let two = settled(&three[..2], all.clone());
        assert_eq!(moved(&all, &two), theirs);
        assert_eq!(counts(&three[..2], &two), [8, 8]);
        // When it comes back, nobody gives more than it must.
        let back = settled(&three, two.clone());
        assert_eq!(moved(&two, &back), 4);
        assert_eq!(counts(&three, &back), [4, 6, 6]);
        assert_eq!(settled(&three, back.clone()), back);
    }

    #[test]
    fn whoever_is_no_member_gets_nothing() {
        let owners = vec![Some(member(9)); 16];
        assert!(share(member(9), &[member(1)], &owners).is_empty());
        assert_eq!(share(member(1), &[member(1)], &owners).len(), 16);
        assert!(share(member(1), &[], &owners).is_empty());
    }

    #[test]
    fn an_old_lease_is_not_believed() {
        let lease = ShardLease { shard: 3, epoch: 7 };
        let held = |until| Held {
            shards: vec![lease],
            until,
        };
        let later = Instant::now() + Duration::from_mins(1);
        assert_eq!(held(Some(later)).epoch(3), Some(7));
        assert_eq!(held(Some(later)).epoch(4), None);
        assert_eq!(held(Some(Instant::now())).epoch(3), None);
        assert_eq!(Held::default().epoch(3), None);
    }
}
