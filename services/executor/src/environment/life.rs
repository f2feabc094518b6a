//! The task of one environment.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::egress::TAG;
use domain::{Egress, FunctionSpec};
use tokio::sync::mpsc;
use tonic::Status;

use super::failure::{Ending, Failure};
use super::job::{Assignment, Inbox, Job};
use super::output::{Output, Pipes, Stream};
use super::report;
use super::settle::Run;
use super::start::{self, Started};
use crate::code::CodeDir;
use crate::gateway;
use crate::measures::{Phase, Standing};
use crate::pool::{Place, Pool};
use crate::runtime_api::{self, Event, Exchange, Report};
use crate::runtimes::Runtime;
use crate::sandbox::{Confined, Sandbox};

/// What of an environment outlives a sandbox that did not come up in time.
pub(super) struct Frame {
    pub(super) place: Place,
    pub(super) spec: Arc<FunctionSpec>,
    /// Of the spec, as text: asked for with every execution.
    pub(super) arn: String,
    pub(super) version: String,
    /// The spec's id, as idle environments are listed by it.
    pub(super) spec_id: Arc<str>,
    pub(super) output: Output,
    log_stream: String,
}

impl Frame {
    pub(super) fn pool(&self) -> &Pool {
        &self.place.pool
    }
}

/// An environment with its sandbox.
pub(super) struct Live<'a> {
    pub(super) frame: &'a Frame,
    pub(super) sandbox: &'a Sandbox,
    pub(super) exchange: &'a Exchange,
}

/// Why a sandbox is no longer needed.
pub(super) enum End {
    /// The environment is over.
    Over,
    /// The INIT phase took too long; it is repeated under the function's own time limit.
    InitTimeout(Box<Run>),
}

/// Starts an environment for `job`, runs it, and then whatever the pool sends until the environment ends.
pub(crate) async fn run(place: Place, job: Job) {
    let pool = place.pool.clone();
    let parts = pool.parts();
    let mut standing = parts.measures.enter(Phase::Starting);
    let Some(runtime) = parts.runtimes.find(&job.spec.runtime) else {
        let text = format!(
            "runtime {} is not installed on this executor",
            job.spec.runtime
        );
        return job.refuse(Status::unimplemented(text));
    };
    if let (Egress::Internet, Err(why)) = (job.spec.egress, parts.sandboxes.egress()) {
        let text = format!("The function asks for egress by its tag {TAG}: {why}");
        return job.refuse(match why {
            Confined::Denied => Status::permission_denied(text),
            Confined::Impossible(_) => Status::unimplemented(text),
        });
    }
    let starting = pool.parked().starting();
    let asked = Instant::now();
    let spec = Arc::clone(&job.spec);
    let code = match start::code(&pool, &spec).await {
        Ok(code) => code,
        Err(error) => {
            tracing::error!(%error, function.arn = %spec.arn(), "code cannot be had");
            return job.refuse(Status::internal("the function's code cannot be had"));
        }
    };
    let stream = Stream::new(
        &spec,
        parts.ids.random(),
        parts.clock.clone(),
        parts.logs.clone(),
    );
    let spec_id = spec.spec_id.as_str().into();
    let log_stream = stream.name().to_owned();
    let frame = Frame {
        place,
        arn: spec.arn().to_string(),
        version: spec.version.to_string(),
        spec,
        spec_id,
        output: Output::new(stream),
        log_stream,
    };
    let Some(run) = Run::begin(&frame, job, true) else {
        return;
    };
    let timing = Timing { asked, starting };
    frame
        .sandboxes(runtime, &code, run, timing, &mut standing)
        .await;
}

/// A cold start that goes on: since when, and the mark that keeps background work away.
struct Timing {
    asked: Instant,
    starting: crate::pool::Starting,
}

impl Frame {
    /// Lives through one sandbox, or through two where the first did not come up in time.
    async fn sandboxes(
        &self,
        runtime: &Runtime,
        code: &CodeDir,
        run: Run,
        timing: Timing,
        standing: &mut Standing,
    ) {
        let (mut run, mut timing) = (run, Some(timing));
        loop {
            let (inbox, mut mailbox) = mpsc::channel(1);
            let started = start::start(
                self.pool(),
                runtime,
                &self.spec,
                &self.log_stream,
                code.path(),
            )
            .await;
            let Started { sandbox, at } = match started {
                Ok(started) => started,
                Err(start::Error::Function(fault)) => return self.invalid(run, fault),
                Err(error) => {
                    tracing::error!(%error, function.arn = %self.spec.arn(), "environment did not start");
                    return run.lost(self.pool());
                }
            };
            let (exchange, cut) = (Exchange::new(), self.pool().parts().life.cut().clone());
            let live = Live {
                frame: self,
                sandbox: &sandbox,
                exchange: &exchange,
            };
            let pipes = live.pipes();
            let end = tokio::select! {
                biased;
                never = runtime_api::serve(&sandbox.listener, &exchange) => match never {},
                never = self.output.pump(pipes) => match never {},
                never = live.gateway() => match never {},
                () = cut.cancelled() => End::Over,
                end = live.live(run, at, inbox, &mut mailbox, timing.take(), standing) => end,
            };
            sandbox.kill();
            match end {
                End::InitTimeout(again) => {
                    standing.go(Phase::Starting);
                    run = *again;
                    sandbox.destroy().await;
                }
                End::Over => {
                    standing.go(Phase::Stopping);
                    return sandbox.destroy().await;
                }
            }
        }
    }
}

