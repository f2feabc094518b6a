use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use domain::AccountId;
use domain::bill::budget::{
    Budget, Kind, Measure, Notification, Operator, PlannedLimits, Subscriber, SubscriberKind,
    ThresholdType, TimeUnit, Watched, no_end, parse_amount,
};
use domain::bill::explorer::{Dimension, Filter, Match, Period};
use domain::event::Source;
use domain::price::Sku;
use domain::usage::{Place, Sums};
use sqlx::PgPool;
use uuid::Uuid;

use super::{
    Alert, BUDGETS_MAX, BudgetRefusal, DeliveryState, Ended, Evaluated, NewNotification,
    NotificationRefusal, StoredBudget,
};
use crate::samples::{ALICE, BOB, of_role, store};
use crate::usage::Rows;
use crate::{Role, Store};

const FUNCTION: &str = "arn:aws:lambda:eu-west-1:111111111111:function:told:live";

fn alice() -> AccountId {
    AccountId::new(ALICE).unwrap()
}

fn bob() -> AccountId {
    AccountId::new(BOB).unwrap()
}

fn day(day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, day, 12, 0, 0).unwrap()
}

fn e10(text: &str) -> i128 {
    parse_amount(text).unwrap()
}

fn stored(name: &str, limit: &str) -> StoredBudget {
    StoredBudget {
        budget: Budget {
            name: name.to_owned(),
            kind: Kind::Cost,
            limit_e10: e10(limit),
            unit: "USD".to_owned(),
            time_unit: TimeUnit::Daily,
            life: Period {
                start: day(1),
                end: no_end(),
            },
            planned_e10: PlannedLimits::new(),
            watched: Watched::CostFilters(
                [("Region".to_owned(), vec!["eu-west-1".to_owned()])].into(),
            ),
        },
        cost_types: BTreeMap::from([("IncludeTax".to_owned(), false)]),
        metrics: vec![],
        updated_at: day(1),
    }
}

fn percent(threshold: &str) -> Notification {
    Notification {
        measure: Measure::Actual,
        operator: Operator::GreaterThan,
        threshold_e10: e10(threshold),
        threshold_type: ThresholdType::Percentage,
    }
}

fn subscriber(address: &str) -> Subscriber {
    let kind = if address.contains('@') {
        SubscriberKind::Email
    } else {
        SubscriberKind::Sns
    };
    Subscriber {
        kind,
        address: address.to_owned(),
    }
}

fn new(number: u128, threshold: &str, addresses: &[&str]) -> NewNotification {
    NewNotification {
        id: Uuid::from_u128(number),
        notification: percent(threshold),
        subscribers: addresses.iter().map(|one| subscriber(one)).collect(),
    }
}

/// A store with the rights of the gateway, two accounts, and the shipped prices.
async fn gateway(pool: &PgPool) -> Store {
    let owner = store(pool.clone()).await;
    owner.seed_prices().await.unwrap();
    of_role(pool, Role::Gateway).await
}

/// So many requests of a function of the account; a million cost 20 cents.
async fn use_requests(pool: &PgPool, account: AccountId, at: DateTime<Utc>, count: i128) {
    let mut sums = Sums::default();
    let place = Place {
        account,
        hour: domain::price::book::hour_of(at),
        region: "eu-west-1".parse().unwrap(),
        sku: Sku::Requests,
        resource: format!("arn:aws:lambda:eu-west-1:{account}:function:f"),
    };
    sums.add_quantity(place, count);
    let mut connection = pool.acquire().await.unwrap();
    Rows::default()
        .add(&mut connection, Uuid::nil(), &sums)
        .await
        .unwrap();
}

async fn evaluate(store: &Store, now: DateTime<Utc>) -> Evaluated {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let ids = move || {
        let number = COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let ms = u64::try_from(now.timestamp_millis()).unwrap();
        let tail = [
            0, 0, number[0], number[1], number[2], number[3], number[4], number[5], number[6],
            number[7],
        ];
        let id = uuid::Builder::from_unix_timestamp_millis(ms, &tail).into_uuid();
        (id, "Root=1-5759e988-bd862e3fe1be46a994272793".to_owned())
    };
    let turn = store
        .budget_turn()
        .await
        .unwrap()
        .expect("nobody else looks");
    let found = store.evaluate_budgets(&turn, now, &ids).await.unwrap();
    turn.end().await.unwrap();
    found
}

