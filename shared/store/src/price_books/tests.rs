use chrono::{DateTime, Utc};
use domain::AccountId;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::billing_terms::Terms;
use crate::prices::DEFAULT_BOOK;
use crate::{Store, Vault};

const HEADER: &str = "region,sku,currency,unit,tier_from,tier_to,unit_price,valid_from,confidence";

fn store(pool: PgPool) -> Store {
    Store::of(pool, Vault::new(&[1; 32]))
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn books_and_who_has_them(pool: PgPool) {
    let owner = store(pool.clone());
    assert_eq!(owner.find_price_book("mine").await.unwrap(), None);
    let now: DateTime<Utc> = "2026-11-23T10:00:00Z".parse().unwrap();
    let account = AccountId::new(7).unwrap();
    owner.create_account(account, "seven", now).await.unwrap();
    let text = format!(
        "{HEADER}\n\
        r-1,requests,USD,1000000 requests,0,,0.20,2020-12-01,t\n\
        r-1,requests,USD,1000000 requests,0,,0.30,2021-12-01T05:00:00Z,t\n\
        r-2,requests,EUR,1000000 requests,0,,0.30,2021-01-01,t\n"
    );
    owner.add_prices("mine", &text).await.unwrap();
    owner.seed_prices().await.unwrap();
    let terms = Terms {
        book: "mine".to_owned(),
        free_tier: false,
    };
    owner.set_billing_terms(account, &terms, now).await.unwrap();

    let books = owner.price_book_summaries().await.unwrap();
    let names: Vec<_> = books.iter().map(|book| book.name.as_str()).collect();
    assert_eq!(names, [DEFAULT_BOOK, "mine"]);
    assert_eq!((books[0].accounts, books[0].regions), (0, 28));
    let mine = &books[1];
    assert_eq!((mine.versions, mine.regions, mine.accounts), (3, 2, 1));
    assert_eq!(mine.currencies, ["EUR", "USD"]);
    assert_eq!(
        mine.first_valid_from.to_rfc3339(),
        "2020-12-01T00:00:00+00:00"
    );
    assert_eq!(
        mine.last_valid_from.to_rfc3339(),
        "2021-12-01T05:00:00+00:00"
    );

    // An executor may read what its prices are made of.
    let options = (*pool.connect_options()).clone();
    let executor =
        PgPoolOptions::new().connect_with(options.options([("role", "tollgate_executor")]));
    let executor = store(executor.await.unwrap());
    let books = executor.price_books().await.unwrap();
    assert_eq!(books["mine"], owner.price_book("mine").await.unwrap());
    assert_eq!(books.len(), 2);
    let accounts = executor.account_books().await.unwrap();
    assert_eq!(accounts, [(account, "mine".to_owned())].into());
}
