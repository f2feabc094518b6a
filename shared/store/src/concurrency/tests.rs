use sqlx::PgPool;

use super::Refusal;
use crate::functions::Resolved;
use crate::samples::{self, ALICE, BOB, arn, create};

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn reservations_leave_the_minimum(pool: PgPool) {
    let store = samples::store(pool).await;
    create(&store, ALICE, "f").await;
    create(&store, ALICE, "g").await;
    let (f, g) = (arn(ALICE, "f"), arn(ALICE, "g"));
    store
        .reserve_concurrency(&f, 600, 100)
        .await
        .unwrap()
        .unwrap();
    let refused = store.reserve_concurrency(&g, 301, 100).await.unwrap();
    assert_eq!(refused, Err(Refusal::TooFewLeft { reservable: 300 }));
    assert_eq!(store.reserved_concurrency(&g).await.unwrap(), Some(None));
    store
        .reserve_concurrency(&g, 300, 100)
        .await
        .unwrap()
        .unwrap();
    // A function's own reservation is replaced, not added to.
    store
        .reserve_concurrency(&f, 599, 100)
        .await
        .unwrap()
        .unwrap();
    let Resolved::Found(target) = store
        .resolve(f.account, &f.region, &f.name, None)
        .await
        .unwrap()
    else {
        panic!("not found");
    };
    assert_eq!(
        (target.reserved_concurrency, target.unreserved),
        (Some(599), 101)
    );
    // 0 stops a function; it is not the same as nothing.
    store
        .reserve_concurrency(&f, 0, 100)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(store.reserved_concurrency(&f).await.unwrap(), Some(Some(0)));
    assert!(store.release_concurrency(&f).await.unwrap());
    assert_eq!(store.reserved_concurrency(&f).await.unwrap(), Some(None));
    assert!(!store.release_concurrency(&arn(BOB, "f")).await.unwrap());
    let nobody = store
        .reserve_concurrency(&arn(BOB, "f"), 1, 100)
        .await
        .unwrap();
    assert_eq!(nobody, Err(Refusal::NoFunction));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn reservations_at_once_do_not_overdraw(pool: PgPool) {
    let store = samples::store(pool).await;
    let names: Vec<String> = (0..6).map(|n| format!("f{n}")).collect();
    for name in &names {
        create(&store, ALICE, name).await;
    }
    let arns: Vec<_> = names.iter().map(|name| arn(ALICE, name)).collect();
    let attempts = arns
        .iter()
        .map(|arn| store.reserve_concurrency(arn, 300, 100));
    let results = futures::future::join_all(attempts).await;
    let made = results
        .iter()
        .filter(|result| matches!(result, Ok(Ok(()))))
        .count();
    assert_eq!(made, 3, "900 of 1,000 may be reserved");
}
