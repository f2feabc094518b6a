//! A request of our own API: authenticate, find the operation, hand over.

use std::sync::Arc;

use aws_model::schema::Protocol;
use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use axum::routing::{MethodFilter, on};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use tower::ServiceExt as _;
use uuid::Uuid;
use wire::Fault;
use wire::sigv4::SigError;

use super::operation::Operation;
use super::refusal::Refusal;
use super::{document, operations};
use crate::authenticate::{self, Refusal as Stranger};
use crate::call::{App, Call};

/// Every path of the API begins so.
pub(crate) const PREFIX: &str = "/tollgate/v1/";

/// The one path that anybody may read.
const DOCUMENT: &str = "/tollgate/v1/openapi.json";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// Largest body of a request, in bytes. Payloads of functions do not come this way.
const BODY_MAX: usize = 64 * 1024;

/// Signing names that are accepted: ours, and the one that AWS clients have at hand.
const SIGNING_NAMES: [&str; 2] = ["tollgate", "lambda"];

/// The API, as bound once at start.
pub(crate) struct Api {
    app: Arc<App>,
    router: Router,
    document: Bytes,
}

/// A request that was let in, on its way through the router.
#[derive(Clone)]
pub(super) struct Admitted {
    pub(super) call: Call,
    pub(super) body: Bytes,
}

impl Api {
    pub(crate) fn new(app: Arc<App>) -> Self {
        let operations = operations::all();
        let document = document::of(&operations).to_string().into();
        let operations = operations.into_iter().map(Arc::new);
        Self {
            app,
            router: router(operations),
            document,
        }
    }

    /// Serves one request to its end; never fails, always answers.
    pub(crate) async fn serve(&self, request: Request<Incoming>) -> Response<Body> {
        let request_id = self.app.ids.random();
        let mut response = if request.uri().path() == DOCUMENT && request.method() == Method::GET {
            json(StatusCode::OK, self.document.clone())
        } else {
            match self.admit(request, request_id).await {
                Ok(request) => match self.router.clone().oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                },
                Err(refusal) => refusal.into_response(),
            }
        };
        if let Ok(id) = HeaderValue::try_from(request_id.to_string()) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    /// Verifies a request, as the front does for AWS's, and gives it its caller.
    async fn admit(
        &self,
        request: Request<Incoming>,
        request_id: Uuid,
    ) -> Result<Request<Body>, Refusal> {
        let (mut parts, body) = request.into_parts();
        let claim = authenticate::claim(&self.app, &parts)
            .await
            .map_err(|why| unknown(why, request_id))?;
        let body = match Limited::new(body, BODY_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                return Err(Refusal::too_large(BODY_MAX));
            }
            Err(_) => return Err(Refusal::invalid("The request's body ended early.")),
        };
        let caller = claim
            .verify(&self.app, &parts, &body)
            .map_err(|why| unknown(why, request_id))?;
        if !SIGNING_NAMES.contains(&caller.service.as_str()) {
            let text = "Credential should be scoped to correct service: 'tollgate'.".to_owned();
            let error = SigError::Unacceptable(text);
            return Err(unknown(Stranger::Signature(error), request_id));
        }
        let call = Call {
            base_url: crate::front::base_url(&self.app, &parts),
            app: Arc::clone(&self.app),
            account: caller.account,
            region: caller.region,
            request_id,
            access_key_id: caller.access_key_id,
        };
        parts.extensions.insert(Admitted { call, body });
        Ok(Request::from_parts(parts, Body::empty()))
    }
}

fn unknown(why: Stranger, request_id: Uuid) -> Refusal {
    match why {
        Stranger::Signature(error) => Refusal::from(&error.fault(Protocol::RestJson1)),
        Stranger::Store(error) => {
            tracing::error!(request.id = %request_id, %error, "could not look an access key up");
            Refusal::from(&Fault::internal())
        }
    }
}

pub(super) fn router(operations: impl Iterator<Item = Arc<Operation>>) -> Router {
    let mut router = Router::new();
    for operation in operations {
        #[expect(
            clippy::expect_used,
            reason = "a constant of the table, which tests build"
        )]
        let method = MethodFilter::try_from(operation.method.clone()).expect("a common method");
        let path = operation.whole_path();
        let handler = move |request: Request<Body>| serve(operation, request);
        router = router.route(&path, on(method, handler));
    }
    router
        .fallback(async || Refusal::missing("There is no such path in Tollgate's API."))
        .method_not_allowed_fallback(async || Refusal::method())
}

/// Runs an operation for a request that was let in.
async fn serve(operation: Arc<Operation>, request: Request<Body>) -> Response<Body> {
    let (mut parts, _) = request.into_parts();
    let Some(Admitted { call, body }) = parts.extensions.remove() else {
        // Only `admit` calls the router.
        return Refusal::from(&Fault::internal()).into_response();
    };
    match (operation.serve)(call, parts, body).await {
        Ok(body) => json(operation.status, body),
        Err(refusal) => refusal.into_response(),
    }
}

/// An answer whose body is JSON.
pub(super) fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
