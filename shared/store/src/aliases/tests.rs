use domain::{Alias, Version};
use sqlx::PgPool;
use uuid::Uuid;

use super::{ALIAS_EXISTS, NO_OTHER_VERSION, NO_VERSION, Refusal};
use crate::Store;
use crate::samples::{self, ALICE, BOB, arn, create, stamp};
use crate::versions::{Demand, Refusal as VersionRefusal};

fn alias(name: &str, version: u32, routing: Option<(u32, f64)>) -> Alias {
    Alias {
        name: name.parse().unwrap(),
        version: Version::Published(version),
        description: "d".to_owned(),
        routing: routing.map(|(other, weight)| (Version::Published(other), weight)),
        revision_id: Uuid::from_u128(1).to_string(),
    }
}

/// A function of Alice's with version 1.
async fn published(pool: PgPool) -> Store {
    let store = samples::store(pool).await;
    create(&store, ALICE, "f").await;
    let f = arn(ALICE, "f");
    store
        .publish_version(&f, &Demand::default(), None, stamp(2))
        .await
        .unwrap()
        .unwrap();
    store
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_an_alias_needs(pool: PgPool) {
    let store = published(pool).await;
    let f = arn(ALICE, "f");
    let check = async |alias: Alias, want: Option<&str>| {
        let made = store.create_alias(&f, &alias).await;
        let constraint = made.as_ref().err().and_then(crate::Error::constraint);
        assert_eq!(constraint, want, "{alias:?}");
        assert_eq!(made.is_ok(), want.is_none());
    };
    check(alias("a", 1, None), None).await;
    check(alias("a", 1, None), Some(ALIAS_EXISTS)).await;
    check(alias("b", 2, None), Some(NO_VERSION)).await;
    check(alias("b", 0, None), Some(NO_VERSION)).await;
    check(alias("b", 1, Some((2, 0.5))), Some(NO_OTHER_VERSION)).await;
    check(
        Alias {
            version: Version::Latest,
            ..alias("b", 0, None)
        },
        None,
    )
    .await;
    let no_function = store
        .create_alias(&arn(BOB, "f"), &alias("a", 1, None))
        .await
        .unwrap();
    assert_eq!(no_function, Err(Refusal::NoFunction));
    let name = "a".parse().unwrap();
    assert_eq!(
        store.alias(&f, &name).await.unwrap(),
        Some(alias("a", 1, None))
    );
    assert_eq!(store.alias(&arn(BOB, "f"), &name).await.unwrap(), None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn aliases_hold_their_versions(pool: PgPool) {
    let store = published(pool).await;
    let f = arn(ALICE, "f");
    for name in ["b", "a"] {
        store
            .create_alias(&f, &alias(name, 1, None))
            .await
            .unwrap()
            .unwrap();
    }
    let refused = store.delete_version(&f, 1).await.unwrap();
    let users = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(refused, Err(VersionRefusal::UsedByAliases(users)));
    for name in ["a", "b"] {
        assert!(
            store
                .delete_alias(&f, &name.parse().unwrap())
                .await
                .unwrap()
        );
    }
    assert!(!store.delete_alias(&f, &"a".parse().unwrap()).await.unwrap());
    store.delete_version(&f, 1).await.unwrap().unwrap();
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_function_goes_with_its_aliases(pool: PgPool) {
    let store = published(pool).await;
    let f = arn(ALICE, "f");
    store
        .create_alias(&f, &alias("a", 1, None))
        .await
        .unwrap()
        .unwrap();
    assert!(store.delete_function(&f).await.unwrap());
    assert_eq!(store.alias(&f, &"a".parse().unwrap()).await.unwrap(), None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn updates_demand_the_revision(pool: PgPool) {
    let store = published(pool).await;
    let f = arn(ALICE, "f");
    store
        .create_alias(&f, &alias("a", 1, None))
        .await
        .unwrap()
        .unwrap();
    let name = "a".parse().unwrap();
    let edit = |alias: &mut Alias| {
        alias.description = "new".to_owned();
        alias.revision_id = Uuid::from_u128(2).to_string();
        Ok::<_, ()>(())
    };
    let stale = Uuid::from_u128(9).to_string();
    let refused = store
        .update_alias(&f, &name, Some(&stale), edit)
        .await
        .unwrap();
    assert_eq!(refused, Err(Refusal::RevisionDiffers));
    let fresh = Uuid::from_u128(1).to_string();
    let updated = store
        .update_alias(&f, &name, Some(&fresh), edit)
        .await
        .unwrap();
    let updated = updated.unwrap().unwrap();
    assert_eq!(updated.description, "new");
    assert_eq!(store.alias(&f, &name).await.unwrap(), Some(updated));
    let missing = store
        .update_alias(&f, &"x".parse().unwrap(), None, edit)
        .await
        .unwrap();
    assert_eq!(missing, Err(Refusal::NoAlias));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn listings_by_version_and_page(pool: PgPool) {
    let store = published(pool).await;
    let f = arn(ALICE, "f");
    for name in ["c", "a", "b"] {
        store
            .create_alias(&f, &alias(name, 1, None))
            .await
            .unwrap()
            .unwrap();
    }
    let latest = Alias {
        version: Version::Latest,
        ..alias("latest", 0, None)
    };
    store.create_alias(&f, &latest).await.unwrap().unwrap();
    let list = async |version: Option<Version>, after: Option<&str>, limit| {
        let page = store.aliases(&f, version, after, limit).await.unwrap();
        page.iter()
            .map(|alias| alias.name.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(list(None, None, 10).await, ["a", "b", "c", "latest"]);
    assert_eq!(list(None, Some("a"), 2).await, ["b", "c"]);
    assert_eq!(list(Some(Version::Latest), None, 10).await, ["latest"]);
    assert_eq!(list(Some(Version::Published(1)), None, 2).await, ["a", "b"]);
}
