//! Cost Explorer: cost and usage of an account as AWS shows it, from what was metered.
//!
//! Every answer rates the months it touches anew (`store::explorer`): there is nothing to refresh, and nothing that lags
//! behind. The region of a request plays no part. Tags are those that functions have now; usage of the past is shown under them
//! too.

mod cost_and_usage;
mod dimension_values;
pub(crate) mod expression;
mod faults;
mod forecast;
mod metric;
mod paging;
mod service;
mod span;
mod tags;
#[cfg(test)]
mod tests;

pub(crate) use service::service;
