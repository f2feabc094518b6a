//! From a function's name to its run: what the gateway does for a caller that waits, and the queue for one that does not.
//!
//! ```text
//! Targets (name -> versions, limits) -> Admission (concurrency) -> Caps (spend) -> Executors (who has room) -> run (gRPC Invoke)
//! ```
//!
//! All of it works from memory. [`Dispatch::tick`] keeps that memory fresh once a second: the catalog's stamp, the registry of
//! executors, the leased parts of concurrency limits, what executors said of their spools. A gateway and a queue of one process share one [`Dispatch`].

pub mod admission;
pub mod cancel;
pub mod caps;
pub mod executors;
pub mod hints;
pub mod leases;
mod registry;
mod run;
pub mod stats;
pub mod targets;
mod tick;
mod witness;

pub use admission::{Admission, Permit};
pub use caps::{Hold, Refused};
pub use executors::{Executors, Member};
pub use run::{Ended, Run, run};
pub use targets::{Missing, Route, Runnable, TargetKey, Targets};
pub use tick::Dispatch;
