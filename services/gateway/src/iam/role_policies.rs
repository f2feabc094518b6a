//! Inline policies of roles.

use aws_model::Unit;
use aws_model::iam::{
    DeleteRolePolicyRequest, GetRolePolicyRequest, GetRolePolicyResponse, ListRolePoliciesRequest,
    ListRolePoliciesResponse, PutRolePolicyRequest,
};
use wire::Fault;

use super::{document, faults, paging, roles};
use crate::call::Call;

pub(super) async fn put(cx: Call, input: PutRolePolicyRequest) -> Result<Unit, Fault> {
    document::check_inline(&input.role_name, &input.policy_document)?;
    let put = cx
        .app
        .store
        .put_role_policy(
            cx.account,
            &input.role_name,
            &input.policy_name,
            &input.policy_document,
        )
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    if put {
        Ok(Unit::default())
    } else {
        Err(faults::no_role(&input.role_name))
    }
}

pub(super) async fn get(
    cx: Call,
    input: GetRolePolicyRequest,
) -> Result<GetRolePolicyResponse, Fault> {
    roles::find(&cx, &input.role_name).await?;
    let document = cx
        .app
        .store
        .role_policy(cx.account, &input.role_name, &input.policy_name)
        .await
        .map_err(|error| crate::internal(&error, &cx))?
        .ok_or_else(|| faults::no_role_policy(&input.policy_name))?;
    Ok(GetRolePolicyResponse {
        role_name: input.role_name,
        policy_name: input.policy_name,
        policy_document: document::encode(&document),
    })
}

pub(super) async fn delete(cx: Call, input: DeleteRolePolicyRequest) -> Result<Unit, Fault> {
    let deleted = cx
        .app
        .store
        .delete_role_policy(cx.account, &input.role_name, &input.policy_name)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    if !deleted {
        roles::find(&cx, &input.role_name).await?;
        return Err(faults::no_role_policy(&input.policy_name));
    }
    Ok(Unit::default())
}

pub(super) async fn list(
    cx: Call,
    input: ListRolePoliciesRequest,
) -> Result<ListRolePoliciesResponse, Fault> {
    let after = paging::after(input.marker.as_deref())?;
    let size = paging::size(input.max_items);
    roles::find(&cx, &input.role_name).await?;
    let names = cx
        .app
        .store
        .role_policies(cx.account, &input.role_name, after.as_deref(), size + 1)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    let page = paging::page(names, size, |name| name);
    Ok(ListRolePoliciesResponse {
        is_truncated: Some(page.marker.is_some()),
        marker: page.marker,
        policy_names: page.items,
    })
}
