//! IAM: roles and policies, as clients stored them. Names and documents are the client's; nothing here evaluates them.

mod attachments;
mod policies;
mod role_policies;
mod roles;
#[cfg(test)]
mod tests;

pub use attachments::{Attached, Attaching, Detaching};
pub use policies::{Policy, PolicyDeletion};
pub use roles::{Role, RoleDeletion};

/// A key and its value, in the client's order.
pub type Tags = Vec<(String, String)>;
