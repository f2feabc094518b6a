//! How an execution ends, and what Lambda says when it ends badly.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};

use crate::runtime_api::RESPONSE_BYTES_MAX;
use crate::runtimes::Fault;
use crate::sandbox::Exit;

/// The end of one execution.
#[derive(Debug)]
pub(super) enum Ending {
    /// The handler's result.
    Response {
        payload: Bytes,
        content_type: String,
    },
    /// The runtime client told of an error: the handler's, or its own initialization's.
    Reported {
        payload: Bytes,
        error_type: String,
    },
    Failed(Failure),
}

/// An end that the function did not tell of itself.
#[derive(Debug)]
pub(super) enum Failure {
    /// The function's time was up.
    Timeout {
        timeout_s: u32,
    },
    /// The runtime's process ended.
    Exit(Exit),
    ResponseTooLarge,
    /// Its owner cancelled the event.
    Cancelled,
    /// There is nothing that could be started.
    Entrypoint(Fault),
}

impl Failure {
    /// `errorType` of the answer.
    pub(super) fn error_type(&self) -> &'static str {
        match self {
            Self::Timeout { .. } => "Sandbox.Timedout",
            Self::Exit(_) => "Runtime.ExitError",
            Self::ResponseTooLarge => "Function.ResponseSizeTooLarge",
            Self::Cancelled => "Tollgate.Cancelled",
            Self::Entrypoint(fault) => fault.error_type,
        }
    }

    fn message(&self, request_id: &str) -> String {
        match self {
            Self::Timeout { timeout_s } => {
                format!(
                    "RequestId: {request_id} Error: Task timed out after {timeout_s}.00 seconds"
                )
            }
            Self::Exit(exit) => format!("RequestId: {request_id} Error: {}", reason(exit)),
            Self::ResponseTooLarge => format!(
                "Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."
            ),
            Self::Cancelled => format!("RequestId: {request_id} Error: The event was cancelled"),
            Self::Entrypoint(fault) => format!("RequestId: {request_id} Error: {}", fault.message),
        }
    }

    /// The body of the answer.
    pub(super) fn payload(&self, request_id: &str) -> Bytes {
        let message = serde_json::Value::from(self.message(request_id));
        format!(
            r#"{{"errorType":"{}","errorMessage":{message}}}"#,
            self.error_type()
        )
        .into()
    }

    /// What the log says of it, before END.
    pub(super) fn lines(&self, request_id: &str, at: DateTime<Utc>) -> Vec<String> {
        match self {
            Self::Timeout { timeout_s } => {
                let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
                vec![format!(
                    "{at} {request_id} Task timed out after {timeout_s}.00 seconds"
                )]
            }
            Self::Exit(_) | Self::Entrypoint(_) => {
                vec![self.message(request_id), self.error_type().to_owned()]
            }
            Self::ResponseTooLarge | Self::Cancelled => vec![self.message(request_id)],
        }
    }

    /// The end of the REPORT line. Only there Lambda tells running out of memory from another kill.
    pub(super) fn status(&self) -> String {
        match self {
            Self::Timeout { .. } => "Status: timeout".to_owned(),
            Self::Exit(exit) if exit.out_of_memory => {
                "Status: error\tError Type: Runtime.OutOfMemory".to_owned()
            }
            failure => format!("Status: error\tError Type: {}", failure.error_type()),
        }
    }

    /// Whether the environment is gone with it.
    pub(super) fn is_fatal(&self) -> bool {
        !matches!(self, Self::ResponseTooLarge)
    }
}

/// How Lambda words the end of a runtime's process.
fn reason(exit: &Exit) -> String {
    match (exit.signal, exit.code) {
        (Some(signal), _) => format!("Runtime exited with error: signal: {}", signal_name(signal)),
        (None, Some(0) | None) => "Runtime exited without providing a reason".to_owned(),
        (None, Some(code)) => format!("Runtime exited with error: exit status {code}"),
    }
}

/// The words for a signal that Lambda's (Go's) messages use.
fn signal_name(signal: i32) -> String {
    match signal {
        1 => "hangup".to_owned(),
        2 => "interrupt".to_owned(),
        3 => "quit".to_owned(),
        4 => "illegal instruction".to_owned(),
        5 => "trace/breakpoint trap".to_owned(),
        6 => "aborted".to_owned(),
        7 => "bus error".to_owned(),
        8 => "floating point exception".to_owned(),
        9 => "killed".to_owned(),
        11 => "segmentation fault".to_owned(),
        13 => "broken pipe".to_owned(),
        14 => "alarm clock".to_owned(),
        15 => "terminated".to_owned(),
        other => format!("signal {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(code: Option<i32>, signal: Option<i32>) -> Failure {
        Failure::Exit(Exit {
            code,
            signal,
            out_of_memory: signal == Some(9),
        })
    }

    #[test]
    fn payloads_are_lambdas() {
        let check = |failure: &Failure, want: &str| assert_eq!(failure.payload("R"), want);
        check(
            &Failure::Timeout { timeout_s: 3 },
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: R Error: Task timed out after 3.00 seconds"}"#,
        );
        check(
            &exit(Some(1), None),
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: R Error: Runtime exited with error: exit status 1"}"#,
        );
        check(
            &exit(Some(0), None),
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: R Error: Runtime exited without providing a reason"}"#,
        );
        check(
            &exit(None, Some(9)),
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: R Error: Runtime exited with error: signal: killed"}"#,
        );
        check(
            &Failure::ResponseTooLarge,
            r#"{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}"#,
        );
    }

    #[test]
    fn only_the_report_tells_of_memory() {
        assert_eq!(
            exit(None, Some(9)).status(),
            "Status: error\tError Type: Runtime.OutOfMemory"
        );
        assert_eq!(
            exit(Some(2), None).status(),
            "Status: error\tError Type: Runtime.ExitError"
        );
        assert_eq!(
            Failure::Timeout { timeout_s: 1 }.status(),
            "Status: timeout"
        );
    }
}
