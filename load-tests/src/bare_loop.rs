//! The floor: one HTTP server that hands each request straight to the same runtime client.
//!
//! No signature, no routing, no isolation, no metering: a POST waits for an idle runtime, becomes the answer of that
//! runtime's `next`, and the runtime's `response` becomes the answer of the POST. What Tollgate adds is measured against it.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A runtime client that has not asked for an event by then has ended.
const START_TIME_MAX: Duration = Duration::from_secs(30);

type Event = (u64, Bytes);

#[derive(Default)]
struct State {
    /// Runtimes whose `next` waits.
    idle: VecDeque<oneshot::Sender<Event>>,
    /// Events that found no idle runtime.
    waiting: VecDeque<Event>,
    /// Who waits for which event's answer.
    answers: HashMap<u64, oneshot::Sender<Bytes>>,
    last_id: u64,
    /// Told at the first `next`, for the cold-start floor.
    first_next: Option<oneshot::Sender<()>>,
}

/// A running floor; its runtimes end with it.
pub(crate) struct BareLoop {
    pub(crate) address: String,
    state: Arc<Mutex<State>>,
    runtimes: Vec<Child>,
}

impl BareLoop {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let state = Arc::<Mutex<State>>::default();
        #[expect(clippy::disallowed_methods, reason = "lives as long as the program")]
        tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self {
            address,
            state,
            runtimes: Vec::new(),
        })
    }

    /// Starts a runtime client; the answer resolves at its first `next`.
    pub(crate) fn runtime(
        &mut self,
        mut command: Command,
    ) -> Result<impl Future<Output = Result<()>> + use<>> {
        let (told, first_next) = oneshot::channel();
        self.state.lock().first_next = Some(told);
        command
            .env("AWS_LAMBDA_RUNTIME_API", &self.address)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.runtimes
            .push(command.spawn().context("start a runtime client")?);
        Ok(async move {
            let came = tokio::time::timeout(START_TIME_MAX, first_next).await;
            came.context("a bare runtime client did not ask for an event")??;
            Ok(())
        })
    }

    /// Ends the runtimes; what they used of the processor is then in this process' children's account.
    pub(crate) fn stop_runtimes(&mut self) {
        for mut runtime in self.runtimes.drain(..) {
            let _ = runtime.kill();
            let _ = runtime.wait();
        }
        let mut state = self.state.lock();
        state.idle.clear();
    }
}

impl Drop for BareLoop {
    fn drop(&mut self) {
        self.stop_runtimes();
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let state = Arc::clone(&state);
        #[expect(clippy::disallowed_methods, reason = "ends with the connection")]
        tokio::spawn(async move {
            let service = service_fn(|request| serve(request, Arc::clone(&state)));
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn serve(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let get = request.method() == Method::GET;
    let body = request
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let body = body.unwrap_or_default();
    if get {
        return Ok(next(&state).await);
    }
    match path
        .strip_prefix("/2018-06-01/runtime/invocation/")
        .and_then(|rest| rest.split('/').next())
    {
        Some(id) => {
            let id = id.rsplit('-').next().and_then(|id| id.parse().ok());
            let waiting = id.and_then(|id: u64| state.lock().answers.remove(&id));
            if let Some(waiting) = waiting {
                let _ = waiting.send(body);
            }
            Ok(Response::new(Full::new(Bytes::from_static(
                b"{\"status\":\"OK\"}",
            ))))
        }
        None => Ok(Response::new(Full::new(invoke(body, &state).await))),
    }
}

async fn invoke(body: Bytes, state: &Mutex<State>) -> Bytes {
    let answer = {
        let mut state = state.lock();
        state.last_id += 1;
        let id = state.last_id;
        let (sender, answer) = oneshot::channel();
        state.answers.insert(id, sender);
        let mut event = (id, body);
        loop {
            let Some(idle) = state.idle.pop_front() else {
                state.waiting.push_back(event);
                break;
            };
            match idle.send(event) {
                Ok(()) => break,
                Err(back) => event = back,
            }
        }
        answer
    };
    answer.await.unwrap_or_default()
}

async fn next(state: &Mutex<State>) -> Response<Full<Bytes>> {
    let waiting = {
        let mut state = state.lock();
        if let Some(told) = state.first_next.take() {
            let _ = told.send(());
        }
        let (sender, receiver) = oneshot::channel();
        match state.waiting.pop_front() {
            Some(event) => {
                let _ = sender.send(event);
            }
            None => state.idle.push_back(sender),
        }
        receiver
    };
    let Ok((id, body)) = waiting.await else {
        return Response::new(Full::default());
    };
    let mut response = Response::new(Full::new(body));
    let headers = response.headers_mut();
    for (name, value) in [
        (
            "lambda-runtime-aws-request-id",
            format!("00000000-0000-0000-0000-{id:012}"),
        ),
        ("lambda-runtime-deadline-ms", "4102444800000".to_owned()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned(),
        ),
        ("content-type", "application/json".to_owned()),
    ] {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    }
    response
}
