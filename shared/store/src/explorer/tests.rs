use std::collections::BTreeMap;

use chrono::{TimeZone, Utc};
use domain::AccountId;
use domain::bill::explorer::Period;
use domain::price::Sku;
use domain::usage::{Place, Sums};
use sqlx::PgPool;
use uuid::Uuid;

use crate::billing_terms::Terms;
use crate::samples::{ALICE, BOB, arn, create, of_role, store};
use crate::usage::Rows;
use crate::{Role, Store};

/// A store with the rights of the gateway; a million requests of `f` at the end of October and at the beginning of November.
async fn used(pool: &PgPool) -> Store {
    let owner = store(pool.clone()).await;
    owner.seed_prices().await.unwrap();
    create(&owner, ALICE, "f").await;
    let tags = BTreeMap::from([("team".to_owned(), "core".to_owned())]);
    let f = arn(ALICE, "f");
    let tagged = owner.tag_function(&f, &tags, 50, Uuid::nil());
    tagged.await.unwrap().unwrap();
    let mut sums = Sums::default();
    for (month, day, hour) in [(10, 31, 23), (11, 1, 0)] {
        let place = Place {
            account: AccountId::new(ALICE).unwrap(),
            hour: Utc.with_ymd_and_hms(2026, month, day, hour, 0, 0).unwrap(),
            region: "eu-west-1".parse().unwrap(),
            sku: Sku::Requests,
            resource: arn(ALICE, "f").to_string(),
        };
        sums.add_quantity(place, 1_000_000);
    }
    let mut connection = pool.acquire().await.unwrap();
    Rows::default()
        .add(&mut connection, Uuid::nil(), &sums)
        .await
        .unwrap();
    of_role(pool, Role::Gateway).await
}

fn span(from_month: u32, to_month: u32) -> Period {
    let at = |month| Utc.with_ymd_and_hms(2026, month, 1, 0, 0, 0).unwrap();
    Period {
        start: at(from_month),
        end: at(to_month),
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn each_month_is_rated_by_itself(pool: PgPool) {
    let gateway = used(&pool).await;
    let owner = Store::of(pool.clone(), crate::Vault::new(&[1; 32]));
    let (alice, bob) = (AccountId::new(ALICE).unwrap(), AccountId::new(BOB).unwrap());
    let shown = async |account, span| -> Vec<(i128, i128, String)> {
        let explored = gateway.explore(account, span).await.unwrap();
        let items = explored.items();
        items
            .map(|item| (item.quantity, item.amount_e10, item.tag("team").to_owned()))
            .collect()
    };
    // Each month has its own free tier.
    let free = (1_000_000, 0, "core".to_owned());
    assert_eq!(
        shown(alice, span(10, 12)).await,
        [free.clone(), free.clone()]
    );
    assert_eq!(shown(alice, span(11, 12)).await, [free]);
    assert_eq!(shown(bob, span(10, 12)).await, []);
    let terms = Terms {
        free_tier: false,
        ..Terms::default()
    };
    owner
        .set_billing_terms(alice, &terms, span(11, 12).end)
        .await
        .unwrap();
    let paid = (1_000_000, 2_000_000_000, "core".to_owned());
    assert_eq!(shown(alice, span(10, 11)).await, [paid]);
    let currencies = gateway.currencies(alice).await.unwrap();
    assert_eq!(
        currencies
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["CNY", "USD"]
    );
}
