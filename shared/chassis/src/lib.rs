//! What every `main()` of Tollgate needs: clock, ids, lifecycle, configuration, telemetry, Redis, health.
//!
//! Knows nothing of functions, AWS or Postgres.

pub mod batch;
pub mod clock;
pub mod config;
pub mod dev_clock;
pub mod health;
pub mod lifecycle;
pub mod metrics;
pub mod redis;
pub mod secrets;
pub mod telemetry;

pub use clock::{Clock, Ids};
pub use dev_clock::DevClock;
pub use health::Health;
pub use lifecycle::Lifecycle;
pub use metrics::Metrics;
