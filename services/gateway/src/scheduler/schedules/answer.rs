//! A schedule as clients see it.

use aws_model::scheduler::{
    DeadLetterConfig, FlexibleTimeWindow, GetScheduleOutput, RetryPolicy, ScheduleSummary, Target,
    TargetSummary,
};
use store::schedules::{self, Schedule, ScheduleName};

use crate::call::Call;
use crate::scheduler::names;
use crate::times::seconds;

/// What has a default is always there, the rest only where it is set.
pub(super) fn of(cx: &Call, name: ScheduleName, schedule: Schedule) -> GetScheduleOutput {
    let settings = schedule.settings;
    let target = Target {
        arn: settings.target.to_string(),
        role_arn: settings.role_arn.unwrap_or_default(),
        dead_letter_config: settings
            .dead_letter_arn
            .map(|arn| DeadLetterConfig { arn: Some(arn) }),
        retry_policy: Some(RetryPolicy {
            maximum_event_age_in_seconds: Some(settings.retry_age_max_s.cast_signed()),
            maximum_retry_attempts: Some(settings.retry_attempts_max.into()),
        }),
        input: settings.input,
        ..Target::default()
    };
    let (mode, action) = (
        settings.window_min.map_or("OFF", |_| "FLEXIBLE"),
        if settings.delete_after {
            "DELETE"
        } else {
            "NONE"
        },
    );
    GetScheduleOutput {
        arn: Some(names::schedule_arn(cx, &name.group, &name.name)),
        group_name: Some(name.group),
        name: Some(name.name),
        schedule_expression: Some(settings.expression),
        start_date: settings.start_at.map(seconds),
        end_date: settings.end_at.map(seconds),
        description: settings.description,
        schedule_expression_timezone: Some(settings.timezone),
        state: Some(state(settings.enabled)),
        creation_date: Some(seconds(schedule.created_at)),
        last_modification_date: Some(seconds(schedule.modified_at)),
        kms_key_arn: settings.kms_key_arn,
        target: Some(target),
        flexible_time_window: Some(FlexibleTimeWindow {
            mode: mode.to_owned(),
            maximum_window_in_minutes: settings.window_min.map(i32::from),
        }),
        action_after_completion: Some(action.to_owned()),
    }
}

pub(super) fn summary(cx: &Call, schedule: schedules::ScheduleSummary) -> ScheduleSummary {
    ScheduleSummary {
        arn: Some(names::schedule_arn(cx, &schedule.group, &schedule.name)),
        name: Some(schedule.name),
        group_name: Some(schedule.group),
        state: Some(state(schedule.enabled)),
        creation_date: Some(seconds(schedule.created_at)),
        last_modification_date: Some(seconds(schedule.modified_at)),
        target: Some(TargetSummary {
            arn: schedule.target.to_string(),
        }),
    }
}

fn state(enabled: bool) -> String {
    let word = if enabled { "ENABLED" } else { "DISABLED" };
    word.to_owned()
}
