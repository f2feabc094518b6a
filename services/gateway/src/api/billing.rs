//! What the account's usage costs.

use domain::ParseError;
use domain::bill::Month;
use domain::bill::report::{Dimension, Span, check_dimensions};

use super::input::{Input, Nothing};
use super::refusal::Refusal;
use super::types::{BillingForecast, BillingReport, ForecastQuery, ReportQuery};
use crate::call::Call;

pub(super) async fn report(
    cx: Call,
    input: Input<Nothing, ReportQuery, Nothing>,
) -> Result<BillingReport, Refusal> {
    let query = input.query;
    let span = span(&cx, &query).map_err(|error| refused(&error))?;
    let by = query.group_by.as_deref().unwrap_or("day");
    let by = by
        .split(',')
        .map(str::parse)
        .collect::<Result<Vec<Dimension>, _>>();
    let by = by.and_then(|by| check_dimensions(&by).map(|()| by));
    let by = by.map_err(|error| Refusal::invalid(format!("group_by: {error}.")))?;
    let report = cx.app.store.cost_report(Some(cx.account), span, by).await;
    let report = report.map_err(|error| Refusal::internal(&error, &cx))?;
    Ok(BillingReport::of(&report, span))
}

pub(super) async fn forecast(
    cx: Call,
    input: Input<Nothing, ForecastQuery, Nothing>,
) -> Result<BillingForecast, Refusal> {
    let now = cx.app.clock.now();
    let month = input.query.month.as_deref().map(str::parse::<Month>);
    let month = month.transpose().map_err(|error| refused(&error))?;
    let month = month.unwrap_or_else(|| Month::of(now));
    if month.end() <= now {
        return Err(Refusal::invalid(format!(
            "{month} is over: ask for its report."
        )));
    }
    let store = &cx.app.store;
    let forecast = store.cost_forecast(Some(cx.account), month, now).await;
    let forecast = forecast.map_err(|error| Refusal::internal(&error, &cx))?;
    Ok(BillingForecast::of(&forecast))
}

fn span(cx: &Call, query: &ReportQuery) -> Result<Span, ParseError> {
    match (query.month.as_deref(), query.from, query.to) {
        (None, None, None) => Ok(Span::of_month(Month::of(cx.app.clock.now()))),
        (Some(month), None, None) => Ok(Span::of_month(month.parse()?)),
        (None, Some(from), Some(to)) => Span::new(from, to),
        _ => Err(ParseError(
            "give a month, or from and to together".to_owned(),
        )),
    }
}

fn refused(error: &ParseError) -> Refusal {
    Refusal::invalid(format!("{error}."))
}
