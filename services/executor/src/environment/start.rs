//! How an environment gets its sandbox: a parked runtime that is given the function, or a new one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use domain::{Egress, FunctionSpec};
use serde::Serialize;
use tokio::io::AsyncWriteExt as _;

use crate::code::CodeDir;
use crate::pool::{EPHEMERAL_MB, Pool, Ready};
use crate::runtimes::{Fault, Program, Runtime, TASK_ROOT};
use crate::sandbox::{self, Bind, Launch, Sandbox};

/// What the sandbox replaces by the address of the Runtime API.
const RUNTIME_API: &str = "${RUNTIME_API}";

/// Where AWS's clients send their requests. A function may set its own.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// A sandbox whose runtime is on its way to its first `next`.
pub(super) struct Started {
    pub(super) sandbox: Sandbox,
    /// When the function's own initialization began: what came before is the platform's time.
    pub(super) at: Instant,
}

/// Why an environment could not be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("code: {0}")]
    Code(#[from] crate::code::Error),
    #[error("runtime: {0}")]
    Runtime(#[from] crate::runtimes::Error),
    #[error("sandbox: {0}")]
    Sandbox(sandbox::Error),
    #[error("a parked runtime did not take its function: {0}")]
    Assign(#[from] std::io::Error),
    /// The function's own fault, in Lambda's words: the invocation's answer.
    #[error("{}: {}", .0.error_type, .0.message)]
    Function(Fault),
}

impl From<sandbox::Error> for Error {
    fn from(error: sandbox::Error) -> Self {
        match error {
            sandbox::Error::Exec { program, source } => Self::Function(Fault {
                error_type: "Runtime.InvalidEntrypoint",
                message: format!("fork/exec {program}: {}", reason(&source)),
            }),
            error => Self::Sandbox(error),
        }
    }
}

/// The kernel's reason as Lambda words it: in small letters, without a number.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or(&text)
        .to_lowercase()
}

/// The function's code, downloaded and unpacked once for all its environments.
pub(super) async fn code(pool: &Pool, spec: &FunctionSpec) -> Result<Arc<CodeDir>, Error> {
    Ok(pool
        .parts()
        .code
        .dir(&spec.code_sha256, spec.code_size)
        .await?)
}

/// The launch of a runtime's program, for so much memory and so large a `/tmp`.
pub(crate) fn launch(program: Program, memory_mb: u32, ephemeral_mb: u32) -> Launch {
    let Program {
        argv,
        env,
        binds,
        cwd,
        control,
    } = program;
    let binds = binds
        .into_iter()
        .map(|(source, target)| Bind::read_only(source, target))
        .collect();
    Launch {
        memory_mb,
        ephemeral_mb,
        argv,
        env,
        binds,
        cwd,
        control,
    }
}

/// All variables of the function's environment.
fn environment(
    pool: &Pool,
    runtime: &Runtime,
    spec: &FunctionSpec,
    log_stream: &str,
) -> Vec<(String, String)> {
    let parts = pool.parts();
    let mut env = runtime.environment(spec, log_stream);
    if let Some(gateway) = &parts.gateway
        && !env.iter().any(|(key, _)| key == ENDPOINT)
    {
        let url = gateway.inside(parts.sandboxes.isolation());
        env.push((ENDPOINT.to_owned(), url));
    }
    env
}

/// Starts a sandbox for the spec.
pub(super) async fn start(
    pool: &Pool,
    runtime: &Runtime,
    spec: &FunctionSpec,
    log_stream: &str,
    code: &Path,
) -> Result<Started, Error> {
    runtime.prepare().await?;
    let mut program = runtime.launch(Some(code)).map_err(Error::Function)?;
    program.env = environment(pool, runtime, spec, log_stream);
    let fits = spec.ephemeral_mb == EPHEMERAL_MB && runtime.assignable(&spec.environment);
    if fits && let Some(ready) = pool.parked().take(runtime) {
        match assign(ready, spec, code, &program.env).await {
            Ok(started) => return Ok(started),
            Err(error) => tracing::warn!(%error, "starting a runtime anew instead"),
        }
    }
    let launch = launch(program, spec.memory_mb, spec.ephemeral_mb);
    let sandboxes = &pool.parts().sandboxes;
    let sandbox = match spec.egress {
        Egress::None => sandboxes.launch(launch).await?,
        Egress::Internet => sandboxes.launch_with_egress(launch).await?,
    };
    Ok(Started {
        sandbox,
        at: Instant::now(),
    })
}

/// The line that tells a parked runtime what it is.
#[derive(Serialize)]
struct Function<'a> {
    env: BTreeMap<&'a str, String>,
    handler: &'a str,
    cwd: &'a str,
}

async fn assign(
    ready: Ready,
    spec: &FunctionSpec,
    code: &Path,
    env: &[(String, String)],
) -> Result<Started, Error> {
    let mut sandbox = ready.sandbox;
    match hand_over(&mut sandbox, spec, code, env).await {
        Ok(at) => Ok(Started { sandbox, at }),
        Err(error) => {
            sandbox.destroy().await;
            Err(error)
        }
    }
}

async fn hand_over(
    sandbox: &mut Sandbox,
    spec: &FunctionSpec,
    code: &Path,
    env: &[(String, String)],
) -> Result<Instant, Error> {
    sandbox.limit_memory(spec.memory_mb)?;
    if spec.egress == Egress::Internet {
        sandbox.connect().await?;
    }
    sandbox.mount(Bind::read_only(code, TASK_ROOT)).await?;
    let address = sandbox.runtime_api_addr();
    let env = env
        .iter()
        .map(|(key, value)| (key.as_str(), value.replace(RUNTIME_API, &address)));
    let function = Function {
        env: env.collect(),
        handler: &spec.handler,
        cwd: TASK_ROOT,
    };
    let mut line = serde_json::to_vec(&function).map_err(std::io::Error::from)?;
    line.push(b'\n');
    let at = Instant::now();
    let control = sandbox
        .control
        .as_mut()
        .ok_or(std::io::ErrorKind::NotConnected);
    control
        .map_err(std::io::Error::from)?
        .write_all(&line)
        .await?;
    Ok(at)
}
