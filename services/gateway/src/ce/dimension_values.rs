//! `GetDimensionValues`.

use std::collections::BTreeMap;

use aws_model::ce::{
    DimensionValuesWithAttributes, GetDimensionValuesRequest, GetDimensionValuesResponse,
    SortDefinition,
};
use domain::bill::explorer::{Dimension, Granularity, GroupBy, Sum, by_period};
use wire::Fault;

use super::metric::Metric;
use super::paging::{self, Request};
use super::{expression, faults, span};
use crate::call::Call;

/// Values that a page has at most.
const VALUES_MAX: usize = 1_000;

pub(super) async fn get(
    cx: Call,
    mut input: GetDimensionValuesRequest,
) -> Result<GetDimensionValuesResponse, Fault> {
    let token = input.next_page_token.take();
    let request = Request::of(&cx, &input);
    let begin = request.begin(token.as_deref())?;
    expression::check_view(&cx, input.billing_view_arn.as_deref())?;
    // By month, so that all that can be asked for has its values.
    let span = span::past(&input.time_period, Granularity::Monthly, cx.app.clock.now())?;
    let name = &input.dimension;
    let dimension: Dimension = name.parse().map_err(|_| faults::no_dimension(name))?;
    let filter = expression::filter(input.filter)?;

    let explored = cx.app.store.explore(cx.account, span).await;
    let explored = explored.map_err(|error| crate::internal(&error, &cx))?;
    let items = explored.items().filter(|item| filter.passes(item));
    let mut sums = by_period(&[span], &[GroupBy::Dimension(dimension)], items);
    let values = sums.pop().unwrap_or_default();
    let values = sorted(
        values,
        input.search_string.as_deref(),
        input.sort_by.as_deref(),
    )?;
    let total_size = paging::count(values.len());
    let size = paging::size(input.max_results, VALUES_MAX);
    let (page, next) = request.cut(values, begin, size);
    Ok(GetDimensionValuesResponse {
        return_size: paging::count(page.len()),
        total_size,
        next_page_token: next,
        dimension_values: page.into_iter().map(value).collect(),
    })
}

fn value(value: String) -> DimensionValuesWithAttributes {
    DimensionValuesWithAttributes {
        value: Some(value),
        attributes: Some(BTreeMap::new()),
    }
}

/// Values that contain a text, in the order of their names or of what they amount to.
pub(super) fn sorted(
    values: BTreeMap<Vec<String>, Sum>,
    search: Option<&str>,
    sort: Option<&[SortDefinition]>,
) -> Result<Vec<String>, Fault> {
    let search = search.unwrap_or_default().to_lowercase();
    let mut found: Vec<(String, Sum)> = values
        .into_iter()
        .filter_map(|(mut keys, sum)| keys.pop().map(|key| (key, sum)))
        .filter(|(key, _)| key.to_lowercase().contains(&search))
        .collect();
    // The last definition first: those before it decide.
    for definition in sort.unwrap_or_default().iter().rev() {
        let metric = Metric::read(&definition.key);
        let metric = metric.ok_or_else(|| faults::sort_key(&definition.key))?;
        found.sort_by_key(|(_, sum)| match metric {
            Metric::Cost(_) => sum.amount_e10,
            Metric::UsageQuantity => sum.usage_e10().0,
            Metric::NormalizedUsageAmount => 0,
        });
        if definition.sort_order.as_deref() != Some("ASCENDING") {
            found.reverse();
        }
    }
    Ok(found.into_iter().map(|(key, _)| key).collect())
}
