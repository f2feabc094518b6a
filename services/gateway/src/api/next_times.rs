//! When an expression, or a schedule, fires next.

use chrono::{DateTime, TimeDelta, Utc};
use domain::schedule::{Dialect, Expression, Timetable, zone};

use super::input::{Input, Nothing};
use super::refusal::Refusal;
use super::schedules::{find, state};
use super::types::{ExpressionQuery, FireTime, NextTimes, NextTimesQuery, ScheduleKey};
use crate::call::Call;

const COUNT: u32 = 10;
const COUNT_MAX: u32 = 100;

pub(super) async fn of_expression(
    cx: Call,
    input: Input<Nothing, ExpressionQuery, Nothing>,
) -> Result<NextTimes, Refusal> {
    let query = input.query;
    let count = count(query.count)?;
    let refused = |error: domain::ParseError| Refusal::invalid(error.to_string());
    let from = query.start.unwrap_or_else(|| cx.app.clock.now());
    if query.end.is_some_and(|end| end < from) {
        return Err(Refusal::invalid(
            "end must not be before start, which is now where it is left out.",
        ));
    }
    let timezone = query.timezone.as_deref().unwrap_or("UTC");
    let table = Timetable {
        expression: Expression::parse(&query.expression, Dialect::Scheduler).map_err(refused)?,
        zone: zone(timezone).map_err(refused)?,
        start_at: query.start,
        end_at: query.end,
        anchor_at: from,
    };
    // The end is no bound of a single `at` when it fires, but here it is what was asked for.
    let end = query.end;
    let mut answer = answer(query.expression, &table, from, count);
    answer
        .times
        .retain(|time| end.is_none_or(|end| time.at <= end));
    Ok(answer)
}

pub(super) async fn of_schedule(
    cx: Call,
    input: Input<ScheduleKey, NextTimesQuery, Nothing>,
) -> Result<NextTimes, Refusal> {
    let count = count(input.query.count)?;
    let schedule = find(&cx, &input.path).await?;
    let from = cx.app.clock.now().max(schedule.valid_from);
    let answer = answer(schedule.expression, &schedule.timetable, from, count);
    Ok(NextTimes {
        state: Some(state(schedule.enabled)),
        ..answer
    })
}

/// The times of a timetable from `from` on, in order.
pub(super) fn times(
    table: &Timetable,
    from: DateTime<Utc>,
) -> impl Iterator<Item = DateTime<Utc>> + '_ {
    let after = |at: &DateTime<Utc>| table.next_from(*at + TimeDelta::milliseconds(1));
    std::iter::successors(table.next_from(from), after)
}

fn count(asked: Option<u32>) -> Result<usize, Refusal> {
    match asked.unwrap_or(COUNT) {
        count @ 1..=COUNT_MAX => Ok(count as usize),
        _ => Err(Refusal::invalid(format!("count must be 1 to {COUNT_MAX}."))),
    }
}

fn answer(expression: String, table: &Timetable, from: DateTime<Utc>, count: usize) -> NextTimes {
    let shown = |at: DateTime<Utc>| FireTime {
        at,
        local: at.with_timezone(&table.zone).fixed_offset(),
    };
    NextTimes {
        expression,
        timezone: table.zone.to_string(),
        state: None,
        times: times(table, from).take(count).map(shown).collect(),
    }
}
