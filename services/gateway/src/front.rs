//! Every AWS request: authenticate, name the service, hand over.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use uuid::Uuid;
use wire::{Fault, Service};

use crate::authenticate::{self, Caller, Refusal};
use crate::call::{App, Call};
use crate::{budgets, ce, events, freetier, iam, lambda, logs, pricing, scheduler, sts};

/// Largest body of a code upload, in bytes: AWS's own limit for a base64 zip in JSON.
const CODE_BODY_MAX: usize = 70_167_211;
/// Largest body of an Invoke that is read to be refused with AWS's text, in bytes.
const INVOKE_BODY_MAX: usize = 8 * 1024 * 1024;
/// Largest body of anything else, in bytes.
const BODY_MAX: usize = 4 * 1024 * 1024;

/// The services, as bound once at start.
pub(crate) struct Front {
    app: Arc<App>,
    lambda: Service<Call>,
    iam: Service<Call>,
    sts: Service<Call>,
    logs: Service<Call>,
    scheduler: Service<Call>,
    events: Service<Call>,
    ce: Service<Call>,
    pricing: Service<Call>,
    freetier: Service<Call>,
    budgets: Service<Call>,
}

impl Front {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self {
            app,
            lambda: lambda::service(),
            iam: iam::service(),
            sts: sts::service(),
            logs: logs::service(),
            scheduler: scheduler::service(),
            events: events::service(),
            ce: ce::service(),
            pricing: pricing::service(),
            freetier: freetier::service(),
            budgets: budgets::service(),
        }
    }

    /// Serves one request to its end; never fails, always answers.
    pub(crate) async fn serve(&self, request: Request<Incoming>) -> Response<Bytes> {
        let request_id = self.app.ids.random();
        let (parts, body) = request.into_parts();
        let service = self.service(presumed_service(&parts));
        let claim = match authenticate::claim(&self.app, &parts).await {
            Ok(claim) => claim,
            Err(refusal) => return refuse(service, refusal, request_id),
        };
        let limit = body_max(&parts);
        let body = match Limited::new(body, limit).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return unreadable(service, error.as_ref(), &parts, limit, request_id),
        };
        let caller = match claim.verify(&self.app, &parts, &body) {
            Ok(caller) => caller,
            Err(refusal) => return refuse(service, refusal, request_id),
        };
        self.dispatch(caller, parts, body, request_id).await
    }

    async fn dispatch(
        &self,
        caller: Caller,
        parts: Parts,
        body: Bytes,
        request_id: Uuid,
    ) -> Response<Bytes> {
        let service = self.service(&caller.service);
        let Some(service) = service else {
            let fault = Fault::new(
                400,
                "UnknownOperationException",
                format!("Tollgate does not offer the service {:?}.", caller.service),
            );
            return self.lambda.fault(&fault, &request_id.to_string());
        };
        let call = Call {
            app: Arc::clone(&self.app),
            account: caller.account,
            region: caller.region,
            request_id,
            access_key_id: caller.access_key_id,
            base_url: base_url(&self.app, &parts),
        };
        if caller.service == "lambda"
            && let Some(name) = lambda::invoke::matches(&parts.method, parts.uri.path())
        {
            return lambda::invoke::serve(call, &parts, name, body).await;
        }
        let request = Request::from_parts(parts, body);
        // Apart from the rest: an Invoke must not carry the state of every other operation around.
        Box::pin(service.serve(call, &request_id.to_string(), request)).await
    }

    fn service(&self, signing_name: &str) -> Option<&Service<Call>> {
        match signing_name {
            "lambda" => Some(&self.lambda),
            "iam" => Some(&self.iam),
            "sts" => Some(&self.sts),
            "logs" => Some(&self.logs),
            "scheduler" => Some(&self.scheduler),
            "events" => Some(&self.events),
            "ce" => Some(&self.ce),
            "pricing" => Some(&self.pricing),
            "freetier" => Some(&self.freetier),
            "budgets" => Some(&self.budgets),
            _ => None,
        }
    }
}

/// How the client reached us, for URLs in answers.
pub(crate) fn base_url(app: &App, parts: &Parts) -> String {
    let host = parts
        .headers
        .get(http::header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = host.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str));
    format!("{}://{}", app.scheme, authority.unwrap_or("localhost"))
}

/// The service that an unverified request seems to mean: only to speak its error dialect.
fn presumed_service(parts: &Parts) -> &str {
    wire::sigv4::presumed_service(parts).unwrap_or("lambda")
}

fn body_max(parts: &Parts) -> usize {
    let path = parts.uri.path();
    if lambda::invoke::matches(&parts.method, path).is_some() {
        return INVOKE_BODY_MAX;
    }
    let code = path.starts_with("/2015-03-31/functions");
    if code { CODE_BODY_MAX } else { BODY_MAX }
}

fn refuse(service: Option<&Service<Call>>, refusal: Refusal, request_id: Uuid) -> Response<Bytes> {
    let fault = match refusal {
        Refusal::Signature(error) => {
            return answer(service, request_id, |service, id| {
                service.signature_fault(&error, id)
            });
        }
        Refusal::Store(error) => {
            tracing::error!(request.id = %request_id, %error, "could not look an access key up");
            Fault::internal()
        }
    };
    answer(service, request_id, |service, id| service.fault(&fault, id))
}

fn unreadable(
    service: Option<&Service<Call>>,
    error: &(dyn std::error::Error + 'static),
    parts: &Parts,
    limit: usize,
    request_id: Uuid,
) -> Response<Bytes> {
    let fault = if error.is::<LengthLimitError>() {
        let operation = operation_words(parts);
        Fault::new(
            413,
            "RequestEntityTooLargeException",
            format!("Request must be smaller than {limit} bytes for the {operation} operation"),
        )
    } else {
        Fault::new(400, "IncompleteBody", "The request's body ended early.")
    };
    answer(service, request_id, |service, id| service.fault(&fault, id))
}

/// AWS's name of the operation in its size errors.
fn operation_words(parts: &Parts) -> &'static str {
    let path = parts.uri.path();
    if path.ends_with("/invocations") {
        "InvokeFunction"
    } else if path.ends_with("/code") {
        "UpdateFunctionCode"
    } else {
        "CreateFunction"
    }
}

fn answer(
    service: Option<&Service<Call>>,
    request_id: Uuid,
    encode: impl FnOnce(&Service<Call>, &str) -> Response<Bytes>,
) -> Response<Bytes> {
    let Some(service) = service else {
        let mut response = Response::new(Bytes::from_static(b"{\"message\":\"Unknown service\"}"));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return response;
    };
    encode(service, &request_id.to_string())
}
