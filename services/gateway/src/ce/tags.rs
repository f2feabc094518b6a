//! `GetTags`: keys of tags, or the values of one. Functions that are gone have none.

use std::collections::BTreeMap;

use aws_model::ce::{GetTagsRequest, GetTagsResponse};
use domain::bill::explorer::{Granularity, Item, Sum};
use wire::Fault;

use super::dimension_values::sorted;
use super::paging::{self, Request};
use super::{expression, span};
use crate::call::Call;

/// Tags that a page has at most.
const TAGS_MAX: usize = 1_000;

pub(super) async fn get(cx: Call, mut input: GetTagsRequest) -> Result<GetTagsResponse, Fault> {
    let token = input.next_page_token.take();
    let request = Request::of(&cx, &input);
    let begin = request.begin(token.as_deref())?;
    expression::check_view(&cx, input.billing_view_arn.as_deref())?;
    let span = span::past(&input.time_period, Granularity::Monthly, cx.app.clock.now())?;
    let filter = expression::filter(input.filter)?;

    let explored = cx.app.store.explore(cx.account, span).await;
    let explored = explored.map_err(|error| crate::internal(&error, &cx))?;
    let items = explored
        .items()
        .filter(|item| span.contains(item.hour) && filter.passes(item));
    let found = tags(items, input.tag_key.as_deref());
    let found = sorted(
        found,
        input.search_string.as_deref(),
        input.sort_by.as_deref(),
    )?;
    let total_size = paging::count(found.len());
    let size = paging::size(input.max_results, TAGS_MAX);
    let (page, next) = request.cut(found, begin, size);
    Ok(GetTagsResponse {
        return_size: paging::count(page.len()),
        total_size,
        next_page_token: next,
        tags: page,
    })
}

/// What charges amount to by the keys of their tags; or by the values of one, empty for those without it.
fn tags<'a>(
    items: impl Iterator<Item = Item<'a>>,
    key: Option<&str>,
) -> BTreeMap<Vec<String>, Sum> {
    let mut sums: BTreeMap<Vec<String>, Sum> = BTreeMap::new();
    for item in items {
        if let Some(key) = key {
            let value = item.tag(key).to_owned();
            sums.entry(vec![value]).or_default().add(&item);
            continue;
        }
        for key in item.tags.into_iter().flat_map(BTreeMap::keys) {
            sums.entry(vec![key.clone()]).or_default().add(&item);
        }
    }
    sums
}
