use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::schedule::{Missed, Overlap, shard};
use domain::{AccountId, Region};
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    Creation, Deletion, Edit, Policy, RETRY_AGE_MAX_S, RETRY_ATTEMPTS_MAX, Schedule,
    ScheduleFilter, ScheduleName, Settings, Token,
};
use crate::samples::{ALICE, BOB, arn, at, of_role, store};
use crate::{Role, Store};

fn account(number: u64) -> AccountId {
    AccountId::new(number).unwrap()
}

fn region() -> Region {
    "eu-west-1".parse().unwrap()
}

fn named(group: &str, name: &str) -> ScheduleName {
    ScheduleName {
        account: account(ALICE),
        region: region(),
        group: group.to_owned(),
        name: name.to_owned(),
    }
}

fn settings(expression: &str) -> Settings {
    Settings {
        enabled: true,
        expression: expression.to_owned(),
        timezone: "UTC".to_owned(),
        start_at: None,
        end_at: None,
        window_min: None,
        target: arn(ALICE, "f"),
        role_arn: Some("arn:aws:iam::111111111111:role/r".to_owned()),
        input: None,
        retry_attempts_max: RETRY_ATTEMPTS_MAX,
        retry_age_max_s: RETRY_AGE_MAX_S,
        dead_letter_arn: None,
        kms_key_arn: None,
        delete_after: false,
        description: None,
    }
}

