//! Managed policies attached to roles.

use aws_model::Unit;
use aws_model::iam::{
    AttachRolePolicyRequest, AttachedPolicy, DetachRolePolicyRequest,
    ListAttachedRolePoliciesRequest, ListAttachedRolePoliciesResponse,
};
use store::iam::{Attached, Attaching, Detaching};
use wire::Fault;

use super::{faults, managed, paging, roles};
use crate::call::Call;

pub(super) async fn attach(cx: Call, input: AttachRolePolicyRequest) -> Result<Unit, Fault> {
    let arn = input.policy_arn;
    let aws = managed::is_aws(&arn);
    if aws && managed::find(&arn).is_none() {
        return Err(faults::not_attachable(&arn));
    }
    let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
    let policy = Attached {
        policy_arn: arn,
        policy_name: name,
    };
    let attached = cx
        .app
        .store
        .attach_role_policy(cx.account, &input.role_name, &policy, !aws)
        .await;
    match attached.map_err(|error| crate::internal(&error, &cx))? {
        Attaching::Attached => Ok(Unit::default()),
        Attaching::NoSuchRole => Err(faults::no_role(&input.role_name)),
        Attaching::NoSuchPolicy => Err(faults::not_attachable(&policy.policy_arn)),
    }
}

pub(super) async fn detach(cx: Call, input: DetachRolePolicyRequest) -> Result<Unit, Fault> {
    let detached = cx
        .app
        .store
        .detach_role_policy(cx.account, &input.role_name, &input.policy_arn)
        .await;
    match detached.map_err(|error| crate::internal(&error, &cx))? {
        Detaching::Detached => Ok(Unit::default()),
        Detaching::NoSuchRole => Err(faults::no_role(&input.role_name)),
        Detaching::NotAttached => Err(faults::no_policy(&input.policy_arn)),
    }
}

pub(super) async fn list(
    cx: Call,
    input: ListAttachedRolePoliciesRequest,
) -> Result<ListAttachedRolePoliciesResponse, Fault> {
    let after = paging::after(input.marker.as_deref())?;
    let size = paging::size(input.max_items);
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    roles::find(&cx, &input.role_name).await?;
    let attached = cx
        .app
        .store
        .attached_role_policies(
            cx.account,
            &input.role_name,
            prefix,
            after.as_deref(),
            size + 1,
        )
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    let page = paging::page(attached, size, |policy| &policy.policy_arn);
    let answer = |policy: Attached| AttachedPolicy {
        policy_name: Some(policy.policy_name),
        policy_arn: Some(policy.policy_arn),
    };
    Ok(ListAttachedRolePoliciesResponse {
        is_truncated: Some(page.marker.is_some()),
        marker: page.marker,
        attached_policies: Some(page.items.into_iter().map(answer).collect()),
    })
}
