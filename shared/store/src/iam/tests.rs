use chrono::{DateTime, Utc};
use domain::AccountId;

use super::{Attached, Attaching, Detaching, Policy, PolicyDeletion, Role, RoleDeletion};
use crate::{Store, Vault};

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;
const AWS: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

async fn store(pool: sqlx::PgPool) -> (Store, AccountId, AccountId) {
    let store = Store::of(pool, Vault::new(&[1; 32]));
    let (a, b) = (AccountId::new(1).unwrap(), AccountId::new(2).unwrap());
    for id in [a, b] {
        store
            .create_account(id, "test", NOW)
            .await
            .unwrap()
            .unwrap();
    }
    (store, a, b)
}

fn role(name: &str) -> Role {
    Role {
        name: name.to_owned(),
        role_id: "AROA".to_owned(),
        path: "/team/".to_owned(),
        trust_document: "{ \"as\": \"written\" }".to_owned(),
        description: Some("d".to_owned()),
        max_session_s: 3600,
        permissions_boundary: None,
        tags: vec![
            ("z".to_owned(), "1".to_owned()),
            ("a".to_owned(), "2".to_owned()),
        ],
        created_at: NOW,
    }
}

fn policy(name: &str) -> Policy {
    Policy {
        name: name.to_owned(),
        policy_id: "ANPA".to_owned(),
        path: "/".to_owned(),
        arn: format!("arn:aws:iam::000000000001:policy/{name}"),
        document: "{}".to_owned(),
        description: None,
        tags: Vec::new(),
        created_at: NOW,
        attachments: 0,
        boundaries: 0,
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_role_comes_back_as_it_was_stored_and_only_to_its_account(pool: sqlx::PgPool) {
    let (store, a, b) = store(pool).await;
    assert!(store.create_role(a, &role("r")).await.unwrap());
    assert!(!store.create_role(a, &role("R")).await.unwrap());
    assert_eq!(store.role(a, "r").await.unwrap(), Some(role("r")));
    assert_eq!(store.role(b, "r").await.unwrap(), None);
    assert!(store.roles(b, "/", None, 9).await.unwrap().is_empty());
    assert_eq!(
        store.delete_role(b, "r").await.unwrap(),
        RoleDeletion::NoSuchRole
    );
    assert!(!store.put_role_policy(b, "r", "p", "{}").await.unwrap());
    store.create_role(a, &role("q")).await.unwrap();
    let names = async |prefix, after, limit| -> Vec<String> {
        let roles = store.roles(a, prefix, after, limit).await.unwrap();
        roles.into_iter().map(|role| role.name).collect()
    };
    assert_eq!(names("/team", None, 1).await, ["q"]);
    assert_eq!(names("/team", Some("q"), 9).await, ["r"]);
    assert!(names("/other/", None, 9).await.is_empty());
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_role_is_deleted_once_nothing_hangs_on_it(pool: sqlx::PgPool) {
    let (store, a, b) = store(pool).await;
    store.create_role(a, &role("r")).await.unwrap();
    store.create_policy(a, &policy("p")).await.unwrap();
    assert!(!store.create_policy(a, &policy("P")).await.unwrap());
    let own = Attached {
        policy_arn: policy("p").arn,
        policy_name: "p".to_owned(),
    };
    let aws = Attached {
        policy_arn: AWS.to_owned(),
        policy_name: "AWSLambdaBasicExecutionRole".to_owned(),
    };
    let missing = Attached {
        policy_arn: policy("q").arn,
        policy_name: "q".to_owned(),
    };
    let attach = async |role: &str, policy: &Attached, own| {
        store
            .attach_role_policy(a, role, policy, own)
            .await
            .unwrap()
    };
    assert_eq!(attach("r", &own, true).await, Attaching::Attached);
    assert_eq!(attach("r", &own, true).await, Attaching::Attached);
    assert_eq!(attach("r", &aws, false).await, Attaching::Attached);
    assert_eq!(attach("r", &missing, true).await, Attaching::NoSuchPolicy);
    assert_eq!(attach("s", &own, true).await, Attaching::NoSuchRole);
    assert!(
        store
            .put_role_policy(a, "r", "inline", "{1}")
            .await
            .unwrap()
    );
    assert!(
        store
            .put_role_policy(a, "r", "inline", "{2}")
            .await
            .unwrap()
    );
    assert_eq!(
        store
            .role_policy(a, "r", "inline")
            .await
            .unwrap()
            .as_deref(),
        Some("{2}")
    );
    assert_eq!(store.role_policy(b, "r", "inline").await.unwrap(), None);
    assert_eq!(
        store.role_policies(a, "r", None, 9).await.unwrap(),
        ["inline"]
    );

    let of_path = async |prefix| {
        store
            .attached_role_policies(a, "r", prefix, None, 9)
            .await
            .unwrap()
    };
    assert_eq!(of_path("/").await, [own.clone(), aws.clone()]);
    assert_eq!(of_path("/service-role/").await, std::slice::from_ref(&aws));
    assert_eq!(
        store
            .policy(a, &own.policy_arn)
            .await
            .unwrap()
            .unwrap()
            .attachments,
        1
    );
    assert_eq!(store.policy(b, &own.policy_arn).await.unwrap(), None);
    assert_eq!(store.policy_attachments(a, AWS).await.unwrap(), 1);
    assert_eq!(store.policy_attachments(b, AWS).await.unwrap(), 0);
    assert_eq!(
        store.delete_policy(a, &own.policy_arn).await.unwrap(),
        PolicyDeletion::Attached
    );
    assert_eq!(
        store.delete_role(a, "r").await.unwrap(),
        RoleDeletion::HasAttachments
    );
    let detach = async |role, arn| store.detach_role_policy(a, role, arn).await.unwrap();
    assert_eq!(detach("r", &own.policy_arn).await, Detaching::Detached);
    assert_eq!(detach("r", &own.policy_arn).await, Detaching::NotAttached);
    assert_eq!(detach("s", &own.policy_arn).await, Detaching::NoSuchRole);
    assert_eq!(detach("r", AWS).await, Detaching::Detached);
    assert_eq!(
        store.delete_role(a, "r").await.unwrap(),
        RoleDeletion::HasPolicies
    );
    assert!(store.delete_role_policy(a, "r", "inline").await.unwrap());
    assert!(!store.delete_role_policy(a, "r", "inline").await.unwrap());
    assert_eq!(
        store.delete_role(a, "r").await.unwrap(),
        RoleDeletion::Deleted
    );
    assert_eq!(store.policies(a, "/", true, None, 9).await.unwrap(), []);
    assert_eq!(
        store.policies(a, "/", false, None, 9).await.unwrap(),
        [policy("p")]
    );
    assert_eq!(
        store.delete_policy(a, &own.policy_arn).await.unwrap(),
        PolicyDeletion::Deleted
    );
    assert_eq!(
        store.delete_policy(a, &own.policy_arn).await.unwrap(),
        PolicyDeletion::NoSuchPolicy
    );
}
