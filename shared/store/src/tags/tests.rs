use std::collections::BTreeMap;

use domain::Egress;
use domain::egress::TAG;
use sqlx::PgPool;
use uuid::Uuid;

use super::TagRefusal;
use crate::functions::Resolved;
use crate::samples::{self, ALICE, BOB, arn, create};

fn tags(tags: &[(&str, &str)]) -> BTreeMap<String, String> {
    tags.iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn tags_come_and_go(pool: PgPool) {
    let store = samples::store(pool).await;
    create(&store, ALICE, "f").await;
    let f = arn(ALICE, "f");
    assert_eq!(store.tags(&f).await.unwrap(), Some(tags(&[])));
    let revision = Uuid::from_u128(99);
    let first = tags(&[("a", "1"), ("b", "2")]);
    store
        .tag_function(&f, &first, 3, revision)
        .await
        .unwrap()
        .unwrap();
    store
        .tag_function(&f, &tags(&[("b", "3"), ("c", "")]), 3, revision)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        store.tags(&f).await.unwrap(),
        Some(tags(&[("a", "1"), ("b", "3"), ("c", "")]))
    );
    let full = store
        .tag_function(&f, &tags(&[("d", "")]), 3, revision)
        .await
        .unwrap();
    assert_eq!(full, Err(TagRefusal::TooMany));
    let keys = ["a".to_owned(), "nosuch".to_owned()];
    assert!(store.untag_function(&f, &keys, revision).await.unwrap());
    assert_eq!(
        store.tags(&f).await.unwrap(),
        Some(tags(&[("b", "3"), ("c", "")]))
    );
    let Resolved::Found(latest) = store.version(&f).await.unwrap() else {
        panic!("gone")
    };
    assert_eq!(latest.revision_id, revision);
    let nobody = arn(BOB, "f");
    let refused = store
        .tag_function(&nobody, &first, 3, revision)
        .await
        .unwrap();
    assert_eq!(refused, Err(TagRefusal::NoResource));
    assert!(
        !store
            .untag_function(&nobody, &keys, revision)
            .await
            .unwrap()
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_tag_for_egress_reaches_what_runs(pool: PgPool) {
    let store = samples::store(pool).await;
    create(&store, ALICE, "f").await;
    let f = arn(ALICE, "f");
    let revision = Uuid::from_u128(99);
    let asked = async || {
        let target = store.resolve(f.account, &f.region, &f.name, None).await;
        let Resolved::Found(target) = target.unwrap() else {
            panic!("gone")
        };
        let (spec, _) = target.versions.into_iter().next().unwrap();
        (
            spec.egress,
            spec.spec_id,
            store.catalog_stamp().await.unwrap(),
        )
    };
    let tag = async |entries: &[(&str, &str)]| {
        let tagged = store.tag_function(&f, &tags(entries), 50, revision).await;
        tagged.unwrap().unwrap();
    };
    let (egress, plain_id, stamp) = asked().await;
    assert_eq!(egress, Egress::None);
    tag(&[("team", "a")]).await;
    assert_eq!(asked().await, (Egress::None, plain_id.clone(), stamp));
    tag(&[(TAG, "internet")]).await;
    let (egress, id, moved) = asked().await;
    assert_eq!((egress, moved), (Egress::Internet, stamp + 1));
    assert_ne!(id, plain_id);
    let untag = async |key: &str| store.untag_function(&f, &[key.to_owned()], revision).await;
    assert!(untag("team").await.unwrap());
    assert_eq!(asked().await.2, stamp + 1);
    assert!(untag(TAG).await.unwrap());
    assert_eq!(asked().await, (Egress::None, plain_id, stamp + 2));
}
