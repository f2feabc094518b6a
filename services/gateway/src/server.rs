//! The listener: connections, TLS, the few paths that are not AWS's, and the two-step stop.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use chassis::Lifecycle;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::api::Api;
use crate::front::Front;
use crate::lambda;

/// A client has this long to send a request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves until the lifecycle drains; then lets requests in flight end.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    (front, api, ours): (Arc<Front>, Arc<Api>, Router),
    life: Lifecycle,
) {
    let graceful = GracefulShutdown::new();
    let server = Arc::new(server());
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, mostly: others will be closed; do not spin meanwhile.
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = life.drain().cancelled() => break,
        };
        let _ = stream.set_nodelay(true);
        let server = Arc::clone(&server);
        let faces = (Arc::clone(&front), Arc::clone(&api), ours.clone());
        let (tls, watcher) = (tls.clone(), graceful.watcher());
        life.spawn("connection", async move {
            match tls {
                None => connection(stream, &server, watcher, faces).await,
                Some(tls) => {
                    if let Some(stream) = handshake(&tls, stream).await {
                        connection(stream, &server, watcher, faces).await;
                    }
                }
            }
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = life.cut().cancelled() => {}
    }
}

fn server() -> auto::Builder<TokioExecutor> {
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT);
    server.http2().timer(TokioTimer::new());
    server
}

async fn handshake(
    tls: &TlsAcceptor,
    stream: TcpStream,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let handshake = tokio::time::timeout(HEADER_TIMEOUT, tls.accept(stream)).await;
    handshake
        .ok()?
        .inspect_err(|error| tracing::debug!(%error, "TLS handshake failed"))
        .ok()
}

async fn connection<S>(
    stream: S,
    server: &auto::Builder<TokioExecutor>,
    watcher: hyper_util::server::graceful::Watcher,
    (front, api, ours): (Arc<Front>, Arc<Api>, Router),
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request| {
        let (front, api, ours) = (Arc::clone(&front), Arc::clone(&api), ours.clone());
        async move { Ok::<_, Infallible>(route(request, &front, &api, ours).await) }
    });
    let connection = server.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended early");
    }
}

/// Ours by path, AWS's otherwise: no AWS path starts like one of ours.
async fn route(
    request: Request<Incoming>,
    front: &Front,
    api: &Api,
    ours: Router,
) -> Response<Body> {
    let path = request.uri().path();
    if path == "/health" || path == "/metrics" || path.starts_with("/_tollgate/") {
        return match ours.oneshot(request.map(Body::new)).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
    }
    if path.starts_with(crate::api::PREFIX) {
        return api.serve(request).await;
    }
    front
        .serve(request)
        .await
        .map(|body| Body::new(Full::new(body)))
}

/// Paths of our own besides health and metrics.
pub(crate) fn own_paths(app: Arc<crate::App>) -> Router {
    Router::new()
        .route("/_tollgate/code/{sha256}", axum::routing::get(code))
        .with_state(app)
}

async fn code(State(app): State<Arc<crate::App>>, request: Request<Body>) -> Response<Body> {
    let uri = request.uri();
    let response: Response<Bytes> =
        lambda::code::download(&app, uri.path(), uri.query().unwrap_or_default()).await;
    response.map(Body::from)
}
