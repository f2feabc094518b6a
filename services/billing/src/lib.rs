//! Turns usage into the bill: keeps and posts the charges of complete days, closes months, seals the ledger.
//!
//! ```text
//!  executors' batches ──watermark──► complete days ──► charges, journals ──month's end──► invoices
//!                                                            └──────── now and then ────► seals
//! ```
//!
//! The loop takes no input: every few seconds it looks at the platform's time and at what the executors have reported, and does what is
//! due. Each step is one transaction of the store that finds out itself what is missing, so a step may be repeated, cut short, or done by two
//! at once. Several services may run; the one that holds the lead works, and the others wait for it to go.

mod measures;
mod options;
mod round;
mod service;
#[cfg(test)]
mod tests;
mod turns;

pub use options::Options;
pub use service::{Error, Handle, start};
