//! A version as clients see it: `FunctionConfiguration`.

use aws_model::lambda::{
    DeadLetterConfig, EnvironmentResponse, EphemeralStorage, FunctionConfiguration, LoggingConfig,
    RuntimeVersionConfig, SnapStartResponse, TracingConfigResponse,
};
use domain::{FunctionVersion, Qualifier};
use sha2::{Digest as _, Sha256};

use super::faults::base64_of_hex;

/// How far along the answer says that things are. They are always done: see the module's head in `mod.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Just created or published by an update: `Pending`.
    Creating,
    /// Just updated: `InProgress`.
    Updating,
    Done,
}

const CREATING: (&str, &str) = ("Creating", "The function is being created.");

/// The answer about a version; `qualifier` is the one that its ARN shall carry.
pub(super) fn of(
    version: &FunctionVersion,
    qualifier: Option<Qualifier>,
    progress: Progress,
) -> FunctionConfiguration {
    let mut answer = listed(version, qualifier);
    answer.state = Some(version.state.as_str().to_owned());
    answer.runtime_version_config = Some(runtime_version(version));
    let (code, reason) = CREATING;
    match progress {
        Progress::Creating => {
            answer.state = Some("Pending".to_owned());
            answer.state_reason = Some(reason.to_owned());
            answer.state_reason_code = Some(code.to_owned());
        }
        Progress::Updating => {
            answer.last_update_status = Some("InProgress".to_owned());
            answer.last_update_status_reason = Some(reason.to_owned());
            answer.last_update_status_reason_code = Some(code.to_owned());
        }
        Progress::Done => answer.last_update_status = Some("Successful".to_owned()),
    }
    answer
}

/// As [`of`], as listings show it: without states and without the runtime's version.
pub(super) fn listed(
    version: &FunctionVersion,
    qualifier: Option<Qualifier>,
) -> FunctionConfiguration {
    let configuration = &version.configuration;
    let arn = version.arn.clone().qualified(qualifier);
    FunctionConfiguration {
        function_name: Some(version.arn.name.to_string()),
        function_arn: Some(arn.to_string()),
        runtime: Some(configuration.runtime.clone()),
        role: Some(configuration.role.clone()),
        handler: Some(configuration.handler.clone()),
        code_size: Some(version.code.size.cast_signed()),
        description: Some(configuration.description.clone()),
        timeout: Some(configuration.timeout_s.cast_signed()),
        memory_size: Some(configuration.memory_mb.cast_signed()),
        last_modified: Some(
            version
                .last_modified
                .format("%Y-%m-%dT%H:%M:%S%.3f+0000")
                .to_string(),
        ),
        code_sha256: Some(base64_of_hex(&version.code.sha256)),
        version: Some(version.version.to_string()),
        environment: configuration
            .environment
            .clone()
            .map(|variables| EnvironmentResponse {
                variables: Some(variables),
                error: None,
            }),
        dead_letter_config: configuration
            .dead_letter
            .as_ref()
            .map(|target| DeadLetterConfig {
                target_arn: Some(target.to_string()),
            }),
        tracing_config: Some(TracingConfigResponse {
            mode: Some(configuration.tracing_mode.clone()),
        }),
        revision_id: Some(version.revision_id.to_string()),
        package_type: Some("Zip".to_owned()),
        architectures: Some(vec![version.code.architecture.as_str().to_owned()]),
        ephemeral_storage: Some(EphemeralStorage {
            size: configuration.ephemeral_mb.cast_signed(),
        }),
        snap_start: Some(SnapStartResponse {
            apply_on: Some("None".to_owned()),
            optimization_status: Some("Off".to_owned()),
        }),
        logging_config: Some(logging(version)),
        ..FunctionConfiguration::default()
    }
}

fn logging(version: &FunctionVersion) -> LoggingConfig {
    let logging = &version.configuration.logging;
    LoggingConfig {
        log_format: Some(logging.format.clone()),
        application_log_level: logging.application_level.clone(),
        system_log_level: logging.system_level.clone(),
        log_group: Some(format!("/aws/lambda/{}", version.arn.name)),
    }
}

/// AWS names a runtime's patch level by a digest; ours has none of its own, so that of the identifier stands for it.
fn runtime_version(version: &FunctionVersion) -> RuntimeVersionConfig {
    let digest = hex::encode(Sha256::digest(version.configuration.runtime.as_bytes()));
    let arn = format!("arn:aws:lambda:{}::runtime:{digest}", version.arn.region);
    RuntimeVersionConfig {
        runtime_version_arn: Some(arn),
        error: None,
    }
}
