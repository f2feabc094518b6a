//! The end of an execution: its record, its price, its log and its answer, in this order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::execution::{Execution, Outcome};
use domain::price::Cost;
use domain::price::rating::request_units;
use rpc::executor::{Delivered, InvokeReply};
use tonic::Status;

use super::failure::{Ending, Failure};
use super::job::{Event, Inbox, Job};
use super::life::{Frame, Live};
use super::report;
use crate::events::{self, Attempted};
use crate::pool::{Idle, Pool};
use crate::runtimes::Fault;
use crate::sandbox::Sandbox;
use crate::spool::{StartRecord, Ticket};

/// INIT is charged up to here: spend caps count on it.
const INIT_TIME_MAX: Duration = Duration::from_secs(domain::bill::cap::INIT_S_MAX as u64);

/// One execution that goes on. Its start is in the spool.
pub(super) struct Run {
    pub(super) job: Job,
    /// As text.
    pub(super) request_id: String,
    /// As it is in the spool.
    start: StartRecord,
    ticket: Ticket,
    cold: bool,
    /// INIT time that this execution is charged for.
    pub(super) init: Duration,
    /// When the handler's time began.
    pub(super) invoked: Option<Instant>,
    /// When the function's time is up.
    pub(super) time_up: Option<Instant>,
}

impl Run {
    /// Records the start; a spool that takes no more refuses the job.
    pub(super) fn begin(frame: &Frame, job: Job, cold: bool) -> Option<Self> {
        let parts = frame.pool().parts();
        let spec = &job.spec;
        let start = StartRecord {
            request_id: job.request_id,
            attempt: job.attempt,
            account: spec.account,
            region: spec.region.clone(),
            function_arn: frame.arn.clone(),
            version: frame.version.clone(),
            architecture: spec.architecture,
            memory_mb: spec.memory_mb,
            ephemeral_mb: spec.ephemeral_mb,
            started_at: parts.clock.now(),
        };
        match parts.spool.start(&start) {
            Ok(ticket) => Some(Self {
                request_id: job.request_id.to_string(),
                job,
                start,
                ticket,
                cold,
                init: Duration::ZERO,
                invoked: None,
                time_up: None,
            }),
            Err(error) => {
                tracing::error!(%error, "the metering spool takes no more: refusing invocations");
                job.refuse(Status::resource_exhausted(
                    "the metering spool takes no more",
                ));
                None
            }
        }
    }

    /// Ends an execution that the platform could not run. Its ticket, given up here, counts it and charges nothing.
    pub(super) fn lost(self, pool: &Pool) {
        pool.parts().measures.lost.increment(1);
        self.job
            .refuse(Status::internal("the environment did not start"));
    }
}

/// What is booked of an execution that has ended.
fn booked(start: StartRecord, end: &End) -> Execution {
    Execution {
        request_id: start.request_id,
        attempt: start.attempt,
        account: start.account,
        region: start.region,
        function_arn: start.function_arn,
        version: start.version,
        architecture: start.architecture,
        memory_mb: start.memory_mb,
        ephemeral_mb: start.ephemeral_mb,
        init_ns: nanoseconds(end.init),
        invoke_ns: nanoseconds(end.invoke),
        request_bytes: end.request_bytes as u64,
        response_bytes: end.response_bytes as u64,
        outcome: end.outcome,
        started_at: start.started_at,
        ended_at: end.at,
    }
}

/// How an execution went.
struct End {
    init: Duration,
    invoke: Duration,
    request_bytes: usize,
    response_bytes: usize,
    outcome: Outcome,
    at: DateTime<Utc>,
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// An ended execution, ready to be answered.
struct Settled {
    execution: Execution,
    request_id: String,
    cold: bool,
    billed_ms: u64,
    cost: Option<Cost>,
    /// Its end's number in the spool.
    spool_event: i64,
    payload: Bytes,
    content_type: String,
    /// What stands at the end of the REPORT line.
    status: String,
}

impl Live<'_> {
    /// Ends the execution. Answers whether the environment can take another.
    pub(super) fn settle(&self, run: Run, ending: Ending, inbox: Option<Inbox>) -> bool {
        self.frame.output.drain(self.pipes());
        self.frame.settle(run, ending, Some(self.sandbox), inbox)
    }

