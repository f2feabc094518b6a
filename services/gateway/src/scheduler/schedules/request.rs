//! What a request sets, read and checked. An update says all that a creation says.

use aws_model::scheduler::{CreateScheduleInput, FlexibleTimeWindow, UpdateScheduleInput};
use chrono::{DateTime, TimeDelta, Utc};
use domain::schedule::{Dialect, Expression, zone};
use store::schedules::Settings;
use wire::Fault;

use super::target;
use crate::call::Call;
use crate::scheduler::faults;
use crate::times;

/// How old a `StartDate` may be.
const START_AGE_MAX: TimeDelta = TimeDelta::minutes(5);

/// A creation's members as an update has them.
pub(super) fn of_create(input: CreateScheduleInput) -> UpdateScheduleInput {
    UpdateScheduleInput {
        name: input.name,
        group_name: input.group_name,
        schedule_expression: input.schedule_expression,
        start_date: input.start_date,
        end_date: input.end_date,
        description: input.description,
        schedule_expression_timezone: input.schedule_expression_timezone,
        state: input.state,
        kms_key_arn: input.kms_key_arn,
        target: input.target,
        flexible_time_window: input.flexible_time_window,
        client_token: input.client_token,
        action_after_completion: input.action_after_completion,
    }
}

/// The settings of a request; what it leaves out has AWS's defaults.
pub(super) fn settings(cx: &Call, input: UpdateScheduleInput) -> Result<Settings, Fault> {
    let expression = Expression::parse(&input.schedule_expression, Dialect::Scheduler)
        .map_err(|error| faults::invalid(error.0))?;
    let timezone = input
        .schedule_expression_timezone
        .unwrap_or_else(|| "UTC".to_owned());
    zone(&timezone).map_err(|_| faults::bad_timezone(&timezone))?;
    let start_at = time("StartDate", input.start_date)?;
    let end_at = time("EndDate", input.end_date)?;
    check_bounds(&expression, cx.app.clock.now(), start_at, end_at)?;
    let window_min = window(&input.flexible_time_window)?;
    if has_nul(input.description.as_deref()) {
        return Err(faults::nul("Description"));
    }
    let target = target::read(cx, input.target)?;
    Ok(Settings {
        enabled: input.state.as_deref() != Some("DISABLED"),
        expression: input.schedule_expression,
        timezone,
        start_at,
        end_at,
        window_min,
        target: target.function,
        role_arn: Some(target.role_arn),
        input: target.input,
        retry_attempts_max: target.retry_attempts_max,
        retry_age_max_s: target.retry_age_max_s,
        dead_letter_arn: target.dead_letter_arn,
        kms_key_arn: input.kms_key_arn,
        delete_after: input.action_after_completion.as_deref() == Some("DELETE"),
        description: input.description,
    })
}

fn time(member: &str, given: Option<f64>) -> Result<Option<DateTime<Utc>>, Fault> {
    given
        .map(|seconds| times::of_seconds(seconds).ok_or_else(|| faults::bad_time(member)))
        .transpose()
}

/// Schedules that fire once have no use for bounds, and AWS does not look at them.
fn check_bounds(
    expression: &Expression,
    now: DateTime<Utc>,
    start_at: Option<DateTime<Utc>>,
    end_at: Option<DateTime<Utc>>,
) -> Result<(), Fault> {
    if matches!(expression, Expression::At(_)) {
        return Ok(());
    }
    if start_at.is_some_and(|start| start < now - START_AGE_MAX) {
        return Err(faults::start_in_past());
    }
    match (start_at, end_at) {
        (Some(start), Some(end)) if start >= end => Err(faults::start_behind_end()),
        _ => Ok(()),
    }
}

/// The width of the window; the model has checked that it is in range.
fn window(given: &FlexibleTimeWindow) -> Result<Option<u16>, Fault> {
    match (given.mode.as_str(), given.maximum_window_in_minutes) {
        ("FLEXIBLE", Some(minutes)) => Ok(u16::try_from(minutes).ok()),
        ("FLEXIBLE", None) => Err(faults::window_missing()),
        (_, Some(_)) => Err(faults::window_in_vain()),
        (_, None) => Ok(None),
    }
}

fn has_nul(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.contains('\0'))
}
