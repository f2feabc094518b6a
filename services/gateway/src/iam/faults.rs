//! IAM's errors. The texts are AWS's unless a comment says that they are ours.

use wire::Fault;

fn no_such_entity(text: impl Into<String>) -> Fault {
    Fault::new(404, "NoSuchEntity", text)
}

fn already_exists(text: impl Into<String>) -> Fault {
    Fault::new(409, "EntityAlreadyExists", text)
}

fn delete_conflict(text: &str) -> Fault {
    Fault::new(409, "DeleteConflict", text)
}

pub(super) fn invalid_input(text: impl Into<String>) -> Fault {
    Fault::new(400, "InvalidInput", text)
}

pub(super) fn malformed_document(text: impl Into<String>) -> Fault {
    Fault::new(400, "MalformedPolicyDocument", text)
}

pub(super) fn limit_exceeded(text: impl Into<String>) -> Fault {
    Fault::new(409, "LimitExceeded", text)
}

pub(super) fn no_role(name: &str) -> Fault {
    no_such_entity(format!("The role with name {name} cannot be found."))
}

pub(super) fn role_exists(name: &str) -> Fault {
    already_exists(format!("Role with name {name} already exists."))
}

pub(super) fn role_has_attachments() -> Fault {
    delete_conflict("Cannot delete entity, must detach all policies first.")
}

pub(super) fn role_has_policies() -> Fault {
    delete_conflict("Cannot delete entity, must delete policies first.")
}

pub(super) fn no_role_policy(name: &str) -> Fault {
    no_such_entity(format!("The role policy with name {name} cannot be found."))
}

pub(super) fn no_policy(arn: &str) -> Fault {
    no_such_entity(format!("Policy {arn} was not found."))
}

pub(super) fn not_attachable(arn: &str) -> Fault {
    no_such_entity(format!("Policy {arn} does not exist or is not attachable."))
}

pub(super) fn no_boundary(arn: &str) -> Fault {
    no_such_entity(format!(
        "Scope ARN: {arn} does not exist or is not attachable."
    ))
}

pub(super) fn policy_exists(name: &str) -> Fault {
    already_exists(format!(
        "A policy called {name} already exists. Duplicate names are not allowed."
    ))
}

pub(super) fn policy_attached() -> Fault {
    delete_conflict("Cannot delete a policy attached to entities.")
}

pub(super) fn aws_policy(arn: &str) -> Fault {
    // Ours: AWS refuses by its own policies, which nothing evaluates here yet.
    Fault::new(
        403,
        "AccessDenied",
        format!("{arn} is AWS's own policy and cannot be deleted."),
    )
}
