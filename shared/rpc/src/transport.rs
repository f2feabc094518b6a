//! What carries a call to another machine.

use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderValue};
use tonic::body::Body;
use tonic::transport::Endpoint;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceExt as _};

/// Carries gRPC calls. Cheap to clone.
pub(crate) type Transport =
    BoxCloneSyncService<http::Request<Body>, http::Response<Body>, tonic::transport::Error>;

/// Largest message either side takes: a 6 MB payload and what stands around it, with room.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Connects, when first used, to a service at `address` (`host:port`), proving itself with the cluster's secret.
pub(crate) fn connect(address: &str, secret: &str) -> Result<Transport, BoxError> {
    let mut bearer = HeaderValue::try_from(format!("Bearer {secret}"))?;
    bearer.set_sensitive(true);
    let channel = Endpoint::try_from(format!("http://{address}"))?
        .connect_timeout(Duration::from_secs(2))
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(2))
        .keep_alive_timeout(Duration::from_secs(4))
        .keep_alive_while_idle(true)
        .connect_lazy();
    let service = channel.map_request(move |mut request: http::Request<Body>| {
        request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        request
    });
    Ok(BoxCloneSyncService::new(service))
}
