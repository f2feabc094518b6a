//! Runs asynchronous invocations: owns shards of the queue, feeds, dispatches, retries, and gives up what must be given up.
//!
//! ```text
//!  lease ──shards──►            ┌► attempt (one task per run: resolve, admit, run on an executor) ─┐
//!  reader ─hints───► owner loop ┤                                                                 ├─ done ─► owner loop
//!  feeding, sweeping, retries ─►└► settle (an end without a run)  ─────────────────────────────────┘
//! ```
//!
//! The owner loop ([`owner`]) holds all state, in memory, of the lanes in its shards: which events are ready, which run, which
//! wait. Everything in it can be made again from Postgres, and is when a shard is taken over. Postgres holds the facts: an event
//! is there until an outcome ends it, and the first outcome of an attempt wins; so a second owner that does not know yet that it
//! is not the owner any more can cause a second run, never a second end.

mod attempt;
mod cut;
mod fair;
mod lane;
mod measures;
mod options;
mod owner;
mod read;
mod reader;
mod redrive;
mod service;
mod timers;

pub use options::{IN_FLIGHT_MAX, Options};
pub use service::{Error, Handle, start};
