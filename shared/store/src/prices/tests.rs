use domain::price::Book;
use rust_decimal::Decimal;
use sqlx::PgPool;

use super::{DEFAULT_BOOK, SHIPPED, SeedError};
use crate::{Store, Vault};

fn store(pool: PgPool) -> Store {
    Store::of(pool, Vault::new(&[1; 32]))
}

const HEADER: &str = "region,sku,currency,unit,tier_from,tier_to,unit_price,valid_from,confidence";

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_shipped_book_is_seeded_once_and_read_back_whole(pool: PgPool) {
    let store = store(pool);
    let shipped = Book::parse(SHIPPED).unwrap();
    assert_eq!(store.price_stamp().await.unwrap(), 0);
    assert_eq!(store.seed_prices().await.unwrap(), shipped.iter().count());
    let stamp = store.price_stamp().await.unwrap();
    assert_eq!(store.seed_prices().await.unwrap(), 0);
    assert_eq!(store.price_stamp().await.unwrap(), stamp);
    assert_eq!(store.price_book(DEFAULT_BOOK).await.unwrap(), shipped);
    assert_eq!(store.price_book("other").await.unwrap(), Book::default());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_list_is_added_whole_or_not_at_all(pool: PgPool) {
    let store = store(pool);
    let line = |price, from| format!("r-1,requests,USD,1000000 requests,0,,{price},{from},test\n");
    let add = async |lines: String| {
        store
            .add_prices("mine", &format!("{HEADER}\n{lines}"))
            .await
    };
    assert_eq!(add(line("0.20", "2020-12-01")).await.unwrap(), 1);
    // A later version joins the earlier one; what is there already is left alone.
    assert_eq!(
        add(line("0.20", "2020-12-01") + &line("0.30", "2021-01-01"))
            .await
            .unwrap(),
        1
    );
    let stamp = store.price_stamp().await.unwrap();

    let refused = add(line("0.50", "2022-01-01") + &line("0.25", "2021-01-01")).await;
    assert!(
        matches!(refused, Err(SeedError::Changed { .. })),
        "{refused:?}"
    );
    let refused = add(line("0.50", "2022-01-01") + "r-1,requests").await;
    assert!(
        matches!(refused, Err(SeedError::Book(ref error)) if error.line == 3),
        "{refused:?}"
    );
    assert_eq!(store.price_stamp().await.unwrap(), stamp);
    assert_eq!(store.price_book("mine").await.unwrap().iter().count(), 2);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn tiers_with_a_gap_do_not_commit(pool: PgPool) {
    let check = async |tiers: &'static str, sound: bool| {
        let mut tx = pool.begin().await.unwrap();
        sqlx::query(
            "INSERT INTO billing.price_version (book, region, sku, currency, valid_from, price_per, source, source_version)
             VALUES ('test', 'r-' || random(), 'requests', 'USD', '2020-01-01Z', 1, 's', 'v')",
        )
        .execute(&mut *tx)
        .await
        .unwrap();
        sqlx::query(
            "INSERT INTO billing.price_tier (price_id, qty_from, qty_to, unit_price)
             SELECT (SELECT max(price_id) FROM billing.price_version), (t->>0)::numeric, (t->>1)::numeric, 1
             FROM jsonb_array_elements($1::jsonb) AS t",
        )
        .bind(serde_json::from_str::<serde_json::Value>(tiers).unwrap())
        .execute(&mut *tx)
        .await
        .unwrap();
        let committed = tx.commit().await;
        assert_eq!(committed.is_ok(), sound, "{tiers}: {committed:?}");
    };
    check("[[0, null]]", true).await;
    check("[[0, 5], [5, null]]", true).await;
    check("[]", false).await;
    check("[[1, null]]", false).await;
    check("[[0, 5]]", false).await;
    check("[[0, 5], [6, null]]", false).await;
    check("[[0, 5], [4, null]]", false).await;
    check("[[0, null], [5, null]]", false).await;
}

/// The integer rater against Postgres' arbitrary precision.
#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn integers_and_numeric_agree(pool: PgPool) {
    let book = Book::parse(SHIPPED).unwrap();
    let mut seed = 1_u64;
    for price in book.iter() {
        for exponent in 0..17 {
            // A linear congruential generator: the same quantities in every run.
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let quantity = i128::from(seed >> 11) % 10_i128.pow(exponent + 1);
            let got = price.row_e10(0, quantity).unwrap();
            let want: Decimal = sqlx::query_scalar(
                // `div` is exact: twice the sum plus one divisor, over two divisors, rounds half up.
                "SELECT div(2 * sum((least(coalesce(qty_to, $1), $1) - qty_from) * price) * 10000000000 + $5, 2 * $5)
                 FROM UNNEST($2::numeric[], $3::numeric[], $4::numeric[]) AS tier (qty_from, qty_to, price)
                 WHERE qty_from < $1 OR qty_from = 0",
            )
            .bind(decimal(quantity))
            .bind(price.tiers.iter().map(|tier| decimal(tier.from)).collect::<Vec<_>>())
            .bind(price.tiers.iter().map(|tier| tier.to.map(decimal)).collect::<Vec<_>>())
            .bind(price.tiers.iter().map(|tier| Decimal::from_i128_with_scale(tier.price_e14, 14)).collect::<Vec<_>>())
            .bind(decimal(price.quanta_per_unit))
            .fetch_one(&pool)
            .await
            .unwrap();
            assert_eq!(
                decimal(got),
                want,
                "{} {} {quantity}",
                price.region,
                price.sku
            );
        }
    }
}

fn decimal(number: i128) -> Decimal {
    Decimal::from_i128_with_scale(number, 0)
}
