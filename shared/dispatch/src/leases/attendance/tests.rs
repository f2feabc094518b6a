use chassis::Lifecycle;
use store::events::ShardLease;
use tokio::task::JoinHandle;

use super::super::{Held, keep};
use super::*;

/// Longer than any of this takes.
const SOON: Duration = Duration::from_secs(30);

fn member(number: u128) -> Uuid {
    Uuid::from_u128(number << 64 | 0x1234_5678)
}

#[test]
fn only_what_was_seen_is_missed_and_only_the_second_time() {
    let all = [member(1), member(2)];
    let both = all.map(key);
    let first = [both[0]];
    // Of each look: who is present, and who is gone by it.
    let check = |looks: &[(&[i64], &[Uuid])]| {
        let mut seen = Seen::default();
        for (number, (present, want)) in looks.iter().enumerate() {
            assert_eq!(
                seen.look(&all, present),
                *want,
                "look {number} of {looks:?}"
            );
        }
    };
    check(&[(&first, &[]), (&first, &[]), (&first, &[])]);
    check(&[(&both, &[]), (&first, &[]), (&first, &[all[1]])]);
    check(&[(&both, &[]), (&first, &[]), (&both, &[]), (&first, &[])]);
    check(&[(&both, &[]), (&[], &[]), (&[], &all)]);
}

#[test]
fn who_left_the_members_is_to_be_seen_anew() {
    let mut seen = Seen::default();
    let one = [member(1)];
    assert!(seen.look(&one, &one.map(key)).is_empty());
    assert!(seen.look(&[], &[]).is_empty());
    for _ in 0..3 {
        assert!(seen.look(&one, &[]).is_empty());
    }
}

/// A replica that keeps leases, and what it holds.
struct Replica {
    me: Uuid,
    held: watch::Receiver<Held>,
    task: JoinHandle<()>,
}

impl Replica {
    fn start(plane: Plane, store: &Store, number: u128) -> Self {
        let (holder, held) = watch::channel(Held::default());
        let me = member(number);
        let keeping = keep(plane, store.clone(), me, holder, Lifecycle::new());
        #[expect(
            clippy::disallowed_methods,
            reason = "it is to end as a killed process does, not as a lifecycle"
        )]
        let task = tokio::spawn(keeping);
        Self { me, held, task }
    }

    async fn until(&mut self, what: impl FnMut(&Held) -> bool) -> Held {
        let held = tokio::time::timeout(SOON, self.held.wait_for(what));
        held.await.unwrap().unwrap().clone()
    }

    /// So many rounds later.
    async fn rounds(&mut self, count: usize) {
        for _ in 0..count {
            let changed = tokio::time::timeout(SOON, self.held.changed());
            changed.await.unwrap().unwrap();
        }
    }
}

/// Two replicas that share a plane's shards, and whose sessions are old enough.
async fn two(plane: Plane, store: &Store) -> (Replica, Replica) {
    let (_, count) = plane.shards();
    let all = usize::try_from(count).unwrap();
    let (mut one, mut other) = (
        Replica::start(plane, store, 1),
        Replica::start(plane, store, 2),
    );
    loop {
        let held = one
            .until(|held| (1..all).contains(&held.shards.len()))
            .await;
        let rest = all - held.shards.len();
        other.until(|held| held.shards.len() == rest).await;
        one.rounds(4).await;
        if one.held.borrow().shards.len() == all - rest {
            return (one, other);
        }
    }
}

async fn dies(plane: Plane) {
    let store = store::testing::store().await.unwrap();
    let (mut one, other) = two(plane, &store).await;
    let (_, count) = plane.shards();
    let all = usize::try_from(count).unwrap();
    // As a process that is killed: nothing is given back, and its connections are closed.
    other.task.abort();
    let died = Instant::now();
    let held = one.until(|held| held.shards.len() == all).await;
    let took = died.elapsed();
    // A lease that was renewed a second ago holds for two more.
    assert!(took < Duration::from_millis(1_800), "it took {took:?}");
    assert!(held.sure());
}

#[tokio::test]
async fn a_dead_schedulers_shards_are_taken_over_before_its_leases_end() {
    dies(Plane::Scheduler).await;
}

#[tokio::test]
async fn a_dead_queues_shards_are_taken_over_before_its_leases_end() {
    dies(Plane::Queue).await;
}

#[tokio::test]
async fn a_lost_session_is_begun_anew_and_shards_stay() {
    let store = store::testing::store().await.unwrap();
    let (mut one, mut other) = two(Plane::Scheduler, &store).await;
    let before = [one.held.borrow().clone(), other.held.borrow().clone()];
    let me = key(other.me);
    assert_eq!(store::testing::end_attendance(&store, me).await.unwrap(), 1);
    one.rounds(3).await;
    other.rounds(2).await;
    // On a slow machine it may have been thought to be gone for a moment: its shards are its own again, by a later epoch.
    for (now, before) in [&mut one, &mut other].into_iter().zip(before) {
        now.until(|held| numbers(held) == numbers(&before)).await;
    }
    // It is there again.
    assert_eq!(store::testing::end_attendance(&store, me).await.unwrap(), 1);
}

fn numbers(held: &Held) -> Vec<i16> {
    let mut numbers: Vec<i16> = held.shards.iter().map(|one| one.shard).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn who_is_thought_to_be_gone_comes_back() {
    let store = store::testing::store().await.unwrap();
    let (mut one, mut other) = two(Plane::Queue, &store).await;
    let before = other.held.borrow().shards.clone();
    Plane::Queue.forget(&store, &[other.me]).await.unwrap();
    // Whether or not the first one had its shards meanwhile: it has a part again, and nothing by an old epoch.
    let held = other
        .until(|held| {
            let again = |new: &ShardLease| {
                let old = before.iter().find(|old| old.shard == new.shard);
                old.is_none_or(|old| new.epoch > old.epoch)
            };
            held.shards.len() == before.len() && held.shards.iter().all(again)
        })
        .await;
    assert!(held.sure());
    let left = 32 - before.len();
    one.until(|held| held.shards.len() == left).await;
}
