use std::collections::BTreeMap;

use domain::{AccountId, Region};
use sqlx::PgPool;
use uuid::Uuid;

use super::{GroupCreation, GroupDeletion, GroupState};
use crate::samples::{ALICE, BOB, at, of_role, store};
use crate::schedules::Token;
use crate::tags::TagRefusal;
use crate::{Role, Store};

struct World {
    store: Store,
    alice: AccountId,
    region: Region,
}

impl World {
    /// All that the gateway may.
    async fn new(pool: PgPool) -> Self {
        store(pool.clone()).await;
        Self {
            store: of_role(&pool, Role::Gateway).await,
            alice: AccountId::new(ALICE).unwrap(),
            region: "eu-west-1".parse().unwrap(),
        }
    }

    async fn create(&self, name: &str, number: u128, token: Option<u8>) -> GroupCreation {
        let token = token.map(|request| Token {
            text: "t".to_owned(),
            request_sha256: [request; 32],
        });
        self.store
            .create_schedule_group(
                self.alice,
                &self.region,
                name,
                Uuid::from_u128(number),
                &tags(&[("a", "1")]),
                token.as_ref(),
                at(1),
            )
            .await
            .unwrap()
    }

    async fn names(&self, prefix: &str, after: &str, limit: u32) -> Vec<String> {
        let page = self
            .store
            .schedule_groups(self.alice, &self.region, prefix, after, limit)
            .await;
        page.unwrap().into_iter().map(|group| group.name).collect()
    }
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn groups_come_and_go(pool: PgPool) {
    let world = World::new(pool).await;
    let World {
        store,
        alice,
        region,
    } = &world;
    assert_eq!(
        world.create("jobs", 1, Some(1)).await,
        GroupCreation::Created
    );
    assert_eq!(
        world.create("jobs", 2, Some(1)).await,
        GroupCreation::Repeated
    );
    assert_eq!(
        world.create("more", 3, Some(2)).await,
        GroupCreation::TokenUsed
    );
    assert_eq!(world.create("jobs", 4, None).await, GroupCreation::Exists);
    let jobs = store
        .schedule_group(*alice, region, "jobs")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((jobs.state, jobs.created_at), (GroupState::Active, at(1)));
    let bob = AccountId::new(BOB).unwrap();
    assert_eq!(
        store.schedule_group(bob, region, "jobs").await.unwrap(),
        None
    );

    let delete = async |name: &str, second: i64| {
        let deleted = store.delete_schedule_group(*alice, region, name, None, at(second));
        deleted.await.unwrap()
    };
    for second in [5, 6] {
        assert_eq!(delete("jobs", second).await, GroupDeletion::Deleting);
    }
    let jobs = store
        .schedule_group(*alice, region, "jobs")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (jobs.state, jobs.modified_at),
        (GroupState::Deleting, at(5))
    );
    assert_eq!(world.create("jobs", 5, None).await, GroupCreation::Exists);
    assert_eq!(delete("none", 7).await, GroupDeletion::NoGroup);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn default_is_always_there(pool: PgPool) {
    let world = World::new(pool).await;
    for second in [2, 3] {
        world
            .store
            .make_default_schedule_group(world.alice, &world.region, at(second))
            .await
            .unwrap();
    }
    world.create("jobs", 1, None).await;
    world.create("den", 2, None).await;
    assert_eq!(world.names("", "", 9).await, ["default", "den", "jobs"]);
    assert_eq!(world.names("", "", 1).await, ["default"]);
    assert_eq!(world.names("", "default", 9).await, ["den", "jobs"]);
    assert_eq!(world.names("de", "", 9).await, ["default", "den"]);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn groups_have_tags(pool: PgPool) {
    let world = World::new(pool).await;
    let World {
        store,
        alice,
        region,
    } = &world;
    world.create("jobs", 1, None).await;
    let tag = async |name: &str, pairs: &[(&str, &str)]| {
        let tags = tags(pairs);
        let tagged = store.tag_schedule_group(*alice, region, name, &tags, 2);
        tagged.await.unwrap()
    };
    let got = async || {
        store
            .schedule_group_tags(*alice, region, "jobs")
            .await
            .unwrap()
    };
    assert_eq!(got().await, Some(tags(&[("a", "1")])));
    assert_eq!(tag("jobs", &[("a", "2"), ("b", "")]).await, Ok(()));
    assert_eq!(tag("jobs", &[("c", "3")]).await, Err(TagRefusal::TooMany));
    assert_eq!(got().await, Some(tags(&[("a", "2"), ("b", "")])));
    assert_eq!(tag("none", &[]).await, Err(TagRefusal::NoResource));
    let untag = async |name: &str| {
        let keys = ["a".to_owned(), "nosuch".to_owned()];
        store
            .untag_schedule_group(*alice, region, name, &keys)
            .await
            .unwrap()
    };
    assert!(untag("jobs").await && !untag("none").await);
    assert_eq!(got().await, Some(tags(&[("b", "")])));
    let none = store.schedule_group_tags(*alice, region, "none").await;
    assert_eq!(none.unwrap(), None);
}
