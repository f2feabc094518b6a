//! What users set for a function: read from requests, checked, and applied to what there was.

mod dead_letter;
pub(super) mod unsupported;

use std::collections::BTreeMap;

use aws_model::lambda::{
    CreateFunctionRequest, Environment, LoggingConfig, UpdateFunctionConfigurationRequest,
};
use domain::{Architecture, Configuration, FunctionName, Logging, Stamp};
use wire::Fault;

use super::destinations::Change;
use super::faults;
use crate::call::Call;

pub(super) use dead_letter::dead_letter;
pub(super) use domain::tag::PER_FUNCTION_MAX as TAGS_MAX;

/// Bytes of a function's environment, written as JSON (Lambda quotas: 4 KB).
const ENVIRONMENT_BYTES_MAX: usize = 4096;

/// What a function has that says nothing else (Lambda API, `CreateFunction`).
const MEMORY_MB: u32 = 128;
const TIMEOUT_S: u32 = 3;
const EPHEMERAL_MB: u32 = 512;

/// Time and ids for a change.
pub(super) fn stamp(cx: &Call) -> Stamp {
    Stamp {
        at: cx.app.clock.now(),
        revision_id: cx.app.ids.random(),
        published_revision_id: cx.app.ids.random(),
        change_id: cx.app.ids.random(),
    }
}

/// The revision that a request demands; an empty one demands none, as on AWS.
pub(super) fn demanded(revision_id: Option<String>) -> Option<String> {
    revision_id.filter(|revision_id| !revision_id.is_empty())
}

/// Settings of a request. What is `None` stays as it is.
pub(super) struct Changes {
    description: Option<String>,
    role: Option<String>,
    runtime: Option<String>,
    handler: Option<String>,
    memory_mb: Option<u32>,
    timeout_s: Option<u32>,
    ephemeral_mb: Option<u32>,
    environment: Option<BTreeMap<String, String>>,
    tracing_mode: Option<String>,
    logging: Option<LoggingConfig>,
    dead_letter: Change,
}

/// The configuration of a new function; `dead_letter` is what [`dead_letter()`] has read of the request.
pub(super) fn created(
    name: &FunctionName,
    input: &mut CreateFunctionRequest,
    dead_letter: Change,
) -> Result<Configuration, Fault> {
    let (Some(runtime), Some(handler)) = (input.runtime.take(), input.handler.take()) else {
        return Err(faults::invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ));
    };
    let changes = Changes {
        description: input.description.take(),
        role: Some(std::mem::take(&mut input.role)),
        runtime: Some(runtime),
        handler: Some(handler),
        memory_mb: input.memory_size.map(i32::cast_unsigned),
        timeout_s: input.timeout.map(i32::cast_unsigned),
        ephemeral_mb: input
            .ephemeral_storage
            .as_ref()
            .map(|storage| storage.size.cast_unsigned()),
        environment: input
            .environment
            .take()
            .and_then(|environment| environment.variables),
        tracing_mode: input.tracing_config.take().and_then(|tracing| tracing.mode),
        logging: input.logging_config.take(),
        dead_letter,
    };
    changes.check(name)?;
    let mut configuration = Configuration {
        description: String::new(),
        role: String::new(),
        runtime: String::new(),
        handler: String::new(),
        memory_mb: MEMORY_MB,
        timeout_s: TIMEOUT_S,
        ephemeral_mb: EPHEMERAL_MB,
        environment: None,
        tracing_mode: "PassThrough".to_owned(),
        logging: Logging::default(),
        dead_letter: None,
    };
    changes.apply(&mut configuration)?;
    Ok(configuration)
}

/// What an update asks for; `dead_letter` is what [`dead_letter()`] has read of the request.
pub(super) fn changes(
    name: &FunctionName,
    input: UpdateFunctionConfigurationRequest,
    dead_letter: Change,
) -> Result<Changes, Fault> {
    // An environment without variables is one that ends what there was.
    let variables = |environment: Environment| environment.variables.unwrap_or_default();
    let changes = Changes {
        description: input.description,
        role: input.role,
        runtime: input.runtime,
        handler: input.handler,
        memory_mb: input.memory_size.map(i32::cast_unsigned),
        timeout_s: input.timeout.map(i32::cast_unsigned),
        ephemeral_mb: input
            .ephemeral_storage
            .map(|storage| storage.size.cast_unsigned()),
        environment: input.environment.map(variables),
        tracing_mode: input.tracing_config.and_then(|tracing| tracing.mode),
        logging: input.logging_config,
        dead_letter,
    };
    changes.check(name)?;
    Ok(changes)
}

