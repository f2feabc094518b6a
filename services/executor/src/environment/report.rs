//! The platform's own lines in a function's log.

use std::fmt::Write as _;
use std::time::Duration;

use domain::execution::Execution;
use domain::price::Cost;

pub(super) fn start(request_id: &str, version: &str) -> String {
    format!("START RequestId: {request_id} Version: {version}")
}

pub(super) fn end(request_id: &str) -> String {
    format!("END RequestId: {request_id}")
}

/// An initialization that failed.
pub(super) fn init(took: Duration, status: &str) -> String {
    format!(
        "INIT_REPORT Init Duration: {} ms\tPhase: init\t{status}",
        Hundredths(took)
    )
}

/// The REPORT line: Lambda's, with the execution's cost behind it.
pub(super) fn report(
    execution: &Execution,
    billed_ms: u64,
    memory_peak_mb: u32,
    status: &str,
    cost: Option<&Cost>,
) -> String {
    let mut line = format!(
        "REPORT RequestId: {}\tDuration: {} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
        execution.request_id,
        Hundredths(Duration::from_nanos(execution.invoke_ns)),
        billed_ms,
        execution.memory_mb,
        memory_peak_mb.min(execution.memory_mb),
    );
    // Writing to a String cannot fail.
    if execution.init_ns > 0 {
        let init = Hundredths(Duration::from_nanos(execution.init_ns));
        let _ = write!(line, "Init Duration: {init} ms\t");
    }
    if !status.is_empty() {
        let _ = write!(line, "{status}\t");
    }
    if let Some(cost) = cost {
        let _ = write!(line, "Cost: {cost}");
    }
    line
}

/// A duration in milliseconds with two decimals, rounded half up, without passing through a float.
struct Hundredths(Duration);

impl std::fmt::Display for Hundredths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hundredths = (self.0.as_nanos() + 5_000) / 10_000;
        write!(f, "{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

#[cfg(test)]
mod tests {
    use domain::execution::Outcome;

    use super::*;

    fn execution(init_ns: u64, invoke_ns: u64) -> Execution {
        let at = "2026-11-23T10:00:00Z".parse().unwrap();
        Execution {
            request_id: uuid::Uuid::nil(),
            attempt: 1,
            account: "000000000000".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
            version: "$LATEST".to_owned(),
            architecture: domain::Architecture::X86_64,
            memory_mb: 128,
            ephemeral_mb: 512,
            init_ns,
            invoke_ns,
            request_bytes: 2,
            response_bytes: 2,
            outcome: Outcome::Success,
            started_at: at,
            ended_at: at,
        }
    }

    #[test]
    fn a_warm_and_a_cold_report() {
        assert_eq!(
            report(&execution(0, 1_234_567), 2, 36, "", None),
            "REPORT RequestId: 00000000-0000-0000-0000-000000000000\tDuration: 1.23 ms\tBilled Duration: 2 ms\t\
             Memory Size: 128 MB\tMax Memory Used: 36 MB\t"
        );
        let cost = Cost {
            amount_e10: 21_254,
            currency: "USD".parse().unwrap(),
        };
        let line = report(
            &execution(110_124_999, 3_000_000_000),
            3_111,
            200,
            "Status: timeout",
            Some(&cost),
        );
        assert_eq!(
            line,
            "REPORT RequestId: 00000000-0000-0000-0000-000000000000\tDuration: 3000.00 ms\tBilled Duration: 3111 ms\t\
             Memory Size: 128 MB\tMax Memory Used: 128 MB\tInit Duration: 110.12 ms\tStatus: timeout\t\
             Cost: 0.0000021254 USD"
        );
    }

    #[test]
    fn a_failed_initialization() {
        let line = init(Duration::from_secs(10), "Status: timeout");
        assert_eq!(
            line,
            "INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout"
        );
    }
}
