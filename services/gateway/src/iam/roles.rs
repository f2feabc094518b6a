//! Roles.

use aws_model::Unit;
use aws_model::iam::{
    AttachedPermissionsBoundary, CreateRoleRequest, CreateRoleResponse, DeleteRoleRequest,
    GetRoleRequest, GetRoleResponse, ListRolesRequest, ListRolesResponse, Role, RoleLastUsed,
};
use store::iam::RoleDeletion;
use wire::Fault;

use super::{document, faults, managed, names, paging};
use crate::call::Call;

/// One hour, IAM's default.
const MAX_SESSION_S: i32 = 3_600;

pub(super) async fn create(
    cx: Call,
    input: CreateRoleRequest,
) -> Result<CreateRoleResponse, Fault> {
    document::check_trust(&input.assume_role_policy_document)?;
    let role = store::iam::Role {
        role_id: names::unique_id(&cx, "AROA"),
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        trust_document: input.assume_role_policy_document,
        description: input.description,
        max_session_s: input.max_session_duration.unwrap_or(MAX_SESSION_S),
        permissions_boundary: input.permissions_boundary,
        tags: names::tags(input.tags)?,
        created_at: cx.app.clock.now(),
        name: input.role_name,
    };
    if let Some(arn) = &role.permissions_boundary {
        check_boundary(&cx, arn).await?;
    }
    let created = cx.app.store.create_role(cx.account, &role).await;
    if !created.map_err(|error| crate::internal(&error, &cx))? {
        return Err(faults::role_exists(&role.name));
    }
    // What `GetRole` adds is not in this answer, as on AWS; tags are, where there are any.
    let given = (!role.tags.is_empty()).then(|| names::tag_list(role.tags.clone()));
    let session = input.max_session_duration;
    Ok(CreateRoleResponse {
        role: Role {
            tags: given,
            max_session_duration: session,
            ..listed(&cx, role)
        },
    })
}

/// A permissions boundary must be a policy that exists.
async fn check_boundary(cx: &Call, arn: &str) -> Result<(), Fault> {
    let exists = managed::find(arn).is_some()
        || cx
            .app
            .store
            .policy(cx.account, arn)
            .await
            .map_err(|error| crate::internal(&error, cx))?
            .is_some();
    if exists {
        Ok(())
    } else {
        Err(faults::no_boundary(arn))
    }
}

pub(super) async fn get(cx: Call, input: GetRoleRequest) -> Result<GetRoleResponse, Fault> {
    let mut role = find(&cx, &input.role_name).await?;
    let tags = names::tag_list(std::mem::take(&mut role.tags));
    let role = Role {
        tags: (!tags.is_empty()).then_some(tags),
        // Nobody has assumed it yet: STS has no AssumeRole.
        role_last_used: Some(RoleLastUsed::default()),
        ..listed(&cx, role)
    };
    Ok(GetRoleResponse { role })
}

pub(super) async fn delete(cx: Call, input: DeleteRoleRequest) -> Result<Unit, Fault> {
    let deleted = cx.app.store.delete_role(cx.account, &input.role_name).await;
    match deleted.map_err(|error| crate::internal(&error, &cx))? {
        RoleDeletion::Deleted => Ok(Unit::default()),
        RoleDeletion::NoSuchRole => Err(faults::no_role(&input.role_name)),
        RoleDeletion::HasAttachments => Err(faults::role_has_attachments()),
        RoleDeletion::HasPolicies => Err(faults::role_has_policies()),
    }
}

pub(super) async fn list(cx: Call, input: ListRolesRequest) -> Result<ListRolesResponse, Fault> {
    let after = paging::after(input.marker.as_deref())?;
    let size = paging::size(input.max_items);
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let roles = cx
        .app
        .store
        .roles(cx.account, prefix, after.as_deref(), size + 1)
        .await
        .map_err(|error| crate::internal(&error, &cx))?;
    let page = paging::page(roles, size, |role| &role.name);
    Ok(ListRolesResponse {
        is_truncated: Some(page.marker.is_some()),
        marker: page.marker,
        roles: page
            .items
            .into_iter()
            .map(|role| listed(&cx, role))
            .collect(),
    })
}

/// The role of this name, which must exist.
pub(super) async fn find(cx: &Call, name: &str) -> Result<store::iam::Role, Fault> {
    let role = cx.app.store.role(cx.account, name).await;
    role.map_err(|error| crate::internal(&error, cx))?
        .ok_or_else(|| faults::no_role(name))
}

/// A role as listings show it: without tags and last use.
fn listed(cx: &Call, role: store::iam::Role) -> Role {
    let boundary = |arn| AttachedPermissionsBoundary {
        permissions_boundary_type: Some("Policy".to_owned()),
        permissions_boundary_arn: Some(arn),
    };
    Role {
        arn: names::role_arn(cx, &role.path, &role.name),
        path: role.path,
        role_name: role.name,
        role_id: role.role_id,
        create_date: names::seconds(role.created_at),
        assume_role_policy_document: Some(document::encode(&role.trust_document)),
        description: role.description,
        max_session_duration: Some(role.max_session_s),
        permissions_boundary: role.permissions_boundary.map(boundary),
        ..Role::default()
    }
}