impl Changes {
    fn check(&self, name: &FunctionName) -> Result<(), Fault> {
        check_text("Description", self.description.as_deref())?;
        check_text("Handler", self.handler.as_deref())?;
        if let Some(text) = self.runtime.as_deref().and_then(domain::runtime::refusal) {
            return Err(faults::invalid(text));
        }
        if let Some(variables) = &self.environment {
            check_environment(variables)?;
        }
        let group = self
            .logging
            .as_ref()
            .and_then(|logging| logging.log_group.as_deref());
        match group {
            Some(group) if group != format!("/aws/lambda/{name}") => Err(faults::not_supported(
                "A LogGroup other than /aws/lambda/ and the function's name",
            )),
            _ => Ok(()),
        }
    }

    /// Writes what is set into `current`. Refuses what does not go together.
    pub(super) fn apply(self, current: &mut Configuration) -> Result<(), Fault> {
        set(&mut current.description, self.description);
        set(&mut current.role, self.role);
        set(&mut current.runtime, self.runtime);
        set(&mut current.handler, self.handler);
        set(&mut current.memory_mb, self.memory_mb);
        set(&mut current.timeout_s, self.timeout_s);
        set(&mut current.ephemeral_mb, self.ephemeral_mb);
        set(&mut current.tracing_mode, self.tracing_mode);
        self.dead_letter.apply(&mut current.dead_letter);
        if self.environment.is_some() {
            current.environment = self.environment;
        }
        match self.logging {
            Some(logging) => apply_logging(&mut current.logging, logging),
            None => Ok(()),
        }
    }
}

fn set<T>(current: &mut T, wanted: Option<T>) {
    if let Some(wanted) = wanted {
        *current = wanted;
    }
}

/// Levels belong to the JSON format, which has them at INFO unless told otherwise.
fn apply_logging(current: &mut Logging, wanted: LoggingConfig) -> Result<(), Fault> {
    set(&mut current.format, wanted.log_format);
    let (application, system) = (wanted.application_log_level, wanted.system_log_level);
    if current.format == "JSON" {
        let level = |wanted: Option<String>, current: Option<String>| {
            wanted.or(current).or_else(|| Some("INFO".to_owned()))
        };
        current.application_level = level(application, current.application_level.take());
        current.system_level = level(system, current.system_level.take());
        return Ok(());
    }
    if application.is_some() || system.is_some() {
        let text = "LogLevel is not supported when LogFormat is set to \"Text\". Remove LogLevel from your request or change \
                    the LogFormat to \"Json\" and try again.";
        return Err(faults::invalid(text));
    }
    current.application_level = None;
    current.system_level = None;
    Ok(())
}

fn check_environment(variables: &BTreeMap<String, String>) -> Result<(), Fault> {
    if let Some(text) = domain::environment::refusal(variables.keys().map(String::as_str)) {
        return Err(faults::invalid(text));
    }
    for value in variables.values() {
        check_text("An environment variable", Some(value))?;
    }
    let bytes = serde_json::to_vec(variables).map_or(usize::MAX, |json| json.len());
    if bytes <= ENVIRONMENT_BYTES_MAX {
        return Ok(());
    }
    // AWS quotes the values as well. They are secrets, and errors end up in logs.
    let keys: BTreeMap<&str, &str> = variables.keys().map(|key| (key.as_str(), "***")).collect();
    let measured = serde_json::to_string(&keys).unwrap_or_default();
    Err(faults::invalid(format!(
        "Lambda was unable to configure your environment variables because the environment variables you have provided \
         exceeded the 4KB limit. String measured: {measured}"
    )))
}

/// Neither the database nor a process' environment can hold NUL. Ours: AWS's text is not known to us.
pub(super) fn check_text(member: &str, text: Option<&str>) -> Result<(), Fault> {
    match text {
        Some(text) if text.contains('\0') => Err(faults::invalid(format!(
            "{member} must not contain the character NUL."
        ))),
        _ => Ok(()),
    }
}

/// The one architecture of a function, which the model has checked.
pub(super) fn architecture(given: Option<&[String]>) -> Result<Option<Architecture>, Fault> {
    let Some(text) = given.and_then(<[String]>::first) else {
        return Ok(None);
    };
    let architecture = text
        .parse()
        .map_err(|_| faults::not_in_set(text, "architectures", "[x86_64, arm64]"))?;
    Ok(Some(architecture))
}

pub(super) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    match tags
        .iter()
        .find_map(|(key, value)| domain::tag::refusal(key, value))
    {
        Some(text) => Err(faults::invalid(text)),
        None => Ok(()),
    }
}

/// As [`check_tags`], for a function that has none yet.
pub(super) fn check_new_tags(tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    if tags.len() > usize::try_from(TAGS_MAX).unwrap_or(usize::MAX) {
        return Err(faults::too_many_tags());
    }
    check_tags(tags)
}
