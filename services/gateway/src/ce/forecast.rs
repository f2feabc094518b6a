//! `GetCostForecast`: the days behind, carried on (`domain::bill::explorer::forecast`).

use aws_model::ce::{ForecastResult, GetCostForecastRequest, GetCostForecastResponse, MetricValue};
use chrono::{DateTime, Months, TimeDelta, Utc};
use domain::bill::explorer::forecast::{Expected, HISTORY_DAYS_MAX, history};
use domain::bill::explorer::sums::{amount_text, day_of, next_day};
use domain::bill::explorer::{Forecast, Granularity, Period, Sum};
use wire::Fault;

use super::metric::{self, Metric};
use super::{expression, faults, span};
use crate::call::Call;

/// How far a forecast goes by day and by month, in months.
const MONTHS_BY_DAY: u32 = 3;
const MONTHS_BY_MONTH: u32 = 18;

/// The chance in percent that bounds hold, where nobody names one.
const LEVEL: u8 = 80;

pub(super) async fn get(
    cx: Call,
    input: GetCostForecastRequest,
) -> Result<GetCostForecastResponse, Fault> {
    expression::check_view(&cx, input.billing_view_arn.as_deref())?;
    let now = cx.app.clock.now();
    let granularity = span::granularity(&input.granularity);
    let span = to_come(&input, granularity, now)?;
    let metric = Metric::read(&input.metric).filter(|metric| matches!(metric, Metric::Cost(_)));
    let metric = metric.ok_or_else(|| faults::no_metric(&input.metric, &["UNBLENDED_COST"]))?;
    let filter = expression::filter(input.filter)?;
    let level = input.prediction_interval_level;
    let level = level
        .and_then(|level| u8::try_from(level).ok())
        .unwrap_or(LEVEL);

    let known = Period {
        start: day_of(now) - TimeDelta::days(HISTORY_DAYS_MAX.into()),
        end: next_day(now),
    };
    let explored = cx.app.store.explore(cx.account, known).await;
    let explored = explored.map_err(|error| crate::internal(&error, &cx))?;
    let items = explored
        .items()
        .filter(|item| known.contains(item.hour) && filter.passes(item));
    let (mut total, mut figures) = (Sum::default(), Vec::new());
    for item in items {
        total.add(&item);
        figures.push((item.hour, item.amount_e10));
    }
    let currency = metric::currency(&cx, std::iter::once(&total), &[metric]).await?;
    let (days, today_e10) = history(figures.into_iter(), now);
    let forecast = Forecast::of(&days).filter(|forecast| forecast.has_interval());
    let forecast = forecast.ok_or_else(faults::too_little_history)?;

    let expected = |period: Period| expected(&forecast, period, level, (now, today_e10));
    let results = span.split(granularity).into_iter().map(|period| {
        let one = expected(period);
        ForecastResult {
            time_period: Some(span::written(period, granularity)),
            mean_value: Some(amount_text(one.mean_e10)),
            prediction_interval_lower_bound: Some(amount_text(one.lower_e10)),
            prediction_interval_upper_bound: Some(amount_text(one.upper_e10)),
        }
    });
    let results = results.collect();
    Ok(GetCostForecastResponse {
        total: Some(MetricValue {
            amount: Some(amount_text(expected(span).mean_e10)),
            unit: Some(currency),
        }),
        forecast_results_by_time: Some(results),
    })
}

/// The span of a forecast: from today or later, not too far.
fn to_come(
    input: &GetCostForecastRequest,
    granularity: Granularity,
    now: DateTime<Utc>,
) -> Result<Period, Fault> {
    let (what, months) = match granularity {
        Granularity::Hourly => return Err(faults::not_supported("An HOURLY forecast")),
        Granularity::Daily => ("DAILY", MONTHS_BY_DAY),
        Granularity::Monthly => ("MONTHLY", MONTHS_BY_MONTH),
    };
    let span = span::read(&input.time_period, false)?;
    if span.start < day_of(now) {
        return Err(faults::forecast_of_the_past());
    }
    let farthest = next_day(now).checked_add_months(Months::new(months));
    if farthest.is_none_or(|farthest| span.end > farthest) {
        return Err(faults::forecast_too_far(what, months));
    }
    Ok(span)
}

/// What a period will cost. Of today, what has come up is certain.
fn expected(
    forecast: &Forecast,
    period: Period,
    level: u8,
    (now, today_e10): (DateTime<Utc>, i128),
) -> Expected {
    let count = u32::try_from((period.end - period.start).num_days()).unwrap_or(u32::MAX);
    let mut expected = forecast.days(count, level);
    if period.contains(day_of(now)) {
        let more = forecast.today_e10(today_e10) - forecast.day_e10();
        expected.mean_e10 += more;
        expected.upper_e10 += more;
        expected.lower_e10 = (expected.lower_e10 + more).max(today_e10);
    }
    expected
}
