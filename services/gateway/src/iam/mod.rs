//! IAM: roles and policies, stored and returned as clients wrote them. Nothing evaluates them yet. Global: no region.

mod attachments;
mod document;
mod faults;
mod managed;
mod names;
mod paging;
mod policies;
mod role_policies;
mod roles;
mod service;

pub(crate) use service::service;