    /// Puts the environment among the idle ones; `None` where none may be idle any more.
    pub(super) fn release(&self, inbox: Inbox) -> Option<()> {
        self.frame.release(inbox)
    }
}

impl Frame {
    /// Ends an execution that no sandbox could be started for, by the function's own fault.
    pub(super) fn invalid(&self, run: Run, fault: Fault) {
        self.output
            .platform([report::start(&run.request_id, &self.version)]);
        self.settle(run, Ending::Failed(Failure::Entrypoint(fault)), None, None);
    }

    /// The environment is among the idle ones again before the caller has its answer, so that the caller's next call finds
    /// it.
    fn settle(
        &self,
        run: Run,
        ending: Ending,
        sandbox: Option<&Sandbox>,
        inbox: Option<Inbox>,
    ) -> bool {
        let fatal = matches!(&ending, Ending::Failed(failure) if failure.is_fatal());
        let Some((settled, job)) = self.record(run, ending) else {
            return false;
        };
        let reusable = !fatal && inbox.is_some_and(|inbox| self.release(inbox).is_some());
        let boot_epoch = self.pool().parts().spool.boot_epoch();
        let mut reply = reply(&settled, boot_epoch);
        if job.event.is_some() {
            // The environment is free; the answer waits for the commit elsewhere.
            self.close_log(&settled, sandbox);
            let commit = commit(self.pool().clone(), settled, job, reply);
            self.pool().parts().life.spawn("settle event", commit);
        } else if job.tail {
            self.close_log(&settled, sandbox);
            reply.log_tail = self.output.tail();
            let _ = job.reply.send(Ok(reply));
        } else {
            // Nobody waits for these lines, so the caller does not wait for them either.
            let _ = job.reply.send(Ok(reply));
            self.close_log(&settled, sandbox);
        }
        reusable
    }

    /// Puts the end into the spool and counts it. What the spool does not take is not charged, so it is not answered
    /// either.
    fn record(&self, run: Run, ending: Ending) -> Option<(Settled, Job)> {
        let parts = self.pool().parts();
        let (payload, content_type, status) = match ending {
            Ending::Response {
                payload,
                content_type,
            } => (payload, content_type, None),
            Ending::Reported { payload, .. } => (payload, String::new(), Some(String::new())),
            Ending::Failed(failure) => {
                self.output
                    .platform(failure.lines(&run.request_id, parts.clock.now()));
                (
                    failure.payload(&run.request_id),
                    String::new(),
                    Some(failure.status()),
                )
            }
        };
        let outcome = if status.is_none() {
            Outcome::Success
        } else {
            Outcome::FunctionError
        };
        let end = self.end(&run, payload.len(), outcome);
        let execution = booked(run.start, &end);
        let measures = &parts.measures;
        let spool_event = match parts.spool.end(run.ticket, &execution) {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(%error, "the end of an execution is not in the spool");
                measures.lost.increment(1);
                run.job
                    .refuse(Status::internal("the execution could not be metered"));
                return None;
            }
        };
        match outcome {
            Outcome::Success => measures.success.increment(1),
            _ => measures.function_error.increment(1),
        }
        measures
            .invoke_seconds
            .record(Duration::from_nanos(execution.invoke_ns));
        // Only an event's size counts.
        let requests = match &run.job.event {
            Some(_) => request_units(execution.request_bytes),
            None => 1,
        };
        let (billed_ms, cost) = (
            parts.prices.billed_ms(&execution),
            parts.prices.cost(&execution, requests),
        );
        let status = status.unwrap_or_default();
        let cold = run.cold;
        Some((
            Settled {
                execution,
                cold,
                request_id: run.request_id,
                billed_ms,
                cost,
                spool_event,
                payload,
                content_type,
                status,
            },
            run.job,
        ))
    }

    /// Nobody pays for more than the function's time, or for more INIT than there may be, whatever ending it took.
    fn end(&self, run: &Run, response_bytes: usize, outcome: Outcome) -> End {
        let timeout = Duration::from_secs(u64::from(self.spec.timeout_s));
        let invoke = run.invoked.map_or(Duration::ZERO, |at| at.elapsed());
        End {
            init: run.init.min(INIT_TIME_MAX),
            invoke: invoke.min(timeout),
            request_bytes: run.job.payload.len(),
            response_bytes,
            outcome,
            at: self.pool().parts().clock.now(),
        }
    }

    fn close_log(&self, settled: &Settled, sandbox: Option<&Sandbox>) {
        let peak_mb = sandbox.map_or(0, Sandbox::memory_peak_mb);
        let Settled {
            execution,
            request_id,
            billed_ms,
            status,
            cost,
            ..
        } = settled;
        let report = report::report(execution, *billed_ms, peak_mb, status, cost.as_ref());
        self.output.platform([report::end(request_id), report]);
    }

    fn release(&self, inbox: Inbox) -> Option<()> {
        let idle = Idle {
            id: self.place.id,
            spec_id: Arc::clone(&self.spec_id),
            seat: Arc::clone(&self.place.seat),
            inbox,
            since: Instant::now(),
        };
        self.pool().release(idle, &self.spec).ok()
    }
}

