//! A config as clients see it.

use aws_model::lambda::{DestinationConfig, FunctionEventInvokeConfig, OnFailure, OnSuccess};
use chrono::{DateTime, Utc};
use domain::{EventConfig, FunctionArn, Qualifier, Version};

use crate::times;

/// Both sides of the destinations are there even if nothing is set, as on AWS; the rest only where it is set.
pub(super) fn of(
    arn: &FunctionArn,
    config: &EventConfig,
    last_modified: DateTime<Utc>,
) -> FunctionEventInvokeConfig {
    let EventConfig {
        max_retry_attempts,
        max_event_age_s,
        on_success,
        on_failure,
    } = config;
    FunctionEventInvokeConfig {
        last_modified: Some(times::seconds(last_modified)),
        function_arn: Some(qualified(arn).to_string()),
        maximum_retry_attempts: max_retry_attempts.map(i32::from),
        maximum_event_age_in_seconds: max_event_age_s.map(u32::cast_signed),
        destination_config: Some(DestinationConfig {
            on_success: Some(OnSuccess {
                destination: on_success.as_ref().map(ToString::to_string),
            }),
            on_failure: Some(OnFailure {
                destination: on_failure.as_ref().map(ToString::to_string),
            }),
        }),
    }
}

/// The ARN as answers and errors about configs show it: with `$LATEST` where no qualifier was given.
pub(super) fn qualified(arn: &FunctionArn) -> FunctionArn {
    let qualifier = arn
        .qualifier
        .clone()
        .unwrap_or(Qualifier::Version(Version::Latest));
    arn.clone().qualified(Some(qualifier))
}