fn token(text: &str, request: u8) -> Token {
    Token {
        text: text.to_owned(),
        request_sha256: [request; 32],
    }
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

async fn create(
    store: &Store,
    name: &ScheduleName,
    number: u128,
    settings: &Settings,
    token: Option<&Token>,
    now: DateTime<Utc>,
) -> Creation {
    store
        .create_schedule(name, id(number), settings, Policy::default(), token, now)
        .await
        .unwrap()
}

async fn make_group(store: &Store, name: &str, number: u128) {
    store
        .create_schedule_group(
            account(ALICE),
            &region(),
            name,
            id(number),
            &BTreeMap::new(),
            None,
            at(0),
        )
        .await
        .unwrap();
}

async fn got(store: &Store, name: &ScheduleName) -> Schedule {
    store.schedule(name).await.unwrap().unwrap()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn everything_comes_back(pool: PgPool) {
    // All that the gateway may.
    store(pool.clone()).await;
    let store = of_role(&pool, Role::Gateway).await;
    let name = named("default", "s");
    let full = Settings {
        enabled: false,
        start_at: Some(at(500)),
        end_at: Some(at(900)),
        window_min: Some(1440),
        input: Some("{\"a\":<aws.scheduler.attempt-number>}".to_owned()),
        retry_attempts_max: 0,
        retry_age_max_s: 60,
        dead_letter_arn: Some("arn:aws:sqs:eu-west-1:111111111111:q".to_owned()),
        kms_key_arn: Some("arn:aws:kms:eu-west-1:111111111111:key/k".to_owned()),
        delete_after: true,
        description: Some(String::new()),
        timezone: "Europe/Berlin".to_owned(),
        ..settings("rate(5 minutes)")
    };
    let now = at(7) + TimeDelta::microseconds(1_999);
    let created = create(&store, &name, 77, &full, None, now).await;
    assert_eq!(created, Creation::Created);
    let now = at(7) + TimeDelta::milliseconds(1);
    let want = Schedule {
        id: id(77),
        generation: 1,
        settings: full,
        policy: Policy::default(),
        anchor_at: at(500),
        valid_from: now,
        created_at: now,
        modified_at: now,
    };
    assert_eq!(got(&store, &name).await, want);
    let planned = store.planned(shard(id(77))).await;
    assert!(planned.unwrap().is_empty(), "it is disabled");

    // Once more, under the same name.
    let plain = settings("rate(5 minutes)");
    let again = create(&store, &name, 78, &plain, None, at(8)).await;
    assert_eq!(again, Creation::Exists);
    // Nobody else's, and nothing of another group.
    for other in [
        ScheduleName {
            account: account(BOB),
            ..name.clone()
        },
        ScheduleName {
            region: "us-east-1".parse().unwrap(),
            ..name.clone()
        },
        named("jobs", "s"),
        named("default", "S"),
    ] {
        assert_eq!(store.schedule(&other).await.unwrap(), None);
        let deleted = store.delete_schedule(&other, None, at(9)).await.unwrap();
        assert_eq!(deleted, Deletion::NoSchedule);
        let edited = store.edit_schedule(&other, None, at(9), |_, _| ()).await;
        assert_eq!(edited.unwrap(), Edit::NoSchedule);
    }
    let deleted = store.delete_schedule(&name, None, at(9)).await.unwrap();
    assert_eq!(deleted, Deletion::Deleted);
    assert_eq!(store.schedule(&name).await.unwrap(), None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_change_is_a_new_generation(pool: PgPool) {
    let store = store(pool).await;
    let name = named("default", "s");
    create(&store, &name, 1, &settings("rate(5 minutes)"), None, at(0)).await;
    let before = store.schedules_now().await.unwrap();

    // What does not say when leaves the anchor.
    let changed = Settings {
        window_min: Some(10),
        description: Some("d".to_owned()),
        ..settings("rate(5 minutes)")
    };
    let policy = Policy {
        missed: Missed::Last,
        catch_up_s: 60,
        overlap: Overlap::BufferOne,
    };
    let edited = store
        .edit_schedule(&name, None, at(100), |settings, own| {
            *settings = changed.clone();
            *own = policy;
        })
        .await
        .unwrap();
    let want = Schedule {
        id: id(1),
        generation: 2,
        settings: changed.clone(),
        policy,
        anchor_at: at(0),
        valid_from: at(100),
        created_at: at(0),
        modified_at: at(100),
    };
    assert_eq!(edited, Edit::Edited(Box::new(want.clone())));
    assert_eq!(got(&store, &name).await, want);
    let seen = store.changed_schedules(&[shard(id(1))], &before).await;
    assert_eq!(seen.unwrap()[0].generation, 2);

    // Another expression counts from now, another start from there.
    let anchors = [
        (settings("rate(6 minutes)"), at(200)),
        (
            Settings {
                start_at: Some(at(999)),
                ..settings("rate(6 minutes)")
            },
            at(999),
        ),
        (settings("rate(6 minutes)"), at(400)),
    ];
    for (index, (wanted, anchor)) in anchors.into_iter().enumerate() {
        let now = at(200 + 100 * i64::try_from(index).unwrap());
        let edit = |settings: &mut Settings, _: &mut Policy| *settings = wanted;
        store.edit_schedule(&name, None, now, edit).await.unwrap();
        let got = got(&store, &name).await;
        assert_eq!((got.anchor_at, got.valid_from), (anchor, now), "{index}");
        assert_eq!(got.policy, policy);
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_request_that_comes_again_is_not_served_again(pool: PgPool) {
    let store = store(pool).await;
    let name = named("default", "s");
    let plain = settings("rate(5 minutes)");
    let (mine, other) = (token("t", 1), token("t", 2));
    let hours = |hours: i64| at(0) + TimeDelta::hours(hours);
    let creating = async |number: u128, token: &Token, now: DateTime<Utc>| {
        create(&store, &name, number, &plain, Some(token), now).await
    };
    assert_eq!(creating(1, &mine, hours(0)).await, Creation::Created);
    assert_eq!(creating(2, &mine, hours(1)).await, Creation::Repeated);
    assert_eq!(creating(3, &other, hours(1)).await, Creation::TokenUsed);
    let deleting = async |token: &Token, now: DateTime<Utc>| {
        store
            .delete_schedule(&name, Some(token), now)
            .await
            .unwrap()
    };
    assert_eq!(deleting(&mine, hours(2)).await, Deletion::Repeated);
    assert_eq!(deleting(&other, hours(2)).await, Deletion::TokenUsed);
    assert_eq!(got(&store, &name).await.generation, 1);
    let fresh = token("u", 3);
    for want in [Deletion::Deleted, Deletion::Repeated] {
        assert_eq!(deleting(&fresh, hours(3)).await, want);
    }
    // What was refused has used no token.
    let free = token("v", 4);
    for _ in 0..2 {
        assert_eq!(deleting(&free, hours(3)).await, Deletion::NoSchedule);
    }
    // A token is forgotten after eight hours, whether its row is still there or not.
    assert_eq!(creating(4, &mine, hours(8)).await, Creation::Repeated);
    assert_eq!(creating(4, &mine, hours(9)).await, Creation::Created);
    assert_eq!(creating(5, &mine, hours(10)).await, Creation::Repeated);
    let edited = store
        .edit_schedule(&name, Some(&mine), hours(11), |_, _| panic!("not served"))
        .await;
    assert_eq!(edited.unwrap(), Edit::Repeated);
    store.tidy_schedules(hours(30)).await.unwrap();
    assert_eq!(creating(6, &mine, hours(11)).await, Creation::Exists);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn groups_that_go_take_no_schedules(pool: PgPool) {
    let store = store(pool).await;
    let name = named("jobs", "s");
    let plain = settings("rate(5 minutes)");
    assert_eq!(
        create(&store, &name, 1, &plain, None, at(0)).await,
        Creation::NoGroup
    );
    make_group(&store, "jobs", 500).await;
    assert_eq!(
        create(&store, &name, 1, &plain, None, at(0)).await,
        Creation::Created
    );
    store
        .delete_schedule_group(account(ALICE), &region(), "jobs", None, at(1))
        .await
        .unwrap();
    let next = named("jobs", "t");
    assert_eq!(
        create(&store, &next, 2, &plain, None, at(2)).await,
        Creation::GroupDeleting
    );
    while store.delete_groups().await.unwrap() {}
    assert_eq!(store.schedule(&name).await.unwrap(), None);
    assert_eq!(
        create(&store, &next, 2, &plain, None, at(3)).await,
        Creation::NoGroup
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn listings_go_by_group_and_name(pool: PgPool) {
    let store = store(pool).await;
    for (number, group) in [(501, "a"), (502, "b"), (503, "empty")] {
        make_group(&store, group, number).await;
    }
    let names = [
        ("a", "x"),
        ("a", "xy"),
        ("a", "xz"),
        ("b", "-"),
        ("b", "x"),
        ("default", "w"),
        ("default", "xa"),
    ];
    for (number, (group, name)) in names.into_iter().enumerate() {
        let settings = Settings {
            enabled: name != "xz",
            ..settings("rate(5 minutes)")
        };
        let number = u128::try_from(number).unwrap() + 1;
        create(&store, &named(group, name), number, &settings, None, at(0)).await;
    }
    let listed = async |filter: ScheduleFilter<'_>| {
        let filter = ScheduleFilter {
            limit: if filter.limit == 0 { 100 } else { filter.limit },
            ..filter
        };
        let page = store.schedules(account(ALICE), &region(), &filter).await;
        let names = page.unwrap().into_iter().map(|s| (s.group, s.name));
        names.collect::<Vec<_>>()
    };
    let check = async |filter: ScheduleFilter<'_>, want: &[(&str, &str)]| {
        let got = listed(filter).await;
        let got: Vec<_> = got.iter().map(|(g, n)| (g.as_str(), n.as_str())).collect();
        assert_eq!(got, want, "{filter:?}");
    };
    let all = ScheduleFilter::default();
    check(all, &names).await;
    check(ScheduleFilter { limit: 4, ..all }, &names[..4]).await;
    check(
        ScheduleFilter {
            group: Some("a"),
            ..all
        },
        &names[..3],
    )
    .await;
    check(
        ScheduleFilter {
            group: Some("empty"),
            ..all
        },
        &[],
    )
    .await;
    check(
        ScheduleFilter {
            enabled: Some(false),
            ..all
        },
        &[("a", "xz")],
    )
    .await;
    let prefixed = ScheduleFilter { prefix: "x", ..all };
    check(
        prefixed,
        &[
            ("a", "x"),
            ("a", "xy"),
            ("a", "xz"),
            ("b", "x"),
            ("default", "xa"),
        ],
    )
    .await;
    check(
        ScheduleFilter {
            prefix: "xy",
            ..all
        },
        &names[1..2],
    )
    .await;
    for (index, after) in names.into_iter().enumerate() {
        let behind = ScheduleFilter {
            after: Some(after),
            ..all
        };
        check(behind, &names[index + 1..]).await;
    }
    let both = ScheduleFilter {
        after: Some(("a", "xz")),
        limit: 2,
        ..prefixed
    };
    check(both, &[("b", "x"), ("default", "xa")]).await;
    let page = ScheduleFilter { limit: 9, ..all };
    let none = store.schedules(account(BOB), &region(), &page).await;
    assert_eq!(none.unwrap(), vec![]);
}