impl Live<'_> {
    pub(super) fn pipes(&self) -> Pipes<'_> {
        Pipes {
            stdout: &self.sandbox.stdout,
            stderr: &self.sandbox.stderr,
        }
    }

    /// Lets the function reach the gateway, where there is one.
    async fn gateway(&self) -> Infallible {
        let gateway = self.frame.pool().parts().gateway.as_ref();
        match (&self.sandbox.gateway, gateway) {
            (Some(listener), Some(gateway)) => gateway::serve(listener, gateway).await,
            _ => std::future::pending().await,
        }
    }

    async fn live(
        &self,
        run: Run,
        at: Instant,
        mut inbox: Inbox,
        mailbox: &mut mpsc::Receiver<Assignment>,
        timing: Option<Timing>,
        standing: &mut Standing,
    ) -> End {
        let mut run = match self.initialize(run, at).await {
            Ok(run) => run,
            Err(end) => return end,
        };
        if let Some(Timing { asked, starting }) = timing {
            let measures = &self.frame.pool().parts().measures;
            measures.cold_starts.increment(1);
            measures.cold_start_seconds.record(asked.elapsed());
            drop(starting);
        }
        loop {
            standing.go(Phase::Busy);
            let Some(time_up) = self.execute(run, inbox).await else {
                return End::Over;
            };
            standing.go(Phase::Idle);
            let Some(next) = self.rest(mailbox, time_up).await else {
                return End::Over;
            };
            (run, inbox) = next;
        }
    }

    /// Runs one event. Answers, where the environment can take another, until when it may be busy with this one.
    async fn execute(&self, mut run: Run, inbox: Inbox) -> Option<Instant> {
        let start = report::start(&run.request_id, &self.frame.version);
        self.frame.output.platform([start]);
        let time = Duration::from_secs(u64::from(self.frame.spec.timeout_s));
        let time_up = *run.time_up.get_or_insert_with(|| Instant::now() + time);
        let remaining = time_up.saturating_duration_since(Instant::now());
        let event = self.event(&mut run, remaining);
        let span = tracing::info_span!(parent: &run.job.span, "handler");
        let ending = tokio::select! {
            biased;
            report = self.hand_over(event) => of_report(report),
            exit = self.sandbox.exited() => match self.exchange.last_word().await {
                Some(report) => of_report(report),
                None => Ending::Failed(Failure::Exit(exit)),
            },
            () = tokio::time::sleep_until(time_up.into()) => {
                Ending::Failed(Failure::Timeout { timeout_s: self.frame.spec.timeout_s })
            }
            () = run.job.cancelled() => Ending::Failed(Failure::Cancelled),
        };
        drop(span);
        self.settle(run, ending, Some(inbox)).then_some(time_up)
    }

    fn event(&self, run: &mut Run, remaining: Duration) -> Event {
        // The function counts down to it on the host's clock.
        let now = self.frame.pool().parts().host_clock.now();
        let remaining_ms = i64::try_from(remaining.as_millis()).unwrap_or(i64::MAX);
        run.invoked.get_or_insert_with(Instant::now);
        let job = &mut run.job;
        Event {
            request_id: run.request_id.clone(),
            deadline_ms: now.timestamp_millis().saturating_add(remaining_ms),
            invoked_function_arn: std::mem::take(&mut job.invoked_function_arn),
            trace_id: std::mem::take(&mut job.trace_id),
            client_context: std::mem::take(&mut job.client_context),
            payload: job.payload.clone(),
        }
    }

    async fn hand_over(&self, mut event: Event) -> Report {
        while let Some(back) = self.exchange.deliver(event) {
            event = back;
            self.exchange.ready().await;
        }
        self.exchange.report().await
    }
}

pub(super) fn of_report(report: Report) -> Ending {
    match report {
        Report::Response {
            payload,
            content_type,
        } => Ending::Response {
            payload,
            content_type,
        },
        Report::Error {
            payload,
            error_type,
        }
        | Report::InitError {
            payload,
            error_type,
        } => Ending::Reported {
            payload,
            error_type,
        },
        Report::TooLarge => Ending::Failed(Failure::ResponseTooLarge),
    }
}
