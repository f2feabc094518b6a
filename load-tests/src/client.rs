//! A closed-loop HTTP client: each of N connections sends the next request when the last one was answered.
//!
//! The request is made once and sent again as it is: a `SigV4` signature stays good for five minutes, so the client spends
//! the same work on Tollgate as on a server that asks for no signature. Every answer's status and body are checked.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::figures::{Figures, Latencies};

/// A request that can be sent any number of times.
#[derive(Debug, Clone)]
pub(crate) struct Shot {
    /// `host:port`.
    pub(crate) address: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// One connection.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        #[expect(
            clippy::disallowed_methods,
            reason = "ends with the connection; there is no lifecycle here"
        )]
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    pub(crate) async fn send(&mut self, shot: &Shot) -> Result<Answer> {
        let mut request = Request::new(Full::new(shot.body.clone()));
        *request.method_mut() = shot.method.clone();
        *request.uri_mut() = shot.path.parse()?;
        *request.headers_mut() = shot.headers.clone();
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Answer {
            status,
            headers,
            body,
        })
    }
}

/// Sends one request on a connection of its own.
pub(crate) async fn once(shot: &Shot) -> Result<Answer> {
    Connection::open(&shot.address).await?.send(shot).await
}

/// Sends `shot` over `connections` connections for `time`. Every answer must be a success as long as `expected`, which is an
/// answer that the caller has looked at: some functions put the request's id into theirs.
pub(crate) async fn closed_loop(
    shot: &Shot,
    connections: usize,
    time: Duration,
    expected: &Bytes,
) -> Result<Figures> {
    let mut clients = JoinSet::new();
    let until = Instant::now() + time;
    let started = Instant::now();
    for _ in 0..connections {
        let (shot, expected) = (shot.clone(), expected.clone());
        clients.spawn(async move { one_client(&shot, until, &expected).await });
    }
    let mut latencies = Latencies::default();
    while let Some(client) = clients.join_next().await {
        latencies.add(&client??);
    }
    ensure!(latencies.count() > 0, "no request was answered in {time:?}");
    Ok(latencies.figures(started.elapsed()))
}

async fn one_client(shot: &Shot, until: Instant, expected: &Bytes) -> Result<Latencies> {
    let mut connection = Connection::open(&shot.address).await?;
    let mut latencies = Latencies::default();
    while Instant::now() < until {
        let started = Instant::now();
        let answer = connection.send(shot).await?;
        latencies.record(started.elapsed());
        if answer.status != 200 || answer.headers.contains_key("x-amz-function-error") {
            bail!(
                "answer {}: {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            );
        }
        ensure!(
            answer.body.len() == expected.len(),
            "another answer than expected: {:?}",
            answer.body
        );
    }
    Ok(latencies)
}
