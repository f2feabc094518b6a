//! Turns time into events: owns shards of the schedules, keeps what is due next in memory, fires.
//!
//! ```text
//!  leases ──shards──► owner loop ──due──► store::fire (fire rows + events, one transaction) ──► hints to the queue
//!                        ▲
//!  changes, once a second┘
//! ```
//!
//! What is due is computed, not stored: a schedule's next time lies in a heap ([`plan`]), and after it fired the one after it. A
//! cursor in the database says up to when a shard was fired; whoever takes the shard over begins a little before that. A time that
//! was fired is a row, whose primary key keeps it from firing again: so any replica may fire anything at any moment, and leases
//! ([`dispatch::leases`]) only spare work.

mod measures;
mod options;
mod owner;
mod plan;
mod service;
mod untold;

pub use options::Options;
pub use service::{Error, Handle, start};
