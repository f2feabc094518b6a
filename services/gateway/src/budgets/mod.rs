//! Budgets: what an account may cost or use, and who is told when a threshold is crossed.
//!
//! AWS tells topics and mailboxes. Here a subscriber of type SNS may also have a function's ARN for an address, which gets an
//! event of the queue, or a URL, which the message is posted to ([`webhook`]). What is for a topic or a mailbox is kept with
//! the reason, as the queue does with its records. [`watch`] looks at all budgets once a minute.
//!
//! - [`request`]: budgets, notifications and subscribers as clients write them.
//! - [`answer`]: the same as clients read them.

mod answer;
mod budget;
mod expression;
mod faults;
mod limits;
mod notification;
mod request;
mod service;
mod subscriber;
#[cfg(test)]
mod tests;
pub(crate) mod watch;
mod webhook;

pub(crate) use service::service;
