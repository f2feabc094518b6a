use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use domain::schedule::{self, Missed, Overlap};
use domain::{AccountId, Region};
use sqlx::PgPool;
use uuid::Uuid;

use super::{Filter, Name};
use crate::samples::{self, ALICE, BOB, arn, at, of_role};
use crate::schedules::Policy;
use crate::{Role, Store};

/// A store with the rights of the gateway, and one that may do anything.
struct World {
    gateway: Store,
    owner: Store,
}

impl World {
    async fn new(pool: PgPool) -> Self {
        let gateway = of_role(&pool, Role::Gateway).await;
        let owner = samples::store(pool).await;
        Self { gateway, owner }
    }

    async fn group(&self, number: u128, account: u64, name: &str) -> Uuid {
        let id = Uuid::from_u128(number);
        sqlx::query(
            "INSERT INTO schedule_group (id, account_id, region, name, created_at, modified_at)
             VALUES ($1, $2, 'eu-west-1', $3, $4, $4)",
        )
        .bind(id)
        .bind(i64::try_from(account).unwrap())
        .bind(name)
        .bind(at(0))
        .execute(&self.owner.pool)
        .await
        .unwrap();
        id
    }

    async fn rule(&self, number: u128, name: &str) -> Uuid {
        let id = Uuid::from_u128(number);
        sqlx::query(
            "INSERT INTO rule (id, account_id, region, name, expression, enabled, anchor_at, created_at, modified_at)
             VALUES ($1, $2, 'eu-west-1', $3, 'rate(5 minutes)', true, $4, $4, $4)",
        )
        .bind(id)
        .bind(i64::try_from(ALICE).unwrap())
        .bind(name)
        .bind(at(0))
        .execute(&self.owner.pool)
        .await
        .unwrap();
        id
    }

    /// A schedule of a group, or a target of a rule.
    async fn schedule(
        &self,
        number: u128,
        account: u64,
        (group, rule): (Option<Uuid>, Option<Uuid>),
        name: &str,
    ) -> Uuid {
        let id = Uuid::from_u128(number);
        sqlx::query(
            "INSERT INTO schedule (id, account_id, region, group_id, name, rule_id, target_id, shard, enabled, expression,
                 timezone, anchor_at, valid_from, window_min, target_arn, input, retry_attempts_max, retry_age_max_s,
                 created_at, modified_at)
             VALUES ($1, $2, 'eu-west-1', $3, CASE WHEN $4::uuid IS NULL THEN $5 END, $4, CASE WHEN $4 IS NOT NULL THEN $5 END,
                 $6, true, 'rate(5 minutes)', 'Europe/Berlin', $7, $7, 2, $8, '{}', 185, 86400, $7, $7)",
        )
        .bind(id)
        .bind(i64::try_from(account).unwrap())
        .bind(group)
        .bind(rule)
        .bind(name)
        .bind(schedule::shard(id))
        .bind(at(0))
        .bind(arn(account, "f").to_string())
        .execute(&self.owner.pool)
        .await
        .unwrap();
        id
    }

    /// Generation, whether it is enabled, and from when on it is valid, in seconds.
    async fn state(&self, id: Uuid) -> (i64, bool, i64) {
        let (generation, enabled, valid_from): (i64, bool, DateTime<Utc>) =
            sqlx::query_as("SELECT generation, enabled, valid_from FROM schedule WHERE id = $1")
                .bind(id)
                .fetch_one(&self.owner.pool)
                .await
                .unwrap();
        (generation, enabled, (valid_from - at(0)).num_seconds())
    }
}

fn alice() -> AccountId {
    AccountId::new(ALICE).unwrap()
}

static REGION: LazyLock<Region> = LazyLock::new(|| "eu-west-1".parse().unwrap());

fn in_group(group: &str, name: &str) -> Name {
    Name::InGroup {
        group: group.to_owned(),
        name: name.to_owned(),
    }
}

fn of_rule(rule: &str, target_id: &str) -> Name {
    Name::OfRule {
        rule: rule.to_owned(),
        target_id: target_id.to_owned(),
    }
}

