//! IAM's operations, bound to their handlers.

use aws_model::iam::{
    AttachRolePolicy, CreatePolicy, CreateRole, DeletePolicy, DeleteRole, DeleteRolePolicy,
    DetachRolePolicy, GetPolicy, GetRole, GetRolePolicy, ListAttachedRolePolicies, ListPolicies,
    ListRolePolicies, ListRoles, PutRolePolicy, SERVICE,
};
use wire::Service;

use super::{attachments, policies, role_policies, roles};
use crate::call::Call;

pub(crate) fn service() -> Service<Call> {
    Service::new(&SERVICE)
        .bind(CreateRole, roles::create)
        .bind(GetRole, roles::get)
        .bind(DeleteRole, roles::delete)
        .bind(ListRoles, roles::list)
        .bind(PutRolePolicy, role_policies::put)
        .bind(GetRolePolicy, role_policies::get)
        .bind(DeleteRolePolicy, role_policies::delete)
        .bind(ListRolePolicies, role_policies::list)
        .bind(CreatePolicy, policies::create)
        .bind(GetPolicy, policies::get)
        .bind(ListPolicies, policies::list)
        .bind(DeletePolicy, policies::delete)
        .bind(AttachRolePolicy, attachments::attach)
        .bind(DetachRolePolicy, attachments::detach)
        .bind(ListAttachedRolePolicies, attachments::list)
}
