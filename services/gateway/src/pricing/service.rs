//! The operations of the price list, bound to their handlers.

use aws_model::pricing::{DescribeServices, GetAttributeValues, GetProducts, SERVICE};
use wire::Service;

use super::{attributes, products, services};
use crate::call::Call;

pub(crate) fn service() -> Service<Call> {
    Service::new(&SERVICE)
        .bind(DescribeServices, services::describe)
        .bind(GetAttributeValues, attributes::values)
        .bind(GetProducts, products::get)
}
