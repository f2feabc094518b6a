use chrono::{DateTime, TimeZone, Utc};
use domain::AccountId;
use domain::bill::Month;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use super::{CHUNKS, CHUNKS_LEFT, Cap, CapMonth, Drawn, LeaseKey, Settled};
use crate::billing_terms::{Books, Terms};
use crate::{Store, Vault};

const CENT: i64 = 100_000_000;

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 5, 12, 0, 0).unwrap()
}

fn account() -> AccountId {
    AccountId::new(7).unwrap()
}

fn store(pool: &PgPool) -> Store {
    Store::of(pool.clone(), Vault::new(&[1; 32]))
}

/// A store with the gateway's role.
async fn gateway(pool: &PgPool) -> Store {
    let options = (*pool.connect_options()).clone();
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .connect_with(options.options([("role", "tollgate_gateway")]))
        .await
        .unwrap();
    Store::of(pool, Vault::new(&[1; 32]))
}

fn cap(limit_e10: i64) -> Cap {
    Cap {
        id: Uuid::from_u128(1),
        scope: "account".parse().unwrap(),
        limit_e10,
        currency: "USD".parse().unwrap(),
        action: "stop".parse().unwrap(),
    }
}

fn lease(holder: u128) -> LeaseKey {
    LeaseKey {
        cap: Uuid::from_u128(1),
        month: Month::of(now()),
        holder: Uuid::from_u128(holder),
    }
}

async fn set(pool: &PgPool, limit_e10: i64, spent_e10: i64) -> Store {
    let owner = store(pool);
    owner
        .create_account(account(), "seven", now())
        .await
        .unwrap();
    owner
        .set_cap(account(), &cap(limit_e10), spent_e10, now())
        .await
        .unwrap();
    gateway(pool).await
}

async fn month(store: &Store) -> CapMonth {
    let months = store
        .cap_months(Some(account()), Month::of(now()))
        .await
        .unwrap();
    months.into_iter().next().unwrap().1
}

#[sqlx::test(migrations = "../../sql/migrations")]
async fn what_is_drawn_is_held_then_spent_or_given_back(pool: PgPool) {
    let gateway = set(&pool, 100 * CENT, 10 * CENT).await;
    let Drawn::Got(got) = gateway.draw(lease(1), CENT, now()).await.unwrap() else {
        panic!("nothing drawn")
    };
    assert_eq!(got, CENT);
    assert_eq!(
        gateway.draw(lease(1), 95 * CENT, now()).await.unwrap(),
        Drawn::Dry
    );
    let after = month(&gateway).await;
    assert_eq!((after.held_e10, after.settled_e10), (CENT, 10 * CENT));
    assert_eq!(after.reached_at, Some(now()));
    assert_eq!(
        gateway
            .settle_lease(lease(1), (CENT / 4, CENT / 4, 3))
            .await
            .unwrap(),
        Settled::Kept {
            chunk_e10: 100 * CENT / CHUNKS
        }
    );
    let after = month(&gateway).await;
    assert_eq!(
        (after.held_e10, after.settled_e10, after.beyond_e10),
        (CENT / 2, 10 * CENT + CENT / 4, 3)
    );
    // More than the lease holds is refused by the database, and nothing of it happens.
    assert_eq!(
        gateway.settle_lease(lease(1), (CENT, 0, 0)).await.unwrap(),
        Settled::Forfeited
    );
    assert_eq!(month(&gateway).await, after);
}

