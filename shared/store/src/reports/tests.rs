use chrono::{DateTime, Utc};
use domain::bill::Month;
use domain::bill::report::{Dimension, Span};
use domain::price::Sku;
use domain::usage::{Place, Sums};
use domain::{AccountId, Architecture};
use sqlx::PgPool;
use uuid::Uuid;

use crate::Store;
use crate::billing_terms::Terms;
use crate::samples::{self, ALICE, BOB};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The first account or the second.
fn account(number: u64) -> AccountId {
    AccountId::new([ALICE, BOB][usize::try_from(number).unwrap() - 1]).unwrap()
}

/// Two accounts with usage in November and before; the second one has no free tier.
struct World {
    store: Store,
    pool: PgPool,
}

impl World {
    async fn new(pool: PgPool) -> Self {
        let store = samples::store(pool.clone()).await;
        store.seed_prices().await.unwrap();
        let now = at("2026-11-01T00:00:00Z");
        let terms = Terms {
            free_tier: false,
            ..Terms::default()
        };
        store
            .set_billing_terms(account(2), &terms, now)
            .await
            .unwrap();
        Self { store, pool }
    }

    async fn used(&self, owner: u64, hour: &str, name: &str, sku: Sku, quantity: i128) {
        let mut sums = Sums::default();
        let place = Place {
            account: account(owner),
            hour: at(hour),
            region: "eu-west-1".parse().unwrap(),
            sku,
            resource: format!(
                "arn:aws:lambda:eu-west-1:{}:function:{name}",
                account(owner)
            ),
        };
        sums.add_quantity(place, quantity);
        let mut connection = self.pool.acquire().await.unwrap();
        crate::usage::Rows::default()
            .add(&mut connection, Uuid::nil(), &sums)
            .await
            .unwrap();
    }

    async fn report(&self, owner: Option<u64>, span: Span, by: &str) -> Vec<(String, i128)> {
        let by: Vec<Dimension> = by
            .split_whitespace()
            .map(|by| by.parse().unwrap())
            .collect();
        let owner = owner.map(account);
        let report = self.store.cost_report(owner, span, by).await.unwrap();
        let groups = report.groups.into_iter();
        groups
            .map(|(key, group)| (key.values.join(" "), group.amount_e10))
            .collect()
    }
}

fn month() -> Month {
    "2026-11".parse().unwrap()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn reports_are_of_real_usage_on_each_accounts_terms(pool: PgPool) {
    let world = World::new(pool).await;
    let requests = Sku::Requests;
    world
        .used(1, "2026-11-02T05:00:00Z", "f", requests, 900_000)
        .await;
    world
        .used(1, "2026-11-03T05:00:00Z", "g", requests, 200_000)
        .await;
    world
        .used(2, "2026-11-03T06:00:00Z", "f", requests, 50_000)
        .await;
    // The month before is none of November's, and has a free tier of its own.
    world
        .used(1, "2026-10-31T23:00:00Z", "f", requests, 1_000_001)
        .await;
    let november = Span::of_month(month());
    let days = world.report(None, november, "day account").await;
    let want = [
        ("2026-11-02 111111111111", 0),
        ("2026-11-03 111111111111", 200_000_000),
        ("2026-11-03 222222222222", 100_000_000),
    ];
    assert_eq!(days, want.map(|(key, amount)| (key.to_owned(), amount)));
    assert_eq!(
        world.report(Some(2), november, "").await,
        [(String::new(), 100_000_000)]
    );
    // A span that begins inside a month knows what the month had used before it.
    let span = Span::new(at("2026-10-31T00:00:00Z"), at("2026-11-03T06:00:00Z")).unwrap();
    let days = world.report(Some(1), span, "day").await;
    let want = [
        ("2026-10-31", 2_000),
        ("2026-11-02", 0),
        ("2026-11-03", 200_000_000),
    ];
    assert_eq!(days, want.map(|(key, amount)| (key.to_owned(), amount)));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn tags_are_those_of_the_account_and_of_now(pool: PgPool) {
    let world = World::new(pool).await;
    samples::create(&world.store, BOB, "f").await;
    let arn = samples::arn(BOB, "f");
    let tags = [("team".to_owned(), "red".to_owned())].into();
    let tagged = world.store.tag_function(&arn, &tags, 50, Uuid::nil()).await;
    tagged.unwrap().unwrap();
    for (owner, name) in [(1, "f"), (2, "f"), (2, "gone")] {
        world
            .used(
                owner,
                "2026-11-03T06:00:00Z",
                name,
                Sku::Duration(Architecture::Arm64),
                1_024_000_000_000,
            )
            .await;
    }
    let groups = world
        .report(None, Span::of_month(month()), "account tag:team")
        .await;
    let want = [
        ("111111111111 ", 80_000_400_000),
        ("222222222222 ", 133_334_000_000),
        ("222222222222 red", 133_334_000_000),
    ];
    assert_eq!(groups, want.map(|(key, amount)| (key.to_owned(), amount)));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_forecast_carries_usage_on(pool: PgPool) {
    let world = World::new(pool).await;
    let now = at("2026-11-29T12:30:00Z");
    // 10,000 an hour over two hours; and what the running hour has.
    world
        .used(2, "2026-11-29T10:00:00Z", "f", Sku::Requests, 20_000)
        .await;
    world
        .used(2, "2026-11-29T12:00:00Z", "f", Sku::Requests, 7_000)
        .await;
    world
        .used(1, "2026-11-29T12:00:00Z", "f", Sku::Requests, 7_000)
        .await;
    let forecast = world.store.cost_forecast(None, month(), now).await.unwrap();
    assert_eq!(forecast.window_hours, 2);
    let amounts: Vec<_> = forecast.amounts.values().collect();
    // 27,000 so far, 35.5 hours of 10,000 to come; the first account's are free.
    assert_eq!(amounts.len(), 1);
    assert_eq!(amounts[0].so_far_e10, 27_000 * 2_000);
    assert_eq!(amounts[0].month_e10, (27_000 + 355_000) * 2_000);
    let nobody = world
        .store
        .cost_forecast(Some(account(1)), month(), now)
        .await
        .unwrap();
    assert_eq!(nobody.window_hours, 0);
}