async fn alerts(store: &Store) -> Vec<Alert> {
    store.budget_alerts(alice(), None, None, 10).await.unwrap()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn budgets_are_kept_as_given(pool: PgPool) {
    let store = gateway(&pool).await;
    let one = stored("one", "12.5");
    let twice = [new(1, "80", &["a@b"]), new(2, "80", &["c@d"])];
    let made = store.create_budget(alice(), &one, &twice).await.unwrap();
    assert_eq!(made, Err(BudgetRefusal::Twice));
    let made = store
        .create_budget(alice(), &one, &twice[..1])
        .await
        .unwrap();
    assert_eq!(made, Ok(()));
    let made = store.create_budget(alice(), &one, &[]).await.unwrap();
    assert_eq!(made, Err(BudgetRefusal::Exists));
    assert_eq!(store.budget(alice(), "one").await.unwrap(), Some(one));
    assert_eq!(store.budget(bob(), "one").await.unwrap(), None);

    let mut changed = stored("one", "1000000000000000");
    changed.budget.kind = Kind::Usage;
    changed.budget.time_unit = TimeUnit::Custom;
    changed.budget.watched = Watched::Expression(Filter::Not(Box::new(Filter::Dimension(
        Dimension::Region,
        Match::one_of(vec!["eu-west-1".to_owned()]),
    ))));
    changed.budget.planned_e10 = [(day(1), e10("0.5")), (day(2), e10("1000000000000000"))].into();
    changed.metrics = vec!["UsageQuantity".to_owned()];
    changed.updated_at = day(2);
    assert!(store.update_budget(alice(), &changed).await.unwrap());
    assert!(!store.update_budget(bob(), &changed).await.unwrap());
    store
        .create_budget(alice(), &stored("two", "1"), &[])
        .await
        .unwrap()
        .unwrap();
    let listed = store.budgets(alice(), "", 10).await.unwrap();
    assert_eq!(listed, [changed, stored("two", "1")]);
    assert_eq!(store.budgets(alice(), "one", 10).await.unwrap().len(), 1);

    let count = i32::try_from(BUDGETS_MAX).unwrap() - 2;
    sqlx::query(
        "INSERT INTO billing.budget (account_id, name, kind, limit_amount, unit, time_unit, starts_at, ends_at, cost_filters,
             cost_types, updated_at)
         SELECT account_id, 'b' || number, kind, limit_amount, unit, time_unit, starts_at, ends_at, cost_filters, cost_types, updated_at
         FROM billing.budget, generate_series(1, $1) AS number WHERE name = 'two'",
    )
    .bind(count)
    .execute(&pool)
    .await
    .unwrap();
    let made = store
        .create_budget(alice(), &stored("three", "1"), &[])
        .await
        .unwrap();
    assert_eq!(made, Err(BudgetRefusal::TooMany));
    assert!(!store.delete_budget(bob(), "one").await.unwrap());
    assert!(store.delete_budget(alice(), "one").await.unwrap());
    assert_eq!(
        store
            .budget_notifications(alice(), "one", None)
            .await
            .unwrap(),
        None
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn notifications_are_known_by_what_they_say(pool: PgPool) {
    let store = gateway(&pool).await;
    let add = async |new: &NewNotification| {
        store
            .create_budget_notification(alice(), "b", new)
            .await
            .unwrap()
    };
    assert_eq!(
        add(&new(1, "80", &["a@b"])).await,
        Err(NotificationRefusal::NoBudget)
    );
    store
        .create_budget(alice(), &stored("b", "1"), &[])
        .await
        .unwrap()
        .unwrap();
    for number in 1..=10 {
        let one = new(number, &(90 - number).to_string(), &["a@b"]);
        assert_eq!(add(&one).await, Ok(()));
    }
    assert_eq!(
        add(&new(11, "85", &["a@b"])).await,
        Err(NotificationRefusal::Exists)
    );
    assert_eq!(
        add(&new(11, "1", &["a@b"])).await,
        Err(NotificationRefusal::TooMany)
    );
    let listed = store
        .budget_notifications(alice(), "b", Some(day(1)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (listed.len(), listed[0].notification, listed[0].alarm),
        (10, percent("80"), false)
    );

    let change = async |old: &str, new: &str| {
        let (old, new) = (percent(old), percent(new));
        let changed = store.update_budget_notification(alice(), "b", &old, &new);
        changed.await.unwrap()
    };
    assert_eq!(
        change("70", "75").await,
        Err(NotificationRefusal::NoNotification)
    );
    assert_eq!(change("80", "81").await, Err(NotificationRefusal::Exists));
    assert_eq!(change("80", "80").await, Ok(()));
    assert_eq!(change("80", "75").await, Ok(()));

    let c = subscriber("c@d");
    let subscribe = async |one: &Subscriber| {
        let of = percent("75");
        let made = store.create_budget_subscriber(alice(), "b", &of, one);
        made.await.unwrap()
    };
    assert_eq!(subscribe(&c).await, Ok(()));
    assert_eq!(subscribe(&c).await, Err(NotificationRefusal::Exists));
    let of = store
        .budget_subscribers(alice(), "b", &percent("75"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(of, [subscriber("a@b"), c.clone()]);
    let leave = async |one: &Subscriber| {
        let of = percent("75");
        let left = store.delete_budget_subscriber(alice(), "b", &of, one);
        left.await.unwrap()
    };
    assert_eq!(leave(&c).await, Ok(()));
    assert_eq!(leave(&c).await, Err(NotificationRefusal::NoSubscriber));
    assert_eq!(
        leave(&subscriber("a@b")).await,
        Err(NotificationRefusal::Last)
    );
    for number in 0..10 {
        assert_eq!(subscribe(&subscriber(&format!("{number}@x"))).await, Ok(()));
    }
    assert_eq!(subscribe(&c).await, Err(NotificationRefusal::TooMany));
    let gone = store
        .delete_budget_notification(alice(), "b", &percent("75"))
        .await
        .unwrap();
    assert_eq!(gone, Ok(()));
    let gone = store
        .delete_budget_notification(alice(), "b", &percent("75"))
        .await
        .unwrap();
    assert_eq!(gone, Err(NotificationRefusal::NoNotification));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_threshold_is_told_once_in_its_period(pool: PgPool) {
    let store = gateway(&pool).await;
    let told = [
        new(1, "80", &[FUNCTION, "https://example.org/hook", "a@b"]),
        new(2, "100", &["a@b"]),
    ];
    store
        .create_budget(alice(), &stored("b", "1"), &told)
        .await
        .unwrap()
        .unwrap();
    // Another account's function is not called, whoever names it.
    store
        .create_budget(bob(), &stored("b", "1"), &[new(3, "80", &[FUNCTION])])
        .await
        .unwrap()
        .unwrap();

    // The free tier's million first.
    use_requests(&pool, alice(), day(3), 5_000_000).await;
    let found = evaluate(&store, day(3)).await;
    assert_eq!((found.budgets, found.alerts, found.failed.len()), (2, 0, 0));
    // 82 cents.
    use_requests(&pool, alice(), day(3), 100_000).await;
    let found = evaluate(&store, day(3)).await;
    assert_eq!((found.alerts, found.events.len()), (1, 1));
    let event = &found.events[0];
    assert_eq!(
        (event.source, event.qualifier.as_str()),
        (Source::Budget, "live")
    );
    let [alert] = &alerts(&store).await[..] else {
        panic!("one alert")
    };
    assert_eq!(alert.message, event.payload);
    let told: serde_json::Value = serde_json::from_slice(&alert.message).unwrap();
    assert_eq!(told["actualSpend"]["amount"], "0.82");
    assert_eq!(told["id"], alert.id.to_string());
    let states: Vec<_> = alert
        .deliveries
        .iter()
        .map(|one| (one.subscriber.address.as_str(), one.state, one.event))
        .collect();
    assert_eq!(
        states,
        [
            ("a@b", DeliveryState::Undelivered, None),
            (FUNCTION, DeliveryState::Queued, Some(event.id.uuid())),
            ("https://example.org/hook", DeliveryState::Waiting, None),
        ]
    );
    assert_eq!(alert.deliveries[0].reason, "Mail is not sent yet.");
    // The event is one of the queue, and the notification is in alarm.
    let queued = store
        .read_events(event.id.hour(), &[event.id.uuid()])
        .await
        .unwrap();
    assert_eq!(queued[0].payload.as_deref(), Some(&alert.message[..]));
    let midnight = day(3) - TimeDelta::hours(12);
    let listed = store
        .budget_notifications(alice(), "b", Some(midnight))
        .await
        .unwrap()
        .unwrap();
    assert_eq!([listed[0].alarm, listed[1].alarm], [true, false]);

    // Not again, until the next threshold or the next day.
    assert_eq!(evaluate(&store, day(3)).await.alerts, 0);
    use_requests(&pool, alice(), day(3), 1_000_000).await;
    assert_eq!(evaluate(&store, day(3)).await.alerts, 1);
    assert_eq!(evaluate(&store, day(4)).await.alerts, 0);
    use_requests(&pool, alice(), day(4), 10_000_000).await;
    assert_eq!(evaluate(&store, day(4)).await.alerts, 2);
    assert_eq!(alerts(&store).await.len(), 4);

    use_requests(&pool, bob(), day(4), 10_000_000).await;
    let found = evaluate(&store, day(4)).await;
    assert_eq!((found.alerts, found.events.len()), (1, 0));
    let [alert] = &store
        .budget_alerts(bob(), Some("b"), None, 10)
        .await
        .unwrap()[..]
    else {
        panic!("one alert")
    };
    assert_eq!(
        alert.deliveries[0].reason,
        "The function is another account's."
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn one_process_looks_at_a_time_and_none_tells_twice(pool: PgPool) {
    let store = gateway(&pool).await;
    let turn = store.budget_turn().await.unwrap().unwrap();
    let other = of_role(&pool, Role::Gateway).await;
    assert!(other.budget_turn().await.unwrap().is_none());
    turn.end().await.unwrap();
    let told = [new(1, "80", &[FUNCTION])];
    store
        .create_budget(alice(), &stored("b", "1"), &told)
        .await
        .unwrap()
        .unwrap();
    use_requests(&pool, alice(), day(3), 9_000_000).await;
    let turn = other.budget_turn().await.unwrap().unwrap();
    let number = AtomicU64::new(0);
    let ids = || {
        let mut tail = [0; 10];
        tail[2..].copy_from_slice(&number.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let ms = u64::try_from(day(3).timestamp_millis()).unwrap();
        (
            uuid::Builder::from_unix_timestamp_millis(ms, &tail).into_uuid(),
            String::new(),
        )
    };
    // Even with one turn for two, which the lock forbids, the primary key lets one of them tell.
    let (a, b) = both(&other, &store, &turn, &ids).await;
    assert_eq!(a.alerts + b.alerts, 1);
    assert_eq!(a.events.len() + b.events.len(), 1);
}

async fn both(
    a: &Store,
    b: &Store,
    turn: &super::Turn,
    ids: &(dyn Fn() -> (Uuid, String) + Send + Sync),
) -> (Evaluated, Evaluated) {
    let (a, b) = futures::future::join(
        a.evaluate_budgets(turn, day(3), ids),
        b.evaluate_budgets(turn, day(3), ids),
    )
    .await;
    (a.unwrap(), b.unwrap())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_message_is_one_senders_for_a_time(pool: PgPool) {
    let store = gateway(&pool).await;
    let told = [new(1, "80", &["http://example.org/a"])];
    store
        .create_budget(alice(), &stored("b", "1"), &told)
        .await
        .unwrap()
        .unwrap();
    use_requests(&pool, alice(), day(3), 9_000_000).await;
    evaluate(&store, day(3)).await;
    let lease = TimeDelta::minutes(2);
    let take = async |at| store.take_budget_deliveries(at, lease, 10).await.unwrap();
    let first = take(day(3)).await;
    assert_eq!(
        (first.len(), first[0].attempt, first[0].url.as_str()),
        (1, 1, "http://example.org/a")
    );
    assert_eq!(take(day(3)).await, []);
    // Its sender died: the next one has it.
    let second = take(day(3) + lease).await;
    assert_eq!(second[0].attempt, 2);
    // Whatever the first sender says then comes too late.
    store
        .end_budget_delivery(&first[0], &Ended::Delivered)
        .await
        .unwrap();
    assert_eq!(
        alerts(&store).await[0].deliveries[0].state,
        DeliveryState::Waiting
    );
    let retry = Ended::Retry {
        at: day(4),
        reason: "no".to_owned(),
    };
    store.end_budget_delivery(&second[0], &retry).await.unwrap();
    assert_eq!(take(day(3) + lease * 2).await, []);
    let third = take(day(4)).await;
    store
        .end_budget_delivery(&third[0], &Ended::Delivered)
        .await
        .unwrap();
    let delivery = alerts(&store).await[0].deliveries[0].clone();
    assert_eq!(
        (delivery.state, delivery.attempts, delivery.reason.as_str()),
        (DeliveryState::Delivered, 3, "")
    );
    assert_eq!(take(day(30)).await, []);
}
