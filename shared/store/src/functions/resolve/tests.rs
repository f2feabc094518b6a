use domain::event_config::{Backoff, Priority};
use domain::{
    Alias, AsyncPolicy, AsyncSettings, Configuration, Destination, EventConfig, FunctionArn,
    RecursiveLoop, Version,
};
use sqlx::PgPool;
use uuid::Uuid;

use crate::functions::Resolved;
use crate::samples::{self, ALICE, arn, at, create, qualified, stamp};
use crate::versions::Demand;
use crate::{Role, Store};

fn queue(name: &str) -> Destination {
    format!("arn:aws:sqs:eu-west-1:111111111111:{name}")
        .parse()
        .unwrap()
}

async fn settings(store: &Store, arn: &FunctionArn) -> AsyncSettings {
    let resolved = store
        .resolve(arn.account, &arn.region, &arn.name, arn.qualifier.as_ref())
        .await
        .unwrap();
    match resolved {
        Resolved::Found(target) => target.async_settings,
        other => panic!("{arn}: {other:?}"),
    }
}

/// Sets the dead letter target of `$LATEST` and publishes it.
async fn publish(store: &Store, target: Option<Destination>, n: u128) {
    let f = arn(ALICE, "f");
    let edit = |configuration: &mut Configuration| {
        configuration.dead_letter = target;
        Ok::<_, ()>(())
    };
    let demand = Demand::default();
    store
        .update_configuration(&f, &demand, edit, stamp(n))
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    store
        .publish_version(&f, &demand, None, stamp(n + 1))
        .await
        .unwrap()
        .unwrap();
}

/// `f` with versions 1 and 2, whose dead letters go to `q1` and `q2`, and an alias of both; those of `$LATEST` go nowhere.
async fn with_dead_letters(pool: PgPool) -> Store {
    let store = samples::store(pool).await;
    create(&store, ALICE, "f").await;
    publish(&store, Some(queue("q1")), 2).await;
    publish(&store, Some(queue("q2")), 4).await;
    publish(&store, None, 6).await;
    let alias = Alias {
        name: "both".parse().unwrap(),
        version: Version::Published(1),
        description: String::new(),
        routing: Some((Version::Published(2), 0.25)),
        revision_id: Uuid::from_u128(1).to_string(),
    };
    let made = store.create_alias(&arn(ALICE, "f"), &alias).await.unwrap();
    made.unwrap();
    store
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn dead_letter_targets_are_locked_with_the_version(pool: PgPool) {
    let store = with_dead_letters(pool).await;
    let check = async |arn: FunctionArn, want: &[(u32, &str)]| {
        let got = settings(&store, &arn).await.dead_letters;
        let want = want
            .iter()
            .map(|(number, name)| (Version::Published(*number), queue(name)));
        assert_eq!(got, want.collect(), "{arn}");
    };
    check(arn(ALICE, "f"), &[]).await;
    check(qualified(ALICE, "f", "1"), &[(1, "q1")]).await;
    check(qualified(ALICE, "f", "2"), &[(2, "q2")]).await;
    check(qualified(ALICE, "f", "3"), &[]).await;
    check(qualified(ALICE, "f", "both"), &[(1, "q1"), (2, "q2")]).await;
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_alias_does_not_inherit_its_versions_config(pool: PgPool) {
    let store = with_dead_letters(pool).await;
    let latest = arn(ALICE, "f");
    let (one, both) = (qualified(ALICE, "f", "1"), qualified(ALICE, "f", "both"));
    let config = |n| EventConfig {
        max_retry_attempts: Some(n),
        ..EventConfig::default()
    };
    store
        .put_event_invoke_config(&latest, &config(0), at(9))
        .await
        .unwrap();
    store
        .put_event_invoke_config(&one, &config(1), at(9))
        .await
        .unwrap();
    assert_eq!(settings(&store, &latest).await.event, config(0));
    let explicit = qualified(ALICE, "f", "$LATEST");
    assert_eq!(settings(&store, &explicit).await.event, config(0));
    assert_eq!(settings(&store, &one).await.event, config(1));
    assert_eq!(settings(&store, &both).await.event, EventConfig::default());
    store
        .put_event_invoke_config(&both, &config(2), at(9))
        .await
        .unwrap();
    assert_eq!(settings(&store, &both).await.event, config(2));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_queue_may_read_what_it_dispatches_by_and_write_nothing(pool: PgPool) {
    let owner = with_dead_letters(pool.clone()).await;
    let f = arn(ALICE, "f");
    let policy = AsyncPolicy {
        max_attempts: Some(20),
        backoff: Some(Backoff::List(vec![1, 10])),
        max_event_age_s: None,
        priority: Priority::High,
    };
    owner.put_async_policy(&f, &policy, at(9)).await.unwrap();
    owner
        .put_recursive_loop(&f, RecursiveLoop::Allow)
        .await
        .unwrap();
    let queue = samples::of_role(&pool, Role::Queue).await;
    let read = settings(&queue, &qualified(ALICE, "f", "both")).await;
    assert_eq!(read, settings(&owner, &qualified(ALICE, "f", "both")).await);
    assert_eq!(
        (read.policy, read.recursive_loop),
        (policy.clone(), RecursiveLoop::Allow)
    );
    queue.catalog_stamp().await.unwrap();
    let refused = queue.put_async_policy(&f, &policy, at(9)).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("permission denied")));
    for table in ["access_key", "log_event", "iam_role"] {
        let query = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let refused = sqlx::query(query).execute(&queue.pool).await;
        assert!(
            refused.is_err_and(|error| error.to_string().contains("permission denied")),
            "{table}"
        );
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_gateway_may_write_all_of_it(pool: PgPool) {
    let owner = samples::store(pool.clone()).await;
    create(&owner, ALICE, "f").await;
    let gateway = samples::of_role(&pool, Role::Gateway).await;
    let f = arn(ALICE, "f");
    let (config, policy) = (EventConfig::default(), AsyncPolicy::default());
    for _ in 0..2 {
        assert!(
            gateway
                .put_event_invoke_config(&f, &config, at(9))
                .await
                .unwrap()
        );
        assert!(gateway.put_async_policy(&f, &policy, at(9)).await.unwrap());
    }
    let updated = gateway
        .update_event_invoke_config(&f, |_| (), at(9))
        .await
        .unwrap();
    assert!(updated.is_some());
    assert!(
        gateway
            .put_recursive_loop(&f, RecursiveLoop::Allow)
            .await
            .unwrap()
    );
    assert!(gateway.delete_event_invoke_config(&f).await.unwrap());
    assert!(gateway.delete_async_policy(&f).await.unwrap());
}
