//! A target as a caller describes it, read and checked.

use aws_model::events::Target;
use domain::FunctionArn;
use serde::de::IgnoredAny;
use store::rules::RuleTarget;
use store::schedules::{RETRY_AGE_MAX_S, RETRY_ATTEMPTS_MAX};
use wire::Fault;

use crate::call::Call;
use crate::events::faults;
use crate::function_target::{self, Unfit};

/// Services whose resources AWS's rules have as targets, apart from functions.
const OF_AWS: [&str; 18] = [
    "appsync",
    "batch",
    "codebuild",
    "codepipeline",
    "ecs",
    "events",
    "execute-api",
    "firehose",
    "glue",
    "inspector",
    "kinesis",
    "logs",
    "redshift",
    "redshift-serverless",
    "sagemaker",
    "sns",
    "sqs",
    "states",
];

/// The model has checked names and ranges.
pub(super) fn read(cx: &Call, target: Target) -> Result<RuleTarget, Fault> {
    let function = function(cx, &target)?;
    check_parameters(&target)?;
    let input = input(&target)?;
    let dead_letter_arn = target.dead_letter_config.and_then(|config| config.arn);
    if let Some(arn) = &dead_letter_arn {
        check_dead_letter_arn(arn)?;
    }
    if target
        .role_arn
        .as_ref()
        .is_some_and(|arn| arn.contains('\0'))
    {
        return Err(faults::nul("RoleArn"));
    }
    let policy = target.retry_policy.unwrap_or_default();
    Ok(RuleTarget {
        id: target.id,
        target: function,
        role_arn: target.role_arn,
        input,
        retry_attempts_max: policy
            .maximum_retry_attempts
            .and_then(|attempts| u8::try_from(attempts).ok())
            .unwrap_or(RETRY_ATTEMPTS_MAX),
        retry_age_max_s: policy
            .maximum_event_age_in_seconds
            .and_then(|age_s| u32::try_from(age_s).ok())
            .unwrap_or(RETRY_AGE_MAX_S),
        dead_letter_arn,
    })
}

fn function(cx: &Call, target: &Target) -> Result<FunctionArn, Fault> {
    let arn = &target.arn;
    function_target::read(cx, arn).map_err(|unfit| match unfit {
        Unfit::Form => faults::bad_arn(arn),
        Unfit::Service(service) if OF_AWS.contains(&service) => faults::not_supported(&format!(
            "A target of {service} instead of a Lambda function's ARN"
        )),
        Unfit::Service(service) => faults::not_a_target(service),
        Unfit::Region | Unfit::Account => faults::elsewhere(arn, cx.account, &cx.region),
    })
}

/// Parameters belong to other kinds of targets than functions. AWS overlooks those of SQS.
fn check_parameters(target: &Target) -> Result<(), Fault> {
    let given = [
        ("KinesisParameters", target.kinesis_parameters.is_some()),
        (
            "RunCommandParameters",
            target.run_command_parameters.is_some(),
        ),
        ("EcsParameters", target.ecs_parameters.is_some()),
        ("BatchParameters", target.batch_parameters.is_some()),
        ("HttpParameters", target.http_parameters.is_some()),
        (
            "RedshiftDataParameters",
            target.redshift_data_parameters.is_some(),
        ),
        (
            "SageMakerPipelineParameters",
            target.sage_maker_pipeline_parameters.is_some(),
        ),
        ("AppSyncParameters", target.app_sync_parameters.is_some()),
    ];
    let names: Vec<_> = given
        .into_iter()
        .filter(|(_, given)| *given)
        .map(|(name, _)| name)
        .collect();
    if names.is_empty() {
        Ok(())
    } else {
        Err(faults::parameters_in_vain(&names.join(", "), &target.id))
    }
}

/// What the function gets instead of the event; `$`, the whole event, is what it gets anyway.
fn input(target: &Target) -> Result<Option<String>, Fault> {
    let id = &target.id;
    match (&target.input, &target.input_path, &target.input_transformer) {
        (None, None, None) => Ok(None),
        (Some(input), None, None) => {
            serde_json::from_str::<IgnoredAny>(input).map_err(|_| faults::bad_input(id))?;
            Ok(Some(input.clone()))
        }
        (None, Some(path), None) => match path.as_str() {
            "$" => Ok(None),
            path if path.starts_with('$') => {
                Err(faults::not_supported("An InputPath other than $"))
            }
            _ => Err(faults::bad_input_path(id)),
        },
        (None, None, Some(_)) => Err(faults::not_supported("An InputTransformer")),
        _ => Err(faults::inputs_differ(id)),
    }
}

/// A standard queue.
fn check_dead_letter_arn(arn: &str) -> Result<(), Fault> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, service, _, _, name] = parts[..] else {
        return Err(faults::bad_arn(arn));
    };
    if service != "sqs" {
        return Err(faults::no_dead_letter_queue(service));
    }
    if name.rsplit('.').next() == Some("fifo") {
        return Err(faults::fifo());
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if name.is_empty() || !name.bytes().all(legal) || arn.contains('\0') {
        return Err(faults::bad_arn(arn));
    }
    Ok(())
}
