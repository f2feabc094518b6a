use domain::{Alias, EventConfig, FunctionArn, Version};
use sqlx::PgPool;
use uuid::Uuid;

use super::EventInvokeConfig;
use crate::Store;
use crate::samples::{self, ALICE, BOB, arn, at, create, qualified, stamp};
use crate::versions::Demand;

const QUEUE: &str = "arn:aws:sqs:eu-west-1:111111111111:q";
const TOPIC: &str = "arn:aws:sns:eu-west-1:111111111111:t";

/// A function of Alice's with version 1 and the alias `prod`.
async fn published(pool: PgPool) -> Store {
    let store = samples::store(pool).await;
    create(&store, ALICE, "f").await;
    let f = arn(ALICE, "f");
    store
        .publish_version(&f, &Demand::default(), None, stamp(2))
        .await
        .unwrap()
        .unwrap();
    let alias = Alias {
        name: "prod".parse().unwrap(),
        version: Version::Published(1),
        description: String::new(),
        routing: None,
        revision_id: Uuid::from_u128(1).to_string(),
    };
    store.create_alias(&f, &alias).await.unwrap().unwrap();
    store
}

fn full() -> EventConfig {
    EventConfig {
        max_retry_attempts: Some(0),
        max_event_age_s: Some(60),
        on_success: Some(QUEUE.parse().unwrap()),
        on_failure: Some(TOPIC.parse().unwrap()),
    }
}

fn retries(n: u8) -> EventConfig {
    EventConfig {
        max_retry_attempts: Some(n),
        ..EventConfig::default()
    }
}

async fn get(store: &Store, arn: &FunctionArn) -> Option<EventConfig> {
    let found = store.event_invoke_config(arn).await.unwrap();
    found.map(|found| found.config)
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_put_replaces_everything(pool: PgPool) {
    let store = published(pool).await;
    let f = arn(ALICE, "f");
    assert!(
        store
            .put_event_invoke_config(&f, &full(), at(5))
            .await
            .unwrap()
    );
    let latest = qualified(ALICE, "f", "$LATEST");
    let found = store.event_invoke_config(&latest).await.unwrap();
    let want = EventInvokeConfig {
        qualifier: "$LATEST".parse().unwrap(),
        config: full(),
        last_modified: at(5),
    };
    assert_eq!(found, Some(want));
    assert!(
        store
            .put_event_invoke_config(&latest, &retries(1), at(6))
            .await
            .unwrap()
    );
    assert_eq!(get(&store, &f).await, Some(retries(1)));
    assert_eq!(get(&store, &arn(BOB, "f")).await, None);
    assert_eq!(get(&store, &qualified(ALICE, "f", "prod")).await, None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn only_what_exists_can_be_configured(pool: PgPool) {
    let store = published(pool).await;
    let check = async |arn: FunctionArn, want: bool| {
        let put = store
            .put_event_invoke_config(&arn, &full(), at(5))
            .await
            .unwrap();
        assert_eq!(put, want, "{arn}");
        assert_eq!(store.qualifier_exists(&arn).await.unwrap(), want, "{arn}");
    };
    check(arn(ALICE, "f"), true).await;
    for (qualifier, want) in [
        ("$LATEST", true),
        ("1", true),
        ("01", true),
        ("prod", true),
        ("0", false),
        ("2", false),
        ("4294967295", false),
        ("beta", false),
    ] {
        check(qualified(ALICE, "f", qualifier), want).await;
    }
    check(arn(ALICE, "g"), false).await;
    check(arn(BOB, "f"), false).await;
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn updates_change_what_there_is(pool: PgPool) {
    let store = published(pool).await;
    let prod = qualified(ALICE, "f", "prod");
    let edit = |config: &mut EventConfig| config.max_retry_attempts = Some(2);
    let missing = store
        .update_event_invoke_config(&prod, edit, at(6))
        .await
        .unwrap();
    assert_eq!(missing, None);
    store
        .put_event_invoke_config(&prod, &full(), at(5))
        .await
        .unwrap();
    let updated = store
        .update_event_invoke_config(&prod, edit, at(6))
        .await
        .unwrap();
    let want = EventConfig {
        max_retry_attempts: Some(2),
        ..full()
    };
    let updated = updated.unwrap();
    assert_eq!((&updated.config, updated.last_modified), (&want, at(6)));
    assert_eq!(
        store.event_invoke_config(&prod).await.unwrap(),
        Some(updated)
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn configs_go_with_what_they_are_of(pool: PgPool) {
    let store = published(pool.clone()).await;
    let f = arn(ALICE, "f");
    let (one, prod) = (qualified(ALICE, "f", "1"), qualified(ALICE, "f", "prod"));
    for arn in [&f, &one, &prod] {
        store
            .put_event_invoke_config(arn, &full(), at(5))
            .await
            .unwrap();
    }
    assert!(
        store
            .delete_alias(&f, &"prod".parse().unwrap())
            .await
            .unwrap()
    );
    assert_eq!(get(&store, &prod).await, None);
    assert_eq!(get(&store, &one).await, Some(full()));
    store.delete_version(&f, 1).await.unwrap().unwrap();
    assert_eq!(get(&store, &one).await, None);
    assert_eq!(get(&store, &f).await, Some(full()));
    assert!(store.delete_function(&f).await.unwrap());
    create(&store, ALICE, "f").await;
    assert_eq!(get(&store, &f).await, None);

    assert!(!store.delete_event_invoke_config(&f).await.unwrap());
    store
        .put_event_invoke_config(&f, &full(), at(5))
        .await
        .unwrap();
    assert!(store.delete_event_invoke_config(&f).await.unwrap());
    assert_eq!(get(&store, &f).await, None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn listings_page_by_page(pool: PgPool) {
    let store = published(pool).await;
    let f = arn(ALICE, "f");
    for qualifier in ["prod", "1", "$LATEST"] {
        let arn = qualified(ALICE, "f", qualifier);
        store
            .put_event_invoke_config(&arn, &full(), at(5))
            .await
            .unwrap();
    }
    let list = async |after: Option<&str>, limit| {
        let after = after.map(|text| text.parse().unwrap());
        let page = store
            .event_invoke_configs(&f, after.as_ref(), limit)
            .await
            .unwrap();
        page.iter()
            .map(|config| config.qualifier.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(list(None, 10).await, ["$LATEST", "1", "prod"]);
    assert_eq!(list(None, 1).await, ["$LATEST"]);
    assert_eq!(list(Some("$LATEST"), 10).await, ["1", "prod"]);
    assert_eq!(list(Some("prod"), 10).await, Vec::<String>::new());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn changes_move_the_catalogs_stamp(pool: PgPool) {
    let store = published(pool).await;
    let f = arn(ALICE, "f");
    let before = store.catalog_stamp().await.unwrap();
    store
        .put_event_invoke_config(&f, &full(), at(5))
        .await
        .unwrap();
    store
        .update_event_invoke_config(&f, |_| (), at(6))
        .await
        .unwrap();
    store.delete_event_invoke_config(&f).await.unwrap();
    // What changes nothing does not.
    store.delete_event_invoke_config(&f).await.unwrap();
    store
        .update_event_invoke_config(&f, |_| (), at(6))
        .await
        .unwrap();
    assert_eq!(store.catalog_stamp().await.unwrap(), before + 3);
}
