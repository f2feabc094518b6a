//! The state that the runtime client's calls and the environment's life share.

use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

/// How often connections are read once more after the runtime's exit.
const LAST_WORD_POLLS: u32 = 3;
/// How long the rest of a result that has begun may take after the runtime's exit.
const LAST_WORD_MAX: Duration = Duration::from_secs(1);

/// One event on its way to the function: the body of an answer to `next`, and what its headers say.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) request_id: String,
    /// When the function's time is up, in milliseconds since 1970.
    pub(crate) deadline_ms: i64,
    pub(crate) invoked_function_arn: String,
    /// `X-Amzn-Trace-Id`; empty = none.
    pub(crate) trace_id: String,
    /// JSON; empty = none.
    pub(crate) client_context: String,
    pub(crate) payload: Bytes,
}

/// What the runtime client says about the event it has, or about its initialization.
#[derive(Debug)]
pub(crate) enum Report {
    Response {
        payload: Bytes,
        content_type: String,
    },
    /// `error_type` as the client's header names it; empty where it does not.
    Error {
        payload: Bytes,
        error_type: String,
    },
    /// The result was larger than Lambda allows.
    TooLarge,
    InitError {
        payload: Bytes,
        error_type: String,
    },
}

/// Where the runtime client stands; the names are those of Lambda's error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Started, has not asked for an event yet.
    Started,
    InitError,
    /// Asked for an event, has none.
    Ready,
    Running,
    /// Sends its result.
    Responding,
    /// Sent its result, has not asked for another event yet.
    ResponseSent,
}

impl Phase {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::InitError => "InitError",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::Responding => "InvocationResponse",
            Self::ResponseSent => "ResponseSent",
        }
    }
}

struct State {
    phase: Phase,
    /// Of the event that was delivered last; empty before the first.
    request_id: String,
    next: Option<oneshot::Sender<Event>>,
    report: Option<Report>,
}

/// Why a call of the runtime client is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    RequestId,
    Phase(Phase),
}

/// Between the HTTP server of one environment and its life. The lock is never held across an await.
pub(crate) struct Exchange {
    state: Mutex<State>,
    /// Wakes the environment's life, the only one that waits here.
    changed: Notify,
}

impl Exchange {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                phase: Phase::Started,
                request_id: String::new(),
                next: None,
                report: None,
            }),
            changed: Notify::new(),
        }
    }

    async fn until<T>(&self, mut take: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            if let Some(value) = take(&mut self.state.lock()) {
                return value;
            }
            self.changed.notified().await;
        }
    }

    /// Whether a `next` waits now.
    pub(crate) fn is_ready(&self) -> bool {
        ready(&mut self.state.lock()).is_some()
    }

    /// Waits until the runtime client asks for an event. Cancel-safe.
    pub(crate) async fn ready(&self) {
        self.until(ready).await;
    }

    /// Waits for `next`, or for the report that initialization failed. Cancel-safe.
    pub(crate) async fn initialized(&self) -> Result<(), Report> {
        self.until(|state| match state.report.take() {
            Some(report) => Some(Err(report)),
            None => ready(state).map(Ok),
        })
        .await
    }

    /// Hands the event to the `next` that waits. It comes back where none does.
    pub(crate) fn deliver(&self, event: Event) -> Option<Event> {
        let mut state = self.state.lock();
        let Some(next) = state.next.take() else {
            return Some(event);
        };
        let request_id = event.request_id.clone();
        if let Err(back) = next.send(event) {
            return Some(back);
        }
        state.request_id = request_id;
        state.phase = Phase::Running;
        state.report = None;
        None
    }

    /// Waits for what became of the delivered event. Cancel-safe.
    pub(crate) async fn report(&self) -> Report {
        self.until(|state| state.report.take()).await
    }

    /// The runtime client asks for an event; the receiver gives it.
    pub(super) fn next(&self) -> Result<oneshot::Receiver<Event>, Refusal> {
        let mut state = self.state.lock();
        match state.phase {
            // A client whose connection broke asks again: the newest question is the one answered.
            Phase::Started | Phase::Ready | Phase::ResponseSent => {}
            phase => return Err(Refusal::Phase(phase)),
        }
        let (sender, receiver) = oneshot::channel();
        state.phase = Phase::Ready;
        state.next = Some(sender);
        drop(state);
        self.changed.notify_one();
        Ok(receiver)
    }

    /// The runtime client starts to send the result of `request_id`.
    pub(super) fn begin(&self, request_id: &str) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        if state.request_id.is_empty() || state.request_id != request_id {
            return Err(Refusal::RequestId);
        }
        if state.phase != Phase::Running {
            return Err(Refusal::Phase(state.phase));
        }
        state.phase = Phase::Responding;
        Ok(())
    }

    /// The result is complete.
    pub(super) fn complete(&self, report: Report) {
        let mut state = self.state.lock();
        if state.phase == Phase::Responding {
            state.phase = Phase::ResponseSent;
            state.report = Some(report);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// The result broke off: the client may send it again, as nothing of it was used.
    pub(super) fn abort(&self) {
        let mut state = self.state.lock();
        if state.phase == Phase::Responding {
            state.phase = Phase::Running;
        }
        drop(state);
        self.changed.notify_one();
    }

    /// The runtime client starts to tell that its initialization failed.
    pub(super) fn begin_init_error(&self) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        if state.phase != Phase::Started {
            return Err(Refusal::Phase(state.phase));
        }
        state.phase = Phase::InitError;
        Ok(())
    }

    /// All of it is told.
    pub(super) fn complete_init_error(&self, report: Report) {
        self.state.lock().report = Some(report);
        self.changed.notify_one();
    }

    /// It broke off: the client may tell again.
    pub(super) fn abort_init_error(&self) {
        let mut state = self.state.lock();
        if state.phase == Phase::InitError && state.report.is_none() {
            state.phase = Phase::Started;
        }
        drop(state);
        self.changed.notify_one();
    }

    /// What a runtime client that has exited still said: its process is gone, but its last words may be on their way
    /// through the connection.
    pub(crate) async fn last_word(&self) -> Option<Report> {
        for _ in 0..LAST_WORD_POLLS {
            if let Some(report) = self.state.lock().report.take() {
                return Some(report);
            }
            tokio::task::yield_now().await;
        }
        let told = self.until(|state| match (state.report.take(), state.phase) {
            (Some(report), _) => Some(Some(report)),
            // Half of it is here: the rest follows, or the connection's end does.
            (None, Phase::Responding | Phase::InitError) => None,
            (None, _) => Some(None),
        });
        tokio::time::timeout(LAST_WORD_MAX, told)
            .await
            .unwrap_or_default()
    }
}

fn ready(state: &mut State) -> Option<()> {
    if state.next.as_ref().is_some_and(oneshot::Sender::is_closed) {
        state.next = None;
    }
    state.next.is_some().then_some(())
}
