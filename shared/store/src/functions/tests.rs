use std::collections::BTreeMap;

use domain::{FunctionArn, FunctionVersion, Version};
use sqlx::PgPool;

use super::{FUNCTION_EXISTS, Resolved, State, Target};
use crate::samples::{self, ALICE, BOB, arn, code, create, latest, qualified, stamp};
use crate::versions::{After, Demand, Listing, Refusal};
use crate::{Error, Store};

async fn resolve(store: &Store, arn: &FunctionArn) -> Resolved<Target> {
    store
        .resolve(arn.account, &arn.region, &arn.name, arn.qualifier.as_ref())
        .await
        .unwrap()
}

async fn publish(store: &Store, name: &str, n: u128) -> FunctionVersion {
    store
        .publish_version(&arn(ALICE, name), &Demand::default(), None, stamp(n))
        .await
        .unwrap()
        .unwrap()
}

/// Changes the code, so that there is something to publish.
async fn update(store: &Store, name: &str, n: u8) -> FunctionVersion {
    store
        .update_code(
            &arn(ALICE, name),
            &Demand::default(),
            code(n),
            false,
            stamp(u128::from(n)),
        )
        .await
        .unwrap()
        .unwrap()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_is_created_is_read_and_resolved(pool: PgPool) {
    let store = samples::store(pool).await;
    let created = create(&store, ALICE, "f").await;
    let read = store.version(&arn(ALICE, "f")).await.unwrap();
    assert_eq!(read, Resolved::Found(created.clone()));
    let Resolved::Found(target) = resolve(&store, &arn(ALICE, "f")).await else {
        panic!("not found");
    };
    assert_eq!(target.state, State::Active);
    assert_eq!(
        (target.account_concurrency, target.unreserved),
        (1000, 1000)
    );
    assert_eq!(target.reserved_concurrency, None);
    let [(spec, weight)] = &target.versions[..] else {
        panic!("one version")
    };
    assert!((weight - 1.0).abs() < f64::EPSILON);
    assert_eq!(spec, &created.into_spec(domain::Egress::None));
    assert_eq!(spec.environment["TABLE"], "orders");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn environments_are_sealed_for_their_own_version(pool: PgPool) {
    let store = samples::store(pool.clone()).await;
    create(&store, ALICE, "f").await;
    create(&store, ALICE, "g").await;
    let sealed = sqlx::query_scalar!(
        r#"SELECT environment AS "environment!" FROM function_version WHERE function_name = 'f'"#
    )
    .fetch_one(&pool)
    .await
    .unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("orders"));
    sqlx::query!(
        "UPDATE function_version SET environment = $1 WHERE function_name = 'g'",
        sealed
    )
    .execute(&pool)
    .await
    .unwrap();
    let moved = store.version(&arn(ALICE, "g")).await;
    assert!(matches!(moved, Err(Error::Sealed(_))), "{moved:?}");
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn one_of_two_creations_at_once_wins(pool: PgPool) {
    let store = samples::store(pool).await;
    let attempt = |n| {
        let store = store.clone();
        async move {
            let stamp = stamp(n);
            store
                .create_function(
                    latest(arn(ALICE, "f"), stamp),
                    &BTreeMap::new(),
                    true,
                    stamp,
                )
                .await
        }
    };
    let attempts = futures::future::join_all((1..=8).map(attempt)).await;
    let (made, refused): (Vec<_>, Vec<_>) = attempts.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for error in refused.into_iter().filter_map(Result::err) {
        assert_eq!(error.constraint(), Some(FUNCTION_EXISTS));
    }
    assert_eq!(made[0].as_ref().unwrap().version, Version::Published(1));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn accounts_and_regions_are_worlds_of_their_own(pool: PgPool) {
    let store = samples::store(pool).await;
    create(&store, ALICE, "f").await;
    let mut elsewhere = arn(ALICE, "f");
    elsewhere.region = "us-east-1".parse().unwrap();
    for other in [arn(BOB, "f"), elsewhere] {
        assert_eq!(resolve(&store, &other).await, Resolved::NoFunction);
        assert!(!store.delete_function(&other).await.unwrap());
        assert!(!store.function_exists(&other).await.unwrap());
        assert_eq!(store.tags(&other).await.unwrap(), None);
        let listed = store
            .versions(other.account, &other.region, Listing::All, None, 10)
            .await;
        assert_eq!(listed.unwrap(), []);
        let updated = store
            .update_code(&other, &Demand::default(), code(9), true, stamp(9))
            .await
            .unwrap();
        assert_eq!(updated, Err(Refusal::NoFunction));
    }
    create(&store, BOB, "f").await;
    assert!(store.delete_function(&arn(BOB, "f")).await.unwrap());
    assert!(store.function_exists(&arn(ALICE, "f")).await.unwrap());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn every_kind_of_qualifier(pool: PgPool) {
    let store = samples::store(pool).await;
    create(&store, ALICE, "f").await;
    publish(&store, "f", 2).await;
    update(&store, "f", 3).await;
    publish(&store, "f", 4).await;
    let alias = |name: &str, routing| domain::Alias {
        name: name.parse().unwrap(),
        version: Version::Published(1),
        description: String::new(),
        routing,
        revision_id: uuid::Uuid::nil().to_string(),
    };
    for alias in [
        alias("plain", None),
        alias("split", Some((Version::Published(2), 0.25))),
    ] {
        store
            .create_alias(&arn(ALICE, "f"), &alias)
            .await
            .unwrap()
            .unwrap();
    }
    let check = async |qualifier: &str, want: &[(&str, f64)]| {
        let found = match resolve(&store, &qualified(ALICE, "f", qualifier)).await {
            Resolved::Found(target) => target.versions,
            Resolved::NoQualifier => Vec::new(),
            Resolved::NoFunction => panic!("{qualifier}: no function"),
        };
        let found: Vec<_> = found
            .iter()
            .map(|(spec, weight)| (spec.version.to_string(), *weight))
            .collect();
        let want: Vec<_> = want.iter().map(|(v, w)| ((*v).to_owned(), *w)).collect();
        assert_eq!(found, want, "{qualifier}");
    };
    check("$LATEST", &[("$LATEST", 1.0)]).await;
    check("1", &[("1", 1.0)]).await;
    check("2", &[("2", 1.0)]).await;
    check("3", &[]).await;
    check("0", &[]).await;
    check("4294967295", &[]).await;
    check("plain", &[("1", 1.0)]).await;
    check("split", &[("1", 0.75), ("2", 0.25)]).await;
    check("nosuch", &[]).await;
    assert_eq!(
        resolve(&store, &qualified(ALICE, "g", "1")).await,
        Resolved::NoFunction
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_publish_without_news_answers_the_last_version(pool: PgPool) {
    let store = samples::store(pool).await;
    create(&store, ALICE, "f").await;
    let first = publish(&store, "f", 2).await;
    assert_eq!(first.version, Version::Published(1));
    assert_eq!(publish(&store, "f", 3).await, first);
    // The same code again is no news either.
    let same = update(&store, "f", 1).await;
    assert_eq!(same.change_id, first.change_id);
    assert_eq!(publish(&store, "f", 4).await, first);
    update(&store, "f", 5).await;
    assert_eq!(publish(&store, "f", 6).await.version, Version::Published(2));
    // What was published is as it was.
    let Resolved::Found(read) = store.version(&qualified(ALICE, "f", "1")).await.unwrap() else {
        panic!("version 1 is gone");
    };
    assert_eq!(read, first);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn publishes_at_once_make_one_version(pool: PgPool) {
    let store = samples::store(pool).await;
    create(&store, ALICE, "f").await;
    let publishes = (2..10).map(|n| publish(&store, "f", n));
    let versions = futures::future::join_all(publishes).await;
    assert!(
        versions.iter().all(|version| version == &versions[0]),
        "{versions:?}"
    );
    assert_eq!(versions[0].version, Version::Published(1));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn updates_and_publishes_renew_revisions(pool: PgPool) {
    let store = samples::store(pool).await;
    let created = create(&store, ALICE, "f").await;
    let demand = |revision: uuid::Uuid| Demand {
        revision_id: Some(revision.to_string()),
        code_sha256: None,
    };
    let f = arn(ALICE, "f");
    let stale = demand(uuid::Uuid::from_u128(77));
    let refused = store
        .update_code(&f, &stale, code(2), false, stamp(2))
        .await
        .unwrap();
    assert_eq!(refused, Err(Refusal::RevisionDiffers));
    let fresh = demand(created.revision_id);
    let updated = store
        .update_code(&f, &fresh, code(2), false, stamp(2))
        .await
        .unwrap()
        .unwrap();
    assert_ne!(updated.revision_id, created.revision_id);
    let version = publish(&store, "f", 3).await;
    let Resolved::Found(after) = store.version(&f).await.unwrap() else {
        panic!("gone")
    };
    assert_ne!(after.revision_id, updated.revision_id);
    assert_ne!(after.revision_id, version.revision_id);
    assert_eq!(after.last_modified, updated.last_modified);
    let other_code = Demand {
        revision_id: None,
        code_sha256: Some(code(1).sha256),
    };
    let refused = store
        .publish_version(&f, &other_code, None, stamp(4))
        .await
        .unwrap();
    assert_eq!(refused, Err(Refusal::CodeDiffers(code(2).sha256)));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn an_edit_that_refuses_changes_nothing(pool: PgPool) {
    let store = samples::store(pool).await;
    let created = create(&store, ALICE, "f").await;
    let f = arn(ALICE, "f");
    let edit = |configuration: &mut domain::Configuration| {
        configuration.memory_mb = 512;
        Err::<(), _>("no")
    };
    let refused = store
        .update_configuration(&f, &Demand::default(), edit, stamp(2))
        .await
        .unwrap();
    assert_eq!(refused, Ok(Err("no")));
    assert_eq!(store.version(&f).await.unwrap(), Resolved::Found(created));
    let edit = |configuration: &mut domain::Configuration| {
        configuration.environment = None;
        Ok::<_, &str>(())
    };
    let edited = store
        .update_configuration(&f, &Demand::default(), edit, stamp(3))
        .await
        .unwrap();
    let edited = edited.unwrap().unwrap();
    assert_eq!(edited.configuration.environment, None);
    assert_eq!(edited.configuration.memory_mb, 256);
    assert_eq!(store.version(&f).await.unwrap(), Resolved::Found(edited));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn version_numbers_outlive_their_function(pool: PgPool) {
    let store = samples::store(pool).await;
    create(&store, ALICE, "f").await;
    publish(&store, "f", 2).await;
    let f = arn(ALICE, "f");
    assert!(store.delete_function(&f).await.unwrap());
    assert_eq!(
        resolve(&store, &qualified(ALICE, "f", "1")).await,
        Resolved::NoFunction
    );
    create(&store, ALICE, "f").await;
    assert_eq!(publish(&store, "f", 3).await.version, Version::Published(2));
    // Nor is the number of a deleted version given again.
    store.delete_version(&f, 2).await.unwrap().unwrap();
    assert_eq!(
        resolve(&store, &qualified(ALICE, "f", "2")).await,
        Resolved::NoQualifier
    );
    assert_eq!(publish(&store, "f", 4).await.version, Version::Published(3));
    // Deleting what is not there is no error; $LATEST is never hit.
    for number in [0, 99, u32::MAX] {
        store.delete_version(&f, number).await.unwrap().unwrap();
    }
    assert!(matches!(resolve(&store, &f).await, Resolved::Found(_)));
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn listings_page_in_order(pool: PgPool) {
    let store = samples::store(pool).await;
    for name in ["b", "B", "a", "c"] {
        create(&store, ALICE, name).await;
    }
    publish(&store, "a", 2).await;
    let f = arn(ALICE, "a");
    let list = async |listing, after: Option<After>, limit| {
        let page = store
            .versions(f.account, &f.region, listing, after.as_ref(), limit)
            .await;
        let show = |v: &FunctionVersion| format!("{}:{}", v.arn.name, v.version);
        page.unwrap().iter().map(show).collect::<Vec<_>>()
    };
    let after = |name: &str, number| {
        Some(After {
            name: name.to_owned(),
            number,
        })
    };
    assert_eq!(
        list(Listing::Latest, None, 10).await,
        ["B:$LATEST", "a:$LATEST", "b:$LATEST", "c:$LATEST"]
    );
    assert_eq!(list(Listing::Latest, after("a", 0), 1).await, ["b:$LATEST"]);
    assert_eq!(
        list(Listing::All, after("B", 0), 2).await,
        ["a:$LATEST", "a:1"]
    );
    assert_eq!(list(Listing::Of("a"), None, 10).await, ["a:$LATEST", "a:1"]);
    assert_eq!(list(Listing::Of("a"), after("a", 0), 10).await, ["a:1"]);
    assert_eq!(
        list(Listing::Of("nosuch"), None, 10).await,
        Vec::<String>::new()
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn every_change_moves_the_stamp(pool: PgPool) {
    let store = samples::store(pool).await;
    let f = arn(ALICE, "f");
    let mut last = store.catalog_stamp().await.unwrap();
    let mut moved = async |what: &str| {
        let now = store.catalog_stamp().await.unwrap();
        assert!(now > last, "{what}");
        last = now;
    };
    create(&store, ALICE, "f").await;
    moved("create").await;
    update(&store, "f", 2).await;
    moved("update").await;
    publish(&store, "f", 3).await;
    moved("publish").await;
    store
        .reserve_concurrency(&f, 5, 100)
        .await
        .unwrap()
        .unwrap();
    moved("reserve").await;
    store.release_concurrency(&f).await.unwrap();
    moved("release").await;
    store.delete_version(&f, 1).await.unwrap().unwrap();
    moved("delete version").await;
    store.delete_function(&f).await.unwrap();
    moved("delete").await;
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn usage_counts_every_version(pool: PgPool) {
    let store = samples::store(pool).await;
    create(&store, ALICE, "f").await;
    create(&store, ALICE, "g").await;
    publish(&store, "f", 2).await;
    create(&store, BOB, "f").await;
    let f = arn(ALICE, "f");
    let usage = store
        .function_usage(f.account, &f.region)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((usage.functions, usage.code_bytes), (2, 303));
    let nobody = domain::AccountId::new(5).unwrap();
    assert_eq!(store.function_usage(nobody, &f.region).await.unwrap(), None);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_gateways_role_suffices(pool: PgPool) {
    samples::store(pool.clone()).await;
    let as_gateway = pool
        .connect_options()
        .as_ref()
        .clone()
        .options([("role", "tollgate_gateway")]);
    let pool = sqlx::postgres::PgPoolOptions::new()
        .connect_with(as_gateway)
        .await
        .unwrap();
    let store = Store::of(pool, crate::Vault::new(&[1; 32]));
    create(&store, ALICE, "f").await;
    let f = arn(ALICE, "f");
    update(&store, "f", 2).await;
    publish(&store, "f", 3).await;
    let tags = BTreeMap::from([("a".to_owned(), "b".to_owned())]);
    store
        .tag_function(&f, &tags, 50, uuid::Uuid::nil())
        .await
        .unwrap()
        .unwrap();
    store
        .untag_function(&f, &["a".to_owned()], uuid::Uuid::nil())
        .await
        .unwrap();
    store
        .reserve_concurrency(&f, 5, 100)
        .await
        .unwrap()
        .unwrap();
    store
        .function_usage(f.account, &f.region)
        .await
        .unwrap()
        .unwrap();
    let alias = domain::Alias {
        name: "a".parse().unwrap(),
        version: Version::Published(1),
        description: String::new(),
        routing: None,
        revision_id: uuid::Uuid::nil().to_string(),
    };
    store.create_alias(&f, &alias).await.unwrap().unwrap();
    assert!(matches!(
        resolve(&store, &qualified(ALICE, "f", "a")).await,
        Resolved::Found(_)
    ));
    assert!(store.delete_alias(&f, &alias.name).await.unwrap());
    store.delete_version(&f, 1).await.unwrap().unwrap();
    assert!(store.delete_function(&f).await.unwrap());
}
