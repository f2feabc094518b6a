//! The free tier and what is used of it.

mod filter;
mod service;
#[cfg(test)]
mod tests;
mod usage;

pub(crate) use service::service;
