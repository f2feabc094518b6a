//! The variables that a function finds in its environment: Lambda's, at Lambda's values.

use std::collections::BTreeMap;

use domain::{FunctionSpec, environment::is_reserved};

use super::runtime::{Kind, Runtime};

/// Where a function's code is, as it sees it.
pub const TASK_ROOT: &str = "/var/task";
/// Where the runtime's own files are.
pub const RUNTIME_DIR: &str = "/var/runtime";

/// Variables that an interpreter or the dynamic loader reads once, at its start.
const AT_START: [&str; 14] = [
    "PYTHON",
    "NODE_",
    "UV_",
    "LD_",
    "LC_",
    "LANG",
    "LOCPATH",
    "MALLOC_",
    "GLIBC_",
    "OPENSSL_",
    "SSL_CERT_",
    "AWS_LAMBDA_LOG_",
    "AWS_LAMBDA_EXEC_WRAPPER",
    "AWS_LAMBDA_MAX_CONCURRENCY",
];

/// Whether `key` has no effect, or not the whole one, on a process that runs already.
pub(super) fn at_start(key: &str) -> bool {
    // Read by packages, not by Node.
    key != "NODE_ENV" && AT_START.iter().any(|prefix| key.starts_with(prefix))
}

/// What does not depend on the function.
pub(super) fn base(runtime: &Runtime) -> Vec<(String, String)> {
    constant(runtime).into_iter().collect()
}

/// Everything, for one version of a function.
pub(super) fn of(
    runtime: &Runtime,
    spec: &FunctionSpec,
    log_stream: &str,
) -> Vec<(String, String)> {
    let mut env = constant(runtime);
    for (key, value) in &spec.environment {
        if !is_reserved(key) {
            env.insert(key.clone(), value.clone());
        }
    }
    if !matches!(runtime.kind, Kind::Provided) {
        env.insert(
            "AWS_EXECUTION_ENV".to_owned(),
            format!("AWS_Lambda_{}", spec.runtime),
        );
    }
    let of_function = [
        ("_HANDLER", spec.handler.clone()),
        ("AWS_REGION", spec.region.to_string()),
        ("AWS_DEFAULT_REGION", spec.region.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", spec.name.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", spec.version.to_string()),
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            spec.memory_mb.to_string(),
        ),
        ("AWS_LAMBDA_LOG_GROUP_NAME", spec.log_group()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", log_stream.to_owned()),
    ];
    env.extend(
        of_function
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value)),
    );
    env.into_iter().collect()
}

fn constant(runtime: &Runtime) -> BTreeMap<String, String> {
    let mut env: BTreeMap<String, String> = [
        // Filled in by the sandbox, which knows the address.
        ("AWS_LAMBDA_RUNTIME_API", "${RUNTIME_API}"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("LAMBDA_TASK_ROOT", TASK_ROOT),
        ("LAMBDA_RUNTIME_DIR", RUNTIME_DIR),
        ("LANG", "en_US.UTF-8"),
        ("TZ", ":UTC"),
        (
            "LD_LIBRARY_PATH",
            "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
        ),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect();
    let mut set = |key: &str, value: String| env.insert(key.to_owned(), value);
    set("PATH", path(runtime));
    match &runtime.kind {
        Kind::Python { .. } => {
            set("PYTHONPATH", RUNTIME_DIR.to_owned());
            set(
                "AWS_EXECUTION_ENV",
                format!("AWS_Lambda_{}", runtime.name()),
            );
        }
        Kind::Node => {
            let major = runtime.version.split('.').next().unwrap_or_default();
            set(
                "NODE_PATH",
                format!(
                    "/opt/nodejs/node{major}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:\
                     /var/runtime:/var/task"
                ),
            );
            set(
                "AWS_EXECUTION_ENV",
                format!("AWS_Lambda_{}", runtime.name()),
            );
        }
        Kind::Provided => {}
        Kind::Custom { env: own, .. } => {
            env.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
    }
    env
}

/// As Lambda's, with the interpreter's own directory in the place of `/var/lang/bin`.
fn path(runtime: &Runtime) -> String {
    let system = "/usr/local/bin:/usr/bin:/bin:/opt/bin";
    match runtime.program.parent() {
        Some(dir) if !runtime.host_dirs.is_empty() => format!("{}:{system}", dir.display()),
        _ => system.to_owned(),
    }
}