/// Has the end of an event written down, then answers its owner.
async fn commit(pool: Pool, settled: Settled, job: Job, mut reply: InvokeReply) {
    let Job {
        event: Some(Event { work, claim, ended }),
        spec,
        payload,
        reply: owner,
        trace,
        ..
    } = job
    else {
        return;
    };
    // The owner may have gone.
    let _ = ended.send(());
    let parts = pool.parts();
    let settlement = events::settlement(
        &Attempted {
            executor: parts.spool.executor_id(),
            spec: &spec,
            work: &work,
            execution: settled.execution,
            billed_ms: settled.billed_ms,
            request: &payload,
            response: &settled.payload,
            trace: &trace,
            cancelled: claim.cancel.is_cancelled(),
        },
        parts.ids,
    );
    let verdict = settlement.verdict;
    let delivered = settlement.deliveries.iter().map(|one| Delivered {
        lane_id: one.event.lane,
        request_id: one.event.id.to_string(),
    });
    let delivered = delivered.collect();
    let answer = match parts.settler.settle(settlement).await {
        Ok(won) => {
            reply.payload = Bytes::new();
            reply.settled = Some(rpc::executor::Settled {
                won,
                kind: u32::from(verdict.kind().cast_unsigned()),
                next_at_ms: verdict.next_at().map_or(0, |at| at.timestamp_millis()),
                delivered,
            });
            Ok(reply)
        }
        // Not "unavailable": that would say that it did not run.
        Err(stopped) => Err(Status::internal(stopped.to_string())),
    };
    drop(claim);
    let _ = owner.send(answer);
}

fn reply(settled: &Settled, boot_epoch: i64) -> InvokeReply {
    let execution = &settled.execution;
    let failed = execution.outcome != Outcome::Success;
    InvokeReply {
        payload: settled.payload.clone(),
        function_error: if failed {
            "Unhandled".to_owned()
        } else {
            String::new()
        },
        log_tail: Vec::new(),
        cost_e10: settled.cost.as_ref().map(|cost| cost.amount_e10),
        currency: settled
            .cost
            .as_ref()
            .map(|cost| cost.currency.to_string())
            .unwrap_or_default(),
        billed_ms: settled.billed_ms,
        init_ns: execution.init_ns,
        invoke_ns: execution.invoke_ns,
        cold: settled.cold,
        content_type: settled.content_type.clone(),
        settled: None,
        boot_epoch,
        spool_event: settled.spool_event,
    }
}
