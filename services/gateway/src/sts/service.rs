//! STS's operations, bound to their handlers.

use aws_model::sts::{GetCallerIdentity, SERVICE};
use wire::Service;

use super::caller;
use crate::call::Call;

pub(crate) fn service() -> Service<Call> {
    Service::new(&SERVICE).bind(GetCallerIdentity, caller::identity)
}
