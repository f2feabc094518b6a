//! What carries a call: a connection to another machine, or the server object of this process.
//!
//! Both are the same type to the caller. Inside `tollgate up` the gateway calls the executor's server object directly:
//! messages are still encoded and decoded, but no socket and no HTTP/2 stand between.

use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderValue};
use tonic::body::Body;
use tonic::transport::Endpoint;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt as _};

use crate::executor::{Executor, ExecutorServer};

/// Carries gRPC calls. Cheap to clone.
pub type Transport = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, Broken>;

/// The call did not come through; the source says why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Broken(#[source] BoxError);

/// Largest message either side takes: a 6 MB payload and what stands around it, with room.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Calls a server object of this process.
pub fn local<S: Executor>(server: ExecutorServer<S>) -> Transport {
    let server = tower::ServiceExt::<http::Request<Body>>::map_err(server, |never| match never {});
    BoxCloneSyncService::new(server)
}

/// Connects, when first used, to a service at `address` (`host:port`), proving itself with the cluster's secret.
pub fn remote(address: &str, secret: &str) -> Result<Transport, BoxError> {
    let mut bearer = HeaderValue::try_from(format!("Bearer {secret}"))?;
    bearer.set_sensitive(true);
    let channel = Endpoint::try_from(format!("http://{address}"))?
        .connect_timeout(Duration::from_secs(2))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(2))
        .keep_alive_timeout(Duration::from_secs(4))
        .keep_alive_while_idle(true)
        .connect_lazy();
    let service = channel
        .map_request(move |mut request: http::Request<Body>| {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
            request
        })
        .map_err(|error| Broken(error.into()));
    Ok(BoxCloneSyncService::new(service))
}
