//! What every `main()` of Tollgate needs: clock, ids, lifecycle, configuration, telemetry, Redis, health.
//!
//! Knows nothing of functions, AWS or Postgres.

pub mod clock;
pub mod lifecycle;

pub use clock::{Clock, Ids};
pub use lifecycle::Lifecycle;
