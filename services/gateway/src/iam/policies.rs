//! Managed policies: the account's, and AWS's own.

use aws_model::Unit;
use aws_model::iam::{
    CreatePolicyRequest, CreatePolicyResponse, DeletePolicyRequest, GetPolicyRequest,
    GetPolicyResponse, ListPoliciesRequest, ListPoliciesResponse, Policy,
};
use store::iam::PolicyDeletion;
use wire::Fault;

use super::{document, faults, managed, names, paging};
use crate::call::Call;

pub(super) async fn create(
    cx: Call,
    input: CreatePolicyRequest,
) -> Result<CreatePolicyResponse, Fault> {
    document::check_managed(&input.policy_document)?;
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    let policy = store::iam::Policy {
        policy_id: names::unique_id(&cx, "ANPA"),
        arn: names::policy_arn(&cx, &path, &input.policy_name),
        path,
        document: input.policy_document,
        description: input.description,
        tags: names::tags(input.tags)?,
        created_at: cx.app.clock.now(),
        attachments: 0,
        boundaries: 0,
        name: input.policy_name,
    };
    let created = cx.app.store.create_policy(cx.account, &policy).await;
    if !created.map_err(|error| crate::internal(&error, &cx))? {
        return Err(faults::policy_exists(&policy.name));
    }
    let tags = (!policy.tags.is_empty()).then(|| names::tag_list(policy.tags.clone()));
    Ok(CreatePolicyResponse {
        policy: Some(Policy {
            tags,
            ..listed(policy)
        }),
    })
}

pub(super) async fn get(cx: Call, input: GetPolicyRequest) -> Result<GetPolicyResponse, Fault> {
    let arn = &input.policy_arn;
    let store = &cx.app.store;
    if let Some(policy) = managed::find(arn) {
        let attachments = store.policy_attachments(cx.account, arn).await;
        let attachments = attachments.map_err(|error| crate::internal(&error, &cx))?;
        let policy = Policy {
            tags: Some(Vec::new()),
            ..policy.answer(attachments)
        };
        return Ok(GetPolicyResponse {
            policy: Some(policy),
        });
    }
    let policy = store
        .policy(cx.account, arn)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    let policy = policy.ok_or_else(|| faults::no_policy(arn))?;
    let (tags, description) = (
        names::tag_list(policy.tags.clone()),
        policy.description.clone(),
    );
    let policy = Policy {
        tags: Some(tags),
        description,
        ..listed(policy)
    };
    Ok(GetPolicyResponse {
        policy: Some(policy),
    })
}

pub(super) async fn delete(cx: Call, input: DeletePolicyRequest) -> Result<Unit, Fault> {
    if managed::is_aws(&input.policy_arn) {
        return Err(faults::aws_policy(&input.policy_arn));
    }
    let deleted = cx
        .app
        .store
        .delete_policy(cx.account, &input.policy_arn)
        .await;
    match deleted.map_err(|error| crate::internal(&error, &cx))? {
        PolicyDeletion::Deleted => Ok(Unit::default()),
        PolicyDeletion::NoSuchPolicy => Err(faults::no_policy(&input.policy_arn)),
        PolicyDeletion::Attached => Err(faults::policy_attached()),
    }
}

/// In the order of ARNs: the account's own first, then AWS's.
pub(super) async fn list(
    cx: Call,
    input: ListPoliciesRequest,
) -> Result<ListPoliciesResponse, Fault> {
    let after = paging::after(input.marker.as_deref())?;
    let size = paging::size(input.max_items);
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let only_attached = input.only_attached.unwrap_or(false);
    let scope = input.scope.as_deref().unwrap_or("All");
    let mut policies = Vec::new();
    if scope != "AWS" {
        let own = cx
            .app
            .store
            .policies(
                cx.account,
                prefix,
                only_attached,
                after.as_deref(),
                size + 1,
            )
            .await;
        policies.extend(
            own.map_err(|error| crate::internal(&error, &cx))?
                .into_iter()
                .map(listed),
        );
    }
    if scope != "Local" {
        policies.extend(of_aws(&cx, prefix, only_attached, after.as_deref()).await?);
    }
    if input.policy_usage_filter.as_deref() == Some("PermissionsBoundary") {
        policies.retain(|policy| policy.permissions_boundary_usage_count > Some(0));
    }
    let page = paging::page(policies, size, |policy| {
        policy.arn.as_deref().unwrap_or_default()
    });
    Ok(ListPoliciesResponse {
        is_truncated: Some(page.marker.is_some()),
        marker: page.marker,
        policies: Some(page.items),
    })
}

async fn of_aws(
    cx: &Call,
    path_prefix: &str,
    only_attached: bool,
    after: Option<&str>,
) -> Result<Vec<Policy>, Fault> {
    let mut policies = Vec::new();
    for policy in managed::list(path_prefix, after) {
        let attachments = cx
            .app
            .store
            .policy_attachments(cx.account, &policy.arn())
            .await;
        let attachments = attachments.map_err(|error| crate::internal(&error, cx))?;
        if attachments > 0 || !only_attached {
            policies.push(Policy {
                description: None,
                ..policy.answer(attachments)
            });
        }
    }
    Ok(policies)
}

/// A policy as listings show it: without description and tags.
fn listed(policy: store::iam::Policy) -> Policy {
    let created = names::seconds(policy.created_at);
    Policy {
        policy_name: Some(policy.name),
        policy_id: Some(policy.policy_id),
        arn: Some(policy.arn),
        path: Some(policy.path),
        default_version_id: Some("v1".to_owned()),
        attachment_count: Some(policy.attachments),
        permissions_boundary_usage_count: Some(policy.boundaries),
        is_attachable: Some(true),
        description: None,
        create_date: Some(created),
        update_date: Some(created),
        tags: None,
    }
}
