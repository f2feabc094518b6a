//! `Invoke`: by hand, outside the model, because it is the hot path.
//!
//! Name and qualifier are resolved from memory, the concurrency limit is taken from memory, the executor is chosen from
//! memory; the payload is passed on as it came. Neither Postgres nor Redis is touched on the warm path.

mod answer;
pub(crate) mod event;
mod request;
mod sync;

use std::sync::Arc;

use bytes::Bytes;
use dispatch::{Missing, Route, TargetKey};
use domain::FunctionArn;
use domain::event_config::RecursiveLoop;
use domain::trace::{RECURSION_MAX, TraceHeader};
use http::request::Parts;
use http::{Response, StatusCode};
use store::functions::State;
use tracing::Instrument as _;
use wire::Fault;

pub(crate) use request::{EVENT_PAYLOAD_MAX, matches};

use crate::call::Call;
use crate::lambda::{faults, names};

use event::Event;
use request::{InvokeRequest, Kind};

/// Serves one Invoke; `name` is the path's function name.
pub(crate) async fn serve(call: Call, parts: &Parts, name: &str, body: Bytes) -> Response<Bytes> {
    match invoke(&call, parts, name, body).await {
        Ok(response) => response,
        Err(fault) => crate::lambda::fault(&fault, call.request_id),
    }
}

async fn invoke(
    call: &Call,
    parts: &Parts,
    name: &str,
    body: Bytes,
) -> Result<Response<Bytes>, Fault> {
    let request = request::parse(parts, name)?;
    let payload = request::check_payload(body, &request)?;
    let (key, arn, route) = resolve(call, &request).await?;
    match request.kind {
        Kind::DryRun => Ok(answer::empty(StatusCode::NO_CONTENT, call.request_id)),
        Kind::Event => accept(call, parts, (key, &route), payload).await,
        Kind::RequestResponse => run(call, parts, request, arn, route, payload).await,
    }
}

/// Commits an event to the queue and answers its request id.
async fn accept(
    call: &Call,
    parts: &Parts,
    (key, route): (TargetKey, &Route),
    payload: Bytes,
) -> Result<Response<Bytes>, Fault> {
    let lane = call.app.dispatch.targets.lane(&key, route).await;
    let qualifier = key.qualifier.as_ref().map(ToString::to_string);
    let event = Event {
        lane: lane.map_err(|error| crate::internal(&error, call))?,
        account: call.account,
        qualifier: qualifier.unwrap_or_default(),
        trace: trace(call, parts).to_string(),
        payload,
    };
    let id = match request::header(parts, event::IDEMPOTENCY_HEADER) {
        Some(key) => call.app.intake.accept_once(event, key).await?,
        None => call.app.intake.accept(event).await?,
    };
    Ok(answer::empty(StatusCode::ACCEPTED, id.uuid()))
}

async fn run(
    call: &Call,
    parts: &Parts,
    request: InvokeRequest,
    arn: FunctionArn,
    route: Arc<Route>,
    payload: Bytes,
) -> Result<Response<Bytes>, Fault> {
    let trace = trace(call, parts);
    let looping = trace.lineage(&route.mark) >= RECURSION_MAX;
    if looping && route.settings.recursive_loop == RecursiveLoop::Terminate {
        metrics::counter!("tollgate_recursive_invocations_dropped_total").increment(1);
        return Err(faults::recursive_invocation(
            &route.function_arn,
            RECURSION_MAX,
        ));
    }
    let trace = trace.invoking(&route.mark);
    let span = tracing::info_span!("invoke", function.name = %arn.name,
        request.id = %call.request_id, cloud.account.id = %call.account, aws.trace_id = %trace);
    if parts.headers.contains_key("x-amzn-trace-id")
        && let Some(parent) = trace.traceparent()
    {
        chassis::telemetry::set_parent(&span, &parent);
    }
    let traceparent = chassis::telemetry::traceparent(&span).unwrap_or_default();
    let run = sync::Run {
        app: Arc::clone(&call.app),
        route,
        arn: arn.to_string(),
        request_id: call.request_id,
        payload,
        client_context: request.client_context,
        trace_id: trace.to_string(),
        traceparent,
        tail: request.tail,
    };
    let trace_id = run.trace_id.clone();
    // A caller that hangs up must not give the concurrency permit back while the function runs.
    let running = sync::run(run).instrument(span);
    let ran = call.app.life.see_through("invoke", running).await?;
    Ok(answer::build(ran, call.request_id, &trace_id))
}

/// The caller's trace, or a new one that begins here.
fn trace(call: &Call, parts: &Parts) -> TraceHeader {
    let header = parts
        .headers
        .get("x-amzn-trace-id")
        .and_then(|value| value.to_str().ok());
    header.and_then(TraceHeader::parse).unwrap_or_else(|| {
        let now = u32::try_from(call.app.clock.now().timestamp()).unwrap_or(u32::MAX);
        TraceHeader::new(now, call.app.ids.bytes(), call.app.ids.bytes(), false)
    })
}

/// What the name means, checked to be runnable.
async fn resolve(
    call: &Call,
    request: &InvokeRequest,
) -> Result<(TargetKey, FunctionArn, Arc<Route>), Fault> {
    let arn = names::function(
        call,
        "lambda:InvokeFunction",
        &request.name,
        request.qualifier.as_deref(),
    )?;
    let key = TargetKey {
        account: arn.account,
        region: arn.region.clone(),
        name: arn.name.clone(),
        qualifier: arn.qualifier.clone(),
    };
    let found = call
        .app
        .dispatch
        .targets
        .find(&key)
        .await
        .map_err(|error| crate::internal(&error, call))?;
    let route = found.map_err(|_: Missing| faults::function_not_found(&arn))?;
    match route.state {
        State::Active => Ok((key, arn, route)),
        state => Err(faults::not_active(state)),
    }
}