#[sqlx::test(migrations = "../../sql/migrations")]
async fn chunks_shrink_with_what_is_left_and_all_of_it_can_be_drawn(pool: PgPool) {
    let gateway = set(&pool, 1_000 * CENT, 0).await;
    let (mut sum, mut last) = (0, i64::MAX);
    loop {
        match gateway.draw(lease(1), 1_000, now()).await.unwrap() {
            Drawn::Got(got) => {
                assert!(got <= last);
                last = got.max(1_000);
                sum += got;
                // So that the test ends: what is left of a big cap is spent in one go.
                if sum > 20 * CENT && sum < 999 * CENT {
                    let rest = 999 * CENT - sum;
                    assert_eq!(
                        gateway.draw(lease(2), rest, now()).await.unwrap(),
                        Drawn::Got(rest)
                    );
                    sum += rest;
                }
            }
            Drawn::Dry => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(1_000 * CENT - sum < 1_000, "{sum}");
    assert_eq!(month(&gateway).await.held_e10, sum);
    // Those who settle are told, and what comes back counts.
    let kept = |chunk_e10| Settled::Kept { chunk_e10 };
    let settled = gateway.settle_lease(lease(1), (CENT, 0, 0)).await;
    assert_eq!(settled.unwrap(), kept((1_000 * CENT - sum) / CHUNKS_LEFT));
    let left = 1_000 * CENT - sum + CENT / 2;
    let settled = gateway.settle_lease(lease(1), (0, CENT / 2, 0)).await;
    assert_eq!(settled.unwrap(), kept(left / CHUNKS_LEFT));
}

#[sqlx::test(migrations = "../../sql/migrations")]
async fn a_holder_that_is_gone_forfeits_and_is_fenced(pool: PgPool) {
    let gateway = set(&pool, 100 * CENT, 0).await;
    assert_eq!(
        gateway.draw(lease(1), 10 * CENT, now()).await.unwrap(),
        Drawn::Got(10 * CENT)
    );
    assert_eq!(
        gateway.draw(lease(2), 5 * CENT, now()).await.unwrap(),
        Drawn::Got(5 * CENT)
    );
    assert_eq!(gateway.forfeit_leases(60_000).await.unwrap(), 0);
    assert_eq!(gateway.forfeit_leases(0).await.unwrap(), 2);
    let after = month(&gateway).await;
    assert_eq!(
        (after.held_e10, after.settled_e10, after.forfeited_e10),
        (0, 15 * CENT, 15 * CENT)
    );
    assert_eq!(
        gateway.draw(lease(1), CENT, now()).await.unwrap(),
        Drawn::Fenced
    );
    assert_eq!(
        gateway.settle_lease(lease(1), (CENT, 0, 0)).await.unwrap(),
        Settled::Forfeited
    );
    assert_eq!(month(&gateway).await, after);
    assert_eq!(
        gateway.draw(lease(3), CENT, now()).await.unwrap(),
        Drawn::Got(CENT)
    );
}

/// Nobody knows of a commit without an answer whether it happened: whoever goes on as if it had not could spend what others draw.
#[sqlx::test(migrations = "../../sql/migrations")]
async fn a_settlement_without_an_answer_ends_the_lease(pool: PgPool) {
    let gateway = set(&pool, 100 * CENT, 0).await;
    let drawn = gateway.draw(lease(1), 10 * CENT, now()).await;
    assert_eq!(drawn.unwrap(), Drawn::Got(10 * CENT));
    let before = month(&gateway).await;
    let commits_fail = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no commit'; END $$;
        CREATE CONSTRAINT TRIGGER fails AFTER UPDATE ON billing.cap_lease DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION fail()";
    sqlx::raw_sql(commits_fail).execute(&pool).await.unwrap();
    let settled = gateway.settle_lease(lease(1), (CENT, 2 * CENT, 0)).await;
    assert_eq!(settled.unwrap(), Settled::Forfeited);
    assert_eq!(month(&gateway).await, before);
    // What fails before that has not happened: it is done again.
    let wrong = "ALTER TABLE billing.cap_lease RENAME TO gone";
    sqlx::raw_sql(wrong).execute(&pool).await.unwrap();
    let settled = gateway.settle_lease(lease(1), (CENT, 2 * CENT, 0)).await;
    assert!(settled.is_err());
}

#[sqlx::test(migrations = "../../sql/migrations")]
async fn a_limit_moves_and_never_below_what_is_spent(pool: PgPool) {
    let gateway = set(&pool, 30 * CENT, 40 * CENT).await;
    let owner = store(&pool);
    let spent = |month: CapMonth| (month.settled_e10, month.beyond_e10);
    assert_eq!(spent(month(&gateway).await), (30 * CENT, 10 * CENT));
    owner
        .set_cap(account(), &cap(35 * CENT), 0, now())
        .await
        .unwrap();
    assert_eq!(spent(month(&gateway).await), (35 * CENT, 5 * CENT));
    owner
        .set_cap(account(), &cap(100 * CENT), 0, now())
        .await
        .unwrap();
    assert_eq!(spent(month(&gateway).await), (40 * CENT, 0));
    owner
        .set_cap(account(), &cap(20 * CENT), 0, now())
        .await
        .unwrap();
    assert_eq!(gateway.draw(lease(1), 1, now()).await.unwrap(), Drawn::Dry);
    owner
        .set_cap(account(), &cap(50 * CENT), 0, now())
        .await
        .unwrap();
    assert_eq!(
        gateway.draw(lease(1), 11 * CENT, now()).await.unwrap(),
        Drawn::Dry
    );
    assert_eq!(
        gateway.draw(lease(1), 10 * CENT, now()).await.unwrap(),
        Drawn::Got(10 * CENT)
    );
    assert!(
        owner
            .remove_cap(account(), &"account".parse().unwrap())
            .await
            .unwrap()
    );
    assert!(
        !owner
            .remove_cap(account(), &"account".parse().unwrap())
            .await
            .unwrap()
    );
    assert_eq!(
        gateway.draw(lease(1), CENT, now()).await.unwrap(),
        Drawn::Gone
    );
}

/// Many at once, some of whom vanish with what they hold: the sum of all that was drawn never exceeds the limit.
#[sqlx::test(migrations = "../../sql/migrations")]
async fn a_crowd_never_draws_more_than_there_is(pool: PgPool) {
    let gateway = set(&pool, 10 * CENT, 0).await;
    let mut tasks = Vec::new();
    for holder in 1..=8_u128 {
        let store = gateway.clone();
        tasks.push(async move {
            let mut spent = 0;
            while let Drawn::Got(got) = store.draw(lease(holder), CENT / 50, now()).await.unwrap() {
                let (cost, back) = (got / 3, got / 5);
                spent += cost;
                if holder % 4 == 0 && spent > CENT / 10 {
                    return spent;
                }
                let settled = store.settle_lease(lease(holder), (cost, back, 0)).await;
                assert!(matches!(settled.unwrap(), Settled::Kept { .. }));
            }
            spent
        });
    }
    let spent: i64 = futures::future::join_all(tasks).await.into_iter().sum();
    let after = month(&gateway).await;
    assert!(after.held_e10 + after.settled_e10 <= 10 * CENT);
    assert!(spent <= 10 * CENT, "{spent}");
    assert!(10 * CENT - after.held_e10 - after.settled_e10 < CENT / 50);
    gateway.forfeit_leases(0).await.unwrap();
    let after = month(&gateway).await;
    assert_eq!(after.held_e10, 0);
    assert!(after.settled_e10 >= spent && after.settled_e10 <= 10 * CENT);
}

/// What a gateway holds per run is made of prices in its memory, which it forgets when the catalog's stamp moves.
#[sqlx::test(migrations = "../../sql/migrations")]
async fn terms_and_prices_move_the_catalogs_stamp(pool: PgPool) {
    let owner = store(&pool);
    owner
        .create_account(account(), "seven", now())
        .await
        .unwrap();
    let mut stamp = owner.catalog_stamp().await.unwrap();
    let mut moved = async |owner: &Store| {
        let before = std::mem::replace(&mut stamp, owner.catalog_stamp().await.unwrap());
        stamp > before
    };
    assert!(owner.seed_prices().await.unwrap() > 0);
    assert!(moved(&owner).await);
    assert_eq!(owner.seed_prices().await.unwrap(), 0);
    assert!(!moved(&owner).await);
    let terms = Terms {
        book: "own".to_owned(),
        free_tier: false,
    };
    owner
        .set_billing_terms(account(), &terms, now())
        .await
        .unwrap();
    assert!(moved(&owner).await);
    let books = Books::default();
    let (found, book) = owner.account_book(account(), &books).await.unwrap();
    assert_eq!((found, book.iter().count()), (terms, 0));
}
