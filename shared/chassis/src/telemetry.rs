//! Logs and traces.
//!
//! Logs go to standard error: one line for people on a terminal, JSON otherwise. Spans are exported over OTLP only when an
//! endpoint is configured; without one, no exporter is built, [`traceparent`] finds nothing to pass on, and a span costs
//! next to nothing: log lines carry the fields that they need themselves.

use std::io::IsTerminal;

use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::{Deserialize, Serialize};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What to log and where to send traces.
#[derive(Debug, Clone)]
pub struct Options {
    /// Named in traces.
    pub service: &'static str,
    pub log_format: LogFormat,
    /// Directives as `tracing-subscriber` reads them, such as `info,executor=debug`.
    pub log_filter: String,
    /// `http://host:4317` of an OpenTelemetry collector (gRPC).
    pub otlp_endpoint: Option<String>,
}

/// Telemetry that could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0:?} is not a log filter such as \"info,executor=debug\": {1}")]
    Filter(String, tracing_subscriber::filter::ParseError),
    #[error("traces cannot be exported to {0}: {1}")]
    Exporter(String, opentelemetry_otlp::ExporterBuildError),
    #[error("logging was set up twice")]
    Twice,
}

/// Running telemetry. [`Telemetry::stop`] sends what is pending.
#[derive(Debug)]
#[must_use = "spans still pending are lost unless it is stopped at exit"]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Sets up this process' logs and traces. Must be called inside the async runtime, whose thread sends the spans.
    pub fn start(options: Options) -> Result<Self, Error> {
        let filter = EnvFilter::try_new(&options.log_filter)
            .map_err(|error| Error::Filter(options.log_filter, error))?;
        let provider = options
            .otlp_endpoint
            .map(|endpoint| exporter(&endpoint, options.service))
            .transpose()?;
        let logs = logs(options.log_format).with_filter(filter.and(filter_fn(is_event)));
        let logged = tracing_subscriber::registry().with(logs);
        // An absent layer would have every span made all the same, for nobody.
        let started = match &provider {
            Some(provider) => logged.with(traces(provider)).try_init(),
            None => logged.try_init(),
        };
        started.map_err(|_| Error::Twice)?;
        Ok(Self(provider))
    }

    /// Sends what is pending and ends the exporter. Blocks for at most a few seconds.
    pub fn stop(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last spans could not be exported");
        }
    }
}

/// Sends spans to the exporter.
fn traces<S>(provider: &SdkTracerProvider) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("tollgate"))
        .with_filter(LevelFilter::INFO)
}

/// Spans are for traces: log lines carry their own fields.
fn is_event(metadata: &tracing::Metadata<'_>) -> bool {
    metadata.is_event()
}

fn exporter(endpoint: &str, service: &'static str) -> Result<SdkTracerProvider, Error> {
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| Error::Exporter(endpoint.to_owned(), error))?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name(service).build())
        .build())
}

fn logs(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let terminal = std::io::stderr().is_terminal();
    let text = match format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    if text {
        Box::new(layer.with_ansi(terminal).with_target(false).compact())
    } else {
        Box::new(layer.json().flatten_event(true).with_span_list(false))
    }
}

/// The W3C `traceparent` under which work done for `span` elsewhere should be recorded; `None` where nothing is traced.
pub fn traceparent(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    let mut header = Header(None);
    TraceContextPropagator::new().inject_context(&span.context(), &mut header);
    header.0
}

/// Makes `span` a child of the span that a W3C `traceparent` names. A malformed one is passed over.
pub fn set_parent(span: &Span, traceparent: &str) {
    if span.is_disabled() {
        return;
    }
    let header = Header(Some(traceparent.to_owned()));
    let context = TraceContextPropagator::new().extract(&header);
    // Fails only where nothing is exported: there is then no trace to join.
    let _ = span.set_parent(context);
}

struct Header(Option<String>);

impl Injector for Header {
    fn set(&mut self, key: &str, value: String) {
        if key == "traceparent" {
            self.0 = Some(value);
        }
    }
}

impl Extractor for Header {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.as_deref().filter(|_| key == "traceparent")
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_child_carries_its_parents_trace() {
        let provider = SdkTracerProvider::builder().build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("work");
            set_parent(&span, PARENT);
            let passed_on = traceparent(&span).unwrap();
            assert!(
                passed_on.starts_with("00-0af7651916cd43dd8448eb211c80319c-"),
                "{passed_on}"
            );
            assert_ne!(passed_on, PARENT);
        });
    }

    /// A collector that keeps what it is sent. What it answers does not matter here.
    #[tokio::test(flavor = "multi_thread")]
    async fn spans_reach_the_collector_before_the_end() {
        let (sent, mut received) = tokio::sync::mpsc::channel(8);
        let keep = move |uri: axum::http::Uri, body: axum::body::Bytes| async move {
            let _ = sent.send((uri.path().to_owned(), body)).await;
            [("content-type", "application/grpc"), ("grpc-status", "0")]
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let life = crate::Lifecycle::new();
        let router = axum::Router::new().fallback(keep);
        life.spawn_critical(
            "collector",
            crate::health::serve(listener, router, life.clone()),
        );
        let provider = exporter(&endpoint, "a-service").unwrap();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info_span!("a-span").in_scope(|| {});
        });
        tokio::task::spawn_blocking(|| Telemetry(Some(provider)).stop())
            .await
            .unwrap();
        let (path, body) = received.recv().await.unwrap();
        assert_eq!(
            path,
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
        );
        let text = String::from_utf8_lossy(&body);
        assert!(
            text.contains("a-service") && text.contains("a-span"),
            "{text}"
        );
        life.drain().cancel();
    }

    #[test]
    fn without_an_exporter_there_is_nothing_to_pass_on() {
        let span = tracing::info_span!("work");
        set_parent(&span, PARENT);
        assert_eq!(traceparent(&span), None);
    }

    #[test]
    fn a_wrong_filter_is_refused() {
        let options = Options {
            service: "test",
            log_format: LogFormat::Auto,
            log_filter: "tollgate=loudly".to_owned(),
            otlp_endpoint: None,
        };
        let error = Telemetry::start(options).unwrap_err().to_string();
        assert!(
            error.starts_with("\"tollgate=loudly\" is not a log filter"),
            "{error}"
        );
    }
}
