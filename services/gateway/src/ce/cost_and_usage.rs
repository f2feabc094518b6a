//! `GetCostAndUsage`.

use std::collections::BTreeMap;

use aws_model::ce::{GetCostAndUsageRequest, GetCostAndUsageResponse, Group, ResultByTime};
use chrono::{DateTime, Utc};
use domain::bill::explorer::{Granularity, Period, Sum, by_period};
use wire::Fault;

use super::metric::{self, Metric};
use super::paging::Request;
use super::{expression, span};
use crate::call::Call;

/// Groups of all periods together that a page has at most; a period without any counts as one.
const GROUPS_MAX: usize = 5_000;

/// A group of a period, or a period that has none.
type Row = (Period, Option<(Vec<String>, Sum)>);

pub(super) async fn get(
    cx: Call,
    mut input: GetCostAndUsageRequest,
) -> Result<GetCostAndUsageResponse, Fault> {
    let token = input.next_page_token.take();
    let request = Request::of(&cx, &input);
    let begin = request.begin(token.as_deref())?;
    expression::check_view(&cx, input.billing_view_arn.as_deref())?;
    let now = cx.app.clock.now();
    let granularity = span::granularity(&input.granularity);
    let span = span::past(&input.time_period, granularity, now)?;
    let metrics = metric::read(&input.metrics)?;
    let definitions = input.group_by.unwrap_or_default();
    let groups = expression::groups(&definitions)?;
    let filter = expression::filter(input.filter)?;

    let explored = cx.app.store.explore(cx.account, span).await;
    let explored = explored.map_err(|error| crate::internal(&error, &cx))?;
    let grouped = !groups.is_empty();
    // Years of a large account are seconds of work: not on a thread that invocations wait for.
    let adding = tokio::task::spawn_blocking(move || {
        let periods = span.split(granularity);
        let items = explored.items().filter(|item| filter.passes(item));
        let sums = by_period(&periods, &groups, items);
        (periods, sums)
    });
    let (periods, sums) = adding.await.map_err(|error| {
        tracing::error!(request.id = %cx.request_id, %error, "costs were not added up");
        Fault::internal()
    })?;
    let all_sums = sums.iter().flat_map(BTreeMap::values);
    let currency = metric::currency(&cx, all_sums, &metrics).await?;
    let (page, next) = request.cut(rows(periods, sums), begin, GROUPS_MAX);
    let shown = Shown {
        metrics: &metrics,
        currency: &currency,
        granularity,
        grouped,
        now,
    };
    Ok(GetCostAndUsageResponse {
        next_page_token: next,
        group_definitions: (!definitions.is_empty()).then_some(definitions),
        results_by_time: Some(shown.results(page)),
        dimension_value_attributes: Some(Vec::new()),
    })
}

fn rows(periods: Vec<Period>, sums: Vec<BTreeMap<Vec<String>, Sum>>) -> Vec<Row> {
    let mut rows = Vec::new();
    for (period, sums) in periods.into_iter().zip(sums) {
        if sums.is_empty() {
            rows.push((period, None));
        }
        rows.extend(sums.into_iter().map(|group| (period, Some(group))));
    }
    rows
}

/// How sums become results.
struct Shown<'a> {
    metrics: &'a [Metric],
    currency: &'a str,
    granularity: Granularity,
    grouped: bool,
    now: DateTime<Utc>,
}

impl Shown<'_> {
    /// A result for each period of the page. Without groups, the total; with groups, no total.
    fn results(&self, rows: Vec<Row>) -> Vec<ResultByTime> {
        let mut results: Vec<ResultByTime> = Vec::new();
        let mut last = None;
        for (period, group) in rows {
            if last != Some(period) {
                results.push(self.empty(period));
                last = Some(period);
            }
            let Some(result) = results.last_mut() else {
                continue;
            };
            let values = |sum: &Sum| metric::values(self.metrics, sum, self.currency);
            match group {
                Some((keys, sum)) if self.grouped => {
                    let group = Group {
                        keys: Some(keys),
                        metrics: Some(values(&sum)),
                    };
                    result.groups.get_or_insert_default().push(group);
                }
                Some((_, sum)) => result.total = Some(values(&sum)),
                None if self.grouped => {}
                None => result.total = Some(values(&Sum::default())),
            }
        }
        results
    }

    fn empty(&self, period: Period) -> ResultByTime {
        ResultByTime {
            time_period: Some(span::written(period, self.granularity)),
            total: Some(BTreeMap::new()),
            groups: Some(Vec::new()),
            estimated: Some(span::is_open(period, self.now)),
        }
    }
}
