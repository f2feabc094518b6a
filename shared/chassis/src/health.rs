//! `/health` and `/metrics` of a service.
//!
//! A component reports itself into a [`Health`] (a word and, when it is not well, why) or is asked on each request (a
//! [`Probe`], such as a round trip to the database). The service is `ok` when all its components are, and then answers 200;
//! otherwise 503, so that a load balancer understands without reading JSON.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use parking_lot::RwLock;
use serde::Serialize;

use crate::Lifecycle;
use crate::metrics::Metrics;

/// A component's answer: what it is, or in words what is wrong.
type Answer = Result<Option<String>, String>;

/// A component asked on each request.
type Probe = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// Probes must answer in this time; a hanging database must not hang `/health`.
const PROBE_TIME_MAX: Duration = Duration::from_secs(2);

/// State of one component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Component {
    pub ok: bool,
    /// What it is ("container isolation, cgroup v1") or what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What `/health` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub service: &'static str,
    pub version: &'static str,
    pub ok: bool,
    pub components: BTreeMap<&'static str, Component>,
}

/// The components of a service and their states. Cheap to clone.
#[derive(Clone)]
pub struct Health {
    service: &'static str,
    states: Arc<RwLock<BTreeMap<&'static str, Component>>>,
    probes: Arc<RwLock<BTreeMap<&'static str, Probe>>>,
}

impl Health {
    pub fn new(service: &'static str) -> Self {
        Self {
            service,
            states: Arc::default(),
            probes: Arc::default(),
        }
    }

    /// Records that a component is well; `detail` says what it is.
    pub fn well(&self, component: &'static str, detail: impl Into<Option<String>>) {
        let state = Component {
            ok: true,
            detail: detail.into(),
        };
        self.states.write().insert(component, state);
    }

    /// Records that a component is not well, and why.
    pub fn unwell(&self, component: &'static str, why: impl Into<String>) {
        let state = Component {
            ok: false,
            detail: Some(why.into()),
        };
        self.states.write().insert(component, state);
    }

    /// A component that is asked on each request: `Ok` may say what it is, `Err` what is wrong.
    pub fn probe<F, Fut>(&self, component: &'static str, ask: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<String>, String>> + Send + 'static,
    {
        let probe: Probe = Arc::new(move || Box::pin(ask()));
        self.probes.write().insert(component, probe);
    }

    /// Asks all probes at once and reports.
    pub async fn report(&self) -> Report {
        let probes: Vec<_> = {
            let probes = self.probes.read();
            probes
                .iter()
                .map(|(name, probe)| (*name, probe()))
                .collect()
        };
        let mut components = self.states.read().clone();
        let asked = probes.into_iter().map(|(name, probe)| async move {
            let answer = tokio::time::timeout(PROBE_TIME_MAX, probe).await;
            let answer = answer.unwrap_or_else(|_| Err("no answer within 2 s".to_owned()));
            let state = Component {
                ok: answer.is_ok(),
                detail: answer.unwrap_or_else(Some),
            };
            (name, state)
        });
        components.extend(futures::future::join_all(asked).await);
        Report {
            service: self.service,
            version: env!("CARGO_PKG_VERSION"),
            ok: components.values().all(|component| component.ok),
            components,
        }
    }

    /// `GET /health` and `GET /metrics`, to be merged into a service's own router.
    pub fn router(&self, metrics: Option<Metrics>) -> Router {
        Router::new()
            .route("/health", get(health))
            .route("/metrics", get(render))
            .with_state((self.clone(), metrics))
    }
}

/// Serves a router until the drain: for a service whose own listener speaks something else.
pub async fn serve(
    listener: tokio::net::TcpListener,
    router: Router,
    life: Lifecycle,
) -> std::io::Result<()> {
    axum::serve(listener, router)
        .with_graceful_shutdown(life.drain().clone().cancelled_owned())
        .await
}

type Shared = (Health, Option<Metrics>);

async fn health(State((health, _)): State<Shared>) -> impl IntoResponse {
    let report = health.report().await;
    let status = if report.ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report))
}

async fn render(State((_, metrics)): State<Shared>) -> impl IntoResponse {
    let text = metrics.map_or_else(String::new, |metrics| metrics.render());
    (
        [(
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        )],
        text,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_unwell_component_makes_the_service_unwell() {
        let health = Health::new("gateway");
        health.well("isolation", Some("container".to_owned()));
        health.probe("postgres", || async { Ok(Some("one".to_owned())) });
        assert!(health.report().await.ok);
        health.probe("redis", || async { Err("refused".to_owned()) });
        let report = health.report().await;
        assert!(!report.ok);
        assert_eq!(
            report.components["redis"].detail.as_deref(),
            Some("refused")
        );
        assert_eq!(
            report.components["isolation"].detail.as_deref(),
            Some("container")
        );
        assert_eq!(report.components["postgres"].detail.as_deref(), Some("one"));
    }
}
