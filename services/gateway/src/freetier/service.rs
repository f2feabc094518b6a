//! The operations of the free tier's API, bound to their handlers.

use aws_model::freetier::{GetFreeTierUsage, SERVICE};
use wire::Service;

use super::usage;
use crate::call::Call;

pub(crate) fn service() -> Service<Call> {
    Service::new(&SERVICE).bind(GetFreeTierUsage, usage::get)
}