const POLICY: Policy = Policy {
    missed: Missed::Last,
    catch_up_s: 60,
    overlap: Overlap::BufferOne,
};

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn schedules_are_found_by_their_names(pool: PgPool) {
    let world = World::new(pool).await;
    let jobs = world.group(1, ALICE, "jobs").await;
    let theirs = world.group(2, BOB, "jobs").await;
    let rule = world.rule(3, "nightly").await;
    let ours = world.schedule(10, ALICE, (Some(jobs), None), "a").await;
    world.schedule(11, BOB, (Some(theirs), None), "b").await;
    let target = world.schedule(12, ALICE, (None, Some(rule)), "1").await;
    let find = async |name: Name| {
        let found = world.gateway.controlled_schedule(alice(), &REGION, &name);
        found.await.unwrap()
    };
    let found = find(in_group("jobs", "a")).await.unwrap();
    assert_eq!((found.id, found.name), (ours, in_group("jobs", "a")));
    assert_eq!((found.input_bytes, found.window_min), (2, Some(2)));
    assert_eq!(found.timetable.zone.to_string(), "Europe/Berlin");
    assert_eq!(found.policy.missed, Missed::All);
    let found = find(of_rule("nightly", "1")).await.unwrap();
    assert_eq!((found.id, found.name), (target, of_rule("nightly", "1")));
    for name in [
        in_group("jobs", "b"),
        in_group("job", "a"),
        of_rule("nightly", "2"),
        of_rule("jobs", "a"),
    ] {
        assert_eq!(find(name).await, None);
    }
    let (other, name) = ("eu-central-1".parse().unwrap(), in_group("jobs", "a"));
    let found = world.gateway.controlled_schedule(alice(), &other, &name);
    assert_eq!(found.await.unwrap(), None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn lists_come_in_pages_and_in_order(pool: PgPool) {
    let world = World::new(pool).await;
    let (two, one) = (
        world.group(1, ALICE, "two").await,
        world.group(2, ALICE, "one").await,
    );
    let theirs = world.group(3, BOB, "one").await;
    for (number, account, group, name) in [
        (10, ALICE, two, "b"),
        (11, ALICE, two, "a-1"),
        (12, ALICE, one, "c"),
        (13, ALICE, one, "a-2"),
        (14, BOB, theirs, "x"),
    ] {
        world
            .schedule(number, account, (Some(group), None), name)
            .await;
    }
    let list = async |of, prefix, after, limit| {
        let filter = Filter {
            of,
            prefix,
            after,
            limit,
        };
        let found = world
            .gateway
            .controlled_schedules(alice(), &REGION, &filter);
        let names = found.await.unwrap().into_iter().map(|one| match one.name {
            Name::InGroup { group, name } => format!("{group}/{name}"),
            Name::OfRule { .. } => panic!("not a rule's"),
        });
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        list(None, "", None, 10).await,
        "one/a-2 one/c two/a-1 two/b"
    );
    assert_eq!(list(None, "", None, 3).await, "one/a-2 one/c two/a-1");
    assert_eq!(
        list(None, "", Some(("one", "a-2")), 2).await,
        "one/c two/a-1"
    );
    assert_eq!(list(None, "a-", None, 10).await, "one/a-2 two/a-1");
    assert_eq!(list(Some("two"), "", None, 10).await, "two/a-1 two/b");
    assert_eq!(list(Some("three"), "", None, 10).await, "");

    let (late, early) = (world.rule(4, "late").await, world.rule(5, "early").await);
    for (number, rule, id) in [(20, late, "1"), (21, early, "2"), (22, early, "1")] {
        world.schedule(number, ALICE, (None, Some(rule)), id).await;
    }
    let list = async |of, prefix, after| {
        let filter = Filter {
            of,
            prefix,
            after,
            limit: 2,
        };
        let found = world
            .gateway
            .controlled_rule_targets(alice(), &REGION, &filter);
        let ids = found.await.unwrap().into_iter().map(|one| one.id.as_u128());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(list(None, "", None).await, [22, 21]);
    assert_eq!(list(None, "", Some(("early", "2"))).await, [20]);
    assert_eq!(list(None, "l", None).await, [20]);
    assert_eq!(list(Some("early"), "", Some(("early", "1"))).await, [21]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_new_policy_loses_no_time_that_is_due(pool: PgPool) {
    let world = World::new(pool).await;
    let group = world.group(1, ALICE, "jobs").await;
    let id = world.schedule(10, ALICE, (Some(group), None), "a").await;
    let set = async |second| {
        let set = world
            .gateway
            .set_schedule_policy(alice(), id, POLICY, at(second));
        assert!(set.await.unwrap());
        world.state(id).await
    };
    // No scheduler has ever run: nothing was fired.
    assert_eq!(set(500).await, (2, true, 0));
    // It is behind: what it has not fired is still to fire. The window is two minutes.
    let shard = [schedule::shard(id)];
    world
        .owner
        .move_fire_cursors(&shard, at(600))
        .await
        .unwrap();
    assert_eq!(set(1_000).await, (3, true, 470));
    // It is up to date.
    world
        .owner
        .move_fire_cursors(&shard, at(2_000))
        .await
        .unwrap();
    assert_eq!(set(2_000).await, (4, true, 1_870));
    let name = in_group("jobs", "a");
    let found = world.gateway.controlled_schedule(alice(), &REGION, &name);
    assert_eq!(found.await.unwrap().unwrap().policy, POLICY);
    let bob = AccountId::new(BOB).unwrap();
    let theirs = world.gateway.set_schedule_policy(bob, id, POLICY, at(1));
    assert!(!theirs.await.unwrap());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_passes_during_a_pause_does_not_come(pool: PgPool) {
    let world = World::new(pool).await;
    let group = world.group(1, ALICE, "jobs").await;
    let rule = world.rule(2, "nightly").await;
    let id = world.schedule(10, ALICE, (Some(group), None), "a").await;
    let target = world.schedule(11, ALICE, (None, Some(rule)), "1").await;
    let bob = AccountId::new(BOB).unwrap();
    let set = async |account, id, enabled, second| {
        let at = at(second) + TimeDelta::microseconds(1);
        let set = world.gateway.set_schedule_enabled(account, id, enabled, at);
        set.await.unwrap();
        world.state(id).await
    };
    assert_eq!(set(alice(), id, true, 5).await, (1, true, 0), "it was");
    assert_eq!(set(bob, id, false, 5).await, (1, true, 0));
    assert_eq!(set(alice(), id, false, 10).await, (2, false, 10));
    assert_eq!(set(alice(), id, false, 20).await, (2, false, 10));
    assert_eq!(set(alice(), id, true, 30).await, (3, true, 30));
    assert_eq!(set(alice(), target, false, 10).await, (1, true, 0));
}
