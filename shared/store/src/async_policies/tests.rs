use domain::AsyncPolicy;
use domain::event_config::{Backoff, Priority};
use sqlx::PgPool;

use super::Stored;
use crate::samples::{self, ALICE, BOB, arn, at, create};

fn policy(backoff: Backoff) -> AsyncPolicy {
    AsyncPolicy {
        max_attempts: Some(185),
        backoff: Some(backoff),
        max_event_age_s: Some(86_400),
        priority: Priority::Low,
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_policy_is_replaced_and_goes_with_its_function(pool: PgPool) {
    let store = samples::store(pool).await;
    create(&store, ALICE, "f").await;
    let f = arn(ALICE, "f");
    let before = store.catalog_stamp().await.unwrap();
    assert_eq!(store.async_policy(&f).await.unwrap(), None);
    let grown = policy(Backoff::Exponential {
        first_s: 1,
        factor: 1.5,
        max_s: 600,
        jitter: 0.1,
    });
    for (n, policy) in [
        grown,
        policy(Backoff::List(vec![1, 2, 3])),
        AsyncPolicy::default(),
    ]
    .into_iter()
    .enumerate()
    {
        let last_modified = at(i64::try_from(n).unwrap());
        assert!(
            store
                .put_async_policy(&f, &policy, last_modified)
                .await
                .unwrap()
        );
        let stored = store.async_policy(&f).await.unwrap();
        assert_eq!(
            stored,
            Some(Stored {
                policy,
                last_modified
            })
        );
    }
    assert_eq!(store.catalog_stamp().await.unwrap(), before + 3);
    let other = arn(BOB, "f");
    let default = AsyncPolicy::default();
    assert!(
        !store
            .put_async_policy(&other, &default, at(0))
            .await
            .unwrap()
    );
    assert!(!store.delete_async_policy(&other).await.unwrap());
    assert!(store.delete_async_policy(&f).await.unwrap());
    assert_eq!(store.async_policy(&f).await.unwrap(), None);

    store.put_async_policy(&f, &default, at(0)).await.unwrap();
    assert!(store.delete_function(&f).await.unwrap());
    create(&store, ALICE, "f").await;
    assert_eq!(store.async_policy(&f).await.unwrap(), None);
}
