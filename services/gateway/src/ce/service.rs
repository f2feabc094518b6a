//! The operations of Cost Explorer, bound to their handlers.

use aws_model::ce::{GetCostAndUsage, GetCostForecast, GetDimensionValues, GetTags, SERVICE};
use wire::Service;

use super::{cost_and_usage, dimension_values, forecast, tags};
use crate::call::Call;

pub(crate) fn service() -> Service<Call> {
    Service::new(&SERVICE)
        .bind(GetCostAndUsage, cost_and_usage::get)
        .bind(GetDimensionValues, dimension_values::get)
        .bind(GetTags, tags::get)
        .bind(GetCostForecast, forecast::get)
}
