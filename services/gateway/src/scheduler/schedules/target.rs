//! What a schedule invokes, and how.

use aws_model::scheduler::Target;
use domain::FunctionArn;
use domain::schedule::check_input;
use store::schedules::{RETRY_AGE_MAX_S, RETRY_ATTEMPTS_MAX};
use wire::Fault;

use crate::call::Call;
use crate::function_target::{self, Unfit};
use crate::lambda::invoke::EVENT_PAYLOAD_MAX;
use crate::scheduler::faults;

/// Services whose resources AWS's schedules have as targets, apart from functions.
const OF_AWS: [&str; 11] = [
    "codebuild",
    "codepipeline",
    "ecs",
    "events",
    "firehose",
    "inspector",
    "kinesis",
    "sagemaker",
    "sns",
    "sqs",
    "states",
];

/// Universal targets: any operation of any service.
const UNIVERSAL: &str = "arn:aws:scheduler:::aws-sdk:";

/// A target, read and checked.
pub(super) struct Read {
    pub(super) function: FunctionArn,
    pub(super) role_arn: String,
    pub(super) input: Option<String>,
    pub(super) retry_attempts_max: u8,
    pub(super) retry_age_max_s: u32,
    pub(super) dead_letter_arn: Option<String>,
}

/// The model has checked the role, the dead-letter queue and the ranges of the retry policy.
pub(super) fn read(cx: &Call, target: Target) -> Result<Read, Fault> {
    let function =
        function_target::read(cx, &target.arn).map_err(|unfit| refusal(cx, &target.arn, unfit))?;
    check_parameters(&target)?;
    if let Some(input) = &target.input {
        check_input(input).map_err(|_| faults::bad_input())?;
        if input.len() > EVENT_PAYLOAD_MAX {
            return Err(faults::input_too_large(EVENT_PAYLOAD_MAX));
        }
    }
    let policy = target.retry_policy.unwrap_or_default();
    Ok(Read {
        function,
        role_arn: target.role_arn,
        input: target.input,
        retry_attempts_max: policy
            .maximum_retry_attempts
            .and_then(|attempts| u8::try_from(attempts).ok())
            .unwrap_or(RETRY_ATTEMPTS_MAX),
        retry_age_max_s: policy
            .maximum_event_age_in_seconds
            .and_then(|age_s| u32::try_from(age_s).ok())
            .unwrap_or(RETRY_AGE_MAX_S),
        dead_letter_arn: target.dead_letter_config.and_then(|config| config.arn),
    })
}

fn refusal(cx: &Call, arn: &str, unfit: Unfit<'_>) -> Fault {
    match unfit {
        Unfit::Form => faults::bad_arn(),
        Unfit::Service(_) if arn.starts_with(UNIVERSAL) => {
            faults::not_supported("A universal target (aws-sdk) instead of a Lambda function's ARN")
        }
        Unfit::Service(service) if OF_AWS.contains(&service) => faults::not_supported(&format!(
            "A target of {service} instead of a Lambda function's ARN"
        )),
        Unfit::Service(service) => faults::not_a_target(service),
        Unfit::Region => faults::other_region(&cx.region),
        Unfit::Account => faults::other_account(),
    }
}

/// Parameters belong to other kinds of targets than functions.
fn check_parameters(target: &Target) -> Result<(), Fault> {
    let given = [
        ("EcsParameters", target.ecs_parameters.is_some()),
        (
            "EventBridgeParameters",
            target.event_bridge_parameters.is_some(),
        ),
        (
            "EventBridgePutEventsV2Parameters",
            target.event_bridge_put_events_v2_parameters.is_some(),
        ),
        (
            "EventBridgePutRawEventsParameters",
            target.event_bridge_put_raw_events_parameters.is_some(),
        ),
        ("KinesisParameters", target.kinesis_parameters.is_some()),
        (
            "SageMakerPipelineParameters",
            target.sage_maker_pipeline_parameters.is_some(),
        ),
        ("SqsParameters", target.sqs_parameters.is_some()),
    ];
    let names: Vec<_> = given
        .into_iter()
        .filter(|(_, given)| *given)
        .map(|(name, _)| name)
        .collect();
    if names.is_empty() {
        Ok(())
    } else {
        Err(faults::parameters_in_vain(&names.join(", ")))
    }
}
