//! The INIT phase: from the start of the runtime to its first question for an event.
//!
//! All of it is billed to the execution that wanted the environment, as on Lambda since August 2025: also a phase that failed,
//! and one that took too long (its repetition counts as the handler's time).

use std::time::{Duration, Instant};

use super::failure::{Ending, Failure};
use super::life::{End, Live, of_report};
use super::report;
use super::settle::Run;
use crate::runtime_api::Report;

/// Of an error's type, which the function chooses, so much is shown.
const ERROR_TYPE_MAX: usize = 256;

/// Lambda's limit of the INIT phase.
const INIT_MAX: Duration = Duration::from_secs(10);

impl Live<'_> {
    /// Waits for the runtime to come up. A failure is the answer of the invocation that wanted it; a first timeout is not:
    /// initialization then begins anew, and counts as time of the handler.
    pub(super) async fn initialize(&self, mut run: Run, at: Instant) -> Result<Run, End> {
        let again = run.time_up.is_some();
        let limit = run.time_up.unwrap_or(at + INIT_MAX);
        let span = tracing::info_span!(parent: &run.job.span, "initialize");
        let up = tokio::select! {
            biased;
            up = self.exchange.initialized() => up.map_err(Some),
            exit = self.sandbox.exited() => {
                let ending = match self.exchange.last_word().await {
                    Some(report) => of_report(report),
                    None => Ending::Failed(Failure::Exit(exit)),
                };
                return Err(self.init_failed(run, at, ending));
            }
            () = tokio::time::sleep_until(limit.into()) => Err(None),
        };
        drop(span);
        match up {
            Ok(()) => {
                if !again {
                    run.init = at.elapsed();
                }
                self.limit();
                Ok(run)
            }
            Err(Some(Report::InitError {
                payload,
                error_type,
            })) => Err(self.init_failed(
                run,
                at,
                Ending::Reported {
                    payload,
                    error_type,
                },
            )),
            // Before its first event a runtime client can report nothing else.
            Err(Some(_)) => Ok(run),
            Err(None) if again => {
                let timeout_s = self.frame.spec.timeout_s;
                self.settle(run, Ending::Failed(Failure::Timeout { timeout_s }), None);
                Err(End::Over)
            }
            Err(None) => Err(self.init_timed_out(run, at)),
        }
    }

    /// Initialization had all the CPU it wanted; from now on the function has the share that goes with its memory.
    fn limit(&self) {
        if let Err(error) = self.sandbox.limit(self.frame.spec.memory_mb) {
            tracing::warn!(%error, "an environment runs without its CPU limit");
        }
    }

    fn init_failed(&self, mut run: Run, at: Instant, ending: Ending) -> End {
        if run.time_up.is_none() {
            run.init = at.elapsed();
        }
        let kind = match &ending {
            Ending::Failed(failure) => failure.status(),
            Ending::Reported { error_type, .. } if !error_type.is_empty() => {
                let error_type: String = error_type.chars().take(ERROR_TYPE_MAX).collect();
                format!("Status: error\tError Type: {error_type}")
            }
            _ => "Status: error".to_owned(),
        };
        self.frame.output.drain(self.pipes());
        let lines = [
            report::init(at.elapsed(), &kind),
            report::start(&run.request_id, &self.frame.version),
        ];
        self.frame.output.platform(lines);
        self.settle(run, ending, None);
        End::Over
    }

    fn init_timed_out(&self, mut run: Run, at: Instant) -> End {
        run.init = at.elapsed();
        self.frame.output.drain(self.pipes());
        self.frame
            .output
            .platform([report::init(run.init, "Status: timeout")]);
        let now = Instant::now();
        run.invoked = Some(now);
        run.time_up = Some(now + Duration::from_secs(u64::from(self.frame.spec.timeout_s)));
        End::InitTimeout(Box::new(run))
    }
}
