use domain::RecursiveLoop;
use sqlx::PgPool;

use crate::samples::{self, ALICE, BOB, arn, create};

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn loops_end_until_they_are_allowed(pool: PgPool) {
    let store = samples::store(pool).await;
    create(&store, ALICE, "f").await;
    let f = arn(ALICE, "f");
    let before = store.catalog_stamp().await.unwrap();
    assert_eq!(
        store.recursive_loop(&f).await.unwrap(),
        Some(RecursiveLoop::Terminate)
    );
    assert!(
        store
            .put_recursive_loop(&f, RecursiveLoop::Allow)
            .await
            .unwrap()
    );
    assert_eq!(
        store.recursive_loop(&f).await.unwrap(),
        Some(RecursiveLoop::Allow)
    );
    assert_eq!(store.catalog_stamp().await.unwrap(), before + 1);
    let other = arn(BOB, "f");
    assert!(
        !store
            .put_recursive_loop(&other, RecursiveLoop::Allow)
            .await
            .unwrap()
    );
    assert_eq!(store.recursive_loop(&other).await.unwrap(), None);
}
