use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::AccountId;
use sqlx::PgPool;
use uuid::Uuid;

use super::{RuleDeletion, RuleName, RuleSettings, RuleTarget, TargetsPut};
use crate::fires::Planned;
use crate::samples::{ALICE, BOB, arn, at, of_role, store};
use crate::tags::TagRefusal;
use crate::{Role, Store};

fn named(name: &str) -> RuleName {
    RuleName {
        account: AccountId::new(ALICE).unwrap(),
        region: "eu-west-1".parse().unwrap(),
        name: name.to_owned(),
    }
}

fn settings(expression: &str, enabled: bool) -> RuleSettings {
    RuleSettings {
        expression: expression.to_owned(),
        enabled,
        description: None,
        role_arn: None,
    }
}

fn target(id: &str, function: &str) -> RuleTarget {
    RuleTarget {
        id: id.to_owned(),
        target: arn(ALICE, function),
        role_arn: None,
        input: Some("{}".to_owned()),
        retry_attempts_max: 3,
        retry_age_max_s: 60,
        dead_letter_arn: None,
    }
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

/// All that the gateway may.
async fn gateway(pool: PgPool) -> Store {
    store(pool.clone()).await;
    of_role(&pool, Role::Gateway).await
}

async fn put(store: &Store, name: &str, number: u128, settings: &RuleSettings, second: i64) {
    store
        .put_rule(
            &named(name),
            Uuid::from_u128(number),
            settings,
            &tags(&[("made", &number.to_string())]),
            at(second),
        )
        .await
        .unwrap();
}

/// Ids follow from the targets' names: all are in shard 0.
async fn put_targets(store: &Store, rule: &str, targets: &[RuleTarget], second: i64) -> TargetsPut {
    let number = |target: &RuleTarget| {
        let byte = target.id.as_bytes()[0];
        Uuid::from_u128(u128::from(byte) << 4)
    };
    let targets: Vec<_> = targets
        .iter()
        .map(|target| (number(target), target.clone()))
        .collect();
    store
        .put_rule_targets(&named(rule), &targets, 5, at(second))
        .await
        .unwrap()
}

async fn planned(store: &Store) -> Vec<Planned> {
    let mut planned = store.planned(0).await.unwrap();
    planned.sort_by_key(|one| one.id);
    planned
}

fn when(planned: &[Planned]) -> Vec<(i64, &str, DateTime<Utc>, DateTime<Utc>)> {
    planned
        .iter()
        .map(|one| {
            (
                one.generation,
                one.expression.as_str(),
                one.anchor_at,
                one.valid_from,
            )
        })
        .collect()
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn targets_fire_when_their_rule_says(pool: PgPool) {
    let store = gateway(pool).await;
    let five = settings("rate(5 minutes)", true);
    put(&store, "r", 1, &five, 0).await;
    let two = [target("a", "f"), target("b", "f")];
    assert_eq!(
        put_targets(&store, "r", &two[..1], 10).await,
        TargetsPut::Put
    );
    assert_eq!(
        put_targets(&store, "r", &two[1..], 20).await,
        TargetsPut::Put
    );
    // Both count from the rule's creation, and fire from when they were put.
    let fires = planned(&store).await;
    assert!(fires.iter().all(|one| one.by_rule && one.timezone == "UTC"));
    assert_eq!(
        when(&fires),
        [
            (1, "rate(5 minutes)", at(0), at(10)),
            (1, "rate(5 minutes)", at(0), at(20)),
        ]
    );
    // A target put again is a new generation of the same schedule.
    assert_eq!(
        put_targets(&store, "r", &two[..1], 30).await,
        TargetsPut::Put
    );
    assert_eq!(
        when(&planned(&store).await)[0],
        (2, "rate(5 minutes)", at(0), at(30))
    );

    // The rule put again as it is changes no target; another expression changes all.
    put(&store, "r", 2, &five, 40).await;
    assert_eq!(
        when(&planned(&store).await)[1],
        (1, "rate(5 minutes)", at(0), at(20))
    );
    put(&store, "r", 3, &settings("rate(6 minutes)", true), 50).await;
    assert_eq!(
        when(&planned(&store).await),
        [
            (3, "rate(6 minutes)", at(50), at(50)),
            (2, "rate(6 minutes)", at(50), at(50)),
        ]
    );
    // Off and on again: what was due meanwhile does not fire.
    assert!(store.enable_rule(&named("r"), false, at(60)).await.unwrap());
    assert_eq!(planned(&store).await, vec![]);
    assert!(store.enable_rule(&named("r"), true, at(70)).await.unwrap());
    assert_eq!(
        when(&planned(&store).await)[0],
        (5, "rate(6 minutes)", at(50), at(70))
    );
    put(&store, "r", 4, &settings("rate(6 minutes)", false), 80).await;
    assert_eq!(planned(&store).await, vec![]);
    let rule = store.rule(&named("r")).await.unwrap().unwrap();
    assert_eq!((rule.created_at, rule.modified_at), (at(0), at(80)));
    assert!(
        !store
            .enable_rule(&named("none"), true, at(90))
            .await
            .unwrap()
    );
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn targets_are_listed_and_removed(pool: PgPool) {
    let store = gateway(pool).await;
    put(&store, "r", 1, &settings("rate(5 minutes)", true), 0).await;
    put(&store, "q", 2, &settings("rate(5 minutes)", true), 0).await;
    let six: Vec<_> = ["a", "b", "c", "d", "e", "g"]
        .map(|id| target(id, "f"))
        .into();
    assert_eq!(put_targets(&store, "r", &six, 1).await, TargetsPut::TooMany);
    assert_eq!(planned(&store).await, vec![]);
    assert_eq!(
        put_targets(&store, "r", &six[..5], 1).await,
        TargetsPut::Put
    );
    assert_eq!(
        put_targets(&store, "r", &six[..5], 2).await,
        TargetsPut::Put
    );
    assert_eq!(
        put_targets(&store, "r", &six[5..], 2).await,
        TargetsPut::TooMany
    );
    assert_eq!(
        put_targets(&store, "none", &six[..1], 2).await,
        TargetsPut::NoRule
    );

    let page = store.rule_targets(&named("r"), "b", 2).await.unwrap();
    assert_eq!(page, six[2..4]);
    let removed = store
        .remove_rule_targets(&named("r"), &["a".to_owned(), "z".to_owned()])
        .await
        .unwrap();
    assert_eq!(removed, Some(vec!["a".to_owned()]));
    let none = store.remove_rule_targets(&named("none"), &[]).await;
    assert_eq!(none.unwrap(), None);

    assert_eq!(
        put_targets(&store, "q", &[target("h", "f")], 3).await,
        TargetsPut::Put
    );
    let rules = async |function: &str, after: &str, limit: u32| {
        let RuleName {
            account, region, ..
        } = named("");
        let target = arn(ALICE, function);
        let names = store.rule_names_by_target(account, &region, &target, after, limit);
        names.await.unwrap()
    };
    assert_eq!(rules("f", "", 9).await, ["q", "r"]);
    assert_eq!(rules("f", "", 1).await, ["q"]);
    assert_eq!(rules("f", "q", 9).await, ["r"]);
    assert_eq!(rules("g", "", 9).await, Vec::<String>::new());

    let delete = async |name: &str| store.delete_rule(&named(name)).await.unwrap();
    assert_eq!(delete("q").await, RuleDeletion::HasTargets);
    store
        .remove_rule_targets(&named("q"), &["h".to_owned()])
        .await
        .unwrap();
    assert_eq!(delete("q").await, RuleDeletion::Deleted);
    assert_eq!(delete("q").await, RuleDeletion::NoRule);
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn rules_are_listed_and_tagged(pool: PgPool) {
    let store = gateway(pool).await;
    for (number, name) in [(1, "a"), (2, "ab"), (3, "b")] {
        put(&store, name, number, &settings("rate(5 minutes)", true), 0).await;
    }
    let RuleName {
        account, region, ..
    } = named("");
    let names = async |prefix: &str, after: &str, limit: u32| {
        let rules = store.rules(account, &region, prefix, after, limit).await;
        let names = rules.unwrap().into_iter().map(|rule| rule.name);
        names.collect::<Vec<_>>()
    };
    assert_eq!(names("", "", 9).await, ["a", "ab", "b"]);
    assert_eq!(names("a", "", 9).await, ["a", "ab"]);
    assert_eq!(names("", "a", 1).await, ["ab"]);
    let bob = AccountId::new(BOB).unwrap();
    assert_eq!(store.rules(bob, &region, "", "", 9).await.unwrap(), vec![]);

    // Tags are those of the first time.
    put(&store, "a", 9, &settings("rate(6 minutes)", true), 1).await;
    let got = async || store.rule_tags(&named("a")).await.unwrap();
    assert_eq!(got().await, Some(tags(&[("made", "1")])));
    let tag = async |name: &str, pairs: &[(&str, &str)]| {
        store.tag_rule(&named(name), &tags(pairs), 2).await.unwrap()
    };
    assert_eq!(tag("a", &[("x", "")]).await, Ok(()));
    assert_eq!(tag("a", &[("y", "")]).await, Err(TagRefusal::TooMany));
    assert_eq!(tag("none", &[]).await, Err(TagRefusal::NoResource));
    assert!(
        store
            .untag_rule(&named("a"), &["made".to_owned()])
            .await
            .unwrap()
    );
    assert!(!store.untag_rule(&named("none"), &[]).await.unwrap());
    assert_eq!(got().await, Some(tags(&[("x", "")])));
    assert_eq!(store.rule_tags(&named("none")).await.unwrap(), None);
}
