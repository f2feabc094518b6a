//! What operators see: traces at a collector, metrics, health.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

use crate::bed::Bed;
use crate::faults::wait_until;

/// An OpenTelemetry collector that keeps what it is sent.
struct Collector {
    address: SocketAddr,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let received = Arc::<Mutex<Vec<u8>>>::default();
        let kept = Arc::clone(&received);
        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let service = service_fn(|request| export(request, Arc::clone(&kept)));
                    let server = auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, received }
    }

    /// Whether these bytes were sent: names and ids stand as they are in the protocol's messages.
    fn has(&self, bytes: &[u8]) -> bool {
        let received = self.received.lock().expect("not poisoned");
        received.windows(bytes.len()).any(|window| window == bytes)
    }
}

/// Takes one gRPC export and answers an empty message.
async fn export(
    request: Request<Incoming>,
    received: Arc<Mutex<Vec<u8>>>,
) -> Result<Response<http_body_util::combinators::BoxBody<Bytes, Infallible>>, Infallible> {
    let body = request
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    received
        .lock()
        .expect("not poisoned")
        .extend_from_slice(&body.unwrap_or_default());
    let trailers = HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]);
    let answer =
        Full::new(Bytes::from_static(&[0; 5])).with_trailers(async move { Some(Ok(trailers)) });
    let mut response = Response::new(answer.boxed());
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    Ok(response)
}

/// A trace that a client began goes on in the gateway and the executor, and arrives at the collector under its id.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn traces_arrive_under_the_clients_id() {
    let collector = Collector::start().await;
    let endpoint = format!("http://{}", collector.address);
    let bed = Bed::own_with(&[("TOLLGATE_TELEMETRY_OTLP_ENDPOINT", &endpoint)]);
    let account = bed.account();
    bed.client(&account, "invoke.py", "trace");
    // The id that the client script sends, as bytes.
    let id = hex("5759e988bd862e3fe1be46a994272793");
    wait_until("the trace arrives", || collector.has(&id));
    for name in ["invoke", "tollgate"] {
        assert!(collector.has(name.as_bytes()), "no {name} among the spans");
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(digit).collect()
}

/// Invocations, errors, throttles, cold starts and environments are counted, and health names its parts.
#[test]
fn metrics_and_health() {
    let bed = Bed::own();
    let account = bed.account();
    bed.client(&account, "operations.py", "metrics");
}
